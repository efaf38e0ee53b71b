/* YAML: the public projects' files, our own, levels, and what hostile or wrong files are told. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "check.h"
#include "config/config_files.h"
#include "config/yaml_reader.h"

#define DATA "tests/data/config/"

static struct settings s;
static struct request *const r = &s.request;
static struct dn_error error;
static struct strbuf warnings;

static void keep_warning(void *context, const char *line)
{
    (void)context;
    strbuf_printf(&warnings, "%s\n", line);
}

static void start(void)
{
    strbuf_done(&warnings);
    memset(&error, 0, sizeof error);
    settings_init(&s, keep_warning, NULL);
}

static void done(void)
{
    settings_done(&s);
    strbuf_done(&warnings);
}

static bool read_text_at(const char *text, enum settings_level level)
{
    return yaml_read_bytes(&s, text, strlen(text), "f.yaml", "dir", level, &error);
}

/* The text alone, on defaults; nothing may have changed. */
static void refused_bytes(const char *bytes, size_t size, const char *message)
{
    start();
    char *before = request_to_json(r);
    CHECK(!yaml_read_bytes(&s, bytes, size, "f.yaml", "dir", LEVEL_CONFIG, &error));
    CHECK_STR(error.message, message);
    CHECK(error.code == DN_E_FORMAT);
    char *after = request_to_json(r);
    CHECK_STR(after, before);
    for (size_t i = 0; i < option_count; i++)
        CHECK(s.level[i] == LEVEL_DEFAULT);
    free(before);
    free(after);
    done();
}

static void refused(const char *text, const char *message)
{
    refused_bytes(text, strlen(text), message);
}

static void loads(const char *file)
{
    start();
    CHECK_OK(yaml_read_file(&s, file, LEVEL_CONFIG, &error), error);
    CHECK_STR(strbuf_text(&warnings), "");
}

static bool steps_are(int count, const int *want)
{
    for (int i = 0; i < count; i++)
        if (r->denoising_steps[i] != want[i])
            return false;
    return r->denoising_step_count == count;
}

TEST(public_self_forcing)
{
    loads(DATA "few_step_chunks.yaml");
    CHECK_STR(r->sampler, "self_forcing");
    CHECK(steps_are(5, (int[]){1000, 750, 500, 250, 0}));
    CHECK(r->causal && r->warp_denoising_step && !r->independent_first_frame);
    CHECK(r->frames == 81 && r->width == 832 && r->height == 480);
    /* the model's shift counts for few-step sampling, the file's does not */
    CHECK(r->timestep_shift == 8 && r->guidance == 3 && r->frames_per_block == 3);
    CHECK(r->local_attn_size == 12 && r->sink_size == 2 && r->seed == 7);
    CHECK_STR(r->negative, "过曝，静态");
    CHECK(r->attention.kind == ATTENTION_DENSE);
    done();
}

TEST(public_monarch)
{
    loads(DATA "monarch.yaml");
    CHECK_STR(r->sampler, "self_forcing");
    CHECK(r->attention.kind == ATTENTION_MONARCH && r->attention.num_iters == 2);
    CHECK(r->attention.f_tied == 3 && r->attention.h_reduce == 2 && r->attention.w_reduce == 4);
    CHECK(r->frames == 33 && r->width == 416 && r->height == 240);
    done();
}

TEST(public_whole_clip)
{
    loads(DATA "few_step_whole.yaml");
    CHECK_STR(r->sampler, "few_step");
    CHECK(!r->causal);
    done();
}

TEST(public_diffusion)
{
    loads(DATA "diffusion.yaml");
    CHECK_STR(r->sampler, "unipc");
    CHECK(!r->causal && r->timestep_shift == 3 && r->guidance == 6);
    CHECK(r->count == 2 && r->frames == 21);
    done();
}

TEST(public_defaults)
{
    loads(DATA "defaults.yaml");
    CHECK_STR(r->sampler, "self_forcing");
    CHECK(r->independent_first_frame && !r->warp_denoising_step && r->context_noise == 20);
    CHECK(r->count == 3 && r->frames == 45 && r->width == 416 && r->height == 240);
    done();
}

/* A public file is complete: it does not inherit half a sampler from lower levels. */
TEST(public_file_resets_what_it_leaves_out)
{
    start();
    CHECK(
        read_text_at("attention: monarch\nlocal_attn_size: 9\nshift: 2\ncausal: no\n", LEVEL_USER));
    CHECK(read_text_at("denoising_step_list: [1000]\n", LEVEL_CONFIG));
    CHECK(r->attention.kind == ATTENTION_DENSE && r->local_attn_size == -1 && r->causal);
    CHECK(!r->warp_denoising_step && r->frames_per_block == 1 && r->timestep_shift == 2);
    done();
}

