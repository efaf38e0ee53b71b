/* error: see error.h */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/safetext.h"

bool dn_fail_at(struct dn_error *err, enum dn_code code, const char *file, int line,
                const char *fmt, ...)
{
    if (!err)
        return false;
    char raw[sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    dn_safetext(err->message, sizeof err->message, raw, strlen(raw));
    err->hint[0] = '\0';
    err->code = code;
    err->file = file;
    err->line = line;
    return false;
}

bool dn_error_while(struct dn_error *err, const char *fmt, ...)
{
    if (!err)
        return false;
    char raw[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->message);
    int n = snprintf(err->message + used, sizeof err->message - used, " (while ");
    if (n < 0 || used + (size_t)n + 2 >= sizeof err->message)
        return false;
    used += (size_t)n;
    dn_safetext(err->message + used, sizeof err->message - used - 1, raw, strlen(raw));
    strncat(err->message, ")", sizeof err->message - strlen(err->message) - 1);
    return false;
}

bool dn_error_hint(struct dn_error *err, const char *fmt, ...)
{
    if (!err || err->hint[0])
        return false;
    char raw[sizeof err->hint];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    dn_safetext(err->hint, sizeof err->hint, raw, strlen(raw));
    return false;
}

char *dn_error_text(const struct dn_error *err)
{
    return err->hint[0] ? dn_asprintf("%s (%s)", err->message, err->hint) : dn_strdup(err->message);
}

const char *dn_code_name(enum dn_code code)
{
    static const char *const names[] = {
        [DN_OK] = "ok",
        [DN_E_IO] = "io",
        [DN_E_FORMAT] = "format",
        [DN_E_ARG] = "argument",
        [DN_E_MODEL] = "model",
        [DN_E_UNSUPPORTED] = "unsupported",
        [DN_E_MEMORY] = "memory",
        [DN_E_CANCELLED] = "cancelled",
        [DN_E_EXISTS] = "exists",
        [DN_E_BACKEND] = "backend",
    };
    return (unsigned)code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}
