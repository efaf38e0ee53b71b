/* prompt_encoder: what a person typed to context rows, through cleaning, tokenizer and encoder. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "pipeline/prompt_encoder.h"

#define SPIECE "tests/data/tokenizer/spiece.model"
#define ENCODER "tests/data/model/t5/models_t5_umt5-xxl-enc-bf16.pth"

static struct prompt_encoder *open_encoder(struct exec **ex)
{
    struct model_dir dir = {.root = "tests/data",
                            .tokenizer = "tests/data/tokenizer",
                            .tokenizer_file = SPIECE,
                            .text_encoder = ENCODER};
    struct exec_options options = {.dtype = DTYPE_F32};
    struct prompt_encoder *enc = NULL;
    struct dn_error err;
    CHECK_OK(ops_cpu.open(&options, ex, &err), err);
    CHECK_OK(prompt_encoder_open(&dir, &ops_cpu, *ex, &enc, &err), err);
    return enc;
}

TEST(a_prompt_of_the_public_code)
{
    /* typographic quotes, two spaces and Chinese; ids and rows of the public pipeline */
    static const char *const prompt =
        "A red fox walks across the snow; \u201cquiet\u201d, cinematic.  "
        "\u4e00\u53ea\u6a58\u732b\u5750\u5728\u7a97\u8fb9\u770b\u4e66\uff0c\u7535\u5f71\u8d28\u611f"
        "\u3002";
    static const int32_t ids[] = {269,  578, 494, 394, 1050, 612, 261, 587, 266, 653, 63,  267,
                                  1130, 739, 374, 555, 1130, 260, 571, 265, 442, 400, 289, 399,
                                  296,  398, 397, 260, 311,  277, 275, 310, 262, 1};
    static const float first[] = {-0.2011886f, -1.1818937f, 1.5691531f, 1.1561737f};
    static const float last[] = {-0.59647036f, 1.5007489f, 0.7089392f, 0.8438345f};
    struct exec *ex;
    struct prompt_encoder *enc = open_encoder(&ex);
    struct prompt_context c;
    struct dn_error err;
    CHECK_OK(prompt_encoder_encode(enc, prompt, 512, &c, &err), err);
    CHECK(c.valid == 34 && c.dim == 64 && c.text_len == 512);
    CHECK(memcmp(c.ids, ids, sizeof ids) == 0 && c.ids[34] == 0);
    CHECK(c.mask[33] == 1 && c.mask[34] == 0 && c.mask[511] == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(fabsf(c.rows[i] - first[i]) <= 5e-5f);
        CHECK(fabsf(c.rows[33 * 64 + 60 + i] - last[i]) <= 5e-5f);
    }
    prompt_context_done(&c);

    CHECK_OK(prompt_encoder_encode(enc, prompt, 8, &c, &err), err); /* cut, the end kept */
    CHECK(c.valid == 8 && c.ids[6] == 261 && c.ids[7] == 1);
    prompt_context_done(&c);
    CHECK_OK(prompt_encoder_encode(enc, "", 512, &c, &err), err);
    CHECK(c.valid == 1 && c.ids[0] == 1);
    prompt_context_done(&c);
    prompt_encoder_close(enc);
    ops_cpu.close(ex);
}

TEST(any_bytes_are_a_prompt)
{
    struct exec *ex;
    struct prompt_encoder *enc = open_encoder(&ex);
    struct prompt_context c;
    struct dn_error err;
    CHECK_OK(prompt_encoder_encode(enc, "\xff\xfe red \x1b[31m\x01 fox\x80", 64, &c, &err), err);
    CHECK(c.valid > 2 && c.valid <= 64);
    prompt_context_done(&c);
    size_t size = 64 * 1024;
    char *longest = malloc(size + 2);
    memset(longest, 'a', size + 1);
    longest[size] = '\0';
    CHECK_OK(prompt_encoder_encode(enc, longest, 512, &c, &err), err);
    CHECK(c.valid == 512);
    prompt_context_done(&c);
    longest[size] = 'a';
    longest[size + 1] = '\0';
    CHECK(!prompt_encoder_encode(enc, longest, 512, &c, &err) && err.code == DN_E_ARG);
    free(longest);
    prompt_encoder_close(enc);
    ops_cpu.close(ex);
}

TEST(missing_parts)
{
    struct exec_options options = {.dtype = DTYPE_F32};
    struct prompt_encoder *enc = NULL;
    struct exec *ex;
    struct dn_error err;
    CHECK_OK(ops_cpu.open(&options, &ex, &err), err);
    struct model_dir dir = {
        .root = "tests/data", .tokenizer = "tests/data/tokenizer", .tokenizer_file = SPIECE};
    CHECK(!prompt_encoder_open(&dir, &ops_cpu, ex, &enc, &err) && !enc);
    dir.text_encoder = SPIECE; /* no weights */
    CHECK(!prompt_encoder_open(&dir, &ops_cpu, ex, &enc, &err) && !enc);
    ops_cpu.close(ex);
}

TESTS(T(a_prompt_of_the_public_code), T(any_bytes_are_a_prompt), T(missing_parts))