TEST(levels_in_any_order)
{
    char why[OPTION_WHY_SIZE];
    const struct option *frames = option_find(option_rows, option_count, "frames");
    start();
    CHECK(settings_set(&s, frames, "5", LEVEL_COMMAND, why));
    CHECK(read_text_at("frames: 9\nseed: 1\nquality: 1\n", LEVEL_CONFIG));
    CHECK(read_text_at("frames: 13\nseed: 2\nthreads: 2\nquality: 2\n", LEVEL_USER));
    CHECK(read_text_at("seed: 3\ncount: 3\n", LEVEL_MODEL));
    CHECK(r->frames == 5 && r->seed == 1 && r->threads == 2 && r->count == 3 && r->quality == 1);
    CHECK(settings_level_of(&s, frames) == LEVEL_COMMAND);
    /* a bad value is an error also where it would not count */
    CHECK(!read_text_at("frames: 12\n", LEVEL_CONFIG));
    CHECK(r->frames == 5 && s.level[frames - option_rows] == LEVEL_COMMAND);
    done();
}

TEST(our_own_keys)
{
    start();
    setenv("HOME", "/home/somebody", 1);
    CHECK_OK(read_text_at("h-reduce: 2\nw_reduce: 3\nsize: 64x32\nstep_list: '1000,500'\n"
                          "attention_rules:\n  - 'steps 0: dense'\n  - 'layers 1-: h2'\n"
                          "model: models/a\nimage: ~/cat.png\ncheckpoint: /abs.pt\noutput: null\n"
                          "negative: null\nprompt: |\n  two\n  lines\n",
                          LEVEL_USER),
             error);
    CHECK(r->attention.h_reduce == 2 && r->attention.w_reduce == 3);
    CHECK(r->width == 64 && r->height == 32 && steps_are(2, (int[]){1000, 500}));
    CHECK(r->rule_count == 2 && r->rules[1].last_layer == INT64_MAX);
    CHECK_STR(r->model_dir, "dir/models/a");
    CHECK_STR(r->image, "/home/somebody/cat.png");
    CHECK_STR(r->checkpoint, "/abs.pt");
    CHECK(!r->output);
    CHECK_STR(r->negative, "");
    CHECK_STR(r->prompt, "two\nlines\n");
    CHECK_STR(strbuf_text(&warnings), "");
    done();
}

TEST(quoted_null_is_a_word)
{
    start();
    CHECK(read_text_at("prompt: 'null'\n", LEVEL_USER));
    CHECK_STR(r->prompt, "null");
    done();
}

TEST(unknown_keys_warn)
{
    start();
    CHECK(read_text_at("seed: 1\nframs: 5\nmonarch_args:\n  enabel: true\n  h_redux: 2\n"
                       "wandb_key: x\nzzz: {a: [1, 2]}\nh_reduc: 3\n\"\\e[2J\": 1\n",
                       LEVEL_USER));
    CHECK_STR(strbuf_text(&warnings),
              "f.yaml:2: unknown key frams is ignored; did you mean frames?\n"
              "f.yaml:4: unknown key monarch_args.enabel is ignored; did you mean "
              "monarch_args.enable?\n"
              "f.yaml:5: unknown key monarch_args.h_redux is ignored; did you mean "
              "monarch_args.h_reduce?\n"
              "f.yaml:7: unknown key zzz is ignored\n"
              "f.yaml:8: unknown key h_reduc is ignored; did you mean h_reduce?\n"
              "f.yaml:9: unknown key \\x1B[2J is ignored\n");
    CHECK(r->seed == 1 && r->frames == 81);
    done();
}

TEST(many_unknown_keys_are_few_warnings)
{
    struct strbuf text = {0};
    for (int i = 0; i < 50; i++)
        strbuf_printf(&text, "zzz%d: 1\n", i);
    start();
    CHECK(read_text_at(strbuf_text(&text), LEVEL_USER));
    CHECK(strstr(strbuf_text(&warnings), "f.yaml:20: unknown key zzz19 is ignored\n"
                                         "f.yaml: 30 more unknown keys are ignored\n"));
    strbuf_done(&text);
    done();
}

