/* option_value: see option_value.h. One row of functions a type, so that hardly anything else asks
 * what type an option has. */
#include "config/option_value.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "config/attention_rules.h"
#include "config/prompt_changes.h"
#include "config/request.h"

static_assert(sizeof(enum attention_kind) == sizeof(int), "OPTION_ENUM writes an int");
static_assert((int)ATTENTION_WHY_SIZE <= (int)OPTION_WHY_SIZE, "why must hold both");

static void *field(const struct option *o, void *base)
{
    return (char *)base + o->offset;
}
static const void *const_field(const struct option *o, const void *base)
{
    return (const char *)base + o->offset;
}
static int64_t *second(const struct option *o, void *base)
{
    return (int64_t *)((char *)base + o->second);
}
static int64_t const_second(const struct option *o, const void *base)
{
    return *(const int64_t *)((const char *)base + o->second);
}

static bool because(char why[OPTION_WHY_SIZE], const char *reason)
{
    snprintf(why, OPTION_WHY_SIZE, "%s", reason);
    return false;
}

/* ranges */

static void range_text(const struct option *o, char out[OPTION_WHY_SIZE])
{
    char low[DN_NUMBER_SIZE], high[DN_NUMBER_SIZE];
    dn_format_double(low, o->min);
    dn_format_double(high, o->max);
    snprintf(out, OPTION_WHY_SIZE, "%s to %s%s%s", low, high, o->unit ? " " : "",
             o->unit ? o->unit : "");
}

static bool outside(const struct option *o, char why[OPTION_WHY_SIZE])
{
    char range[OPTION_WHY_SIZE];
    range_text(o, range);
    snprintf(why, OPTION_WHY_SIZE, "must be %.200s", range);
    return false;
}

static bool check_int(const struct option *o, int64_t value, char why[OPTION_WHY_SIZE])
{
    /* the bounds are small enough to be exact as doubles, a hostile value need not be */
    if (value < (int64_t)o->min || value > (int64_t)o->max)
        return outside(o, why);
    int64_t past = o->step ? (value - (int64_t)o->min) % o->step : 0;
    if (!past)
        return true;
    int64_t below = value - past, above = below + o->step;
    if (above > (int64_t)o->max)
        above = below;
    snprintf(why, OPTION_WHY_SIZE,
             "must be %" PRId64 ", %" PRId64 ", %" PRId64 " and so on; the nearest are %" PRId64
             " and %" PRId64,
             (int64_t)o->min, (int64_t)o->min + o->step, (int64_t)o->min + 2 * o->step, below,
             above);
    return false;
}

/* bool */

static bool bool_set(const struct option *o, void *base, const char *text, char *why)
{
    static const char *const words[] = {"false", "true",  "no",   "yes",   "off",
                                        "on",    "False", "True", "FALSE", "TRUE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *(bool *)field(o, base) = i & 1;
            return true;
        }
    return because(why, "must be true or false");
}

static char *bool_get(const struct option *o, const void *base)
{
    return dn_strdup(*(const bool *)const_field(o, base) ? "true" : "false");
}

static bool bool_check(const struct option *o, const void *base, char *why)
{
    (void)o, (void)base, (void)why;
    return true;
}

/* int */

static bool int_set(const struct option *o, void *base, const char *text, char *why)
{
    int64_t value;
    if (!dn_parse_int(text, &value))
        return because(why, "must be a whole number");
    if (!check_int(o, value, why))
        return false;
    *(int64_t *)field(o, base) = value;
    return true;
}

static char *int_get(const struct option *o, const void *base)
{
    return dn_asprintf("%" PRId64, *(const int64_t *)const_field(o, base));
}

static bool int_check(const struct option *o, const void *base, char *why)
{
    return check_int(o, *(const int64_t *)const_field(o, base), why);
}

/* seed */

static const char seed_range[] = "must be 0 to 9223372036854775807, or random";

static bool seed_set(const struct option *o, void *base, const char *text, char *why)
{
    int64_t value;
    if (strcmp(text, "random") == 0) {
        uint32_t drawn; /* short enough to be typed again */
        if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
            return because(why, "the system gives no random numbers");
        *(uint64_t *)field(o, base) = drawn;
        return true;
    }
    if (!dn_parse_int(text, &value) || value < 0)
        return because(why, seed_range);
    *(uint64_t *)field(o, base) = (uint64_t)value;
    return true;
}

static char *seed_get(const struct option *o, const void *base)
{
    return dn_asprintf("%" PRIu64, *(const uint64_t *)const_field(o, base));
}

static bool seed_check(const struct option *o, const void *base, char *why)
{
    return *(const uint64_t *)const_field(o, base) <= INT64_MAX || because(why, seed_range);
}

