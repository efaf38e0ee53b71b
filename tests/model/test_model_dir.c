/* model_dir: finding parts by name and by content, what is missing, what a file is, what misfits. */
#include "model_fixture.h"

#include <dirent.h>
#include <sys/stat.h>

#include "model/model_dir.h"
#include "model/transformer.h"

#define TRANSFORMER DATA "dit/tiny16/diffusion_pytorch_model.safetensors"
#define CONFIG DATA "dit/tiny16/config.json"
#define TEXT DATA "t5/models_t5_umt5-xxl-enc-bf16.pth"
#define VAE DATA "vae/Wan2.1_VAE.safetensors"
#define SPIECE "tests/data/tokenizer/spiece.model"

/* A link at folder/name to a file of the repository; makes the folders of name. */
static void put(const char *folder, const char *name, const char *target)
{
    char *path = dn_asprintf("%s/%s", folder, name), *real = realpath(target, NULL);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    CHECK_MSG(real && symlink(real, path) == 0, "%s", target);
    free(real);
    free(path);
}

static void remove_folder(char *path, bool free_path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *child = dn_asprintf("%s/%s", path, e->d_name);
        if (unlink(child) != 0)
            remove_folder(child, false);
        free(child);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
    if (free_path)
        free(path);
}

static void put_public(const char *folder)
{
    put(folder, "config.json", CONFIG);
    put(folder, "diffusion_pytorch_model.safetensors", TRANSFORMER);
    put(folder, "models_t5_umt5-xxl-enc-bf16.pth", TEXT);
    put(folder, "Wan2.1_VAE.pth", VAE);
    put(folder, "google/umt5-xxl/spiece.model", SPIECE);
}

static char *public_folder(void)
{
    char *folder = make_folder();
    put_public(folder);
    return folder;
}

static bool ends_with(const char *text, const char *end)
{
    return text && strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

struct findings {
    int fatal, remarks;
    char text[4096];
};

static void note(void *context, bool fatal, const char *line)
{
    struct findings *f = context;
    f->fatal += fatal;
    f->remarks += !fatal;
    snprintf(f->text + strlen(f->text), sizeof f->text - strlen(f->text), "%s\n", line);
}

static struct findings check_folder(const char *folder)
{
    struct findings f = {0};
    struct dn_error err;
    struct model_dir dir;
    CHECK_OK(model_dir_open(folder, NULL, &dir, &err), err);
    CHECK(model_dir_check(&dir, true, note, &f) == f.fatal);
    model_dir_done(&dir);
    return f;
}

TEST(finds_the_public_layout)
{
    struct dn_error err;
    struct model_dir dir;
    char *folder = public_folder();
    CHECK_OK(model_dir_open(folder, NULL, &dir, &err), err);
    CHECK(ends_with(dir.transformer, "/diffusion_pytorch_model.safetensors"));
    CHECK(ends_with(dir.config, "/config.json") && ends_with(dir.vae, "/Wan2.1_VAE.pth"));
    CHECK(ends_with(dir.text_encoder, "/models_t5_umt5-xxl-enc-bf16.pth"));
    CHECK(ends_with(dir.tokenizer, "/google/umt5-xxl") && !dir.is_checkpoint);
    CHECK_OK(model_dir_require(&dir, MODEL_NEEDS_ALL, &err), err);
    model_dir_done(&dir);
    remove_folder(folder, true);
}

TEST(finds_parts_by_their_tensors)
{
    struct dn_error err;
    struct model_dir dir;
    char *folder = make_folder();
    put(folder, "diffusion_models/a.safetensors", TRANSFORMER);
    put(folder, "diffusion_models/config.json", CONFIG);
    put(folder, "text_encoders/b.pth", TEXT);
    put(folder, "c.safetensors", VAE);
    put(folder, "a-00001-of-00002.safetensors", VAE); /* a shard is never a model by itself */
    put(folder, "tok/spiece.model", SPIECE);
    CHECK_OK(model_dir_open(folder, NULL, &dir, &err), err);
    CHECK(ends_with(dir.transformer, "/a.safetensors") && ends_with(dir.vae, "/c.safetensors"));
    CHECK(ends_with(dir.text_encoder, "/b.pth") && ends_with(dir.tokenizer, "/tok"));
    CHECK(ends_with(dir.config, "diffusion_models/config.json"));
    model_dir_done(&dir);
    remove_folder(folder, true);
}

TEST(missing_parts_are_named_with_a_cure)
{
    struct dn_error err;
    struct model_dir dir;
    char *folder = make_folder();
    put(folder, "config.json", CONFIG);
    put(folder, "diffusion_pytorch_model.safetensors", TRANSFORMER);
    struct findings alone = check_folder(folder);
    CHECK_MSG(alone.fatal == 0 && alone.remarks == 2, "%s", alone.text);
    put(folder, "Wan2.1_VAE.pth", VAE);
    struct findings half = check_folder(folder);
    CHECK_MSG(half.fatal == 1 && strstr(half.text, "models_t5_umt5-xxl-enc-bf16.pth"), "%s",
              half.text);
    CHECK_OK(model_dir_open(folder, NULL, &dir, &err), err);
    CHECK_OK(model_dir_require(&dir, MODEL_NEEDS_TRANSFORMER | MODEL_NEEDS_VAE, &err), err);
    CHECK(!model_dir_require(&dir, MODEL_NEEDS_ALL, &err) && strstr(err.message, "text encoder") &&
          err.hint[0]);
    model_dir_done(&dir);
    remove_folder(folder, true);
}

TEST(a_checkpoint_takes_the_transformers_place)
{
    struct dn_error err;
    struct model_dir dir;
    char *folder = public_folder();
    CHECK_OK(model_dir_open(folder, TRANSFORMER, &dir, &err), err);
    CHECK(dir.is_checkpoint && strcmp(dir.transformer, TRANSFORMER) == 0 && dir.config);
    model_dir_done(&dir);
    CHECK(!model_dir_open(folder, "/nowhere/x.pt", &dir, &err) && strstr(err.message, "/nowhere"));
    model_dir_done(&dir);
    CHECK(!model_dir_open("/nowhere", NULL, &dir, &err) && err.code == DN_E_IO);
    model_dir_done(&dir);
    remove_folder(folder, true);
}

TEST(files_are_what_their_tensors_say)
{
    const struct {
        const char *path, *summary;
        enum model_kind kind;
    } files[] = {
        {TRANSFORMER, "dim 48, 2 layers", MODEL_TRANSFORMER},
        {TEXT, "dim 64, 4 heads, 3 layers", MODEL_TEXT_ENCODER},
        {VAE, "base width 4, z 16", MODEL_VAE},
        {DATA "vae/decode.safetensors", "", MODEL_UNKNOWN},
    };
    struct dn_error err;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct model_description d;
        struct findings f = {0};
        CHECK_OK(model_describe(files[i].path, &d, &err), err);
        CHECK_MSG(d.kind == files[i].kind && strstr(d.summary, files[i].summary), "%s: %s",
                  files[i].path, d.summary);
        CHECK(d.tensors > 0 && d.parameters > 0 && d.bytes > 0 && !d.has_ema);
        bool unknown = files[i].kind == MODEL_UNKNOWN;
        CHECK((model_file_check(files[i].path, true, note, &f) > 0) == unknown);
        CHECK(!unknown || strstr(f.text, "no transformer, text encoder or VAE"));
    }
    struct model_description d;
    CHECK(!model_describe("README.md", &d, &err));
}

