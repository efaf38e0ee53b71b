/* The pipeline from a model directory to frames, with a small model of random weights. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "model/synthetic.h"
#include "pipeline/pipeline.h"

enum { WIDTH = 48, HEIGHT = 32, MAX_FRAMES = 64, TEXT_DIM = 8 };
static const int64_t pixels = WIDTH * HEIGHT * 3;

/* Everything that a run told, in order. */
struct record {
    char order[512]; /* S started, s step, l latents, f frames, e finished */
    uint8_t rgb[MAX_FRAMES * WIDTH * HEIGHT * 3];
    float values[MAX_FRAMES * WIDTH * HEIGHT * 3];
    float latents[32 * 16 * 4 * 6];
    struct event_started started;
    struct event_finished finished;
    int64_t frames, latent_frames, steps;
    int64_t fail_at_frame;   /* frames() fails at it; 0 = never */
    int64_t stop_after_step; /* 0 = never */
    volatile sig_atomic_t stop;
};

static struct record record; /* too large for the stack */

static void tell(char what)
{
    size_t n = strlen(record.order);
    if (n + 1 < sizeof record.order && (n == 0 || record.order[n - 1] != what))
        record.order[n] = what;
}

static void on_started(void *user, const struct event_started *e)
{
    (void)user;
    tell('S');
    record.started = *e;
}

static void on_step(void *user, const struct event_step *e)
{
    (void)user;
    tell('s');
    record.steps++;
    CHECK(e->done == record.steps && e->total == record.started.steps_total);
    if (e->done == record.stop_after_step)
        record.stop = 1;
}

static bool on_latents(void *user, const struct event_latents *e, struct dn_error *err)
{
    (void)user;
    (void)err;
    tell('l');
    int64_t frame = e->channels * e->height * e->width;
    CHECK(e->start == record.latent_frames && frame == 16 * 4 * 6);
    memcpy(record.latents + e->start * frame, e->values,
           (size_t)(e->count * frame) * sizeof(float));
    record.latent_frames += e->count;
    return true;
}

static bool on_frames(void *user, const struct event_frames *e, struct dn_error *err)
{
    (void)user;
    tell('f');
    CHECK(e->start == record.frames && e->width == WIDTH && e->height == HEIGHT);
    if (record.fail_at_frame && e->start + e->count > record.fail_at_frame)
        return dn_fail(err, DN_E_IO, "disk full");
    memcpy(record.rgb + e->start * pixels, e->rgb, (size_t)(e->count * pixels));
    if (e->values)
        memcpy(record.values + e->start * pixels, e->values,
               (size_t)(e->count * pixels) * sizeof(float));
    record.frames += e->count;
    return true;
}

static void on_finished(void *user, const struct event_finished *e)
{
    (void)user;
    tell('e');
    record.finished = *e;
}

static struct pipeline_events events = {.started = on_started,
                                        .step = on_step,
                                        .latents = on_latents,
                                        .frames = on_frames,
                                        .finished = on_finished};

struct studio {
    char dir[64];
    struct exec *ex;
    struct pipeline *pipeline;
    struct request request;
    struct pipeline_inputs in;
    float context[3 * TEXT_DIM];
};

static void set_sampler(struct request *r, const char *name)
{
    free(r->sampler);
    r->sampler = strdup(name);
}

static struct studio studio_on(const struct ops *ops)
{
    static const struct synthetic_size size = {"test", 24, 32, 2, 2, 16, TEXT_DIM, 6, 4};
    struct studio s = {.dir = "/tmp/danaus-test-XXXXXX"};
    struct exec_options options = {.dtype = DTYPE_F32};
    struct pipeline_needs needs = {.encoder = true};
    struct model_dir dir;
    struct dn_error err;
    CHECK(mkdtemp(s.dir) != NULL);
    CHECK_OK(synthetic_write(&size, s.dir, &err), err);
    CHECK_OK(ops_cpu.open(&options, &s.ex, &err), err);
    CHECK_OK(model_dir_open(s.dir, NULL, &dir, &err) &&
                 pipeline_open(&dir, &needs, ops, s.ex, &s.pipeline, &err),
             err);
    model_dir_done(&dir);
    request_init(&s.request);
    set_sampler(&s.request, "self_forcing");
    s.request.width = WIDTH;
    s.request.height = HEIGHT;
    s.request.frames = 33;
    s.request.seed = 3;
    s.request.frames_per_block = 3;
    s.request.sampling_steps = 3;
    for (int i = 0; i < 3 * TEXT_DIM; i++)
        s.context[i] = (float)sin(i);
    return s;
}

