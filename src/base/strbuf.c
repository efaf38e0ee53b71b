/* strbuf: see strbuf.h */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct strbuf *s, size_t more)
{
    size_t need = s->length + more + 1;
    if (need <= s->capacity)
        return;
    size_t capacity = s->capacity ? s->capacity : 64;
    while (capacity < need)
        capacity = dn_mul_or_abort(capacity, 2);
    s->data = dn_realloc(s->data, capacity, 1);
    s->capacity = capacity;
}

void strbuf_append(struct strbuf *s, const void *bytes, size_t length)
{
    reserve(s, length);
    if (length)
        memcpy(s->data + s->length, bytes, length);
    s->length += length;
    s->data[s->length] = '\0';
}

void strbuf_append_text(struct strbuf *s, const char *text)
{
    strbuf_append(s, text, strlen(text));
}

void strbuf_printf(struct strbuf *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        reserve(s, (size_t)n);
        vsnprintf(s->data + s->length, (size_t)n + 1, fmt, again);
        s->length += (size_t)n;
    }
    va_end(again);
}

const char *strbuf_text(const struct strbuf *s)
{
    return s->data ? s->data : "";
}

char *strbuf_take(struct strbuf *s)
{
    reserve(s, 0);
    s->data[s->length] = '\0';
    char *out = s->data;
    *s = (struct strbuf){0};
    return out;
}

void strbuf_done(struct strbuf *s)
{
    free(s->data);
    *s = (struct strbuf){0};
}

bool dn_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}
