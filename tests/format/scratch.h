/* scratch: bytes as a file without a file system, and files as bytes, for the tests of this room.
 */
#ifndef DANAUS_TESTS_SCRATCH_H
#define DANAUS_TESTS_SCRATCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "format/weights.h"

/* A path under which bytes can be opened until the next call. */
static inline const char *scratch(const void *bytes, size_t size)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("scratch", MFD_CLOEXEC);
    bool ok = fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size;
    CHECK(ok);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* The bytes of a file; the caller frees. NULL when it cannot be read. */
static inline uint8_t *slurp(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    CHECK_MSG(f != NULL, "%s", path);
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = dn_malloc(*size);
    CHECK(fread(bytes, 1, *size, f) == *size);
    fclose(f);
    return bytes;
}

#ifdef __SANITIZE_ADDRESS__
#define SANITIZER_SLOWDOWN 6.0
#else
#define SANITIZER_SLOWDOWN 1.0
#endif

/* Processor time, as a plain build would have needed it: limits then hold on a busy machine too. */
static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9) / SANITIZER_SLOWDOWN;
}

/* Reads every element of every tensor, as a crash would need. */
static inline void touch_all(const struct weights *w)
{
    static volatile float sink;
    for (int64_t i = 0; i < weights_count(w); i++) {
        const struct weight_view *v = weights_at(w, i);
        float *copy = dn_malloc((size_t)v->count * 4);
        weights_copy_f32(v, copy);
        sink = v->count ? copy[v->count - 1] : sink;
        free(copy);
    }
}

/* Opens path; when that fails the error must be one printable line with words in it. */
static inline bool opens(const char *path, struct dn_error *err)
{
    struct weights *w;
    *err = (struct dn_error){0};
    if (!weights_open(path, &w, err)) {
        CHECK(w == NULL);
        CHECK_MSG(strlen(err->message) > 10 && err->code != DN_OK, "\"%s\"", err->message);
        for (const char *c = err->message; *c; c++)
            CHECK((unsigned char)*c >= 0x20 && *c != 0x7F);
        return false;
    }
    touch_all(w);
    weights_close(w);
    return true;
}

/* A small repeatable random number, 0..n-1. */
static inline uint32_t pick(uint32_t n)
{
    static uint64_t state = 20260731;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % n);
}

/* Cuts: every length to `all`, then `more` random ones; none may open. */
static inline void check_cuts(const char *path, size_t all, int more)
{
    size_t size = 0;
    struct dn_error err;
    uint8_t *bytes = slurp(path, &size);
    for (size_t i = 0; bytes && i < all + (size_t)more; i++) {
        size_t cut = i < all ? i : pick((uint32_t)size);
        if (cut < size)
            CHECK_MSG(!opens(scratch(bytes, cut), &err), "%s cut to %zu of %zu bytes opens", path,
                      cut, size);
    }
    free(bytes);
}

/* Flips: `count` times one to three bytes are changed; whatever comes of it, no crash, no hang. */
static inline void check_flips(const char *path, int count)
{
    size_t size = 0;
    struct dn_error err;
    uint8_t *bytes = slurp(path, &size);
    for (int i = 0; bytes && i < count; i++) {
        uint8_t old[3];
        uint32_t at[3], n = 1 + pick(3);
        for (uint32_t k = 0; k < n; k++) {
            at[k] = pick((uint32_t)size);
            old[k] = bytes[at[k]];
            bytes[at[k]] = (uint8_t)(pick(2) ? old[k] ^ 1u << pick(8) : pick(256));
        }
        double start = seconds();
        opens(scratch(bytes, size), &err);
        CHECK_MSG(seconds() - start < 1.0, "%s: flip %d took %.2f s", path, i, seconds() - start);
        for (uint32_t k = n; k-- > 0;)
            bytes[at[k]] = old[k];
    }
    free(bytes);
}

#endif