static struct studio studio_open(void)
{
    return studio_on(&ops_cpu);
}

static bool run(struct studio *s, struct dn_error *err)
{
    s->in.context = tensor_over(s->context, DTYPE_F32, DIMS(3, TEXT_DIM));
    memset(record.order, 0, sizeof record.order);
    record.frames = record.latent_frames = record.steps = 0;
    record.finished = (struct event_finished){0};
    record.stop = 0;
    return pipeline_run(s->pipeline, &s->request, &s->in, &events, &record.stop, err);
}

static void studio_close(struct studio *s)
{
    char path[128];
    static const char *const files[] = {"config.json", "diffusion_pytorch_model.safetensors",
                                        "Wan2.1_VAE.safetensors", "Wan2.1_VAE.pth"};
    pipeline_close(s->pipeline);
    ops_cpu.close(s->ex);
    request_done(&s->request);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, files[i]);
        remove(path);
    }
    CHECK_MSG(rmdir(s->dir) == 0, "%s is not empty", s->dir);
}

TEST(frames_leave_as_they_come)
{
    struct studio s = studio_open();
    struct dn_error err;
    CHECK_OK(run(&s, &err), err);
    /* three chunks: steps, latents, frames, then the cache pass and the next chunk's steps */
    CHECK_STR(record.order, "Sslfslfslfse");
    CHECK(record.frames == 33 && record.latent_frames == 9 &&
          record.steps == record.started.steps_total);
    CHECK(record.started.frames_whole == 33 && record.started.chunks == 3);
    CHECK(record.finished.complete && record.finished.frames == 33 && record.finished.latents == 9);
    studio_close(&s);
}

TEST(same_seed_same_bytes)
{
    struct studio s = studio_open();
    struct dn_error err;
    uint8_t *first = malloc((size_t)(33 * pixels));
    CHECK_OK(run(&s, &err), err);
    memcpy(first, record.rgb, (size_t)(33 * pixels));
    memset(record.rgb, 0, sizeof record.rgb);
    CHECK_OK(run(&s, &err), err);
    CHECK(memcmp(first, record.rgb, (size_t)(33 * pixels)) == 0);

    events.float_frames = true;
    CHECK_OK(run(&s, &err), err);
    events.float_frames = false;
    int64_t different = 0;
    for (int64_t i = 0; i < 33 * pixels; i++) {
        float v = fminf(fmaxf(record.values[i], -1), 1) * 127.5f + 127.5f;
        different += fabsf(v - first[i]) > 0.501f;
    }
    CHECK_MSG(different == 0, "%d bytes", (int)different);

    s.request.frames = 21; /* whole chunks are made, what was not asked for is cut */
    CHECK_OK(run(&s, &err), err);
    CHECK(record.frames == 21 && record.latent_frames == 6);
    s.request.frames = 17;
    CHECK_OK(run(&s, &err), err);
    CHECK(record.frames == 17 && record.latent_frames == 6 && record.started.frames_whole == 21);
    CHECK(memcmp(first, record.rgb, (size_t)(17 * pixels)) == 0); /* a shorter clip is the start */
    s.request.frames = 10;                                        /* in the middle of a latent */
    CHECK_OK(run(&s, &err), err);
    CHECK(record.frames == 10 && record.latent_frames == 6);
    s.request.frames = 17;

    s.request.seed = 4;
    CHECK_OK(run(&s, &err), err);
    CHECK(memcmp(first, record.rgb, (size_t)(17 * pixels)) != 0);
    free(first);
    studio_close(&s);
}

