/* Clips whose prompt changes on the way, with the model that ships. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "config/prompt_changes.h"
#include "pipeline/pipeline.h"

enum { SIDE = 32, FRAMES = 45, LATENTS = 12, FRAME = 16 * (SIDE / 8) * (SIDE / 8) };

struct take {
    float latents[LATENTS * FRAME];
    int64_t count;
    struct request *request;
    int64_t steer_at; /* 0 = never */
};

static struct exec *ex;
static struct pipeline *pipeline;
static struct take plain, takes[2];

static void on_chunk(void *user, int64_t chunk)
{
    struct take *t = user;
    if (!t->steer_at || chunk != t->steer_at)
        return;
    char *changes = prompt_changes_add(t->request->prompt_changes, chunk, "a blue star");
    free(t->request->prompt_changes);
    t->request->prompt_changes = changes;
}

static bool on_latents(void *user, const struct event_latents *e, struct dn_error *err)
{
    struct take *t = user;
    (void)err;
    CHECK(e->start == t->count && e->channels * e->height * e->width == FRAME);
    memcpy(t->latents + e->start * FRAME, e->values, (size_t)(e->count * FRAME) * sizeof(float));
    t->count += e->count;
    return true;
}

static void open_demo(void)
{
    struct exec_options options = {.dtype = DTYPE_F32, .threads = 1}; /* no turns to wait for */
    struct pipeline_needs needs = {.text = true};
    struct model_dir dir;
    struct dn_error err;
    if (pipeline)
        return;
    CHECK_OK(ops_cpu.open(&options, &ex, &err), err);
    CHECK_OK(model_dir_open("configs/demo", NULL, &dir, &err) &&
                 pipeline_open(&dir, &needs, &ops_cpu, ex, &pipeline, &err),
             err);
    model_dir_done(&dir);
}

static void fill(struct request *r, const char *changes, int64_t transition)
{
    request_init(r);
    free(r->prompt);
    free(r->prompt_changes);
    r->prompt = dn_strdup("a red circle");
    r->prompt_changes = dn_strdup(changes);
    r->transition = transition;
    r->width = r->height = SIDE;
    r->frames = FRAMES;
    r->seed = 4;
    r->denoising_step_count = 2; /* fewer, to be quick */
}

/* Makes a clip; resume = latents that an earlier take made, of which that many count. */
static void make(struct take *t, const char *changes, int64_t transition, int64_t steer_at,
                 const struct take *resume, int64_t made)
{
    struct request r;
    struct dn_error err;
    const volatile sig_atomic_t stop = 0;
    struct pipeline_inputs in = {0};
    struct pipeline_events events = {.user = t, .chunk = on_chunk, .latents = on_latents};
    open_demo();
    fill(&r, changes, transition);
    *t = (struct take){.request = &r, .steer_at = steer_at};
    if (resume)
        in.made = tensor_over((void *)resume->latents, DTYPE_F32,
                              DIMS(made, 16, SIDE / 8, SIDE / 8));
    CHECK_OK(pipeline_run(pipeline, &r, &in, &events, &stop, &err), err);
    CHECK(t->count == LATENTS);
    request_done(&r);
}

static bool same(const struct take *a, const struct take *b, int64_t first, int64_t end)
{
    return memcmp(a->latents + first * FRAME, b->latents + first * FRAME,
                  (size_t)((end - first) * FRAME) * sizeof(float)) == 0;
}

TEST(a_change_holds_from_its_chunk_on)
{
    make(&plain, "", 0, 0, NULL, 0);
    make(&takes[0], "2: a red circle", 0, 0, NULL, 0); /* the same words: nothing changes */
    CHECK(same(&plain, &takes[0], 0, LATENTS));
    make(&takes[0], "2: a blue star", 0, 0, NULL, 0);
    CHECK(same(&plain, &takes[0], 0, 6));
    for (int64_t i = 6; i < LATENTS; i += 3)
        CHECK_MSG(!same(&plain, &takes[0], i, i + 3), "latents from %d on", (int)i);
    make(&takes[1], "2: a blue star\n3: a red circle", 0, 0, NULL, 0);
    CHECK(same(&takes[0], &takes[1], 0, 9) && !same(&takes[0], &takes[1], 9, LATENTS));
}

TEST(steered_is_as_asked_for)
{
    make(&takes[0], "2: a blue star", 0, 0, NULL, 0);
    make(&takes[1], "", 0, 2, NULL, 0);
    CHECK(same(&takes[0], &takes[1], 0, LATENTS));
    make(&takes[0], "1: a green square\n3: a blue star", 2, 0, NULL, 0);
    make(&takes[1], "1: a green square", 2, 3, NULL, 0);
    CHECK(same(&takes[0], &takes[1], 0, LATENTS));
}

TEST(resumed_is_as_made_at_once)
{
    static const char changes[] = "1: a green square\n3: a blue star";
    for (int64_t transition = 0; transition < 3; transition += 2) {
        make(&takes[0], changes, transition, 0, NULL, 0);
        for (int64_t made = 3; made < LATENTS; made += 3) {
            make(&takes[1], changes, transition, 0, &takes[0], made);
            CHECK_MSG(same(&takes[0], &takes[1], 0, LATENTS), "from %d, transition %d", (int)made,
                      (int)transition);
        }
    }
}

TEST(a_transition_comes_in_between)
{
    make(&plain, "", 0, 0, NULL, 0);
    make(&takes[0], "2: a blue star", 0, 0, NULL, 0);
    make(&takes[1], "2: a blue star", 1, 0, NULL, 0);
    CHECK(same(&plain, &takes[1], 0, 6));
    CHECK(!same(&plain, &takes[1], 6, 9) && !same(&takes[0], &takes[1], 6, 9));
    make(&takes[0], "2: a blue star", 2, 0, NULL, 0);
    CHECK(!same(&takes[0], &takes[1], 6, 9));
}

TEST(changes_that_do_not_fit)
{
    struct request r;
    struct dn_error err;
    struct pipeline_inputs in = {0};
    open_demo();
    fill(&r, "4: a blue star", 0);
    CHECK(!pipeline_check(pipeline, &r, &in, &err) && strstr(err.message, "chunks are 0 to 3"));
    request_done(&r);
    fill(&r, "3: a blue star", 0);
    CHECK_OK(pipeline_check(pipeline, &r, &in, &err), err);
    free(r.sampler);
    r.sampler = dn_strdup("few_step");
    CHECK(!pipeline_check(pipeline, &r, &in, &err) && strstr(err.message, "as a whole"));
    request_done(&r);
    pipeline_close(pipeline);
    ops_cpu.close(ex);
}

TESTS(T(a_change_holds_from_its_chunk_on), T(steered_is_as_asked_for),
      T(resumed_is_as_made_at_once), T(a_transition_comes_in_between), T(changes_that_do_not_fit))
