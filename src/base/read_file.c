/* read_file: see read_file.h */
#include "base/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool read_open(int fd, const char *path, size_t max, char **bytes, size_t *size,
                      struct dn_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path,
                       S_ISDIR(st.st_mode) ? "it is a directory" : "it is not a regular file");
    if ((uint64_t)st.st_size > max)
        return dn_fail(err, DN_E_FORMAT, "%s is too large: %lld bytes, at most %zu", path,
                       (long long)st.st_size, max);
    size_t want = (size_t)st.st_size, have = 0;
    char *buffer = dn_malloc(want + 1);
    for (;;) {
        ssize_t n = read(fd, buffer + have, want + 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(buffer);
            return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
        }
        have += (size_t)n;
        if (n == 0 || have > want)
            break;
    }
    if (have != want) {
        free(buffer);
        return dn_fail(err, DN_E_IO, "cannot read %s: its size changed while reading", path);
    }
    buffer[have] = '\0';
    *bytes = buffer;
    *size = have;
    return true;
}

bool dn_read_file(const char *path, size_t max, char **bytes, size_t *size, struct dn_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return dn_fail(err, DN_E_IO, "cannot open %s: %s", path, strerror(errno));
    bool ok = read_open(fd, path, max, bytes, size, err);
    close(fd);
    return ok;
}