TEST(going_on_from_latents)
{
    struct studio s = studio_open();
    struct dn_error err;
    uint8_t *whole = malloc((size_t)(33 * pixels));
    float *latents = malloc(sizeof record.latents);
    CHECK_OK(run(&s, &err), err);
    memcpy(whole, record.rgb, (size_t)(33 * pixels));
    memcpy(latents, record.latents, sizeof record.latents);
    s.in.latents = tensor_over(latents, DTYPE_F32, DIMS(6, 16, 4, 6));
    CHECK_OK(run(&s, &err), err);
    CHECK(record.started.given_latents == 6 && record.started.given_chunks == 2);
    CHECK(record.frames == 33 && record.latent_frames == 9);
    CHECK(memcmp(whole, record.rgb, (size_t)(33 * pixels)) == 0);

    s.in.latents = tensor_over(latents, DTYPE_F32, DIMS(5, 16, 4, 6));
    CHECK(!run(&s, &err) && strstr(err.message, "5 given latent frames") && !record.order[0]);
    s.in.latents = tensor_over(latents, DTYPE_F32, DIMS(3, 16, 6, 4));
    CHECK(!run(&s, &err) && strstr(err.message, "the given latents"));
    free(whole);
    free(latents);
    studio_close(&s);
}

TEST(going_on_from_an_image)
{
    struct studio s = studio_open();
    struct dn_error err;
    static uint8_t image[WIDTH * HEIGHT * 3];
    for (int64_t i = 0; i < pixels; i++)
        image[i] = (uint8_t)(i * 7);
    s.in.frames = tensor_over(image, DTYPE_U8, DIMS(1, HEIGHT, WIDTH, 3));
    CHECK_OK(run(&s, &err), err);
    CHECK(record.frames == 33 && record.started.given_latents == 1);
    CHECK(record.started.latents == 10 && record.started.frames_whole == 37);
    set_sampler(&s.request, "few_step");
    CHECK(!run(&s, &err) && err.code == DN_E_UNSUPPORTED);
    set_sampler(&s.request, "self_forcing");
    s.in.frames = tensor_over(image, DTYPE_U8, DIMS(1, WIDTH, HEIGHT, 3));
    CHECK(!run(&s, &err) && strstr(err.message, "the given frames are 32x48"));
    studio_close(&s);
}

/* Runs again on the first `made` latents of the clip that was just recorded. */
static void resume_and_compare(struct studio *s, int64_t made, int64_t whole_chunks)
{
    struct dn_error err;
    struct record *before = malloc(sizeof record);
    *before = record;
    memset(record.rgb, 0, sizeof record.rgb);
    memset(record.latents, 0, sizeof record.latents);
    s->in.made = tensor_over(before->latents, DTYPE_F32, DIMS(made, 16, 4, 6));
    CHECK_OK(run(s, &err), err);
    CHECK(record.started.done_chunks == whole_chunks && record.steps == record.started.steps_total);
    CHECK(record.frames == before->frames && record.latent_frames == before->latent_frames);
    CHECK(memcmp(record.rgb, before->rgb, (size_t)(record.frames * pixels)) == 0);
    CHECK(memcmp(record.latents, before->latents,
                 (size_t)(record.latent_frames * 16 * 4 * 6) * sizeof(float)) == 0);
    s->in.made.data = NULL;
    free(before);
}

TEST(resuming_gives_the_same_bytes)
{
    struct studio s = studio_open();
    struct dn_error err;
    static const char *const names[] = {"self_forcing", "unipc"};
    s.in.negative = tensor_over(s.context, DTYPE_F32, DIMS(1, TEXT_DIM));
    s.request.guidance = 4;
    s.request.causal = true;
    s.request.context_noise = 200; /* so that a chunk made is another thing than one given */
    for (int i = 0; i < 2; i++) {
        set_sampler(&s.request, names[i]);
        CHECK_OK(run(&s, &err), err);
        resume_and_compare(&s, 2, 0);
        resume_and_compare(&s, 3, 1);
        resume_and_compare(&s, 8, 2);
        resume_and_compare(&s, 9, 3); /* only frames are missing */
        CHECK(record.steps == 0);
    }
    s.request.local_attn_size = 6; /* a cache that rolls */
    s.request.sink_size = 1;
    CHECK_OK(run(&s, &err), err);
    resume_and_compare(&s, 6, 2);
    set_sampler(&s.request, "few_step"); /* all or nothing */
    CHECK_OK(run(&s, &err), err);
    resume_and_compare(&s, 8, 0);
    resume_and_compare(&s, 9, 1);
    studio_close(&s);
}

