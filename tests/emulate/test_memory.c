/* memory: what the CUDA backend takes of a device is what was planned, and after a clip's first
 * steps it takes no more. The public model at 832x480 fits where it is said to fit. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "kernels/cuda/cuda_backend.h"
#include "model/synthetic.h"
#include "model/transformer.h"
#include "pipeline/pipeline.h"

#define GIB 1073741824.0
#define TEXT_DIM 8

/* cuda_runtime.h, which is C++ */
extern struct emulate_memory {
    size_t held, most, calls;
} emulate_memory;
extern bool emulate_lacks_fp8;

struct studio {
    char dir[64];
    const struct ops *ops;
    struct exec *ex;
    struct pipeline *pipeline;
    struct request request;
    struct pipeline_inputs in;
};

static void studio_open(struct studio *s, const struct ops *ops, struct exec *ex)
{
    struct pipeline_needs needs = {0};
    struct model_dir dir;
    struct dn_error err;
    s->ops = ops;
    s->ex = ex;
    CHECK_OK(model_dir_open(s->dir, NULL, &dir, &err) &&
                 pipeline_open(&dir, &needs, ops, ex, &s->pipeline, &err),
             err);
    model_dir_done(&dir);
    request_init(&s->request);
    free(s->request.sampler);
    s->request.sampler = strdup("self_forcing");
}

static void studio_close(struct studio *s)
{
    static const char *const files[] = {"config.json", "diffusion_pytorch_model.safetensors",
                                        "Wan2.1_VAE.safetensors"};
    char path[128];
    pipeline_close(s->pipeline);
    s->ops->close(s->ex);
    request_done(&s->request);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, files[i]);
        remove(path);
    }
    CHECK_MSG(rmdir(s->dir) == 0, "%s is not empty", s->dir);
}

/* Where a run stood when its steps ended. */
static size_t calls[64];
static int steps;

static void on_step(void *user, const struct event_step *e)
{
    (void)user;
    (void)e;
    calls[steps++] = emulate_memory.calls;
}

static const struct pipeline_events events = {.in_turn = true, .step = on_step};

/* The most that a run takes beyond what was held. */
static int64_t run(struct studio *s)
{
    struct dn_error err;
    size_t before = emulate_memory.held;
    emulate_memory.most = before;
    steps = 0;
    CHECK_OK(pipeline_run(s->pipeline, &s->request, &s->in, &events, NULL, &err), err);
    return (int64_t)(emulate_memory.most - before);
}

/* Two chunks of two steps, a pass for the cache between them. */
static void small_request(struct request *r)
{
    r->width = 16;
    r->height = 16;
    r->frames = 5;
    r->frames_per_block = 1;
    r->denoising_step_count = 2;
    r->denoising_steps[1] = 500;
}

static void small_studio(struct studio *s, float *context)
{
    static const struct synthetic_size size = {"test", 32, 64, 2, 2, 16, TEXT_DIM, 6, 4};
    struct exec_options options = {.dtype = DTYPE_BF16};
    struct exec *ex = NULL;
    struct dn_error err;
    *s = (struct studio){.dir = "/tmp/danaus-test-XXXXXX"};
    CHECK(mkdtemp(s->dir) != NULL);
    CHECK_OK(synthetic_write(&size, s->dir, &err), err);
    CHECK_OK(ops_cuda.open(&options, &ex, &err), err);
    studio_open(s, &ops_cuda, ex);
    for (int i = 0; i < 3 * TEXT_DIM; i++)
        context[i] = (float)sin(i);
    s->in.context = tensor_over(context, DTYPE_F32, DIMS(3, TEXT_DIM));
    small_request(&s->request);
}

/* The books may differ from what happens by buffers that live for one operation while other memory
 * is not yet taken: the rows of a timestep. */
#define PASSING 1024