TEST(bad_values)
{
    refused("seed: 1\nframes: 80\n",
            "f.yaml:2:9: frames 80: must be 1, 5, 9 and so on; the nearest "
            "are 77 and 81");
    refused("monarch_args:\n  num_iters: 9\n",
            "f.yaml:2:14: monarch_args.num_iters 9: must be 1 to 3");
    refused("monarch_args: {enable: 3}\n",
            "f.yaml:1:24: monarch_args.enable 3: must be true or false");
    refused("monarch_args: 3\n", "f.yaml:1:15: monarch_args must be a map");
    refused("denoising_step_list: [1000, x]\n", "f.yaml:1:22: denoising_step_list 1000,x: must be "
                                                "whole numbers with commas between");
    refused("denoising_step_list: [1000, [5]]\n",
            "f.yaml:1:29: denoising_step_list must be a plain list");
    refused("denoising_step_list: []\n",
            "f.yaml:1:22: denoising_step_list \"\": must be 1 to 64 numbers");
    refused(
        "image_or_video_shape: [1, 21, 16, 60]\n",
        "f.yaml:1:23: image_or_video_shape must be five whole numbers: batch, frames, channels, "
        "height, width");
    refused(
        "image_or_video_shape: [1, 21, 16, 60, 104, 7]\n",
        "f.yaml:1:23: image_or_video_shape must be five whole numbers: batch, frames, channels, "
        "height, width");
    refused("image_or_video_shape: [1, 21, 16, 6000, 104]\n",
            "f.yaml:1:23: image_or_video_shape 832x48000: each side must be 8 to 8192 px");
    refused("num_train_timestep: 500\n",
            "f.yaml:1:21: num_train_timestep must be 1000, all schedules here have as many");
    refused("num_output_frames: 0\n",
            "f.yaml:1:20: num_output_frames must be a whole number 1 to 25001");
    refused("height: 7\n", "f.yaml:1:9: height must be a whole number 8 to 8192");
    refused("seed: [1]\n", "f.yaml:1:7: seed must be a single value");
    refused("threads:\n", "f.yaml:1:9: threads null: must have a value");
    refused("guidance_scale: 3,5\n", "f.yaml:1:17: guidance_scale 3,5: must be a number");
    /* also the shift that does not count */
    refused("trainer: diffusion\ntimestep_shift: 5\nmodel_kwargs: {timestep_shift: 0}\n",
            "f.yaml:3:32: model_kwargs.timestep_shift 0: must be 0.01 to 1000");
    refused("negative: \"a\\e[2Jb\"\n", "f.yaml:1:11: negative a\\x1B[2Jb: must not hold control "
                                        "characters, U+001B is at byte 2");
}

TEST(bad_structure)
{
    refused("- 1\n", "f.yaml:1:1: must be lines of \"key: value\"");
    refused("hello\n", "f.yaml:1:1: must be lines of \"key: value\"");
    refused("seed: 1\nseed: 2\n", "f.yaml:2:1: seed appears twice");
    refused("h-reduce: 1\nh_reduce: 2\n", "f.yaml:2:1: h_reduce is already set in line 1");
    refused("zzz: {a: 1, a: 2}\n", "f.yaml:1:13: a appears twice");
    refused("a: &x [1]\n", "f.yaml:1:4: anchors and tags are not supported");
    refused("a: &x 1\n", "f.yaml:1:4: anchors and tags are not supported");
    refused("a: *x\n", "f.yaml:1:4: aliases are not supported");
    refused("<<: *x\n", "f.yaml:1:5: aliases are not supported");
    refused("a: !!python/object/apply:os.system [x]\n",
            "f.yaml:1:4: anchors and tags are not supported");
    refused("? [a]\n: 1\n", "f.yaml:1:3: a key must be a word");
    refused("seed: 1\n--- \nseed: 2\n", "f.yaml:2:1: a second document");
    refused("seed: [1\n", "f.yaml:2:1: did not find expected ',' or ']'");
    refused("seed: \"1\n", "f.yaml:2:1: found unexpected end of stream");
    refused("a: \"x\\0y\"\n", "f.yaml:1:4: a text with a NUL character");
    refused("seed: 1 \xFF\n", "f.yaml is not UTF-8");
    refused_bytes("seed: 1\0", 8, "f.yaml: byte 7: control characters are not allowed");
    refused("%YAML 1.1\n---\nseed: 1\n", "f.yaml: lines that begin with % are not supported");
    refused("a: 1\n\xE2\x80\xA8%TAG ! x\n", "f.yaml: lines that begin with % are not supported");
    refused("\t\tseed: 1\n", "f.yaml:1:1: found character that cannot start any token");
}

TEST(bombs)
{
    struct strbuf text = {0};
    for (int i = 0; i < 40; i++)
        strbuf_append_text(&text, "[");
    refused(strbuf_text(&text), "f.yaml:1:33: nested more than 32 deep");
    text.length = 0;
    strbuf_append_text(&text, "a: [1");
    for (int i = 0; i < 10001; i++)
        strbuf_append_text(&text, ",1");
    strbuf_append_text(&text, "]\n");
    refused(strbuf_text(&text), "f.yaml:1:20001: more than 10000 values");
    text.length = 0;
    while (text.length <= 1024 * 1024)
        strbuf_append_text(&text, "# long\n");
    refused(strbuf_text(&text), "f.yaml is too large: 1048579 bytes, at most 1048576");
    text.length = 0;
    strbuf_append_text(&text, "a");
    for (int i = 0; i < 200; i++)
        strbuf_append_text(&text, "a");
    strbuf_append_text(&text, ": 1\n");
    refused(strbuf_text(&text), "f.yaml:1:1: a key longer than 200 bytes");
    strbuf_done(&text);
}