TEST(resuming_a_clip_that_began_with_an_image)
{
    struct studio s = studio_open();
    struct dn_error err;
    static uint8_t image[WIDTH * HEIGHT * 3];
    for (int64_t i = 0; i < pixels; i++)
        image[i] = (uint8_t)(i * 7);
    s.in.frames = tensor_over(image, DTYPE_U8, DIMS(1, HEIGHT, WIDTH, 3));
    s.request.context_noise = 200;
    CHECK_OK(run(&s, &err), err);
    resume_and_compare(&s, 1, 1);
    resume_and_compare(&s, 4, 2);
    resume_and_compare(&s, 9, 3);
    studio_close(&s);
}

TEST(stopping_and_failing)
{
    struct studio s = studio_open();
    struct dn_error err;
    record.stop_after_step = 7;
    CHECK(!run(&s, &err) && err.code == DN_E_CANCELLED);
    CHECK(record.frames == 9 && !record.finished.complete && record.finished.frames == 9);
    record.stop_after_step = 0;
    record.fail_at_frame = 5;
    CHECK(!run(&s, &err));
    CHECK_STR(err.message, "disk full");
    CHECK(record.finished.frames == 5 && !record.finished.complete);
    record.fail_at_frame = 0;
    CHECK_OK(run(&s, &err), err); /* nothing of it stays behind */
    CHECK(record.frames == 33);
    studio_close(&s);
}

TEST(every_sampler)
{
    struct studio s = studio_open();
    struct dn_error err;
    static const char *const names[] = {"self_forcing", "few_step", "unipc", "euler"};
    s.in.negative = tensor_over(s.context, DTYPE_F32, DIMS(1, TEXT_DIM));
    s.request.guidance = 4;
    s.request.frames = 9;
    for (int i = 0; i < 8; i++) {
        set_sampler(&s.request, names[i % 4]);
        s.request.causal = i < 4;
        CHECK_OK(run(&s, &err), err);
        CHECK(record.frames == 9 && record.steps == record.started.steps_total);
    }
    s.in.negative.data = NULL;
    CHECK(!run(&s, &err) && strstr(err.message, "negative prompt"));
    studio_close(&s);
}

TEST(requests_that_do_not_fit)
{
    struct studio s = studio_open();
    struct dn_error err;
    float noise[16 * 4 * 6] = {0};
    s.request.width = 50;
    CHECK(!run(&s, &err));
    CHECK_STR(err.message, "size 50x32: width and height must be multiples of 16 for this model");
    CHECK_STR(err.hint, "use 48x32 or 64x32");
    s.request.width = WIDTH;
    s.request.attention = (struct attention_choice){ATTENTION_MONARCH, 1, 1, 2, 1};
    CHECK(!pipeline_check(s.pipeline, &s.request, &s.in, &err)); /* 3 token columns */
    CHECK_STR(err.hint, "use w_reduce 1 or 3");
    s.request.attention.w_reduce = 3;
    CHECK_OK(run(&s, &err), err);
    s.in.noise = tensor_over(noise, DTYPE_F32, DIMS(1, 16, 4, 6));
    CHECK(!run(&s, &err) && strstr(err.message, "1 latent frames, 9 are to be made"));
    s.in.noise.data = NULL;
    s.context[5] = NAN; /* what broken weights would do */
    CHECK(!run(&s, &err) && strstr(err.message, "not numbers") && record.frames == 0);
    s.in.context.data = NULL;
    CHECK(!pipeline_run(s.pipeline, &s.request, &s.in, &events, NULL, &err));
    CHECK(strstr(err.message, "no text encoder") != NULL);
    studio_close(&s);
}