/* double */

static bool double_check(const struct option *o, const void *base, char *why)
{
    double value = *(const double *)const_field(o, base);
    return (isfinite(value) && value >= o->min && value <= o->max) || outside(o, why);
}

static bool double_set(const struct option *o, void *base, const char *text, char *why)
{
    double value;
    if (!dn_parse_double(text, &value))
        return because(why, "must be a number");
    if (value < o->min || value > o->max)
        return outside(o, why);
    *(double *)field(o, base) = value;
    return true;
}

static char *double_get(const struct option *o, const void *base)
{
    char text[DN_NUMBER_SIZE];
    dn_format_double(text, *(const double *)const_field(o, base));
    return dn_strdup(text);
}

/* text, word, path: heap strings */

static void keep(const struct option *o, void *base, const char *text)
{
    char **at = field(o, base);
    char *copy = text ? dn_strdup(text) : NULL;
    free(*at);
    *at = copy;
}

static char *string_get(const struct option *o, const void *base)
{
    const char *text = *(char *const *)const_field(o, base);
    return text ? dn_strdup(text) : NULL;
}

/* Valid UTF-8 of at most max bytes; without control characters when plain. */
static bool good_string(const char *text, double max, bool plain, char *why)
{
    size_t length = strnlen(text, (size_t)max + 1);
    if (length > (size_t)max) {
        snprintf(why, OPTION_WHY_SIZE, "must be at most %zu bytes long", (size_t)max);
        return false;
    }
    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = dn_utf8_decode(text + i, length - i, &c);
        if (!n) {
            snprintf(why, OPTION_WHY_SIZE, "must be UTF-8, byte %zu is not", i + 1);
            return false;
        }
        bool blank = c == '\t' || c == '\n' || c == '\r';
        if (plain && !blank && (c < 0x20 || (c >= 0x7F && c < 0xA0))) {
            snprintf(why, OPTION_WHY_SIZE,
                     "must not hold control characters, U+%04X is at byte %zu", (unsigned)c, i + 1);
            return false;
        }
        i += n;
    }
    return true;
}

static bool good_text(const struct option *o, const char *text, char *why)
{
    return !text ? because(why, "must be a text") : good_string(text, o->max, true, why);
}

static bool text_set(const struct option *o, void *base, const char *text, char *why)
{
    if (!text)
        text = o->fallback;
    if (!good_text(o, text, why))
        return false;
    keep(o, base, text);
    return true;
}

static bool text_check(const struct option *o, const void *base, char *why)
{
    return good_text(o, *(char *const *)const_field(o, base), why);
}

static bool good_path(const char *text, char *why)
{
    if (!text)
        return true;
    return *text ? good_string(text, 4095, false, why) : because(why, "must not be empty");
}

static bool path_set(const struct option *o, void *base, const char *text, char *why)
{
    if (!good_path(text, why))
        return false;
    keep(o, base, text);
    return true;
}

static bool path_check(const struct option *o, const void *base, char *why)
{
    return good_path(*(char *const *)const_field(o, base), why);
}

/* words out of choices */

/* "dense|monarch|x" as "dense, monarch or x" */
static void list_choices(const char *choices, char out[OPTION_WHY_SIZE])
{
    size_t n = 0;
    const char *last = strrchr(choices, '|');
    for (const char *p = choices; *p && n + 6 < OPTION_WHY_SIZE; p++) {
        if (*p != '|')
            out[n++] = *p;
        else
            n += (size_t)sprintf(out + n, "%s", p == last ? " or " : ", ");
    }
    out[n] = '\0';
}

/* The place of text in choices, or -1. */
static int choice_index(const char *choices, const char *text)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *p = choices;; index++) {
        size_t n = strcspn(p, "|");
        if (n == length && memcmp(p, text, n) == 0)
            return index;
        if (!p[n])
            return -1;
        p += n + 1;
    }
}

static bool no_choice(const struct option *o, char *why)
{
    char list[OPTION_WHY_SIZE];
    list_choices(o->choices, list);
    snprintf(why, OPTION_WHY_SIZE, "must be %.200s", list);
    return false;
}

static bool good_word(const struct option *o, const char *text, char *why)
{
    return (text && choice_index(o->choices, text) >= 0) || no_choice(o, why);
}

static bool word_set(const struct option *o, void *base, const char *text, char *why)
{
    if (!good_word(o, text, why))
        return false;
    keep(o, base, text);
    return true;
}

static bool word_check(const struct option *o, const void *base, char *why)
{
    return good_word(o, *(char *const *)const_field(o, base), why);
}