static void check_plan(struct studio *s, int64_t *more)
{
    struct pipeline_memory m;
    struct dn_error err;
    size_t held = emulate_memory.held, taken = emulate_memory.calls;
    CHECK_OK(pipeline_memory(s->pipeline, &s->request, &s->in, &m, &err), err);
    CHECK(emulate_memory.held == held && emulate_memory.calls == taken);
    CHECK(m.held == (int64_t)held);
    CHECK(m.keys_values + m.pass + m.decoder + m.scratch <= m.more);
    int64_t took = run(s);
    CHECK_MSG(took <= m.more && m.more - took <= PASSING, "took %lld bytes, planned were %lld",
              (long long)took, (long long)m.more);
    *more = m.more;
}

/* Nothing is taken between the first chunk and the end, and by a second clip only at its start: so
 * passes can be recorded, and nothing waits for memory. */
TEST(a_clip_takes_what_was_planned_and_early)
{
    struct studio s;
    float context[3 * TEXT_DIM];
    int64_t first, second, larger;
    small_studio(&s, context);
    s.request.attention.kind = ATTENTION_MONARCH;
    check_plan(&s, &first);
    CHECK(steps == 5);
    for (int i = 3; i < steps; i++)
        CHECK_MSG(calls[i] == calls[2], "step %d took memory", i);
    check_plan(&s, &second); /* what the first one left need not be taken again */
    CHECK(second < first);
    for (int i = 1; i < steps; i++)
        CHECK_MSG(calls[i] == calls[0], "step %d of the second clip took memory", i);
    s.request.attention.kind = ATTENTION_DENSE;
    s.request.width = 32; /* another decoder, other buffers */
    s.request.frames = 1;
    check_plan(&s, &larger);
    CHECK(larger > second);
    studio_close(&s);
    CHECK(emulate_memory.held == 0);
}

static int64_t memory_left;

static bool little_memory(struct exec *ex, int64_t *bytes, struct dn_error *err)
{
    (void)ex;
    (void)err;
    *bytes = memory_left;
    return true;
}

/* What does not fit is refused before a clip begins, in numbers. */
TEST(a_clip_that_does_not_fit_is_refused)
{
    struct ops ops = ops_cuda;
    struct studio s;
    struct pipeline_memory m;
    struct dn_error err;
    float context[3 * TEXT_DIM];
    small_studio(&s, context);
    pipeline_close(s.pipeline);
    request_done(&s.request);
    ops.memory_free = little_memory;
    memory_left = INT64_MAX;
    studio_open(&s, &ops, s.ex);
    small_request(&s.request);
    CHECK_OK(pipeline_memory(s.pipeline, &s.request, &s.in, &m, &err), err);
    memory_left = m.more;
    CHECK_OK(pipeline_check(s.pipeline, &s.request, &s.in, &err), err);
    memory_left = m.more - 1;
    CHECK(!pipeline_check(s.pipeline, &s.request, &s.in, &err) && err.code == DN_E_MEMORY);
    CHECK_MSG(strstr(err.message, "needs 0.00 GiB"), "%s", err.message);
    studio_close(&s);
}

/* wan2.1-1.3b in bf16, 81 frames of 832x480: the goal is 13.5 GiB with the driver's context, which
 * is about 0.6, and cuBLASLt's two workspaces of 32 MiB. */
