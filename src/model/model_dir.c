/* model_dir: finding a model's parts. The public file names are looked for first; whatever is
 * still missing is searched among the weights files there and one folder below, by their tensors. */
#include "model/model_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define MAX_SEARCHED 256 /* files that are opened to see what they are */

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* root/name when it is a file, else NULL; the caller frees. */
static char *file_in(const char *root, const char *name)
{
    char *path = dn_asprintf("%s/%s", root, name);
    if (is_file(path))
        return path;
    free(path);
    return NULL;
}

static char *first_file_in(const char *root, const char *const *names)
{
    char *path = NULL;
    for (; *names && !path; names++)
        path = file_in(root, *names);
    return path;
}

static void find_public(struct model_dir *dir)
{
    static const char *const transformers[] = {
        "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json",
        NULL};
    static const char *const texts[] = {"models_t5_umt5-xxl-enc-bf16.pth",
                                        "models_t5_umt5-xxl-enc-bf16.safetensors", NULL};
    static const char *const vaes[] = {"Wan2.1_VAE.pth", "Wan2.1_VAE.safetensors", NULL};
    static const char *const tokenizers[] = {"google/umt5-xxl/spiece.model",
                                             "umt5-xxl/spiece.model", "tokenizer/spiece.model",
                                             "spiece.model", NULL};
    if (!dir->transformer)
        dir->transformer = first_file_in(dir->root, transformers);
    dir->config = file_in(dir->root, "config.json");
    dir->text_encoder = first_file_in(dir->root, texts);
    dir->vae = first_file_in(dir->root, vaes);
    dir->tokenizer_file = first_file_in(dir->root, tokenizers);
}

/* Weights files by name; a shard is found through its index only. */
static bool may_hold_weights(const char *name)
{
    if (strstr(name, "-of-"))
        return false;
    return dn_ends_with(name, ".safetensors") || dn_ends_with(name, ".safetensors.index.json") ||
           dn_ends_with(name, ".pth") || dn_ends_with(name, ".pt");
}

/* The part that a file of this kind would be; NULL: none. */
static char **part_of_kind(struct model_dir *dir, enum model_kind kind)
{
    switch (kind) {
    case MODEL_TRANSFORMER: return &dir->transformer;
    case MODEL_TEXT_ENCODER: return &dir->text_encoder;
    case MODEL_VAE: return &dir->vae;
    default: return NULL;
    }
}

static enum model_kind kind_of_file(const char *path)
{
    struct weights *w = NULL;
    enum model_kind kind = MODEL_UNKNOWN;
    if (weights_open(path, &w, NULL) && weights_select(w, true, NULL))
        kind = model_kind_of(w);
    weights_close(w);
    return kind;
}

/* Fills parts that are missing with files of folder, in the order of their names. */
static void search_folder(struct model_dir *dir, const char *folder, int *budget)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *path = dn_asprintf("%s/%s", folder, name);
        bool missing = !dir->transformer || !dir->text_encoder || !dir->vae;
        if (missing && *budget > 0 && may_hold_weights(name) && is_file(path)) {
            (*budget)--;
            char **part = part_of_kind(dir, kind_of_file(path));
            if (part && !*part)
                *part = dn_strdup(path);
        }
        if (!dir->tokenizer_file && strcmp(name, "spiece.model") == 0 && is_file(path))
            dir->tokenizer_file = dn_strdup(path);
        free(path);
        free(entries[i]);
    }
    free(entries);
}

static void search(struct model_dir *dir)
{
    struct dirent **entries = NULL;
    int budget = MAX_SEARCHED;
    search_folder(dir, dir->root, &budget);
    int count = scandir(dir->root, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = dn_asprintf("%s/%s", dir->root, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && is_folder(path))
            search_folder(dir, path, &budget);
        free(path);
        free(entries[i]);
    }
    free(entries);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return dn_strdup(".");
    return slash == path ? dn_strdup("/") : dn_strndup(path, (size_t)(slash - path));
}

/* A single file as a model of one part. */
static bool open_single(struct model_dir *dir, struct dn_error *err)
{
    struct weights *w = NULL;
    if (!weights_open(dir->root, &w, err) || !weights_select(w, true, err)) {
        weights_close(w);
        return false;
    }
    char **part = part_of_kind(dir, model_kind_of(w));
    weights_close(w);
    if (!part) {
        dn_fail(err, DN_E_MODEL,
                "%s is no transformer, text encoder or VAE that danaus knows: none of their "
                "tensors is in it", dir->root);
        return dn_error_hint(err, "danaus model info shows what a model directory holds");
    }
    if (!*part)
        *part = dn_strdup(dir->root);
    if (part == &dir->transformer && !dir->is_checkpoint) {
        char *folder = folder_of(dir->root);
        dir->config = file_in(folder, "config.json");
        free(folder);
    }
    return true;
}

bool model_dir_open(const char *root, const char *checkpoint, struct model_dir *out,
                    struct dn_error *err)
{
    *out = (struct model_dir){.root = dn_strdup(root)};
    if (checkpoint) {
        if (access(checkpoint, R_OK) != 0)
            return dn_fail(err, DN_E_IO, "cannot read checkpoint %s: %s", checkpoint,
                           strerror(errno));
        out->transformer = dn_strdup(checkpoint);
        out->is_checkpoint = true;
    }
    if (access(root, R_OK) != 0) {
        dn_fail(err, DN_E_IO, "cannot read model %s: %s", root, strerror(errno));
        return dn_error_hint(err, "name a model directory with -m, see danaus model --help");
    }
    if (!is_folder(root))
        return open_single(out, err);
    find_public(out);
    if (!out->transformer || !out->text_encoder || !out->vae || !out->tokenizer_file)
        search(out);
    if (out->transformer && !out->is_checkpoint && !out->config) {
        char *folder = folder_of(out->transformer);
        out->config = file_in(folder, "config.json");
        free(folder);
    }
    if (out->tokenizer_file)
        out->tokenizer = folder_of(out->tokenizer_file);
    return true;
}

void model_dir_done(struct model_dir *dir)
{
    char *const own[] = {dir->root, dir->transformer, dir->config, dir->text_encoder, dir->vae,
                         dir->tokenizer, dir->tokenizer_file};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        free(own[i]);
    *dir = (struct model_dir){0};
}

bool model_dir_require(const struct model_dir *dir, unsigned parts, struct dn_error *err)
{
    const struct {
        unsigned part;
        const char *path, *what, *cure;
    } wanted[] = {
        {MODEL_NEEDS_TRANSFORMER, dir->transformer, "transformer",
         "put diffusion_pytorch_model.safetensors (or its shards and index) there, or name a "
         "checkpoint with --checkpoint"},
        {MODEL_NEEDS_TEXT, dir->text_encoder, "text encoder",
         "put models_t5_umt5-xxl-enc-bf16.pth of the Wan2.1 download there"},
        {MODEL_NEEDS_TEXT, dir->tokenizer_file, "tokenizer",
         "put google/umt5-xxl/spiece.model of the Wan2.1 download there"},
        {MODEL_NEEDS_VAE, dir->vae, "VAE", "put Wan2.1_VAE.pth of the Wan2.1 download there"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if ((parts & wanted[i].part) && !wanted[i].path) {
            dn_fail(err, DN_E_MODEL, "model %s has no %s", dir->root, wanted[i].what);
            return dn_error_hint(err, "%s", wanted[i].cure);
        }
    return true;
}