static bool enum_set(const struct option *o, void *base, const char *text, char *why)
{
    int index = choice_index(o->choices, text);
    if (index < 0)
        return no_choice(o, why);
    *(int *)field(o, base) = index;
    return true;
}

static char *enum_get(const struct option *o, const void *base)
{
    const char *p = o->choices;
    for (int i = *(const int *)const_field(o, base); i > 0; i--) {
        p += strcspn(p, "|");
        p += *p == '|';
    }
    return dn_strndup(p, strcspn(p, "|"));
}

static bool enum_check(const struct option *o, const void *base, char *why)
{
    int index = *(const int *)const_field(o, base), count = 1;
    for (const char *p = o->choices; *p; p++)
        count += *p == '|';
    return (index >= 0 && index < count) || no_choice(o, why);
}

/* size */

static bool size_check_sides(const struct option *o, int64_t width, int64_t height, char *why)
{
    if (check_int(o, width, why) && check_int(o, height, why))
        return true;
    char range[OPTION_WHY_SIZE];
    range_text(o, range);
    snprintf(why, OPTION_WHY_SIZE, "each side must be %.200s", range);
    return false;
}

static bool size_set(const struct option *o, void *base, const char *text, char *why)
{
    int64_t width, height;
    const char *x = strchr(text, 'x');
    bool parsed = false;
    if (x && x - text < DN_NUMBER_SIZE) {
        char left[DN_NUMBER_SIZE];
        memcpy(left, text, (size_t)(x - text));
        left[x - text] = '\0';
        parsed = dn_parse_int(left, &width) && dn_parse_int(x + 1, &height);
    }
    if (!parsed)
        return because(why, "must be WIDTHxHEIGHT, as in 832x480");
    if (!size_check_sides(o, width, height, why))
        return false;
    *(int64_t *)field(o, base) = width;
    *second(o, base) = height;
    return true;
}

static char *size_get(const struct option *o, const void *base)
{
    return dn_asprintf("%" PRId64 "x%" PRId64, *(const int64_t *)const_field(o, base),
                       const_second(o, base));
}

static bool size_check(const struct option *o, const void *base, char *why)
{
    return size_check_sides(o, *(const int64_t *)const_field(o, base), const_second(o, base), why);
}

/* steps */

static bool good_steps(const struct option *o, const int64_t *steps, int64_t count, char *why)
{
    if (count < 1 || count > REQUEST_MAX_LIST) {
        snprintf(why, OPTION_WHY_SIZE, "must be 1 to %d numbers", REQUEST_MAX_LIST);
        return false;
    }
    for (int64_t i = 0; i < count; i++) {
        if (steps[i] < (int64_t)o->min || steps[i] > (int64_t)o->max) {
            char range[OPTION_WHY_SIZE];
            range_text(o, range);
            snprintf(why, OPTION_WHY_SIZE, "each must be %.200s", range);
            return false;
        }
        if (i && steps[i] >= steps[i - 1])
            return because(why, "must fall from each number to the next");
    }
    return true;
}

static bool steps_set(const struct option *o, void *base, const char *text, char *why)
{
    int64_t steps[REQUEST_MAX_LIST + 1], count = 0;
    for (const char *p = text; *text && count <= REQUEST_MAX_LIST;) {
        char item[DN_NUMBER_SIZE];
        p += strspn(p, " ");
        size_t n = strcspn(p, ", ");
        snprintf(item, sizeof item, "%.*s", (int)(n < DN_NUMBER_SIZE ? n : DN_NUMBER_SIZE), p);
        if (!dn_parse_int(item, &steps[count++]))
            return because(why, "must be whole numbers with commas between");
        p += n;
        p += strspn(p, " ");
        if (!*p)
            break;
        if (*p++ != ',')
            return because(why, "must be whole numbers with commas between");
    }
    if (!good_steps(o, steps, count, why))
        return false;
    memcpy(field(o, base), steps, (size_t)count * sizeof *steps);
    *second(o, base) = count;
    return true;
}

static char *steps_get(const struct option *o, const void *base)
{
    struct strbuf out = {0};
    const int64_t *steps = const_field(o, base);
    for (int64_t i = 0; i < const_second(o, base); i++)
        strbuf_printf(&out, "%s%" PRId64, i ? "," : "", steps[i]);
    return strbuf_take(&out);
}

static bool steps_check(const struct option *o, const void *base, char *why)
{
    return good_steps(o, const_field(o, base), const_second(o, base), why);
}

/* rules */

static bool rules_set(const struct option *o, void *base, const char *text, char *why)
{
    return attention_rules_parse(text ? text : "", field(o, base), second(o, base), why);
}

static char *rules_get(const struct option *o, const void *base)
{
    return attention_rules_format(const_field(o, base), const_second(o, base));
}