/* A transformer of text_dim 64 and otherwise as in tiny16. */
static bool add_zeros(void *context, const char *name, int ndim, const int64_t *shape)
{
    static const float zeros[1 << 17];
    int64_t count = 1;
    for (int i = 0; i < ndim; i++)
        count *= shape[i];
    CHECK(count <= 1 << 17);
    safetensors_writer_tensor(context, name, DTYPE_F32, ndim, shape, zeros);
    return true;
}

static void write_fitting_transformer(const char *folder)
{
    const struct transformer_config config = {.dim = 48, .ffn_dim = 128, .freq_dim = 64,
                                              .text_dim = 64, .heads = 3, .layers = 2,
                                              .channels = 16, .text_len = 5, .eps = 1e-6};
    struct dn_error err;
    char *path = dn_asprintf("%s/diffusion_pytorch_model.safetensors", folder);
    struct safetensors_writer *w = safetensors_writer_new();
    transformer_each_tensor(&config, add_zeros, w);
    unlink(path);
    CHECK_OK(safetensors_writer_finish(w, path, true, &err), err);
    safetensors_writer_free(w);
    free(path);
}

TEST(parts_must_fit_one_another)
{
    char *folder = public_folder();
    struct findings f = check_folder(folder);
    CHECK_MSG(f.fatal == 1 && strstr(f.text, "text rows of 64") && strstr(f.text, "takes 4096"),
              "%s", f.text);
    write_fitting_transformer(folder);
    f = check_folder(folder);
    CHECK_MSG(f.fatal == 0 && f.remarks == 0, "%s", f.text);

    const int64_t few_rows[] = {1100, 64};
    const struct change change = {.tensor = "token_embedding.weight", .shape = few_rows};
    struct weights *w = open_data(TEXT);
    char *path = dn_asprintf("%s/models_t5_umt5-xxl-enc-bf16.pth", folder);
    unlink(path);
    write_changed(w, path, &change, NULL);
    f = check_folder(folder);
    CHECK_MSG(f.fatal == 1 && strstr(f.text, "1200 pieces") && strstr(f.text, "1100 rows"), "%s",
              f.text);
    weights_close(w);
    free(path);
    remove_folder(folder, true);
}

TEST(a_part_in_the_wrong_place_is_named)
{
    char *folder = public_folder();
    char *path = dn_asprintf("%s/Wan2.1_VAE.pth", folder);
    unlink(path);
    put(folder, "Wan2.1_VAE.pth", TEXT);
    struct findings f = check_folder(folder);
    CHECK_MSG(strstr(f.text, "is a text encoder, but its place is the VAE's"), "%s", f.text);
    free(path);
    remove_folder(folder, true);
}

TEST(names_from_outside_are_shown_safely)
{
    char *folder = make_folder(), *path = dn_asprintf("%s/\033[2Jx.safetensors", folder);
    struct weights *w = open_data(DATA "vae/decode.safetensors");
    const struct change change = {.tensor = "t1.z", .rename = "evil\033]0;x\007"};
    struct findings f = {0};
    write_changed(w, path, &change, NULL);
    CHECK(model_file_check(path, false, note, &f) > 0);
    CHECK_MSG(!strchr(f.text, '\033') && !strchr(f.text, '\007'), "%s", f.text);
    weights_close(w);

    char *hostile = dn_asprintf("%s/\033[2J", folder);
    mkdir(hostile, 0700);
    put_public(hostile);
    f = check_folder(hostile);
    CHECK_MSG(strstr(f.text, "takes 4096") && !strchr(f.text, '\033'), "%s", f.text);
    free(hostile);
    free(path);
    remove_folder(folder, true);
}

TESTS(T(finds_the_public_layout), T(finds_parts_by_their_tensors),
      T(missing_parts_are_named_with_a_cure), T(a_checkpoint_takes_the_transformers_place),
      T(files_are_what_their_tensors_say), T(parts_must_fit_one_another),
      T(a_part_in_the_wrong_place_is_named), T(names_from_outside_are_shown_safely))
