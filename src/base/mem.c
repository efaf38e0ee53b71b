/* mem: see mem.h */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *p, size_t size)
{
    if (!p) {
        fprintf(stderr, "danaus: out of memory (%zu bytes asked for)\n", size);
        abort();
    }
    return p;
}

size_t dn_mul_or_abort(size_t a, size_t b)
{
    size_t out;
    if (__builtin_mul_overflow(a, b, &out))
        or_abort(NULL, SIZE_MAX);
    return out;
}

void *dn_malloc(size_t size)
{
    return or_abort(malloc(size ? size : 1), size);
}

void *dn_calloc(size_t count, size_t size)
{
    return or_abort(calloc(count ? count : 1, size ? size : 1), size);
}

void *dn_realloc(void *old, size_t count, size_t size)
{
    size_t bytes = dn_mul_or_abort(count, size);
    return or_abort(realloc(old, bytes ? bytes : 1), bytes);
}

void *dn_malloc_aligned(size_t size)
{
    uint64_t padded;
    if (!dn_align(size ? size : 1, 64, &padded))
        or_abort(NULL, size);
    return or_abort(aligned_alloc(64, padded), size);
}

char *dn_strndup(const char *text, size_t length)
{
    char *out = dn_malloc(dn_mul_or_abort(length, 1) + 1);
    memcpy(out, text, length);
    out[length] = '\0';
    return out;
}

char *dn_strdup(const char *text)
{
    return dn_strndup(text, strlen(text));
}

char *dn_asprintf(const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *out = dn_malloc(n < 0 ? 1 : (size_t)n + 1);
    if (n >= 0)
        vsnprintf(out, (size_t)n + 1, fmt, again);
    else
        out[0] = '\0';
    va_end(again);
    return out;
}
