/* Requests: copies, validation across options, JSON both ways and what hostile JSON is told. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "check.h"
#include "config/prompt_changes.h"
#include "config/request.h"

static struct dn_error error;

static void invalid(struct request *r, const char *message)
{
    CHECK(!request_validate(r, &error));
    CHECK_STR(error.message, message);
    CHECK(error.code == DN_E_ARG);
}

TEST(defaults_with_a_prompt_are_valid)
{
    struct request r;
    request_init(&r);
    invalid(&r, "the prompt is empty");
    r.context = dn_strdup("c.safetensors");
    CHECK_OK(request_validate(&r, &error), error);
    free(r.context);
    r.context = NULL;
    free(r.prompt);
    r.prompt = dn_strdup("a butterfly");
    CHECK_OK(request_validate(&r, &error), error);
    CHECK_STR(r.sampler, "self_forcing");
    CHECK(r.frames == 81 && r.width == 832 && r.height == 480 && r.fps == 16 && r.count == 1);
    CHECK(r.denoising_step_count == 4 && r.denoising_steps[3] == 250 && r.warp_denoising_step);
    CHECK(r.timestep_shift == 5 && r.causal && r.frames_per_block == 3 && r.use_ema);
    CHECK(r.local_attn_size == -1 && r.attention.kind == ATTENTION_DENSE && r.embed_recipe);
    request_done(&r);
}

TEST(fields_out_of_range_are_found)
{
    struct request r;
    request_init(&r);
    free(r.prompt);
    r.prompt = dn_strdup("x");
    r.frames = 80;
    invalid(&r, "frames 80: must be 1, 5, 9 and so on; the nearest are 77 and 81");
    r.frames = 81;
    r.guidance = __builtin_nan("");
    invalid(&r, "guidance nan: must be 0 to 100");
    r.guidance = 1;
    r.denoising_steps[1] = 1000;
    invalid(&r, "step-list 1000,1000,500,250: must fall from each number to the next");
    r.denoising_steps[1] = 750;
    r.width = INT64_MIN;
    invalid(&r, "size -9223372036854775808x480: each side must be 8 to 8192 px");
    r.width = 832;
    r.attention.kind = (enum attention_kind)7;
    CHECK(!request_validate(&r, &error));
    r.attention.kind = ATTENTION_DENSE;
    r.rule_count = 1;
    invalid(&r, "attention-rules \"steps 0 layers 0: dense\": rule 1 is out of range");
    r.rule_count = 0;
    CHECK_OK(request_validate(&r, &error), error);
    request_done(&r);
}

TEST(options_that_exclude_each_other)
{
    struct request r;
    request_init(&r);
    free(r.prompt);
    r.prompt = dn_strdup("x");
    r.local_attn_size = 6;
    r.sink_size = 4;
    invalid(&r, "local-attn-size 6: too small for a chunk (3) and the sink (4)");
    CHECK_STR(error.hint, "use 7 or more, or -1 to keep everything");
    r.sink_size = 3;
    CHECK_OK(request_validate(&r, &error), error);
    r.local_attn_size = 0;
    invalid(&r, "local-attn-size 0: too small for a chunk (3) and the sink (3)");
    r.causal = false;
    CHECK_OK(request_validate(&r, &error), error);
    r.image = dn_strdup("i");
    r.extend = dn_strdup("e");
    invalid(&r, "image and extend both say where the clip begins");
    request_done(&r);
}

TEST(copies_are_deep)
{
    struct request r, copy;
    request_init(&r);
    request_copy(&copy, &r);
    CHECK(copy.prompt != r.prompt && copy.sampler != r.sampler);
    request_done(&r);
    CHECK_STR(copy.sampler, "self_forcing");
    request_done(&copy);
    CHECK(!copy.sampler);
}

TEST(json_is_readable)
{
    struct request r;
    request_init(&r);
    char *json = request_to_json(&r);
    CHECK(strncmp(json, "{\"prompt\": \"\", \"negative\": \"\", \"seed\": 0, \"count\": 1, ", 54) ==
          0);
    CHECK(strstr(json, "\"size\": \"832x480\""));
    CHECK(strstr(json, "\"step_list\": [1000,750,500,250], \"warp_denoising_step\": true"));
    CHECK(strstr(json, "\"model\": null"));
    free(json);
    request_done(&r);
}

static void refused(const char *json, const char *message)
{
    struct request r;
    request_init(&r);
    char *before = request_to_json(&r);
    CHECK(!request_from_json(&r, json, &error));
    CHECK_STR(error.message, message);
    char *after = request_to_json(&r);
    CHECK_STR(after, before);
    free(before);
    free(after);
    request_done(&r);
}

TEST(json_is_strict)
{
    refused("[]", "request: must be an object");
    refused("{\"seed\": 1, \"zzz\": 1}", "request: zzz is not a known key");
    refused("{\"seed\": 1, \"frames\": 80}",
            "request: frames 80: must be 1, 5, 9 and so on; the nearest are 77 and 81");
    refused("{\"seed\": \"1\"}", "request: seed must be a whole number");
    refused("{\"seed\": 1.0}", "request: seed must be a whole number");
    refused("{\"seed\": -1}", "request: seed -1: must be 0 to 9223372036854775807, or random");
    refused("{\"causal\": 1}", "request: causal must be true or false");
    refused("{\"shift\": \"5\"}", "request: shift must be a number");
    refused("{\"prompt\": 5}", "request: prompt must be a string");
    refused("{\"size\": [832, 480]}", "request: size must be a string such as \"832x480\"");
    refused("{\"step_list\": [1000.5]}", "request: step_list must be a list of whole numbers");
    refused("{\"step_list\": \"1000\"}", "request: step_list must be a list of whole numbers");
    refused("{\"threads\": null}", "request: threads null: must have a value");
    refused("{\"prompt\": \"a\\u001b\"}",
            "request: prompt a\\x1B: must not hold control characters, U+001B is at byte 2");
    refused("{\"seed\": 1, \"seed\": 2}",
            "request is not valid JSON: line 1 column 18: duplicate object key near '\"seed\"'");
    refused("{\"h-reduce\": 2, \"h_reduce\": 3}", "request: h_reduce appears twice");
    refused("{\"seed\": 1} x",
            "request is not valid JSON: line 1 column 13: end of file expected near 'x'");
}

TEST(json_may_be_partial)
{
    struct request r;
    request_init(&r);
    CHECK_OK(request_from_json(&r, "{\"shift\": 3, \"prompt\": \"p\", \"model\": null}", &error),
             error);
    CHECK(r.timestep_shift == 3 && r.frames == 81);
    CHECK_STR(r.prompt, "p");
    request_done(&r);
}

TEST(recipes_carry_no_paths)
{
    struct request r, again;
    request_init(&r);
    request_init(&again);
    r.seed = 5;
    r.model_dir = dn_strdup("/home/somebody/models");
    r.attention.h_reduce = 2;
    char *recipe = request_to_recipe(&r), *all = request_to_json(&r);
    CHECK(!strstr(recipe, "somebody") && !strstr(recipe, "force") && !strstr(recipe, "null"));
    CHECK_OK(request_from_recipe(&again, recipe, &error), error);
    CHECK(again.seed == 5 && again.attention.h_reduce == 2 && !again.model_dir);
    CHECK(!request_from_recipe(&again, "{\"seed\": 6, \"output\": \"/etc/passwd\"}", &error));
    CHECK_STR(error.message, "request: output may not be in a recipe");
    CHECK(!request_from_recipe(&again, all, &error));
    CHECK(again.seed == 5);
    free(recipe);
    free(all);
    request_done(&r);
    request_done(&again);
}

TEST(prompt_changes_both_ways)
{
    struct request r, back;
    request_init(&r);
    free(r.prompt_changes);
    r.prompt_changes = dn_strdup("3: a \"blue\" star\n10: rot: grün");
    free(r.prompt);
    r.prompt = dn_strdup("x");
    CHECK_OK(request_validate(&r, &error), error);
    char *json = request_to_json(&r), *recipe = request_to_recipe(&r);
    static const char list[] = "\"prompt_changes\": [{\"chunk\": 3, \"prompt\": \"a \\\"blue\\\" "
                               "star\"}, {\"chunk\": 10, \"prompt\": \"rot: grün\"}]";
    CHECK_MSG(strstr(json, list) && strstr(recipe, list), "%s", json);
    request_init(&back);
    CHECK_OK(request_from_json(&back, json, &error), error);
    CHECK_STR(back.prompt_changes, r.prompt_changes);
    CHECK_OK(request_from_recipe(&back, "{\"prompt_changes\": []}", &error), error);
    CHECK_STR(back.prompt_changes, "");
    static const char *const bad[] = {
        "{\"prompt_changes\": \"3: x\"}",
        "{\"prompt_changes\": [3]}",
        "{\"prompt_changes\": [{\"chunk\": 0, \"prompt\": \"x\"}]}",
        "{\"prompt_changes\": [{\"chunk\": -3, \"prompt\": \"x\"}]}",
        "{\"prompt_changes\": [{\"chunk\": 3, \"prompt\": \"\"}]}",
        "{\"prompt_changes\": [{\"chunk\": 3, \"prompt\": \"x\\n4: y\"}]}",
        "{\"prompt_changes\": [{\"chunk\": 3, \"prompt\": \"x\", \"more\": 1}]}",
        "{\"prompt_changes\": [{\"chunk\": 3, \"prompt\": \"x\"}, {\"chunk\": 3, \"prompt\": \"y\"}]}",
        "{\"prompt_changes\": [{\"chunk\": 9223372036854775807, \"prompt\": \"x\"}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_MSG(!request_from_json(&back, bad[i], &error), "%s", bad[i]);
    request_done(&back);
    request_done(&r);
    free(json);
    free(recipe);
}

TEST(prompt_changes_are_edited)
{
    static const struct {
        const char *text, *made; /* NULL: refused */
    } cases[] = {
        {"", ""}, {" 3:  x \n\n 7 : y", NULL}, {" 3:  x \n\n 7:y\n", "3: x\n7: y"},
        {"3 x", NULL}, {"x", NULL}, {"7: x\n3: y", NULL}, {"3:", NULL}, {"0: x", NULL},
        {"99999999999999999999: x", NULL}, {"3: 4: x", "3: 4: x"},
    };
    char why[PROMPT_CHANGES_WHY_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *made = prompt_changes_parse(cases[i].text, why);
        CHECK_MSG(cases[i].made ? made && strcmp(made, cases[i].made) == 0 : !made, "\"%s\": %s",
                  cases[i].text, made ? made : why);
        free(made);
    }
    static const struct {
        const char *text;
        int64_t chunk;
        const char *made;
    } adds[] = {{"", 3, "3: new words"},
                {"3: x", 3, "3: new words"},
                {"3: x", 5, "3: x\n5: new words"},
                {"3: x\n5: y\n8: z", 5, "3: x\n5: new words"}};
    for (size_t i = 0; i < sizeof adds / sizeof adds[0]; i++) {
        char *made = prompt_changes_add(adds[i].text, adds[i].chunk, "new\nwords");
        CHECK_STR(made, adds[i].made);
        free(made);
    }
}

TESTS(T(defaults_with_a_prompt_are_valid), T(fields_out_of_range_are_found),
      T(options_that_exclude_each_other), T(copies_are_deep), T(json_is_readable),
      T(json_is_strict), T(json_may_be_partial), T(recipes_carry_no_paths),
      T(prompt_changes_both_ways), T(prompt_changes_are_edited))
