/* clip_query: see clip_query.h */
#define _GNU_SOURCE
#include "store/clip_query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "store/catalog_clips.h"

enum { MAX_QUERY = 4096, MIN_LETTERS = 3 };

/* One blank-separated piece: -KEY:"VALUE"* in whole or in part. */
struct piece {
    bool negate, star_before, star_after;
    char *key;                /* NULL = text */
    enum clip_compare compare;
    char *text;               /* value, word or phrase, without quotes */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void piece_done(struct piece *piece)
{
    free(piece->key);
    free(piece->text);
    *piece = (struct piece){0};
}

/* "rating>=" in front of a value: the key's length and the operator's, 0 = none. */
static size_t match_key(const char *p, enum clip_compare *compare, size_t *operator)
{
    static const struct {
        const char *sign;
        enum clip_compare compare;
    } signs[] = {{":", COMPARE_EQUAL},  {">=", COMPARE_AT_LEAST}, {"<=", COMPARE_AT_MOST},
                 {">", COMPARE_MORE},   {"<", COMPARE_LESS},      {"=", COMPARE_EQUAL}};
    size_t n = 0;
    while (p[n] >= 'a' && p[n] <= 'z')
        n++;
    for (size_t i = 0; n >= 2 && i < sizeof signs / sizeof signs[0]; i++)
        if (strncmp(p + n, signs[i].sign, strlen(signs[i].sign)) == 0) {
            *compare = signs[i].compare;
            *operator = strlen(signs[i].sign);
            return n;
        }
    return 0;
}

/* Reads one piece at *p, which is no blank. */
static bool read_piece(const char **p, struct piece *out, struct dn_error *err)
{
    *out = (struct piece){0};
    const char *at = *p;
    size_t operator = 0;
    if (*at == '-' && at[1] && !is_blank(at[1])) {
        out->negate = true;
        at++;
    }
    size_t key = match_key(at, &out->compare, &operator);
    if (key) {
        out->key = dn_strndup(at, key);
        at += key + operator;
    } else if (*at == '*') {
        out->star_before = true;
        at++;
    }
    const char *start = at, *end;
    if (*at == '"') {
        start = ++at;
        end = strchr(at, '"');
        if (!end) {
            piece_done(out);
            return dn_fail(err, DN_E_ARG, "the search has a \" without its partner");
        }
        at = end + 1;
    } else {
        while (*at && !is_blank(*at))
            at++;
        end = at;
    }
    if (!key && *at == '*') { /* behind a phrase */
        at++;
        out->star_after = true;
    } else if (!key && end == at && end > start && end[-1] == '*') {
        end--;
        out->star_after = true;
    }
    out->text = dn_strndup(start, (size_t)(end - start));
    *p = at;
    return true;
}

static bool is_letter(const char *p)
{
    return (unsigned char)*p >= 0x80 || isalnum((unsigned char)*p);
}

/* Characters of the last word in text, 0 = there is none. */
static size_t last_word(const char *text)
{
    size_t count = 0, last = 0;
    for (const char *p = text; *p; p++) {
        if (!is_letter(p))
            count = 0;
        else if (((unsigned char)*p & 0xC0) != 0x80)
            last = ++count;
    }
    return last;
}

static size_t characters(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; p++)
        n += ((unsigned char)*p & 0xC0) != 0x80;
    return n;
}

