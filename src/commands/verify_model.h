/* verify_model: the transformer that a fixture belongs to, and what fixtures say about passes. */
#ifndef DANAUS_COMMANDS_VERIFY_MODEL_H
#define DANAUS_COMMANDS_VERIFY_MODEL_H

#include "commands/verify.h"
#include "format/weights.h"
#include "model/transformer.h"

struct verify_model {
    struct transformer *transformer;
    struct text_context *cond, *uncond; /* of the model's context file, NULL without one */
    struct attention_choice *attention; /* [layers], as the fixture's metadata says */
};

/* Opens ../dit/MODEL beside the fixture's folder, MODEL from the fixture's metadata, and reads its
 * attention. done frees, also after false. */
bool verify_model_open(struct verify_model *m, const struct verify_run *run,
                       const struct verify_file *file, const struct weights *fixture,
                       struct dn_error *err);
void verify_model_done(struct verify_model *m);

/* A text context of the fixture's own tensor `name` [rows, text_dim]. */
bool verify_model_context(struct verify_model *m, const struct weights *fixture, const char *name,
                          struct text_context **out, struct dn_error *err);

/* The model's context that the fixture names ("PATH:cond", "PATH:uncond"); cond when it names none.
 */
const struct text_context *verify_model_named(const struct verify_model *m,
                                              const struct weights *fixture);

/* Metadata as a number; fallback when it is absent or no number. */
double verify_number(const struct weights *fixture, const char *key, double fallback);
/* Metadata as a truth ("True", "true"). */
bool verify_truth(const struct weights *fixture, const char *key);
/* Metadata "3,3,1" or "[1000, 750]" as numbers; returns how many, at most max. */
int64_t verify_numbers(const struct weights *fixture, const char *key, int64_t *out, int64_t max);

/* The folder that holds path, counted from the file: 0 its own, 1 the one above. Writes the name
 * to out (cut) and returns it; "" when path does not say. */
const char *verify_folder_name(const char *path, int level, char *out, size_t size);

/* One pass of host latents [frames, C, h, w]; flow (host, like latents) may be NULL: fills the
 * cache only. pass has everything but the latents. */
bool verify_pass(struct verify_model *m, struct transformer_pass *pass,
                 const struct tensor *latents, float *flow, struct dn_error *err);

#endif
