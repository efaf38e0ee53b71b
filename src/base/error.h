/* error: why something failed, in words a user can act on.
 *
 * A function that can fail returns bool and takes `struct dn_error *err` last. The place that
 * fails fills it with dn_fail(), callers may add context with dn_error_while() and a cure with
 * dn_error_hint(). Only main, an engine reply and the status line print it. */
#ifndef DANAUS_BASE_ERROR_H
#define DANAUS_BASE_ERROR_H

#include <stdbool.h>

enum dn_code {
    DN_OK = 0,
    DN_E_IO,          /* the operating system refused: open, read, write, rename */
    DN_E_FORMAT,      /* a file's content is not what it must be */
    DN_E_ARG,         /* the user's words are off: option, range, size */
    DN_E_MODEL,       /* parts of a model are missing or do not fit together */
    DN_E_UNSUPPORTED, /* well formed, but this build cannot do it */
    DN_E_MEMORY,      /* device memory, never CPU malloc */
    DN_E_CANCELLED,   /* the user asked to stop */
    DN_E_EXISTS,      /* the output is there already */
    DN_E_BACKEND,     /* a compute library or device failed */
};

struct dn_error {
    enum dn_code code;
    char message[1024]; /* one line, control characters escaped */
    char hint[256];     /* what to do, may be empty */
    const char *file;   /* source location of the failure, shown with -v */
    int line;
};

/* Fills err (NULL is allowed) and returns false, so that a failing function can
 * `return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno))`.
 * The formatted text is made safe to show (see safetext.h) before it is stored. */
#define dn_fail(err, code, ...) dn_fail_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)
bool dn_fail_at(struct dn_error *err, enum dn_code code, const char *file, int line,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Puts "while <text>" behind the message; returns false. */
bool dn_error_while(struct dn_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the cure unless one is set already; returns false. */
bool dn_error_hint(struct dn_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "message (hint)", or the message where there is no hint; the caller frees. */
char *dn_error_text(const struct dn_error *err);

/* Short name of a code for --json output: "io", "format", ... */
const char *dn_code_name(enum dn_code code);

#endif
