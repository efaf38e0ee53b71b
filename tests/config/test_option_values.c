/* Every type of option: what it takes, what it says about the rest, and back to text. */
#include <locale.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "check.h"
#include "config/attention_rules.h"
#include "config/option_value.h"
#include "config/request.h"

static const struct option *row(const char *name)
{
    const struct option *o = option_find(option_rows, option_count, name);
    CHECK_MSG(o, "no option %s", name);
    return o;
}

/* Setting name to text fails for this reason. */
static void refuses(const char *name, const char *text, const char *reason)
{
    struct request r;
    char why[OPTION_WHY_SIZE] = "";
    request_init(&r);
    char *before = option_get(row(name), &r);
    CHECK_MSG(!option_set(row(name), &r, text, why), "%s %s was taken", name, text);
    CHECK_STR(why, reason);
    char *after = option_get(row(name), &r);
    CHECK((!before && !after) || strcmp(before, after) == 0);
    free(before);
    free(after);
    request_done(&r);
}

/* Setting name to text works and reads back as want. */
static void takes(const char *name, const char *text, const char *want)
{
    struct request r;
    char why[OPTION_WHY_SIZE] = "";
    request_init(&r);
    CHECK_MSG(option_set(row(name), &r, text, why), "%s %s: %s", name, text ? text : "null", why);
    CHECK_MSG(option_check(row(name), &r, why), "%s: %s", name, why);
    char *back = option_get(row(name), &r);
    CHECK_STR(back ? back : "(none)", want);
    free(back);
    request_done(&r);
}

TEST(bools)
{
    takes("causal", "true", "true");
    takes("causal", "off", "false");
    takes("force", "TRUE", "true");
    takes("use-ema", "no", "false");
}

TEST(bools_are_strict)
{
    refuses("causal", "maybe", "must be true or false");
    refuses("causal", "1", "must be true or false");
    refuses("causal", "", "must be true or false");
    refuses("causal", NULL, "must have a value");
}

TEST(whole_numbers)
{
    takes("count", "10000", "10000");
    takes("local-attn-size", "-1", "-1");
    refuses("count", "0", "must be 1 to 10000");
    refuses("count", "10001", "must be 1 to 10000");
    refuses("count", "3.0", "must be a whole number");
    refuses("count", "03", "must be a whole number");
    refuses("count", "+3", "must be a whole number");
    refuses("count", " 3", "must be a whole number");
    refuses("count", "0x10", "must be a whole number");
    refuses("count", "99999999999999999999", "must be a whole number");
    refuses("iters", "4", "must be 1 to 3");
    refuses("frames-per-block", "0", "must be 1 to 1024 latent frames");
}

TEST(frames_are_4k_plus_1)
{
    takes("frames", "1", "1");
    takes("frames", "100001", "100001");
    refuses("frames", "80", "must be 1, 5, 9 and so on; the nearest are 77 and 81");
    refuses("frames", "0", "must be 1 to 100001 frames");
}

TEST(seeds)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    takes("seed", "9223372036854775807", "9223372036854775807");
    refuses("seed", "9223372036854775808", "must be 0 to 9223372036854775807, or random");
    refuses("seed", "-1", "must be 0 to 9223372036854775807, or random");
    request_init(&r);
    r.seed = UINT64_MAX;
    CHECK(option_set(row("seed"), &r, "random", why) && r.seed <= UINT32_MAX);
    request_done(&r);
}

TEST(numbers)
{
    takes("guidance", "0.1", "0.1");
    takes("guidance", "2.0e-06", "2e-06");
    takes("shift", ".5", "0.5");
    refuses("guidance", "1e9", "must be 0 to 100");
    refuses("guidance", "nan", "must be a number");
    refuses("guidance", "inf", "must be a number");
    refuses("guidance", "1,5", "must be a number");
    refuses("guidance", "0x1p3", "must be a number");
    refuses("guidance", "1e999", "must be a number");
    refuses("shift", "0", "must be 0.01 to 1000");
    refuses("fps", "0", "must be 1 to 240 frames/s");
}

TEST(numbers_do_not_follow_the_locale)
{
    /* only where such a locale is installed; elsewhere the C locale passes trivially */
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "fr_FR.UTF-8");
    takes("guidance", "2.5", "2.5");
    setlocale(LC_ALL, "C");
}

TEST(texts)
{
    takes("prompt", "a b\tc\nd \xF0\x9F\xA6\x8B", "a b\tc\nd \xF0\x9F\xA6\x8B");
    takes("prompt", NULL, "");
    refuses("prompt", "ab\x1B[2J", "must not hold control characters, U+001B is at byte 3");
    refuses("prompt", "a\x7F", "must not hold control characters, U+007F is at byte 2");
    refuses("prompt", "a\xC2\x9B", "must not hold control characters, U+009B is at byte 2");
    refuses("prompt", "abc\xFF", "must be UTF-8, byte 4 is not");
    char *big = calloc(65538, 1);
    memset(big, 'x', 65536);
    takes("prompt", big, big);
    big[65536] = 'x';
    refuses("prompt", big, "must be at most 65536 bytes long");
    free(big);
}

TEST(paths_and_words)
{
    takes("output", "a\nb.mp4", "a\nb.mp4");
    takes("output", NULL, "(none)");
    refuses("output", "", "must not be empty");
    refuses("output", "\xE9", "must be UTF-8, byte 1 is not");
    takes("backend", "cuda", "cuda");
    refuses("backend", "gpu", "must be auto, cpu or cuda");
    refuses("backend", NULL, "must have a value");
    takes("sampler", "unipc", "unipc");
    refuses("sampler", "../x", "must be self_forcing, few_step, unipc or euler");
    refuses("sampler", "", "must be self_forcing, few_step, unipc or euler");
    takes("attention", "monarch", "monarch");
    refuses("attention", "Dense", "must be dense or monarch");
}