/* Appends a term to an FTS5 expression, quoted: nothing in it is an operator. */
static void add_term(char **expression, const char *text, bool prefix, const char *join)
{
    struct strbuf s = {0};
    if (*expression)
        strbuf_printf(&s, "%s %s ", *expression, join);
    strbuf_append_text(&s, "\"");
    for (const char *p = text; *p; p++)
        strbuf_append(&s, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    strbuf_append_text(&s, prefix ? "\"*" : "\"");
    free(*expression);
    *expression = strbuf_take(&s);
}

static bool add_text(struct clip_query *q, const struct piece *piece, struct dn_error *err)
{
    if (piece->star_before) {
        if (piece->negate)
            return dn_fail(err, DN_E_ARG, "-*%s: only whole words and beginnings can be left out",
                           piece->text);
        if (characters(piece->text) < MIN_LETTERS)
            return dn_fail(err, DN_E_ARG, "*%s*: letters inside words need at least %d",
                           piece->text, MIN_LETTERS);
        add_term(&q->parts, piece->text, false, "AND");
        return true;
    }
    size_t letters = last_word(piece->text);
    if (letters == 0)
        return dn_fail(err, DN_E_ARG, "\"%s\" has no letters to search for", piece->text);
    if (piece->star_after && letters < MIN_LETTERS)
        return dn_fail(err, DN_E_ARG, "%s*: the beginning of a word needs at least %d letters",
                       piece->text, MIN_LETTERS);
    if (piece->negate)
        add_term(&q->not_words, piece->text, piece->star_after, "OR");
    else
        add_term(&q->words, piece->text, piece->star_after, "AND");
    return true;
}

/* count decimal digits as a number, -1 = they are not. */
static int digits(const char *text, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        n = n * 10 + text[i] - '0';
    }
    return n;
}

static bool parse_day(const char *text, int64_t *ms)
{
    int year = digits(text, 4), month = digits(text + 5, 2), mday = digits(text + 8, 2);
    struct tm day = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday, .tm_isdst = -1};
    if (text[4] != '-' || text[7] != '-' || year < 1970 || month < 1 || month > 12 || mday < 1)
        return false;
    *ms = (int64_t)mktime(&day) * 1000;
    return day.tm_mday == mday; /* there is no 31 February */
}

/* 2026-11-25 as the beginning of that local day, or 7d as that long ago. */
static bool parse_time(const char *text, int64_t *ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    size_t length = strlen(text);
    if (length == 10)
        return parse_day(text, ms);
    int number = length >= 2 && length <= 8 ? digits(text, (int)length - 1) : -1;
    for (size_t i = 0; number >= 0 && i < sizeof units / sizeof units[0]; i++)
        if (text[length - 1] == units[i].unit) {
            *ms = catalog_now_ms() - number * units[i].ms;
            return true;
        }
    return false;
}

enum value_kind { KIND_TEXT, KIND_STATUS, KIND_ORIGIN, KIND_NUMBER, KIND_YES, KIND_TIME };
static const struct {
    const char *key;
    enum clip_field field;
    enum value_kind kind;
} keys[] = {
    {"tag", FIELD_TAG, KIND_TEXT},
    {"collection", FIELD_COLLECTION, KIND_TEXT},
    {"model", FIELD_MODEL, KIND_TEXT},
    {"sampler", FIELD_SAMPLER, KIND_TEXT},
    {"attention", FIELD_ATTENTION, KIND_TEXT},
    {"backend", FIELD_BACKEND, KIND_TEXT},
    {"origin", FIELD_ORIGIN, KIND_ORIGIN},
    {"status", FIELD_STATUS, KIND_STATUS},
    {"seed", FIELD_SEED, KIND_NUMBER},
    {"parent", FIELD_PARENT, KIND_NUMBER},
    {"rating", FIELD_RATING, KIND_NUMBER},
    {"favourite", FIELD_FAVOURITE, KIND_YES},
    {"frames", FIELD_FRAMES, KIND_NUMBER},
    {"width", FIELD_WIDTH, KIND_NUMBER},
    {"height", FIELD_HEIGHT, KIND_NUMBER},
    {"before", FIELD_CREATED, KIND_TIME},
    {"after", FIELD_CREATED, KIND_TIME},
};

/* "set-aside" is easier to type than "set aside". */
static bool read_status(const char *text, char **out)
{
    enum job_state state;
    *out = dn_strdup(text);
    for (char *p = *out; *p; p++)
        *p = *p == '-' ? ' ' : *p;
    return job_state_parse(*out, &state);
}

