/* file_hash: see file_hash.h */
#include "store/file_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { BLOCK = 1 << 20 };

static bool hash_descriptor(int fd, const char *path, uint8_t digest[32], int64_t *bytes,
                            struct dn_error *err)
{
    uint8_t *block = dn_malloc(BLOCK);
    struct AVSHA *sha = av_sha_alloc();
    ssize_t n = -1;
    *bytes = 0;
    if (sha && av_sha_init(sha, 256) == 0) {
        while ((n = read(fd, block, BLOCK)) != 0) {
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                break;
            av_sha_update(sha, block, (size_t)n);
            *bytes += n;
        }
        if (n == 0)
            av_sha_final(sha, digest);
    }
    int error = errno;
    av_free(sha);
    free(block);
    return n == 0 || dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(error));
}

bool file_hash(const char *path, char hex[65], int64_t *bytes, struct dn_error *err)
{
    uint8_t digest[32];
    int64_t size = 0;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!ok)
        dn_fail(err, DN_E_IO, "cannot read %s: it is no ordinary file", path);
    ok = ok && hash_descriptor(fd, path, digest, &size, err);
    close(fd);
    for (int i = 0; ok && i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = '\0';
    if (ok && bytes)
        *bytes = size;
    return ok;
}
