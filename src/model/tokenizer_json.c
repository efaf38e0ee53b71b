/* tokenizer_json: see tokenizer_json.h. A scanner, not a parser: it follows strings and brackets
 * and looks at the members of the top-level "model". */
#include "model/tokenizer_json.h"

#include <string.h>

enum { DEPTH_MAX = 32 };

struct scan {
    const char *text;
    size_t length, at;
    char closers[DEPTH_MAX];
    size_t depth;
    bool in_model; /* below the top-level "model" */
    bool saw_model;
};

static void skip_space(struct scan *s)
{
    while (s->at < s->length && strchr(" \t\r\n", s->text[s->at]) && s->text[s->at])
        s->at++;
}

/* The string that starts at s->at, without its quotes, escapes left alone. False: it never ends. */
static bool take_string(struct scan *s, const char **text, size_t *length)
{
    size_t start = ++s->at;
    for (; s->at < s->length && s->text[s->at] != '"'; s->at++) {
        if (s->text[s->at] == '\\')
            s->at++;
    }
    if (s->at >= s->length)
        return false;
    *text = s->text + start;
    *length = s->at++ - start;
    return true;
}

static bool next_is(const struct scan *s, const char *word)
{
    size_t n = strlen(word);
    return s->length - s->at >= n && memcmp(s->text + s->at, word, n) == 0;
}

/* A key was read and its colon passed: the value starts at s->at. */
static void look_at_member(struct scan *s, const char *key, size_t length,
                           struct tokenizer_json *out)
{
    if (s->depth == 1)
        s->in_model = length == 5 && memcmp(key, "model", 5) == 0 && next_is(s, "{");
    s->saw_model = s->saw_model || s->in_model;
    if (s->depth != 2 || !s->in_model)
        return;
    if (length == 4 && memcmp(key, "type", 4) == 0)
        out->is_unigram = next_is(s, "\"Unigram\"");
    if (length == 13 && memcmp(key, "byte_fallback", 13) == 0)
        out->byte_fallback = next_is(s, "true");
}

/* One string, bracket or byte of anything else; false when the brackets or strings do not fit. */
static bool step(struct scan *s, struct tokenizer_json *out)
{
    char c = s->text[s->at];
    if (c == '"') {
        const char *text;
        size_t length;
        if (!take_string(s, &text, &length))
            return false;
        skip_space(s);
        if (s->at < s->length && s->text[s->at] == ':') {
            s->at++;
            skip_space(s);
            look_at_member(s, text, length, out);
        }
        return true;
    }
    s->at++;
    if (c == '{' || c == '[') {
        if (s->depth == DEPTH_MAX)
            return false;
        s->closers[s->depth++] = c == '{' ? '}' : ']';
    } else if (c == '}' || c == ']') {
        return s->depth > 0 && s->closers[--s->depth] == c;
    }
    return true;
}

bool tokenizer_json_read(const char *text, size_t length, const char *what,
                         struct tokenizer_json *out, struct dn_error *err)
{
    struct scan s = {.text = text, .length = length};
    *out = (struct tokenizer_json){0};
    skip_space(&s);
    bool ok = next_is(&s, "{") && step(&s, out);
    while (ok && s.depth > 0 && s.at < length)
        ok = step(&s, out);
    skip_space(&s);
    if (!ok || s.depth > 0 || s.at < length)
        return dn_fail(err, DN_E_FORMAT, "%s: byte %zu: not whole JSON", what, s.at);
    if (!s.saw_model)
        return dn_fail(err, DN_E_FORMAT, "%s: has no \"model\": not a tokenizer", what);
    return true;
}