TEST(nothing_is_fine)
{
    static const char *const empty[] = {"",
                                        "\n",
                                        "# only\n",
                                        "---\n...\n",
                                        "null\n",
                                        "{}\n",
                                        "prompt: 5% caf\xC3\xA9% \n",
                                        "\xEF\xBB\xBF# with a mark\nseed: 0\n",
                                        "seed: 0\r\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        start();
        CHECK_OK(read_text_at(empty[i], LEVEL_USER), error);
        CHECK_STR(strbuf_text(&warnings), "");
        done();
    }
}

TEST(a_model_may_not_name_files)
{
    start();
    CHECK(!read_text_at("seed: 1\noutput: /etc/passwd\n", LEVEL_MODEL));
    CHECK_STR(error.message, "f.yaml:2:9: output may not be set by a model's config");
    CHECK(!read_text_at("force: true\n", LEVEL_MODEL));
    CHECK(r->seed == 0);
    CHECK(read_text_at("force: true\n", LEVEL_USER));
    done();
}

TEST(files_that_are_none)
{
    start();
    CHECK(!yaml_read_file(&s, "tests/data/config", LEVEL_CONFIG, &error));
    CHECK_STR(error.message, "cannot read tests/data/config: it is a directory");
    CHECK(!yaml_read_file(&s, "no/such.yaml", LEVEL_CONFIG, &error));
    CHECK_STR(error.message, "cannot open no/such.yaml: No such file or directory");
    CHECK(!yaml_read_file(&s, "/dev/zero", LEVEL_CONFIG, &error));
    CHECK_STR(error.message, "cannot read /dev/zero: it is not a regular file");
    done();
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char *path = dn_asprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    free(path);
}

/* user < model < -c < command line, and the sampler's own config below all. */
TEST(config_load_reads_them_all)
{
    char dir[] = "/tmp/danaus-test-XXXXXX";
    char why[OPTION_WHY_SIZE];
    CHECK(mkdtemp(dir));
    char *user = dn_asprintf("%s/danaus", dir), *model = dn_asprintf("%s/model", dir);
    CHECK(mkdir(user, 0700) == 0 && mkdir(model, 0700) == 0);
    write_file(user, "danaus.yaml", "seed: 1\ncount: 1\nquality: 1\nthreads: 1\nmodel: ../model\n");
    write_file(model, "danaus.yaml", "seed: 2\ncount: 2\nquality_: 2\nfps: 2\n");
    write_file(dir, "c.yaml", "seed: 3\ncount: 3\nsampler: unipc\n");
    setenv("XDG_CONFIG_HOME", dir, 1);
    start();
    s.config = dn_asprintf("%s/c.yaml", dir);
    CHECK(
        settings_set(&s, option_find(option_rows, option_count, "seed"), "4", LEVEL_COMMAND, why));
    CHECK_OK(config_load(&s, &error), error);
    CHECK(r->seed == 4 && r->count == 3 && r->quality == 1 && r->threads == 1 && r->fps == 2);
    CHECK_MSG(!r->causal, "configs/samplers/unipc.yaml was not read");
    CHECK_MSG(strstr(strbuf_text(&warnings), "/model/danaus.yaml:3: unknown key quality_ is "
                                             "ignored; did you mean quality?"),
              "%s", strbuf_text(&warnings));
    done();

    start();
    s.config = dn_strdup("self_forcing_monarch");
    CHECK_OK(config_load(&s, &error), error);
    CHECK(r->attention.kind == ATTENTION_MONARCH);
    done();

    start();
    s.config = dn_strdup("nonesuch");
    CHECK(!config_load(&s, &error));
    CHECK_STR(error.message, "cannot find the config nonesuch");
    CHECK_STR(error.hint, "give a YAML file or one of euler, few_step, self_forcing, "
                          "self_forcing_monarch, unipc");
    done();

    char *clean = dn_asprintf("rm -rf %s", dir);
    CHECK(system(clean) == 0);
    free(clean);
    free(user);
    free(model);
    unsetenv("XDG_CONFIG_HOME");
}

TESTS(T(public_self_forcing), T(public_monarch), T(public_whole_clip), T(public_diffusion),
      T(public_defaults), T(public_file_resets_what_it_leaves_out), T(levels_in_any_order),
      T(our_own_keys), T(quoted_null_is_a_word), T(unknown_keys_warn),
      T(many_unknown_keys_are_few_warnings), T(bad_values), T(bad_structure), T(bombs),
      T(nothing_is_fine), T(a_model_may_not_name_files), T(files_that_are_none),
      T(config_load_reads_them_all))
