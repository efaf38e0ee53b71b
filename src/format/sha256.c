/* sha256: the fingerprint of a file, read in order without mapping it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "format/weights.h"

#define BLOCK (1u << 20)

/* Feeds the whole of fd to the hash. */
static bool hash_descriptor(EVP_MD_CTX *hash, int fd, const char *path, struct dn_error *err)
{
    uint8_t *block = dn_malloc(BLOCK);
    ssize_t n;
    while ((n = read(fd, block, BLOCK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || EVP_DigestUpdate(hash, block, (size_t)n) != 1)
            break;
    }
    free(block);
    return n == 0 || dn_fail(err, DN_E_IO, "cannot read %s: %s", path,
                             n < 0 ? strerror(errno) : "libcrypto failed");
}

bool weights_sha256(const char *path, char hex[65], struct dn_error *err)
{
    unsigned char digest[32];
    struct stat st;
    bool ok = false;
    EVP_MD_CTX *hash = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    hex[0] = '\0';
    if (fd < 0 || fstat(fd, &st) != 0) {
        dn_fail(err, DN_E_IO, "cannot open %s: %s", path, strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        dn_fail(err, DN_E_IO, "cannot hash %s: it is not a regular file", path);
        goto out;
    }
    hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) {
        dn_fail(err, DN_E_BACKEND, "libcrypto cannot compute SHA-256");
        goto out;
    }
    if (!hash_descriptor(hash, fd, path, err))
        goto out;
    ok = EVP_DigestFinal_ex(hash, digest, NULL) == 1;
    if (!ok)
        dn_fail(err, DN_E_BACKEND, "libcrypto cannot compute SHA-256");
    for (int i = 0; ok && i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = '\0';
out:
    EVP_MD_CTX_free(hash);
    if (fd >= 0)
        close(fd);
    return ok;
}