static bool rules_check(const struct option *o, const void *base, char *why)
{
    return attention_rules_check(const_field(o, base), const_second(o, base), why);
}

/* prompt changes */

static bool good_changes(const struct option *o, const char *text, char **parsed, char *why)
{
    char wrong[PROMPT_CHANGES_WHY_SIZE];
    if (!good_text(o, text, why))
        return false;
    *parsed = prompt_changes_parse(text, wrong);
    return *parsed || because(why, wrong);
}

static bool changes_set(const struct option *o, void *base, const char *text, char *why)
{
    char *parsed;
    if (!good_changes(o, text ? text : "", &parsed, why))
        return false;
    char **at = field(o, base);
    free(*at);
    *at = parsed;
    return true;
}

static bool changes_check(const struct option *o, const void *base, char *why)
{
    char *parsed;
    if (!good_changes(o, *(char *const *)const_field(o, base), &parsed, why))
        return false;
    free(parsed);
    return true;
}

static const struct type_functions {
    bool (*set)(const struct option *, void *, const char *, char *);
    char *(*get)(const struct option *, const void *);
    bool (*check)(const struct option *, const void *, char *);
    bool heap;     /* the field is a string to free */
    bool may_none; /* set understands NULL */
} type_table[] = {
    [OPTION_BOOL] = {bool_set, bool_get, bool_check, false, false},
    [OPTION_INT] = {int_set, int_get, int_check, false, false},
    [OPTION_SEED] = {seed_set, seed_get, seed_check, false, false},
    [OPTION_DOUBLE] = {double_set, double_get, double_check, false, false},
    [OPTION_TEXT] = {text_set, string_get, text_check, true, true},
    [OPTION_WORD] = {word_set, string_get, word_check, true, false},
    [OPTION_PATH] = {path_set, string_get, path_check, true, true},
    [OPTION_ENUM] = {enum_set, enum_get, enum_check, false, false},
    [OPTION_SIZE] = {size_set, size_get, size_check, false, false},
    [OPTION_STEPS] = {steps_set, steps_get, steps_check, false, false},
    [OPTION_RULES] = {rules_set, rules_get, rules_check, false, true},
    [OPTION_CHANGES] = {changes_set, string_get, changes_check, true, true},
};

bool option_set(const struct option *option, void *base, const char *text,
                char why[OPTION_WHY_SIZE])
{
    const struct type_functions *type = &type_table[option->type];
    if (!text && !type->may_none)
        return because(why, "must have a value");
    return type->set(option, base, text, why);
}

char *option_get(const struct option *option, const void *base)
{
    return type_table[option->type].get(option, base);
}

bool option_check(const struct option *option, const void *base, char why[OPTION_WHY_SIZE])
{
    return type_table[option->type].check(option, base, why);
}

void option_defaults(const struct option *rows, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++) {
        char why[OPTION_WHY_SIZE];
        if (type_table[rows[i].type].heap)
            *(char **)field(&rows[i], base) = NULL;
        if (rows[i].fallback) {
            bool ok = option_set(&rows[i], base, rows[i].fallback, why);
            assert(ok && "a default outside its own range");
            (void)ok;
        }
    }
}

void option_free(const struct option *rows, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++)
        if (type_table[rows[i].type].heap) {
            char **at = field(&rows[i], base);
            free(*at);
            *at = NULL;
        }
}

void option_own(const struct option *rows, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++)
        if (type_table[rows[i].type].heap) {
            char **at = field(&rows[i], base);
            if (*at)
                *at = dn_strdup(*at);
        }
}

bool option_complain(struct dn_error *err, const char *where, const char *name, const char *value,
                     const char *why)
{
    enum { SHOWN = 60 };
    if (!value)
        value = "null";
    size_t length = strnlen(value, SHOWN + 1), shown = length;
    if (length > SHOWN)
        for (shown = SHOWN; shown && ((unsigned char)value[shown] & 0xC0) == 0x80; shown--)
            ;
    bool blank = length == 0 || strcspn(value, " \t\n") < shown;
    const char *quote = blank ? "\"" : "";
    return dn_fail(err, DN_E_ARG, "%s%s %s%.*s%s%s: %s", where, name, quote, (int)shown, value,
                   length > SHOWN ? "..." : "", quote, why);
}

void option_describe_range(const struct option *o, char out[OPTION_WHY_SIZE])
{
    out[0] = '\0';
    if (o->choices)
        list_choices(o->choices, out);
    else if (o->type == OPTION_INT || o->type == OPTION_DOUBLE || o->type == OPTION_SIZE ||
             o->type == OPTION_STEPS)
        range_text(o, out);
}
