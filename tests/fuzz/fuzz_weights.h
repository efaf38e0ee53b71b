/* What both weights targets do with one input: open it as a file, and when that succeeds touch
 * everything that a caller could. */
#ifndef DANAUS_TESTS_FUZZ_WEIGHTS_H
#define DANAUS_TESTS_FUZZ_WEIGHTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/weights.h"

/* Keeps the compiler from dropping reads. */
static volatile float fuzz_sink;

static void fuzz_touch(struct weights *w)
{
    struct dn_error err;
    const char *key, *value;
    for (int64_t i = 0; i < weights_count(w); i++) {
        const struct weight_view *v = weights_at(w, i);
        if (weights_find(w, v->name) != v)
            abort();
        if (v->count > 1 << 16)
            continue;
        float *copy = malloc((size_t)v->count * 4 + 4);
        weights_copy_f32(v, copy);
        fuzz_sink = v->count ? copy[v->count - 1] : 0;
        free(copy);
    }
    for (int64_t i = 0; i < weights_metadata_count(w); i++)
        weights_metadata_at(w, i, &key, &value);
    weights_check_finite(w, &err);
    weights_verify_crc(w, &err);
}

static void fuzz_weights(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    struct weights *w;
    struct dn_error err = {0};
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!weights_open(path, &w, &err)) {
        if (!err.message[0] || strchr(err.message, '\n'))
            abort();
        return;
    }
    fuzz_touch(w);
    if (weights_select(w, true, &err))
        fuzz_touch(w);
    weights_close(w);
}

#endif
