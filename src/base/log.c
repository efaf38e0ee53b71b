/* log: see log.h */
#define _GNU_SOURCE
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "base/strbuf.h"

static enum dn_log_level highest = DN_LOG_WARNING;
static dn_log_sink *listener;
static void *listener_context;

void dn_log_set_level(enum dn_log_level level)
{
    highest = level > DN_LOG_DEBUG ? DN_LOG_DEBUG : level;
}

enum dn_log_level dn_log_get_level(void)
{
    return highest;
}

void dn_log_set_sink(dn_log_sink *sink, void *context)
{
    listener = sink;
    listener_context = context;
}

static void to_stderr(enum dn_log_level level, const char *line)
{
    static const char *const prefix[] = {"error: ", "warning: ", "", ""};
    struct strbuf text = {0};
    strbuf_printf(&text, "danaus: %s%s\n", prefix[level], line);
    /* one write a line keeps threads apart; a closed stderr is nobody's problem */
    ssize_t ignored = write(STDERR_FILENO, text.data, text.length);
    (void)ignored;
    strbuf_done(&text);
}

void dn_log(enum dn_log_level level, const char *fmt, ...)
{
    if (level > highest)
        return;
    va_list ap;
    char *raw = NULL;
    va_start(ap, fmt);
    int length = vasprintf(&raw, fmt, ap);
    va_end(ap);
    if (length < 0)
        return;
    char *line = dn_safetext_dup(raw, (size_t)length);
    if (listener)
        listener(listener_context, level, line);
    else
        to_stderr(level, line);
    free(line);
    free(raw);
}
