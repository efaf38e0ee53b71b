/* attention_rules: see attention_rules.h */
#include "config/attention_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

enum { MAX_FACTOR = 1024, MAX_ITERS = 3, MAX_INDEX = 1000000 };

struct reader {
    const char *at;
    char *why;
};

static bool complain(struct reader *r, const char *want)
{
    if (*r->at)
        snprintf(r->why, ATTENTION_WHY_SIZE, "%s expected at \"%.20s\"", want, r->at);
    else
        snprintf(r->why, ATTENTION_WHY_SIZE, "%s expected at the end", want);
    return false;
}

static void skip_blanks(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n')
        r->at++;
}

/* Takes word when it is next and no letter follows. */
static bool take_word(struct reader *r, const char *word)
{
    size_t length = strlen(word);
    char after;
    skip_blanks(r);
    if (strncmp(r->at, word, length) != 0)
        return false;
    after = r->at[length];
    if ((after >= 'a' && after <= 'z') || (after >= '0' && after <= '9'))
        return false;
    r->at += length;
    return true;
}

static bool take_number(struct reader *r, int64_t min, int64_t max, int64_t *out)
{
    const char *start = r->at;
    int64_t value = 0;
    for (; *r->at >= '0' && *r->at <= '9' && value <= max; r->at++)
        value = value * 10 + (*r->at - '0');
    if (r->at == start)
        return complain(r, "a number");
    if (value < min || value > max) {
        snprintf(r->why, ATTENTION_WHY_SIZE, "numbers at \"%.20s\" must be %" PRId64 " to %" PRId64,
                 start, min, max);
        return false;
    }
    *out = value;
    return true;
}

static bool take_range(struct reader *r, int64_t *first, int64_t *last)
{
    skip_blanks(r);
    const char *start = r->at;
    if (!take_number(r, 0, MAX_INDEX, first))
        return false;
    *last = *first;
    skip_blanks(r);
    if (*r->at != '-')
        return true;
    r->at++;
    skip_blanks(r);
    *last = INT64_MAX;
    if (*r->at < '0' || *r->at > '9')
        return true;
    if (!take_number(r, 0, MAX_INDEX, last))
        return false;
    if (*last < *first) {
        snprintf(r->why, ATTENTION_WHY_SIZE, "the range at \"%.20s\" runs backwards", start);
        return false;
    }
    return true;
}

/* f2h2w1i1: each letter once, in any order. */
static bool take_factors(struct reader *r, struct attention_choice *choice)
{
    struct {
        char letter;
        int64_t *value, max;
        bool seen;
    } parts[] = {{'f', &choice->f_tied, MAX_FACTOR, false},
                 {'h', &choice->h_reduce, MAX_FACTOR, false},
                 {'w', &choice->w_reduce, MAX_FACTOR, false},
                 {'i', &choice->num_iters, MAX_ITERS, false}};
    bool any = false;
    for (;;) {
        size_t i = 0;
        while (i < 4 && (parts[i].letter != *r->at || parts[i].seen))
            i++;
        if (i == 4)
            return any || complain(r, "dense, monarch, or letters f h w i with numbers");
        r->at++;
        parts[i].seen = any = true;
        if (!take_number(r, 1, parts[i].max, parts[i].value))
            return false;
    }
}

static bool take_choice(struct reader *r, struct attention_choice *choice)
{
    *choice = (struct attention_choice){ATTENTION_MONARCH, 1, 1, 1, 1};
    if (take_word(r, "dense")) {
        choice->kind = ATTENTION_DENSE;
        return true;
    }
    return take_word(r, "monarch") || take_factors(r, choice);
}

static bool take_rule(struct reader *r, struct attention_rule *rule)
{
    *rule = (struct attention_rule){.last_step = INT64_MAX, .last_layer = INT64_MAX};
    bool steps = false, layers = false;
    for (;;) {
        if (!steps && (take_word(r, "steps") || take_word(r, "step"))) {
            steps = true;
            if (!take_range(r, &rule->first_step, &rule->last_step))
                return false;
        } else if (!layers && (take_word(r, "layers") || take_word(r, "layer"))) {
            layers = true;
            if (!take_range(r, &rule->first_layer, &rule->last_layer))
                return false;
        } else {
            break;
        }
    }
    if (!steps && !layers)
        return complain(r, "\"steps\" or \"layers\"");
    skip_blanks(r);
    if (*r->at != ':')
        return complain(r, "\":\"");
    r->at++;
    return take_choice(r, &rule->choice);
}