static bool another_exec(struct exec *ex, struct exec **out, struct dn_error *err)
{
    struct exec_options options = {.dtype = exec_dtype(ex), .threads = 1};
    return ops_cpu.open(&options, out, err);
}

/* An exec of its own for the decoder: frames come from a thread beside the passes, and are the same
 * bytes; what failed there ends the run, what was finished when it was stopped still comes out. */
TEST(decoding_beside_the_passes)
{
    struct ops ops = ops_cpu;
    ops.open_beside = another_exec;
    struct studio s = studio_on(&ops);
    struct dn_error err;
    uint8_t *whole = malloc((size_t)(33 * pixels));
    events.in_turn = true;
    CHECK_OK(run(&s, &err), err);
    CHECK_STR(record.order, "Sslfslfslfse");
    memcpy(whole, record.rgb, (size_t)(33 * pixels));
    events.in_turn = false;
    for (int turn = 0; turn < 5; turn++) {
        memset(record.rgb, 0, sizeof record.rgb);
        CHECK_OK(run(&s, &err), err);
        CHECK(record.frames == 33 && record.latent_frames == 9 && record.finished.complete);
        CHECK(record.steps == record.started.steps_total);
        CHECK(memcmp(whole, record.rgb, (size_t)(33 * pixels)) == 0);
    }
    s.request.frames = 22; /* one frame behind a chunk's end: the third is cut */
    CHECK_OK(run(&s, &err), err);
    CHECK(record.frames == 22 && memcmp(whole, record.rgb, (size_t)(22 * pixels)) == 0);
    s.request.frames = 33;

    record.fail_at_frame = 12;
    CHECK(!run(&s, &err) && err.code == DN_E_IO && strstr(err.message, "disk full"));
    CHECK(!record.finished.complete && record.frames < 12);
    record.fail_at_frame = 0;
    record.stop_after_step = 8; /* in the second chunk */
    CHECK(!run(&s, &err) && err.code == DN_E_CANCELLED);
    CHECK(record.finished.frames == record.frames && record.frames >= 9);
    CHECK(memcmp(whole, record.rgb, (size_t)(record.frames * pixels)) == 0);
    record.stop_after_step = 0;
    free(whole);
    studio_close(&s);
}

static int64_t memory_left;

static bool little_memory(struct exec *ex, int64_t *bytes, struct dn_error *err)
{
    (void)ex;
    (void)err;
    *bytes = memory_left;
    return true;
}

/* Weights that do not fit are refused before they are loaded, in numbers. Of clips
 * tests/emulate/test_memory.c tells. */
TEST(weights_are_counted_first)
{
    struct ops ops = ops_cpu;
    struct dn_error err;
    struct pipeline_memory m;
    ops.memory_free = little_memory;
    memory_left = INT64_MAX;
    struct studio s = studio_on(&ops);
    CHECK(!pipeline_memory(s.pipeline, &s.request, &s.in, &m, &err) &&
          err.code == DN_E_UNSUPPORTED);

    struct model_dir dir;
    struct pipeline *p;
    struct pipeline_needs needs = {0};
    memory_left = 1000;
    CHECK_OK(model_dir_open(s.dir, NULL, &dir, &err), err);
    CHECK(!pipeline_open(&dir, &needs, &ops, s.ex, &p, &err) && err.code == DN_E_MEMORY);
    CHECK_MSG(strstr(err.message, "of GPU memory"), "%s", err.message);
    model_dir_done(&dir);
    studio_close(&s);
}

TESTS(T(weights_are_counted_first), T(decoding_beside_the_passes), T(frames_leave_as_they_come),
      T(same_seed_same_bytes), T(going_on_from_latents), T(going_on_from_an_image),
      T(resuming_gives_the_same_bytes), T(resuming_a_clip_that_began_with_an_image),
      T(stopping_and_failing), T(every_sampler), T(requests_that_do_not_fit))