TEST(the_public_model_fits)
{
    const enum attention_kind kinds[] = {ATTENTION_DENSE, ATTENTION_MONARCH};
    const struct exec_options options = {.dtype = DTYPE_BF16, .plan_only = true};
    struct studio s = {.dir = "/tmp/danaus-test-XXXXXX"};
    struct exec *ex = NULL;
    struct dn_error err;
    CHECK(mkdtemp(s.dir) != NULL);
    CHECK_OK(synthetic_write_hollow(synthetic_find("wan2.1-1.3b"), s.dir, &err), err);
    CHECK_OK(ops_planning()->open(&options, &ex, &err), err);
    size_t taken = emulate_memory.calls;
    studio_open(&s, ops_planning(), ex);
    s.request.width = 832;
    s.request.height = 480;
    s.request.frames = 81;
    s.request.frames_per_block = 3;
    for (int i = 0; i < 2; i++) {
        struct pipeline_memory m;
        s.request.attention.kind = kinds[i];
        CHECK_OK(pipeline_memory(s.pipeline, &s.request, &s.in, &m, &err), err);
        double all = (double)(m.held + m.more) / GIB + 0.6 + 0.0625;
        fprintf(stderr,
                "held %.2f, keys and values %.2f, pass %.2f, decoder %.2f, scratch %.2f, rest %.2f "
                "GiB; with context %.2f\n",
                (double)m.held / GIB, (double)m.keys_values / GIB, (double)m.pass / GIB,
                (double)m.decoder / GIB, (double)m.scratch / GIB,
                (double)(m.more - m.keys_values - m.pass - m.decoder - m.scratch) / GIB, all);
        CHECK(all < 13.5 && m.held > 2.7 * GIB && m.keys_values > 5.5 * GIB);
    }
    CHECK(emulate_memory.calls == taken); /* nothing was really taken */
    studio_close(&s);
}

/* Narrow layers take a byte a weight, and a device that multiplies no e4m3 says so at once. */
TEST(fp8_weights_are_half)
{
    struct exec_options options = {.dtype = DTYPE_BF16, .plan_only = true};
    struct studio s = {.dir = "/tmp/danaus-test-XXXXXX"};
    struct exec *ex = NULL;
    struct dn_error err;
    struct pipeline_memory m[2];
    CHECK(mkdtemp(s.dir) != NULL);
    CHECK_OK(synthetic_write_hollow(synthetic_find("wan2.1-1.3b"), s.dir, &err), err);
    for (int i = 0; i < 2; i++) {
        options.fp8 = i == 1;
        CHECK_OK(ops_planning()->open(&options, &ex, &err), err);
        studio_open(&s, ops_planning(), ex);
        small_request(&s.request);
        CHECK_OK(pipeline_memory(s.pipeline, &s.request, &s.in, &m[i], &err), err);
        if (i == 0) {
            pipeline_close(s.pipeline);
            request_done(&s.request);
            ops_planning()->close(ex);
        }
    }
    /* 30 blocks of 6 x 1536^2 + 2 x 1536 x 8960 weights, less a float32 factor a channel */
    int64_t weights = transformer_narrow_parameters(pipeline_transformer(s.pipeline));
    int64_t factors = 30 * 4 * (6 * 1536 + 8960 + 1536), saved = m[0].held - m[1].held;
    CHECK(weights == 30LL * (6 * 1536 * 1536 + 2 * 1536 * 8960));
    CHECK_MSG(saved == weights - factors, "%lld bytes saved of %lld", (long long)saved,
              (long long)(weights - factors));
    studio_close(&s);
}

TEST(a_device_without_fp8_refuses_it)
{
    const struct exec_options options = {.dtype = DTYPE_BF16, .fp8 = true};
    struct exec *ex = NULL;
    struct dn_error err;
    emulate_lacks_fp8 = true;
    CHECK(!ops_cuda.open(&options, &ex, &err) && err.code == DN_E_UNSUPPORTED && !ex);
    CHECK_MSG(strstr(err.message, "compute capability 9.0") && strstr(err.hint, "--linear fp8"),
              "%s (%s)", err.message, err.hint);
    emulate_lacks_fp8 = false;
    CHECK_OK(ops_cuda.open(&options, &ex, &err), err);
    CHECK(exec_fp8(ex));
    ops_cuda.close(ex);
}

TESTS(T(a_clip_takes_what_was_planned_and_early), T(a_clip_that_does_not_fit_is_refused),
      T(the_public_model_fits), T(fp8_weights_are_half), T(a_device_without_fp8_refuses_it))
