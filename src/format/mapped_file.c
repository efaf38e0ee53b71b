/* mapped_file: see mapped_file.h */
#include "format/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* What a file that is not regular is, for the message. */
static const char *kind_of_mode(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISCHR(mode) || S_ISBLK(mode))
        return "a device";
    return "a socket";
}

static bool map_descriptor(struct mapped_file *f, struct dn_error *err)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", f->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return dn_fail(err, DN_E_IO, "cannot read %s: it is %s, not a regular file", f->path,
                       kind_of_mode(st.st_mode));
    if (st.st_size == 0) {
        dn_fail(err, DN_E_FORMAT, "%s is empty (0 bytes)", f->path);
        return dn_error_hint(err, "the download or copy failed; get the file again");
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, f->fd, 0);
    if (map == MAP_FAILED)
        return dn_fail(err, DN_E_IO, "cannot map %s (%lld bytes): %s", f->path,
                       (long long)st.st_size, strerror(errno));
    f->data = map;
    f->size = (uint64_t)st.st_size;
    f->modified = st.st_mtim;
    return true;
}

bool mapped_file_open(struct mapped_file *f, const char *path, struct dn_error *err)
{
    *f = (struct mapped_file){.path = dn_strdup(path)};
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (f->fd < 0)
        dn_fail(err, DN_E_IO, "cannot open %s: %s", path, strerror(errno));
    else if (map_descriptor(f, err))
        return true;
    mapped_file_close(f);
    return false;
}

bool mapped_file_settle(struct mapped_file *f, struct dn_error *err)
{
    struct stat st;
    if (f->fd < 0)
        return true;
    bool same = fstat(f->fd, &st) == 0 && (uint64_t)st.st_size == f->size &&
                st.st_mtim.tv_sec == f->modified.tv_sec &&
                st.st_mtim.tv_nsec == f->modified.tv_nsec;
    close(f->fd);
    f->fd = -1;
    if (same)
        return true;
    dn_fail(err, DN_E_IO, "%s changed while it was read", f->path);
    return dn_error_hint(err, "wait until the copy or download is finished");
}

void mapped_file_close(struct mapped_file *f)
{
    if (f->data)
        munmap((void *)f->data, f->size);
    if (f->path && f->fd >= 0)
        close(f->fd);
    free(f->path);
    *f = (struct mapped_file){.fd = -1};
}
