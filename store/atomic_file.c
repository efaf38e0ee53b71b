/* atomic_file: see atomic_file.h */
#define _GNU_SOURCE
#include "store/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/fault.h"

struct atomic_file {
    char *path; /* as the user gave it, for messages */
    int dir_fd;
    int fd;
    bool force;
    char name[ATOMIC_NAME_SIZE];
    char temporary[ATOMIC_NAME_SIZE];
};

bool atomic_write_all(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size > 0) {
        ssize_t n = fault_write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = ENOSPC;
            return false;
        }
        p += n;
        size -= (size_t)n;
    }
    return true;
}

bool atomic_write_failed(struct dn_error *err, const char *path, int fd, int error)
{
    struct statvfs fs;
    if ((error == ENOSPC || error == EDQUOT) && fd >= 0 && fstatvfs(fd, &fs) == 0) {
        struct stat st = {0};
        fstat(fd, &st);
        dn_fail(err, DN_E_IO, "cannot write %s: %s (%" PRId64 " bytes written, %" PRIu64 " free)",
                path, strerror(error), (int64_t)st.st_size,
                (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize);
        return dn_error_hint(err, "free some space or write to another disk");
    }
    return dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(error));
}

bool atomic_split(const char *path, int *dir_fd, char name[ATOMIC_NAME_SIZE],
                  struct dn_error *err)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    size_t length = end - start;
    if (length == 0 || (length == 1 && path[start] == '.') ||
        (length == 2 && path[start] == '.' && path[start + 1] == '.'))
        return dn_fail(err, DN_E_ARG, "cannot write \"%s\": it names no file", path);
    if (length >= ATOMIC_NAME_SIZE)
        return dn_fail(err, DN_E_ARG, "cannot write %.64s...: its name has %zu bytes, at most %d",
                       path + start, length, ATOMIC_NAME_SIZE - 1);
    memcpy(name, path + start, length);
    name[length] = '\0';

    char *parent = start == 0 ? dn_strdup(".") : dn_strndup(path, start);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    if (fd < 0) {
        dn_fail(err, DN_E_IO, "cannot write %s: directory %s: %s", path, parent, strerror(error));
        if (error == ENOENT)
            dn_error_hint(err, "make the directory first");
    }
    free(parent);
    *dir_fd = fd;
    return fd >= 0;
}

void atomic_temporary_name(char out[ATOMIC_NAME_SIZE], const char *name)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        random = (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 12;
    }
    /* A 255-byte name has no room for a suffix: only its beginning is kept. */
    snprintf(out, ATOMIC_NAME_SIZE, ".%.200s-%08" PRIx32 ".part", name, random);
}

