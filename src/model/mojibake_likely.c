/* mojibake_likely: does this text look misread? Each rule is a short sequence of sets of
 * characters; text that contains one of them is suspected.
 *
 * Source of the rules: ftfy 6.3.1, ftfy.badness (its published description of which neighbours
 * give misread text away). */
#include "model/mojibake.h"

#include <stdlib.h>
#include <uchar.h>

#include <utf8proc.h>

#include "model/mojibake_tables.h"

struct set {
    uint32_t kinds;       /* of any of these kinds, or */
    const char16_t *also; /* one of these characters; NULL = none */
};

enum { RULE_MAX = 7 };

struct rule {
    bool at_start;             /* only at the start of the text */
    struct set sets[RULE_MAX]; /* an empty set ends the rule */
};

enum {
    ACCENTED = KIND_LOWER_ACC | KIND_UPPER_ACC,
    SYMBOL = KIND_CURRENCY | KIND_NUMERIC,
    QUOTING = KIND_START | KIND_END,
    BESIDE_BAD = ACCENTED | KIND_BOX | QUOTING | SYMBOL | KIND_LAW,
    BETWEEN_CAPITALS = KIND_C1 | KIND_BAD | QUOTING | KIND_CURRENCY,
    ARABIC_SECOND = KIND_COMMON | SYMBOL | KIND_BAD | KIND_START,
};

#define ARABIC_FIRST u"ØÙ"
#define ARABIC_ALSO u"ŸŠ®°µ»"
#define CYRILLIC_LEADS u"ВГРС"
#define GREEK_LEADS u"ΒΓΞΟ"

static const struct rule rules[] = {
    {.sets = {{KIND_C1}}},
    {.sets = {{KIND_BAD | BESIDE_BAD}, {KIND_BAD}}},
    {.sets = {{KIND_LATIN}, {KIND_LOWER | KIND_UPPER}, {KIND_BAD}}},
    {.sets = {{KIND_BAD}, {BESIDE_BAD}}},
    {.sets = {{KIND_LOWER_ACC | KIND_LOWER | KIND_BOX | KIND_END | SYMBOL}, {KIND_UPPER_ACC}}},
    {.sets = {{KIND_BOX | KIND_END | SYMBOL}, {KIND_LOWER_ACC}}},
    {.sets = {{KIND_LOWER_ACC | KIND_BOX | KIND_END}, {KIND_CURRENCY}}},
    {.sets = {{KIND_SPACE}, {KIND_UPPER_ACC}, {KIND_CURRENCY}}},
    {.sets = {{KIND_UPPER_ACC | KIND_BOX}, {KIND_NUMERIC | KIND_LAW}}},
    {.sets = {{ACCENTED | KIND_BOX | KIND_CURRENCY | KIND_END}, {KIND_START}, {KIND_NUMERIC}}},
    {.sets = {{ACCENTED | SYMBOL | KIND_BOX | KIND_LAW}, {KIND_END}, {KIND_START}}},
    {.sets = {{SYMBOL | KIND_BOX}, {KIND_START}}},
    {.sets = {{KIND_A_TO_Z}, {KIND_UPPER_ACC}, {KIND_START | KIND_CURRENCY}}},
    {.sets = {{KIND_BOX}, {KIND_KAOMOJI}}},
    {.sets = {{ACCENTED | SYMBOL | QUOTING | KIND_LAW}, {KIND_BOX}}},
    {.sets = {{KIND_BOX}, {KIND_END}}},
    {.sets = {{ACCENTED}, {QUOTING}, {KIND_WORD}}},
    /* a French ligature is followed by a letter */
    {.sets = {{0, u"Œœ"}, {KIND_NOT_LATIN}}},
    {.sets = {{KIND_UPPER_ACC}, {0, u"°"}}},
    /* pairs of windows-1252 */
    {.sets = {{0, u"ÂÃÎÐ"}, {QUOTING, u"€œŠš¢£Ÿž\u00a0\u00ad®©°·»–—´"}}},
    {.sets = {{0, u"×"}, {0, u"²³"}}},
    {.sets = {{0, ARABIC_FIRST},
              {ARABIC_SECOND, ARABIC_ALSO},
              {0, ARABIC_FIRST},
              {ARABIC_SECOND, ARABIC_ALSO}}},
    {.sets = {{0, u"à"}, {0, u"²µ¹¼½¾"}}},
    /* MacRoman */
    {.sets = {{0, u"√"}, {0, u"±∂†≠®™´≤≥¥µø"}}},
    {.sets = {{0, u"≈"}, {0, u"°¢"}}},
    {.sets = {{0, u"‚"}, {0, u"Ä"}, {0, u"ìîïòôúùû†°¢π"}}},
    {.sets = {{0, u"‚"}, {0, u"âó"}, {0, u"àä°ê"}}},
    /* windows-1251: punctuation; Latin-1 or Cyrillic; twice misread */
    {.sets = {{0, u"в"}, {0, u"Ђ"}}},
    {.sets = {{0, CYRILLIC_LEADS}, {BETWEEN_CAPITALS, u"°µ"}, {0, CYRILLIC_LEADS}}},
    {.sets = {{0, u"Г"},
              {0, u"ў"},
              {0, u"В"},
              {0, u"Ђ"},
              {0, u"В"},
              {KIND_NOT_NEWLINE},
              {KIND_LATIN, u" "}}},
    /* "à", "á" and the no-break space, perhaps turned into a space since */
    {.sets = {{0, u"Ã"}, {0, u"\u00a0¡"}}},
    {.sets = {{KIND_A_TO_Z}, {KIND_SPACE}, {0, u"ÃÂ"}, {0, u" "}}},
    {.sets = {{KIND_A_TO_Z}, {0, u"ÃÂ"}, {0, u" "}}},
    {.at_start = true, .sets = {{0, u"ÃÂ"}, {0, u" "}}},
    {.sets = {{KIND_A_TO_Z | KIND_END, u".,?!"}, {0, u"Â"}, {QUOTING, u" "}}},
    /* windows-1253 */
    {.sets = {{0, u"β"}, {0, u"€"}, {0, u"™\u00a0Ά\u00ad®°"}}},
    {.sets = {{0, GREEK_LEADS}, {BETWEEN_CAPITALS, u"°"}, {0, GREEK_LEADS}}},
    /* windows-1257 */
    {.sets = {{0, u"ā"}, {0, u"€"}}},
};

