/* mem: memory that aborts with one line when the machine has none left, and size arithmetic that
 * fails closed. Sizes that come from a file go through dn_add/dn_mul before anything is allocated. */
#ifndef DANAUS_BASE_MEM_H
#define DANAUS_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Never NULL; size 0 gives a valid pointer. The caller frees with free(). */
void *dn_malloc(size_t size);
void *dn_calloc(size_t count, size_t size);
void *dn_realloc(void *old, size_t count, size_t size);
char *dn_strdup(const char *text);
char *dn_strndup(const char *text, size_t length);
/* printf into new memory. */
char *dn_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* 64-byte aligned, for buffers that vector code reads; freed with free(). */
void *dn_malloc_aligned(size_t size);

/* *out = a + b, a * b, or a rounded up to a multiple of the power of two align; false on overflow
 * (and then *out is untouched). */
static inline bool dn_add(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}
static inline bool dn_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}
static inline bool dn_align(uint64_t a, uint64_t align, uint64_t *out)
{
    if (align == 0 || (align & (align - 1)) || a > UINT64_MAX - (align - 1))
        return false;
    *out = (a + align - 1) & ~(align - 1);
    return true;
}

/* a * b for sizes of our own making; overflow is our bug and aborts. */
size_t dn_mul_or_abort(size_t a, size_t b);

#endif
