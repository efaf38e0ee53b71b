/* model_dir: which files make a model, what a single file is, and whether the parts fit.
 *
 * Layouts: the public download (config.json, diffusion_pytorch_model.safetensors or its index,
 * models_t5_*.pth, Wan2.1_VAE.pth, google/umt5-xxl/), and folders of community repackagings, whose
 * files are told apart by their tensors, not by their names. */
#ifndef DANAUS_MODEL_MODEL_DIR_H
#define DANAUS_MODEL_MODEL_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"
#include "format/weights.h"

enum model_kind {
    MODEL_UNKNOWN,
    MODEL_TRANSFORMER,
    MODEL_TEXT_ENCODER,
    MODEL_VAE,
    MODEL_KIND_COUNT
};
/* "transformer", "text encoder", "VAE", "unknown" */
const char *model_kind_name(enum model_kind kind);
/* By tensor names alone. Chooses nothing: call weights_select first for checkpoints. */
enum model_kind model_kind_of(const struct weights *w);

/* Paths that may be handed to weights_open and tokenizer_open; NULL = not found. */
struct model_dir {
    char *root;
    char *transformer;  /* file, index or directory; the checkpoint where one was given */
    bool is_checkpoint; /* transformer came from the checkpoint argument */
    char *config;       /* config.json of the transformer */
    char *text_encoder;
    char *vae;
    char *tokenizer;      /* folder of spiece.model */
    char *tokenizer_file; /* spiece.model itself */
};

/* Looks through root (a directory; also a single file: a model of one part) and takes checkpoint
 * (NULL = none) for the transformer. False: root or checkpoint cannot be read at all. Parts that
 * are missing stay NULL: see model_dir_require. model_dir_done frees, also after false. */
bool model_dir_open(const char *root, const char *checkpoint, struct model_dir *out,
                    struct dn_error *err);
void model_dir_done(struct model_dir *dir);

enum model_parts {
    MODEL_NEEDS_TRANSFORMER = 1,
    MODEL_NEEDS_TEXT = 2, /* text encoder and tokenizer */
    MODEL_NEEDS_VAE = 4,
    MODEL_NEEDS_ALL = 7
};
/* False names the first part that is missing and says where to get it. */
bool model_dir_require(const struct model_dir *dir, unsigned parts, struct dn_error *err);

/* What a file is. */
struct model_description {
    enum model_kind kind;
    const char *format; /* weights_kind() */
    int64_t tensors, parameters, bytes;
    int64_t by_dtype[DTYPE_COUNT]; /* tensors of each dtype */
    bool has_ema;
    char summary[256]; /* "dim 1536, 12 heads, 30 layers, ffn 8960", "base width 96, z 16", ... */
};
bool model_describe(const char *path, struct model_description *out, struct dn_error *err);

/* Receives one line a finding: fatal ones make the model unusable, others are remarks. */
typedef void model_finding_fn(void *context, bool fatal, const char *line);
/* Opens every part, checks names, shapes and dtypes of each and whether the parts fit one another;
 * with deep also that all numbers are finite and checksums agree (reads every byte). Returns the
 * number of fatal findings. */
int64_t model_dir_check(const struct model_dir *dir, bool deep, model_finding_fn *report,
                        void *context);
/* The same for a single file. */
int64_t model_file_check(const char *path, bool deep, model_finding_fn *report, void *context);

#endif