TEST(sizes)
{
    takes("size", "416x240", "416x240");
    refuses("size", "416", "must be WIDTHxHEIGHT, as in 832x480");
    refuses("size", "416x", "must be WIDTHxHEIGHT, as in 832x480");
    refuses("size", "416x240x3", "must be WIDTHxHEIGHT, as in 832x480");
    refuses("size", "416x7", "each side must be 8 to 8192 px");
    refuses("size", "8193x480", "each side must be 8 to 8192 px");
}

TEST(step_lists)
{
    char many[400] = "";
    takes("step-list", "1000,750,0", "1000,750,0");
    takes("step-list", " 1000 , 500 ", "1000,500");
    refuses("step-list", "", "must be 1 to 64 numbers");
    refuses("step-list", "1000,", "must be whole numbers with commas between");
    refuses("step-list", "1000 500", "must be whole numbers with commas between");
    refuses("step-list", "1000,x", "must be whole numbers with commas between");
    refuses("step-list", "1001", "each must be 0 to 1000");
    refuses("step-list", "500,500", "must fall from each number to the next");
    for (int i = 0; i < 65; i++)
        sprintf(many + strlen(many), "%s%d", i ? "," : "", 1000 - i);
    refuses("step-list", many, "must be 1 to 64 numbers");
}

TEST(rules)
{
    takes("attention-rules", "", "");
    takes("attention-rules", " steps 0 layers 0-3:dense ;steps 1-3: h2;",
          "steps 0 layers 0-3: dense; steps 1-3: h2");
    takes("attention-rules", "layers 5-: w3f2i2h1; step 0-: monarch",
          "layers 5-: f2w3i2; steps 0-: monarch");
    refuses("attention-rules", "dense", "\"steps\" or \"layers\" expected at \"dense\"");
    refuses("attention-rules", "steps 3-1: dense", "the range at \"3-1: dense\" runs backwards");
    refuses("attention-rules", "steps x: dense", "a number expected at \"x: dense\"");
    refuses("attention-rules", "steps 1 dense", "\":\" expected at \"dense\"");
    refuses("attention-rules",
            "steps 1:", "dense, monarch, or letters f h w i with numbers expected at the end");
    refuses("attention-rules", "steps 1: h2h3", "\";\" expected at \"h3\"");
    refuses("attention-rules", "steps 1: i4", "numbers at \"4\" must be 1 to 3");
    refuses("attention-rules", "steps 99999999999999999999: h2",
            "numbers at \"99999999999999999999\" must be 0 to 1000000");
    refuses("attention-rules", "steps 1: denser",
            "dense, monarch, or letters f h w i with numbers expected at \"denser\"");
    char many[33 * 20] = "";
    for (int i = 0; i < 33; i++)
        strcat(many, "steps 1: dense;");
    refuses("attention-rules", many, "at most 32 rules");
}

TEST(last_matching_rule_holds)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    request_init(&r);
    CHECK(option_set(row("attention-rules"), &r, "steps 0: h2; steps 0-1 layers 2-: dense", why));
    CHECK(request_attention(&r, 0, 0).h_reduce == 2);
    CHECK(request_attention(&r, 0, 0).kind == ATTENTION_MONARCH);
    CHECK(request_attention(&r, 0, 2).kind == ATTENTION_DENSE);
    CHECK(request_attention(&r, 1, 900).kind == ATTENTION_DENSE);
    r.attention.kind = ATTENTION_MONARCH;
    CHECK(request_attention(&r, 2, 2).kind == ATTENTION_MONARCH);
    request_done(&r);
}

TEST(names_are_near_or_not)
{
    struct {
        const char *typed, *meant;
    } cases[] = {{"fames", "frames"},
                 {"seeds", "seed"},
                 {"h_reduce", "h-reduce"},
                 {"neg", "negative"},
                 {"zzz", NULL},
                 {"x", NULL},
                 {"qualtiy", "quality"},
                 {"prompting-everything", NULL}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const char *best = NULL;
        size_t distance = SIZE_MAX;
        for (size_t i = 0; i < option_count; i++)
            best = option_nearer(cases[c].typed, option_rows[i].name, best, &distance);
        CHECK_STR(best ? best : "-", cases[c].meant ? cases[c].meant : "-");
    }
}

TEST(rows_are_well_formed)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_rows[i];
        CHECK_MSG(option_find(option_rows, option_count, o->name) == o, "%s twice", o->name);
        CHECK_MSG(o->help && *o->help, "%s has no help", o->name);
        CHECK_MSG(o->type == OPTION_BOOL || o->argument, "%s has no argument", o->name);
        for (size_t j = 0; j < i; j++)
            CHECK_MSG(!o->letter || o->letter != option_rows[j].letter, "-%c twice", o->letter);
        if (o->needs) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(o->needs, "="), o->needs);
            CHECK(option_find(option_rows, option_count, name));
        }
    }
}

TESTS(T(bools), T(bools_are_strict), T(whole_numbers), T(frames_are_4k_plus_1), T(seeds),
      T(numbers), T(numbers_do_not_follow_the_locale), T(texts), T(paths_and_words), T(sizes),
      T(step_lists), T(rules), T(last_matching_rule_holds), T(names_are_near_or_not),
      T(rows_are_well_formed))