static bool is_origin(const char *text)
{
    for (int i = 0; i < CLIP_ORIGINS; i++)
        if (strcmp(text, clip_origin_name((enum clip_origin)i)) == 0)
            return true;
    return false;
}

static bool read_value(struct clip_filter *f, const struct piece *piece, enum value_kind kind,
                       struct dn_error *err)
{
    const char *text = piece->text;
    bool ok = true;
    switch (kind) {
    case KIND_TEXT:
        ok = text[0] != '\0';
        f->text = dn_strdup(text);
        break;
    case KIND_STATUS:
        ok = read_status(text, &f->text);
        break;
    case KIND_ORIGIN:
        ok = is_origin(text);
        f->text = dn_strdup(text);
        break;
    case KIND_NUMBER:
        ok = dn_parse_int(text, &f->number) && f->number >= 0;
        break;
    case KIND_YES:
        ok = strcmp(text, "yes") == 0 || strcmp(text, "no") == 0;
        f->number = text[0] == 'y';
        break;
    case KIND_TIME:
        ok = parse_time(text, &f->number);
        f->compare = strcmp(piece->key, "before") == 0 ? COMPARE_LESS : COMPARE_AT_LEAST;
        break;
    }
    return ok || dn_fail(err, DN_E_ARG, "%s:%s is nothing to search by", piece->key, text);
}

static bool add_filter(struct clip_query *q, const struct piece *piece, struct dn_error *err)
{
    if (strcmp(piece->key, "in") == 0) {
        q->trash = strcmp(piece->text, "trash") == 0;
        return (q->trash && !piece->negate) ||
               dn_fail(err, DN_E_ARG, "in:%s: only in:trash is known", piece->text);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(piece->key, keys[i].key) != 0)
            continue;
        struct clip_filter f = {
            .field = keys[i].field, .compare = piece->compare, .negate = piece->negate};
        bool ok = keys[i].kind == KIND_NUMBER || piece->compare == COMPARE_EQUAL ||
                  dn_fail(err, DN_E_ARG, "%s is not a number: write %s:%s", piece->key,
                          piece->key, piece->text);
        ok = ok && read_value(&f, piece, keys[i].kind, err);
        if (!ok) {
            free(f.text);
            return false;
        }
        q->filters = dn_realloc(q->filters, q->filter_count + 1, sizeof *q->filters);
        q->filters[q->filter_count++] = f;
        return true;
    }
    dn_fail(err, DN_E_ARG, "\"%s:\" is nothing to search by", piece->key);
    return dn_error_hint(err, "put it in quotes to search for the words");
}

bool clip_query_parse(const char *text, struct clip_query **out, struct dn_error *err)
{
    *out = NULL;
    text = text ? text : "";
    size_t length = strlen(text);
    if (length > MAX_QUERY)
        return dn_fail(err, DN_E_ARG, "a search has at most %d bytes, not %zu", MAX_QUERY, length);
    if (!dn_utf8_valid(text, length))
        return dn_fail(err, DN_E_ARG, "the search is not UTF-8");
    struct clip_query *q = dn_calloc(1, sizeof *q);
    bool ok = true;
    for (const char *p = text; ok && *p;) {
        struct piece piece;
        if (is_blank(*p)) {
            p++;
            continue;
        }
        ok = read_piece(&p, &piece, err);
        if (ok)
            ok = piece.key ? add_filter(q, &piece, err) : add_text(q, &piece, err);
        if (ok && q->filter_count > 16)
            ok = dn_fail(err, DN_E_ARG, "a search has at most 16 filters");
        piece_done(&piece);
    }
    if (ok)
        *out = q;
    else
        clip_query_free(q);
    return ok;
}

void clip_query_free(struct clip_query *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->filter_count; i++)
        free(q->filters[i].text);
    free(q->filters);
    free(q->words);
    free(q->not_words);
    free(q->parts);
    free(q);
}