static int compare_range(const void *key, const void *range)
{
    uint32_t c = *(const uint32_t *)key;
    const struct kind_range *r = range;
    return c < r->first ? -1 : c > r->last;
}

static bool is_word(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO &&
           category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_MC &&
           category != UTF8PROC_CATEGORY_ME;
}

uint32_t mojibake_kinds(uint32_t c)
{
    uint32_t kinds = c == '\n' ? 0 : KIND_NOT_NEWLINE;
    if (codepoint_is_space(c))
        kinds |= KIND_SPACE;
    bool small = c >= 'a' && c <= 'z', latin = small || (c >= 'A' && c <= 'Z');
    kinds |= (small ? KIND_A_TO_Z : 0) | (latin ? KIND_LATIN | KIND_WORD : KIND_NOT_LATIN);
    if (c < 0x80)
        return kinds | ((c >= '0' && c <= '9') || c == '_' ? KIND_WORD : 0);
    if (is_word(c))
        kinds |= KIND_WORD;
    const struct kind_range *range =
        bsearch(&c, kind_ranges, KIND_RANGE_COUNT, sizeof kind_ranges[0], compare_range);
    return kinds | (range ? range->kinds : 0);
}

static bool set_contains(const struct set *set, uint32_t c, uint32_t kinds)
{
    if (set->kinds & kinds)
        return true;
    for (const char16_t *also = set->also; also && *also; also++) {
        if (*also == c)
            return true;
    }
    return false;
}

static bool rule_matches(const struct rule *rule, const uint32_t *text, const uint32_t *kinds,
                         size_t length)
{
    for (size_t i = 0; i < RULE_MAX && (rule->sets[i].kinds || rule->sets[i].also); i++) {
        if (i == length || !set_contains(&rule->sets[i], text[i], kinds[i]))
            return false;
    }
    return true;
}

bool mojibake_is_likely(const uint32_t *text, size_t length)
{
    /* a window of kinds slides over the text; every rule has a character above ASCII among its
     * first three */
    uint32_t kinds[RULE_MAX];
    size_t known = 0;
    for (size_t i = 0; i < length; i++) {
        size_t left = length - i, window = left < RULE_MAX ? left : RULE_MAX;
        bool worth = text[i] >= 0x80 || (left > 1 && text[i + 1] >= 0x80) ||
                     (left > 2 && text[i + 2] >= 0x80);
        if (!worth) {
            known = 0;
            continue;
        }
        for (size_t k = known; k < window; k++)
            kinds[k] = mojibake_kinds(text[i + k]);
        for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
            if ((i == 0 || !rules[r].at_start) && rule_matches(&rules[r], text + i, kinds, window))
                return true;
        }
        for (size_t k = 1; k < window; k++)
            kinds[k - 1] = kinds[k];
        known = window - 1;
    }
    return false;
}
