/* player_labels: what tells compared clips apart: the seed, the words of the prompt that differ,
 * and every setting that does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "config/request.h"
#include "ui/studio/player_side.h"

enum { SIDES_MOST = 4 };

/* What makes a clip, as JSON. Of one that was imported, what it is. */
static json_t *recipe_of(const struct clip *clip)
{
    struct request r;
    struct dn_error err;
    json_t *recipe = NULL;
    request_init(&r);
    if (clip->request_json[0] && request_from_json(&r, clip->request_json, &err)) {
        char *text = request_to_recipe(&r);
        recipe = json_loads(text, 0, NULL);
        free(text);
    }
    request_done(&r);
    char size[64];
    snprintf(size, sizeof size, "%lldx%lld", (long long)clip->width, (long long)clip->height);
    return recipe ? recipe
                  : json_pack("{s:I, s:s, s:f}", "frames", (json_int_t)clip->frames, "size", size,
                              "fps", clip->fps);
}

/* --- the prompt --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

/* The word at text; *length may be 0 at the end. */
static const char *word_at(const char *text, size_t *length)
{
    while (is_space(*text))
        text++;
    for (*length = 0; text[*length] && !is_space(text[*length]); ++*length)
        ;
    return text;
}

/* The last word that ends before end; *length 0 = there is none. */
static const char *word_before(const char *text, const char *end, size_t *length)
{
    while (end > text && is_space(end[-1]))
        end--;
    const char *start = end;
    while (start > text && !is_space(start[-1]))
        start--;
    *length = (size_t)(end - start);
    return start;
}

struct span {
    const char *start, *end;
};

/* Takes the first (or last) words off all spans as long as they are the same. True: some were. */
static bool strip(struct span *spans, int count, bool last)
{
    bool any = false;
    for (;;) {
        size_t length, other;
        const char *word = last ? word_before(spans[0].start, spans[0].end, &length)
                                : word_at(spans[0].start, &length);
        if (length == 0 || word + length > spans[0].end)
            return any;
        for (int i = 1; i < count; i++) {
            const char *w = last ? word_before(spans[i].start, spans[i].end, &other)
                                 : word_at(spans[i].start, &other);
            if (other != length || w + other > spans[i].end || memcmp(w, word, length) != 0)
                return any;
        }
        for (int i = 0; i < count; i++) {
            const char *w = last ? word_before(spans[i].start, spans[i].end, &other)
                                 : word_at(spans[i].start, &other);
            if (last)
                spans[i].end = w;
            else
                spans[i].start = w + other;
        }
        any = true;
    }
}

/* Adds to each text the words that its clip does not share, ".." where LEAST bytes or more of shared
 * ones are. */
static void add_words(const struct player_side *sides, int count, struct strbuf *texts)
{
    enum { LEAST = 8 };
    struct span spans[SIDES_MOST];
    bool same = true;
    for (int i = 0; i < count; i++) {
        const char *prompt = sides[i].clip.prompt;
        spans[i] = (struct span){prompt, prompt + strlen(prompt)};
        same = same && strcmp(prompt, sides[0].clip.prompt) == 0;
    }
    if (same)
        return;
    bool before = strip(spans, count, false), after = strip(spans, count, true);
    const char *first = sides[0].clip.prompt;
    before = before && spans[0].start - first >= LEAST;
    after = after && first + strlen(first) - spans[0].end >= LEAST;
    for (int i = 0; i < count; i++) {
        spans[i].start = before ? spans[i].start : sides[i].clip.prompt;
        spans[i].end = after ? spans[i].end : sides[i].clip.prompt + strlen(sides[i].clip.prompt);
    }
    for (int i = 0; i < count; i++) {
        size_t length;
        const char *start = word_at(spans[i].start, &length);
        const char *end = spans[i].end;
        while (end > start && is_space(end[-1]))
            end--;
        bool none = end <= start;
        strbuf_append_text(&texts[i], before ? "  .." : "  ");
        strbuf_append(&texts[i], start, none ? 0 : (size_t)(end - start));
        strbuf_append_text(&texts[i], after && !(none && before) ? ".." : "");
    }
}

/* --- settings --- */

static void add_value(struct strbuf *text, const char *key, const json_t *value)
{
    char *number = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
                                                                       JSON_REAL_PRECISION(6));
    strbuf_printf(text, "  %s %s", key,
                  json_is_string(value) ? json_string_value(value) : number ? number : "-");
    free(number);
}

/* All have it, and not all the same. */
static bool differs(json_t *const *recipes, int count, const char *key)
{
    bool same = true;
    for (int i = 0; i < count; i++) {
        const json_t *value = json_object_get(recipes[i], key);
        if (!value)
            return false;
        same = same && json_equal(value, json_object_get(recipes[0], key));
    }
    return !same;
}

static void add_settings(json_t *const *recipes, int count, struct strbuf *texts)
{
    const char *key;
    json_t *value;
    json_object_foreach(recipes[0], key, value) {
        bool shown = strcmp(key, "prompt") != 0 && differs(recipes, count, key);
        for (int i = 0; shown && i < count; i++)
            add_value(&texts[i], key, json_object_get(recipes[i], key));
    }
}

void sides_label(struct player_side *sides, int count)
{
    struct strbuf texts[SIDES_MOST] = {{0}};
    json_t *recipes[SIDES_MOST] = {NULL};
    bool seeds = false;
    for (int i = 0; i < count; i++) {
        recipes[i] = recipe_of(&sides[i].clip);
        seeds = seeds || sides[i].clip.seed != sides[0].clip.seed;
    }
    for (int i = 0; i < count && seeds; i++) {
        strbuf_printf(&texts[i], "  seed %llu", (unsigned long long)sides[i].clip.seed);
        json_object_del(recipes[i], "seed");
    }
    add_settings(recipes, count, texts);
    add_words(sides, count, texts);
    for (int i = 0; i < count; i++) {
        const char *text = texts[i].length > 2 ? strbuf_text(&texts[i]) + 2 : "the same settings";
        snprintf(sides[i].label, sizeof sides[i].label, "%.250s", text);
        strbuf_done(&texts[i]);
        json_decref(recipes[i]);
    }
}