bool attention_rules_parse(const char *text, struct attention_rule *rules, int64_t *count,
                           char why[ATTENTION_WHY_SIZE])
{
    struct reader r = {text, why};
    struct attention_rule read[REQUEST_MAX_RULES];
    int64_t n = 0;
    skip_blanks(&r);
    while (*r.at) {
        if (n == REQUEST_MAX_RULES) {
            snprintf(why, ATTENTION_WHY_SIZE, "at most %d rules", REQUEST_MAX_RULES);
            return false;
        }
        if (!take_rule(&r, &read[n++]))
            return false;
        skip_blanks(&r);
        if (*r.at && *r.at != ';')
            return complain(&r, "\";\"");
        if (*r.at)
            r.at++;
        skip_blanks(&r);
    }
    if (n)
        memcpy(rules, read, (size_t)n * sizeof *rules);
    *count = n;
    return true;
}

static void format_range(struct strbuf *out, const char *word, int64_t first, int64_t last)
{
    if (last == INT64_MAX)
        strbuf_printf(out, "%s %" PRId64 "-", word, first);
    else if (first == last)
        strbuf_printf(out, "%s %" PRId64, word, first);
    else
        strbuf_printf(out, "%s %" PRId64 "-%" PRId64, word, first, last);
}

static void format_choice(struct strbuf *out, const struct attention_choice *c)
{
    if (c->kind == ATTENTION_DENSE) {
        strbuf_append_text(out, "dense");
        return;
    }
    const int64_t values[] = {c->f_tied, c->h_reduce, c->w_reduce, c->num_iters};
    bool any = false;
    for (int i = 0; i < 4; i++)
        if (values[i] != 1) {
            strbuf_printf(out, "%c%" PRId64, "fhwi"[i], values[i]);
            any = true;
        }
    if (!any)
        strbuf_append_text(out, "monarch");
}

char *attention_rules_format(const struct attention_rule *rules, int64_t count)
{
    struct strbuf out = {0};
    for (int64_t i = 0; i < count; i++) {
        const struct attention_rule *rule = &rules[i];
        bool all_steps = rule->first_step == 0 && rule->last_step == INT64_MAX;
        bool all_layers = rule->first_layer == 0 && rule->last_layer == INT64_MAX;
        if (i)
            strbuf_append_text(&out, "; ");
        if (!all_steps || all_layers)
            format_range(&out, "steps", rule->first_step, rule->last_step);
        if (!all_layers) {
            strbuf_append_text(&out, all_steps ? "" : " ");
            format_range(&out, "layers", rule->first_layer, rule->last_layer);
        }
        strbuf_append_text(&out, ": ");
        format_choice(&out, &rule->choice);
    }
    return strbuf_take(&out);
}

static bool within(int64_t value, int64_t min, int64_t max)
{
    return value >= min && value <= max;
}

static bool good_range(int64_t first, int64_t last)
{
    return within(first, 0, MAX_INDEX) && last >= first && (last <= MAX_INDEX || last == INT64_MAX);
}

bool attention_rules_check(const struct attention_rule *rules, int64_t count,
                           char why[ATTENTION_WHY_SIZE])
{
    if (!within(count, 0, REQUEST_MAX_RULES)) {
        snprintf(why, ATTENTION_WHY_SIZE, "at most %d rules", REQUEST_MAX_RULES);
        return false;
    }
    for (int64_t i = 0; i < count; i++) {
        const struct attention_rule *rule = &rules[i];
        const struct attention_choice *c = &rule->choice;
        if (good_range(rule->first_step, rule->last_step) &&
            good_range(rule->first_layer, rule->last_layer) &&
            (c->kind == ATTENTION_DENSE || c->kind == ATTENTION_MONARCH) &&
            within(c->f_tied, 1, MAX_FACTOR) && within(c->h_reduce, 1, MAX_FACTOR) &&
            within(c->w_reduce, 1, MAX_FACTOR) && within(c->num_iters, 1, MAX_ITERS))
            continue;
        snprintf(why, ATTENTION_WHY_SIZE, "rule %" PRId64 " is out of range", i + 1);
        return false;
    }
    return true;
}
