/* file_tree: see file_tree.h */
#define _GNU_SOURCE
#include "store/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"
#include "store/fault.h"
#include "store/file_hash.h"

enum { MAX_DEPTH = 64, BLOCK = 1 << 20 };

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool failed(const char *what, const char *path, struct dn_error *err)
{
    return dn_fail(err, DN_E_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

bool tree_sync(const char *path, struct dn_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system whose directories know no fsync. */
    bool ok = fd >= 0 && (fault_fsync(fd) == 0 || errno == EINVAL);
    if (!ok)
        failed("sync", path, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool remove_at(int dir_fd, const char *name, int depth)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 && depth < MAX_DEPTH ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = true;
    for (const struct dirent *e; ok && (e = readdir(dir));)
        ok = is_dots(e->d_name) || remove_at(fd, e->d_name, depth + 1);
    int error = errno;
    closedir(dir);
    errno = error;
    return ok && (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

bool tree_remove(const char *path, struct dn_error *err)
{
    return remove_at(AT_FDCWD, path, 0) || failed("remove", path, err);
}

static bool is_temporary(const char *name)
{
    size_t length = strlen(name);
    return name[0] == '.' && length > 5 + 9 && strcmp(name + length - 5, ".part") == 0 &&
           strspn(name + length - 13, "0123456789abcdef") == 8 && name[length - 14] == '-';
}

bool tree_sweep(const char *path, int64_t *removed, struct dn_error *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT || failed("read", path, err);
    bool ok = true;
    for (const struct dirent *e; ok && (e = readdir(dir));)
        if (is_temporary(e->d_name)) {
            ok = remove_at(dirfd(dir), e->d_name, 0) || failed("remove", e->d_name, err);
            *removed += ok;
        }
    closedir(dir);
    return ok;
}

static bool copy_bytes(int in, int out, const char *from, const char *to, struct dn_error *err)
{
    char *block = dn_malloc(BLOCK);
    bool ok = true;
    for (;;) {
        ssize_t n = read(in, block, BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = failed("read", from, err);
        if (n <= 0)
            break;
        if (!atomic_write_all(out, block, (size_t)n)) {
            ok = atomic_write_failed(err, to, out, errno);
            break;
        }
    }
    free(block);
    return ok;
}

static bool copy_file(const char *from, const char *to, const struct stat *st,
                      struct dn_error *err)
{
    char before[65], after[65];
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = in >= 0 ? out >= 0 || failed("write", to, err) : failed("read", from, err);
    ok = ok && copy_bytes(in, out, from, to, err);
    if (ok && (fchmod(out, st->st_mode & 07777) != 0 || futimens(out, times) != 0 ||
               fault_fsync(out) != 0))
        ok = atomic_write_failed(err, to, out, errno);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    ok = ok && file_hash(from, before, NULL, err) && file_hash(to, after, NULL, err);
    return ok && (strcmp(before, after) == 0 ||
                  dn_fail(err, DN_E_IO, "cannot copy %s: it came out different", from));
}

static bool copy_link(const char *from, const char *to, struct dn_error *err)
{
    char target[4096];
    ssize_t n = readlink(from, target, sizeof target - 1);
    if (n < 0)
        return failed("read", from, err);
    target[n] = '\0';
    return symlink(target, to) == 0 || failed("write", to, err);
}

static bool copy_any(const char *from, const char *to, int depth, struct dn_error *err);

static bool copy_folder(const char *from, const char *to, const struct stat *st, int depth,
                        struct dn_error *err)
{
    DIR *dir = depth < MAX_DEPTH ? opendir(from) : NULL;
    if (!dir)
        return failed("read", from, err);
    bool ok = mkdir(to, 0700) == 0 || failed("make", to, err);
    for (const struct dirent *e; ok && (e = readdir(dir));) {
        if (is_dots(e->d_name))
            continue;
        char *inner_from = dn_path_join(from, e->d_name), *inner_to = dn_path_join(to, e->d_name);
        ok = copy_any(inner_from, inner_to, depth + 1, err);
        free(inner_from);
        free(inner_to);
    }
    closedir(dir);
    return ok && (chmod(to, st->st_mode & 07777) == 0 || failed("make", to, err)) &&
           tree_sync(to, err);
}

static bool copy_any(const char *from, const char *to, int depth, struct dn_error *err)
{
    struct stat st;
    if (lstat(from, &st) != 0)
        return failed("read", from, err);
    if (S_ISDIR(st.st_mode))
        return copy_folder(from, to, &st, depth, err);
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, &st, err);
    if (S_ISLNK(st.st_mode))
        return copy_link(from, to, err);
    return dn_fail(err, DN_E_UNSUPPORTED, "cannot copy %s: it is no file, folder or link", from);
}

bool tree_copy(const char *from, const char *to, struct dn_error *err)
{
    return copy_any(from, to, 0, err);
}
