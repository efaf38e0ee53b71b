/* prompt_changes: see prompt_changes.h */
#include "config/prompt_changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Digits and ':' at *p, which moves behind them. */
static bool read_chunk(const char **p, int64_t *chunk)
{
    const char *start = *p;
    *chunk = 0;
    for (; **p >= '0' && **p <= '9' && *chunk <= PROMPT_CHANGES_LAST_CHUNK; (*p)++)
        *chunk = *chunk * 10 + (**p - '0');
    return *p > start && *(*p)++ == ':';
}

bool prompt_changes_next(const char **text, struct prompt_change *change)
{
    const char *p = *text;
    while (is_blank(*p) || *p == '\n')
        p++;
    if (!*p || !read_chunk(&p, &change->chunk))
        return false;
    while (is_blank(*p))
        p++;
    change->prompt = p;
    change->length = strcspn(p, "\n");
    *text = p + change->length;
    while (change->length && is_blank(p[change->length - 1]))
        change->length--;
    return true;
}

static void append(struct strbuf *out, const struct prompt_change *c)
{
    strbuf_printf(out, "%s%" PRId64 ": ", out->length ? "\n" : "", c->chunk);
    strbuf_append(out, c->prompt, c->length);
}

static const char *what_is_wrong(const struct prompt_change *c, int64_t last, int64_t count)
{
    if (c->chunk < 1)
        return "must begin at chunk 1 or later; the prompt itself is that of chunk 0";
    if (c->chunk > PROMPT_CHANGES_LAST_CHUNK)
        return "must be at chunks of at most 100000";
    if (c->chunk <= last)
        return "must rise from chunk to chunk";
    if (c->length == 0)
        return "must say what to show after \"CHUNK:\"";
    return count > PROMPT_CHANGES_MAX ? "must be at most 1000 changes" : NULL;
}

char *prompt_changes_parse(const char *text, char why[PROMPT_CHANGES_WHY_SIZE])
{
    struct strbuf out = {0};
    struct prompt_change c;
    const char *wrong = NULL;
    int64_t last = 0, count = 0;
    while (!wrong && prompt_changes_next(&text, &c)) {
        wrong = what_is_wrong(&c, last, ++count);
        last = c.chunk;
        append(&out, &c);
    }
    if (!wrong && text[strspn(text, " \t\r\n")])
        wrong = "must be \"CHUNK: PROMPT\", as in \"3: a blue butterfly\"";
    if (!wrong)
        return strbuf_take(&out);
    snprintf(why, PROMPT_CHANGES_WHY_SIZE, "%s", wrong);
    strbuf_done(&out);
    return NULL;
}

char *prompt_changes_before(const char *text, int64_t chunk)
{
    struct strbuf out = {0};
    struct prompt_change c;
    while (prompt_changes_next(&text, &c) && c.chunk < chunk)
        append(&out, &c);
    return strbuf_take(&out);
}

char *prompt_changes_add(const char *text, int64_t chunk, const char *prompt)
{
    struct strbuf out = {0};
    char *before = prompt_changes_before(text, chunk), *line = dn_strdup(prompt);
    for (char *p = line; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    strbuf_append_text(&out, before);
    append(&out, &(struct prompt_change){.chunk = chunk, .prompt = line, .length = strlen(line)});
    free(before);
    free(line);
    return strbuf_take(&out);
}

void prompt_changes_print_json(const char *text, struct strbuf *out)
{
    struct prompt_change c;
    json_t *list = json_array();
    while (prompt_changes_next(&text, &c))
        json_array_append_new(list, json_pack("{s:I, s:s%}", "chunk", (json_int_t)c.chunk,
                                              "prompt", c.prompt, c.length));
    char *json = json_dumps(list, 0);
    strbuf_append_text(out, json ? json : "[]");
    free(json);
    json_decref(list);
}

bool prompt_changes_read_json(const json_t *list, struct strbuf *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const json_t *chunk = json_object_get(item, "chunk");
        const char *prompt = json_string_value(json_object_get(item, "prompt"));
        if (!json_is_integer(chunk) || !prompt || json_object_size(item) != 2 ||
            strchr(prompt, '\n'))
            return false;
        strbuf_printf(out, "%s%lld: %s", i ? "\n" : "", (long long)json_integer_value(chunk),
                      prompt);
    }
    return json_is_array(list);
}