int atomic_rename(int from_dir, const char *from, int to_dir, const char *to, bool force)
{
    if (force)
        return fault_rename(from_dir, from, to_dir, to, 0);
    if (fault_rename(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* File systems without RENAME_NOREPLACE (NFS): a hard link refuses an existing name too. */
    if (linkat(from_dir, from, to_dir, to, 0) != 0)
        return -1;
    return unlinkat(from_dir, from, 0);
}

/* Something may stand at the place already: says whether we may go on. */
static bool check_place(const struct atomic_file *file, struct dn_error *err)
{
    struct stat st;
    if (fstatat(file->dir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return true;
        return dn_fail(err, DN_E_IO, "cannot write %s: %s", file->path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return dn_fail(err, DN_E_ARG, "cannot write %s: it is there and no ordinary file",
                       file->path);
    if (file->force)
        return true;
    dn_fail(err, DN_E_EXISTS, "%s exists already", file->path);
    return dn_error_hint(err, "choose another name, or replace it with --force");
}

static bool open_temporary(struct atomic_file *file, struct dn_error *err)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        atomic_temporary_name(file->temporary, file->name);
        file->fd = openat(file->dir_fd, file->temporary,
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file->fd >= 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    int error = errno;
    file->temporary[0] = '\0';
    return dn_fail(err, DN_E_IO, "cannot write %s: %s", file->path, strerror(error));
}

bool atomic_file_open(const char *path, bool force, struct atomic_file **out,
                      struct dn_error *err)
{
    *out = NULL;
    struct atomic_file *file = dn_calloc(1, sizeof *file);
    file->path = dn_strdup(path);
    file->fd = file->dir_fd = -1;
    file->force = force;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/') {
        dn_fail(err, DN_E_ARG, "cannot write %s: it names a directory", path);
        goto fail;
    }
    if (!atomic_split(path, &file->dir_fd, file->name, err) || !check_place(file, err) ||
        !open_temporary(file, err))
        goto fail;
    *out = file;
    return true;
fail:
    atomic_file_abort(file);
    return false;
}

int atomic_file_fd(const struct atomic_file *file)
{
    return file->fd;
}

bool atomic_file_sync(struct atomic_file *file, struct dn_error *err)
{
    if (fault_fsync(file->fd) == 0)
        return true;
    return atomic_write_failed(err, file->path, file->fd, errno);
}

static void release(struct atomic_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->dir_fd >= 0)
        close(file->dir_fd);
    free(file->path);
    free(file);
}

void atomic_file_abort(struct atomic_file *file)
{
    if (!file)
        return;
    if (file->temporary[0])
        unlinkat(file->dir_fd, file->temporary, 0);
    release(file);
}

bool atomic_file_publish(struct atomic_file *file, struct dn_error *err)
{
    if (!atomic_file_sync(file, err) || (file->force && !check_place(file, err)))
        goto fail;
    if (atomic_rename(file->dir_fd, file->temporary, file->dir_fd, file->name, file->force) != 0) {
        if (errno == EEXIST) {
            dn_fail(err, DN_E_EXISTS, "%s came into being meanwhile", file->path);
            dn_error_hint(err, "choose another name, or replace it with --force");
        } else {
            dn_fail(err, DN_E_IO, "cannot rename to %s: %s", file->path, strerror(errno));
        }
        goto fail;
    }
    /* EINVAL: a file system whose directories know no fsync. */
    bool durable = fault_fsync(file->dir_fd) == 0 || errno == EINVAL;
    if (!durable)
        dn_fail(err, DN_E_IO, "%s is written but its directory cannot be synced: %s", file->path,
                strerror(errno));
    release(file);
    return durable;
fail:
    atomic_file_abort(file);
    return false;
}

bool atomic_file_write(const char *path, const void *bytes, size_t size, bool force,
                       struct dn_error *err)
{
    struct atomic_file *file;
    if (!atomic_file_open(path, force, &file, err))
        return false;
    if (!atomic_write_all(file->fd, bytes, size)) {
        atomic_write_failed(err, path, file->fd, errno);
        atomic_file_abort(file);
        return false;
    }
    return atomic_file_publish(file, err);
}

static bool copy_bytes(int from, int to)
{
    char *bytes = dn_malloc(1 << 20);
    ssize_t n;
    bool ok = true;
    while (ok && (n = read(from, bytes, 1 << 20)) != 0)
        ok = n > 0 ? atomic_write_all(to, bytes, (size_t)n) : errno == EINTR;
    free(bytes);
    return ok;
}

bool atomic_file_copy(const char *from, const char *to, bool force, struct dn_error *err)
{
    struct atomic_file *file = NULL;
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool ok = fd >= 0 || dn_fail(err, DN_E_IO, "cannot read %s: %s", from, strerror(errno));
    ok = ok && atomic_file_open(to, force, &file, err);
    if (ok && !copy_bytes(fd, file->fd)) {
        ok = atomic_write_failed(err, to, file->fd, errno);
        atomic_file_abort(file);
    } else if (ok) {
        ok = atomic_file_publish(file, err);
    }
    if (fd >= 0)
        close(fd);
    return ok;
}
