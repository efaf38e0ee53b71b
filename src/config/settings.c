/* settings: see settings.h */
#define _GNU_SOURCE
#include "config/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/safetext.h"

void settings_init(struct settings *s, settings_warn *warn, void *warn_context)
{
    memset(s, 0, sizeof *s);
    request_init(&s->request);
    s->warn = warn;
    s->warn_context = warn_context;
}

void settings_done(struct settings *s)
{
    request_done(&s->request);
    free(s->config);
    s->config = NULL;
}

bool settings_set(struct settings *s, const struct option *option, const char *text,
                  enum settings_level level, char why[OPTION_WHY_SIZE])
{
    size_t row = (size_t)(option - option_rows);
    if (level >= s->level[row]) {
        if (!option_set(option, &s->request, text, why))
            return false;
        s->level[row] = (unsigned char)level;
        return true;
    }
    struct request scratch;
    request_init(&scratch);
    bool ok = option_set(option, &scratch, text, why);
    request_done(&scratch);
    return ok;
}

enum settings_level settings_level_of(const struct settings *s, const struct option *option)
{
    return s->level[option - option_rows];
}

const char *settings_level_name(enum settings_level level)
{
    static const char *const names[] = {
        [LEVEL_DEFAULT] = "the default",
        [LEVEL_SAMPLER] = "the sampler's config",
        [LEVEL_USER] = "your danaus.yaml",
        [LEVEL_MODEL] = "the model's danaus.yaml",
        [LEVEL_CONFIG] = "the config given with -c",
        [LEVEL_COMMAND] = "the command line",
    };
    return names[level];
}

void settings_warnf(struct settings *s, const char *fmt, ...)
{
    if (!s->warn)
        return;
    va_list ap;
    char *raw = NULL;
    va_start(ap, fmt);
    int length = vasprintf(&raw, fmt, ap);
    va_end(ap);
    if (length < 0)
        return;
    char *line = dn_safetext_dup(raw, (size_t)length);
    s->warn(s->warn_context, line);
    free(line);
    free(raw);
}

/* Whether value is among the comma-separated words of list. */
static bool is_among(const char *list, const char *value)
{
    size_t length = strlen(value);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        if (n == length && memcmp(p, value, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

void settings_warn_idle(struct settings *s)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_rows[i];
        if (!o->needs || s->level[i] != LEVEL_COMMAND)
            continue;
        size_t n = strcspn(o->needs, "=");
        char *name = dn_strndup(o->needs, n);
        const struct option *other = option_find(option_rows, option_count, name);
        char *value = option_get(other, &s->request);
        if (!is_among(o->needs + n + 1, value))
            settings_warnf(s, "--%s has no effect: %s is %s (by %s)", o->name, other->name, value,
                           settings_level_name(settings_level_of(s, other)));
        free(value);
        free(name);
    }
}
