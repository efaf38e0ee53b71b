/* strbuf: a growing byte string, always NUL-terminated. */
#ifndef DANAUS_BASE_STRBUF_H
#define DANAUS_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *data; /* NULL until the first byte is added */
    size_t length;
    size_t capacity; /* PRIVATE */
};

void strbuf_append(struct strbuf *s, const void *bytes, size_t length);
void strbuf_append_text(struct strbuf *s, const char *text);
void strbuf_printf(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The content as a C string, "" when empty; borrowed until the next change. */
const char *strbuf_text(const struct strbuf *s);
/* Hands the content over (never NULL, the caller frees) and empties s. */
char *strbuf_take(struct strbuf *s);
void strbuf_done(struct strbuf *s);

/* Does text end like that? */
bool dn_ends_with(const char *text, const char *end);

#endif
