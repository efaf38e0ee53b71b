/* cmd_encode_text: a prompt -> token ids, mask and context rows, as generate --context takes them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "commands/command.h"
#include "commands/job.h"
#include "engine/output_file.h"
#include "commands/prompt_list.h"
#include "config/option_value.h"
#include "format/safetensors_write.h"
#include "format/weights.h"
#include "model/transformer_config.h"
#include "pipeline/prompt_encoder.h"

struct encode_text_args {
    char *output;
    bool force;
};

#define AT(field) .offset = offsetof(struct encode_text_args, field)
static const struct option own_rows[] = {
    {.name = "output", .letter = 'o', .type = OPTION_PATH, .group = GROUP_COMMAND, AT(output),
     .argument = "FILE", .help = "The .safetensors file to write."},
    {.name = "force", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(force), .fallback = "false",
     .help = "Replace FILE if it exists."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "encode-text",
    .groups = 1u << GROUP_MODEL | 1u << GROUP_MACHINE,
    .without = "checkpoint,use-ema",
    .own = own_rows,
    .own_count = OWN_COUNT,
    .max_words = 1,
};

/* The word, or the one line of standard input for "-". */
static bool take_prompt(struct job *job, const char *word, struct dn_error *err)
{
    struct prompt_list list = {0};
    bool ok = true;
    if (strcmp(word, "-") == 0)
        ok = prompt_list_read(&list, "-", err);
    else
        prompt_list_add(&list, word);
    if (ok && list.count != 1)
        ok = dn_fail(err, DN_E_ARG, "standard input holds %" PRId64 " prompts, one is taken",
                     list.count);
    ok = ok && job_set_prompt(job, list.prompts[0], err);
    prompt_list_done(&list);
    return ok;
}

/* Context rows that the transformer beside the text encoder takes; public: 512. */
static bool find_text_len(const struct job *job, int64_t *out, struct dn_error *err)
{
    struct transformer_config config = {.text_len = TRANSFORMER_TEXT_LEN};
    struct weights *w = NULL;
    bool ok = !job->dir.transformer ||
              (weights_open(job->dir.transformer, &w, err) && weights_select(w, true, err) &&
               transformer_config_load(job->dir.config, w, &config, err));
    weights_close(w);
    *out = config.text_len;
    return ok;
}

static bool write_context(const struct encode_text_args *args, const char *prompt,
                          const struct prompt_context *c, struct dn_error *err)
{
    const int64_t shape[2] = {c->text_len, c->dim};
    float *rows = dn_calloc(dn_mul_or_abort((size_t)c->text_len, (size_t)c->dim), sizeof *rows);
    memcpy(rows, c->rows, (size_t)(c->valid * c->dim) * sizeof *rows);
    struct safetensors_writer *w = safetensors_writer_new();
    safetensors_writer_metadata(w, "prompt", prompt);
    safetensors_writer_tensor(w, "ids", DTYPE_I32, 1, shape, c->ids);
    safetensors_writer_tensor(w, "mask", DTYPE_I32, 1, shape, c->mask);
    safetensors_writer_tensor(w, "context", DTYPE_F32, 2, shape, rows);
    bool ok = safetensors_writer_finish(w, args->output, args->force, err);
    safetensors_writer_free(w);
    free(rows);
    if (ok) {
        char *safe = dn_safetext_dup(args->output, strlen(args->output));
        printf("%s: %" PRId64 " of %" PRId64 " tokens, %" PRId64 " wide\n", safe, c->valid,
               c->text_len, c->dim);
        free(safe);
    }
    return ok;
}

static bool encode(struct job *job, const struct encode_text_args *args, struct dn_error *err)
{
    struct prompt_encoder *encoder = NULL;
    struct prompt_context context = {0};
    const char *prompt = job->settings.request.prompt;
    int64_t text_len;
    bool ok = output_file_check(args->output, args->force, err) &&
              job_open(job, MODEL_NEEDS_TEXT, err) && find_text_len(job, &text_len, err) &&
              prompt_encoder_open(&job->dir, job->ops, job->ex, &encoder, err) &&
              prompt_encoder_encode(encoder, prompt, text_len, &context, err) &&
              write_context(args, prompt, &context, err);
    prompt_context_done(&context);
    prompt_encoder_close(encoder);
    return ok;
}

static int run_encode_text(int argc, char **argv)
{
    struct job job;
    struct encode_text_args args = {0};
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    bool ok = job_settings(&job, &usage, &args, argc, argv, &words, &err);
    if (ok && (words == 0 || !args.output)) {
        ok = dn_fail(&err, DN_E_ARG, words ? "no output file" : "no prompt");
        dn_error_hint(&err, "danaus encode-text PROMPT -m DIR -o FILE.safetensors");
    }
    ok = ok && take_prompt(&job, argv[1], &err) && encode(&job, &args, &err);
    option_free(own_rows, OWN_COUNT, &args);
    job_close(&job);
    return ok ? EXIT_DONE : command_fail("encode-text", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_encode_text_entry = {
    .name = "encode-text",
    .summary = "Encode a prompt as the transformer takes it",
    .synopsis = "PROMPT -o FILE.safetensors [-m DIR] [OPTIONS]",
    .details =
        "Cleans the prompt, cuts it into tokens and runs the text encoder. FILE gets the tensors\n"
        "ids and mask (int32 [text_len]) and context (float32 [text_len, D], zero behind the last\n"
        "token), which generate --context takes. PROMPT - reads a line of standard input.",
    .print_options = print_options,
    .computes = true,
    .run = run_encode_text,
};
