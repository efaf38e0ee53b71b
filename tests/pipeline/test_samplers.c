/* Samplers against a fixture, plans, noise, and stopping. */
#include "base/philox.h"
#include "base/strbuf.h"
#include "config/option_table.h"
#include "model/transformer_fixture.h"
#include "pipeline/sampler.h"
#include "pipeline/solver.h"

/* --- plans --- */

static void check_chunks(const struct chunk_plan *plan, int64_t given, const char *want)
{
    char got[256] = "";
    for (int64_t i = 0; i < chunk_plan_count(plan); i++) {
        struct chunk c = chunk_plan_at(plan, i);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d+%d", c.given ? "*" : " ",
                 (int)c.start, (int)c.frames);
    }
    CHECK_STR(got, want);
    CHECK(chunk_plan_given_count(plan) == given);
}

TEST(plans)
{
    struct chunk_plan p;
    struct dn_error err;
    CHECK_OK(chunk_plan_make(&p, true, 9, 0, 3, false, &err), err);
    check_chunks(&p, 0, " 0+3 3+3 6+3");
    CHECK_OK(chunk_plan_make(&p, true, 8, 0, 3, false, &err), err); /* whole chunks */
    CHECK(p.total == 9);
    CHECK_OK(chunk_plan_make(&p, true, 7, 0, 3, true, &err), err);
    check_chunks(&p, 0, " 0+1 1+3 4+3");
    CHECK_OK(chunk_plan_make(&p, true, 7, 4, 3, true, &err), err);
    check_chunks(&p, 2, "*0+1*1+3 4+3");
    CHECK_OK(chunk_plan_make(&p, true, 9, 3, 3, false, &err), err);
    check_chunks(&p, 1, "*0+3 3+3 6+3");
    CHECK_OK(chunk_plan_make(&p, true, 7, 1, 3, false, &err), err); /* an image */
    check_chunks(&p, 1, "*0+1 1+3 4+3");
    CHECK_OK(chunk_plan_make(&p, true, 4, 1, 1, false, &err), err);
    check_chunks(&p, 1, "*0+1 1+1 2+1 3+1");
    CHECK_OK(chunk_plan_make(&p, false, 21, 0, 3, false, &err), err);
    check_chunks(&p, 0, " 0+21");

    CHECK(!chunk_plan_make(&p, true, 21, 5, 3, false, &err));
    CHECK_STR(err.hint, "give 3 or 6 latent frames");
    CHECK(!chunk_plan_make(&p, true, 6, 6, 3, false, &err));
    CHECK(!chunk_plan_make(&p, false, 21, 3, 3, false, &err));
}

/* --- noise --- */

TEST(noise_by_frame)
{
    struct noise_source s = {.seed = 5, .frame_size = 10};
    float all[60], part[20];
    struct dn_error err;
    CHECK_OK(noise_initial(&s, 0, 6, all, &err), err);
    CHECK_OK(noise_initial(&s, 3, 2, part, &err), err);
    CHECK(memcmp(part, all + 30, sizeof part) == 0);
    CHECK_OK(noise_renew(&s, 0, 0, 3, 2, part, &err), err);
    CHECK(memcmp(part, all + 30, sizeof part) != 0);
    float other_chunk[20];
    CHECK_OK(noise_renew(&s, 7, 0, 3, 2, other_chunk, &err), err);
    CHECK(memcmp(part, other_chunk, sizeof part) == 0); /* chunks may be cut otherwise */
    CHECK_OK(noise_renew(&s, 0, 1, 3, 2, other_chunk, &err), err);
    CHECK(memcmp(part, other_chunk, sizeof part) != 0);
    float known[1];
    philox_normal(5, 1ull << 56 | 1ull << 32 | 4, 0, known, 1);
    CHECK(other_chunk[10] == known[0]); /* purpose 1, step 1, frame 4 */
}

TEST(noise_given)
{
    float noise[8], renoise[24], out[8];
    struct dn_error err;
    for (int i = 0; i < 24; i++)
        renoise[i] = (float)i;
    for (int i = 0; i < 8; i++)
        noise[i] = (float)(100 + i);
    struct noise_source s = {.frame_size = 2,
                             .noise = noise,
                             .noise_frames = 4,
                             .first_frame = 1,
                             .renoise = renoise,
                             .renoise_chunks = 2,
                             .renoise_steps = 3,
                             .renoise_frames = 2};
    CHECK(noise_initial(&s, 1, 4, out, &err) && out[0] == 100 && out[7] == 107);
    CHECK(!noise_initial(&s, 2, 4, out, &err));
    CHECK(!noise_initial(&s, 0, 1, out, &err)); /* a given frame has none */
    CHECK(noise_renew(&s, 1, 2, 0, 2, out, &err) && out[0] == 20);
    CHECK(!noise_renew(&s, 2, 0, 0, 2, out, &err) && !noise_renew(&s, 0, 3, 0, 2, out, &err) &&
          !noise_renew(&s, 0, 0, 0, 3, out, &err));
}

/* --- samplers --- */

struct clip {
    struct small_model model;
    struct request request;
    struct noise_source noise;
    float *latents; /* [frames, 16, h, w] */
    int64_t handed_on;
    int steps;
    volatile sig_atomic_t stop;
    int stop_after; /* steps; 0 = never */
};

static bool take(void *user, int64_t chunk, int64_t start, const struct tensor *latents,
                 struct dn_error *err)
{
    struct clip *c = user;
    (void)chunk;
    CHECK(start >= c->handed_on);
    struct tensor host =
        tensor_over(c->latents + start * c->noise.frame_size, DTYPE_F32, 4, latents->shape);
    c->handed_on = start + latents->shape[0];
    return c->model.ops->download(c->model.ex, &host, latents, err);
}

static void count_step(void *user, int64_t chunk, int64_t step, int64_t steps)
{
    struct clip *c = user;
    (void)chunk;
    (void)step;
    (void)steps;
    if (++c->steps == c->stop_after)
        c->stop = 1;
}

static void set_sampler(struct request *r, const char *name)
{
    free(r->sampler);
    r->sampler = strdup(name);
}

static struct clip clip_begin(const char *sampler)
{
    struct clip c = {.model = small_model_open(DTYPE_F32)};
    request_init(&c.request);
    set_sampler(&c.request, sampler);
    c.request.attention = (struct attention_choice){ATTENTION_DENSE, 1, 1, 1, 1};
    c.request.denoising_step_count = 4;
    for (int i = 0; i < 4; i++)
        c.request.denoising_steps[i] = 1000 - 250 * i;
    c.request.warp_denoising_step = true;
    c.request.timestep_shift = 5;
    c.request.frames_per_block = 3;
    c.request.sampling_steps = 4;
    c.request.guidance = 3;
    return c;
}

static void clip_end(struct clip *c)
{
    request_done(&c->request);
    small_model_close(&c->model);
    free(c->latents);
}

/* Samples `total` frames of h x w, `given` of them from `initial`. */
static bool clip_run(struct clip *c, int64_t total, int64_t given, const float *initial, int64_t h,
                     int64_t w, struct dn_error *err)
{
    struct sampler_job job = {.sampler = sampler_find(c->request.sampler, err),
                              .request = &c->request,
                              .transformer = c->model.tr,
                              .positive = c->model.cond,
                              .negative = c->model.uncond,
                              .height = h,
                              .width = w,
                              .done = initial,
                              .noise = &c->noise,
                              .stop = &c->stop,
                              .user = c,
                              .on_step = count_step,
                              .on_latents = take};
    c->noise.frame_size = 16 * h * w;
    c->latents = realloc(c->latents, (size_t)(total * c->noise.frame_size) * sizeof *c->latents);
    c->handed_on = 0;
    c->steps = 0;
    c->stop = 0;
    if (!chunk_plan_make(&job.plan, job.sampler->is_causal(&c->request), total, given,
                         c->request.frames_per_block, c->request.independent_first_frame, err) ||
        !sampler_check(&job, err))
        return false;
    bool ok = job.sampler->run(&job, err);
    if (ok)
        CHECK_MSG(c->steps == sampler_step_events(&job), "%d steps, %d announced", c->steps,
                  (int)sampler_step_events(&job));
    return ok;
}

TEST(self_forcing_fixture)
{
    struct clip c = clip_begin("self_forcing");
    struct weights *w = fixture_open(DATA "selfforcing/sf_dense_first1_init4_tiny16.safetensors");
    int64_t shape[4];
    struct dn_error err;
    float *want = fixture_values(w, "latents", shape), *noise = fixture_values(w, "noise", NULL);
    float *renoise = fixture_values(w, "renoise", NULL);
    float *initial = fixture_values(w, "initial_latent", NULL);
    struct text_context *fixture_cond = c.model.cond;
    c.model.cond = small_context(&c.model, w, "prompt_embeds");
    c.request.independent_first_frame = true;
    c.noise = (struct noise_source){.noise = noise,
                                    .noise_frames = 3,
                                    .first_frame = 4,
                                    .renoise = renoise,
                                    .renoise_chunks = 1,
                                    .renoise_steps = 3,
                                    .renoise_frames = 3};
    CHECK_OK(clip_run(&c, 7, 4, initial, shape[2], shape[3], &err), err);
    int64_t made = 3 * c.noise.frame_size, first = 4 * c.noise.frame_size;
    double rel = relative_error(c.latents + first, want + first, made);
    CHECK_MSG(rel <= 1e-5, "%g", rel);
    text_context_free(c.model.cond);
    c.model.cond = fixture_cond;
    free(want);
    free(noise);
    free(renoise);
    free(initial);
    weights_close(w);
    clip_end(&c);
}

/* A clip that goes on from the first chunks of another one is that other one. */
static void check_continuation(const char *sampler, int64_t window, int64_t sink)
{
    struct clip whole = clip_begin(sampler), rest = clip_begin(sampler);
    struct dn_error err;
    whole.request.local_attn_size = rest.request.local_attn_size = window;
    whole.request.sink_size = rest.request.sink_size = sink;
    whole.request.causal = rest.request.causal = true;
    CHECK_OK(clip_run(&whole, 12, 0, NULL, 4, 6, &err), err);
    CHECK_OK(clip_run(&rest, 12, 6, whole.latents, 4, 6, &err), err);
    size_t frame = (size_t)whole.noise.frame_size;
    CHECK(memcmp(whole.latents + 6 * frame, rest.latents + 6 * frame,
                 6 * frame * sizeof *rest.latents) == 0);
    /* and does not depend on how long it gets */
    CHECK_OK(clip_run(&rest, 6, 0, NULL, 4, 6, &err), err);
    CHECK(window > 0 || memcmp(whole.latents, rest.latents, 6 * frame * sizeof(float)) == 0);
    clip_end(&whole);
    clip_end(&rest);
}

TEST(continuation)
{
    check_continuation("self_forcing", -1, 0);
    check_continuation("self_forcing", 7, 1);
    check_continuation("unipc", -1, 0);
    check_continuation("euler", -1, 0);
}

TEST(every_sampler_runs)
{
    for (const struct sampler *const *s = sampler_table; *s; s++) {
        for (int causal = 0; causal < 2; causal++) {
            struct clip c = clip_begin((*s)->name);
            struct dn_error err;
            c.request.causal = causal;
            CHECK_OK(clip_run(&c, 6, 0, NULL, 4, 6, &err), err);
            CHECK(c.handed_on == 6);
            clip_end(&c);
        }
    }
    struct dn_error err;
    CHECK(!sampler_find("ddim", &err));
    CHECK_STR(err.hint, "use one of self_forcing, few_step, unipc, euler");
}

/* The option is refused where it is given, for what no sampler is called. */
TEST(every_sampler_is_a_choice)
{
    struct strbuf names = {0};
    for (const struct sampler *const *s = sampler_table; *s; s++)
        strbuf_printf(&names, "%s%s", s == sampler_table ? "" : "|", (*s)->name);
    CHECK_STR(option_find(option_rows, option_count, "sampler")->choices, strbuf_text(&names));
    strbuf_done(&names);
}

TEST(stopping)
{
    struct clip c = clip_begin("self_forcing");
    struct dn_error err;
    for (c.stop_after = 1; c.stop_after <= 14; c.stop_after++) {
        bool ok = clip_run(&c, 9, 0, NULL, 4, 6, &err);
        /* 4 steps and a cache pass a chunk, none after the last */
        int64_t chunks = (c.stop_after + 1) / 5;
        CHECK_MSG(c.handed_on == 3 * chunks, "stopped after step %d: %d latent frames",
                  c.stop_after, (int)c.handed_on);
        CHECK(!ok && err.code == DN_E_CANCELLED && c.steps == c.stop_after);
    }
    clip_end(&c);
}

TEST(what_does_not_fit)
{
    struct clip c = clip_begin("self_forcing");
    struct dn_error err;
    c.request.local_attn_size = 4;
    c.request.sink_size = 2;
    CHECK(!clip_run(&c, 9, 0, NULL, 4, 6, &err));
    CHECK_STR(err.hint, "use local_attn_size 5 or more, or -1");
    c.request.local_attn_size = 7;
    c.request.sink_size = 1;
    c.request.attention = (struct attention_choice){ATTENTION_MONARCH, 3, 1, 1, 1};
    CHECK(!clip_run(&c, 9, 0, NULL, 4, 6, &err)); /* 3 does not divide 7 */
    CHECK(strstr(err.message, "f_tied 3") != NULL && c.steps == 0);
    c.request.rule_count = 1;
    c.request.local_attn_size = -1;
    c.request.rules[0] = (struct attention_rule){.first_step = 4,
                                                 .last_step = 4,
                                                 .first_layer = 1,
                                                 .last_layer = 1,
                                                 .choice = {ATTENTION_MONARCH, 1, 5, 1, 1}};
    CHECK(!clip_run(&c, 9, 0, NULL, 4, 6, &err)); /* only in the cache pass, still seen first */
    CHECK(strstr(err.message, "h_reduce 5") != NULL && c.steps == 0);
    clip_end(&c);
}

TEST(a_whole_clip_has_no_window)
{
    struct clip c = clip_begin("few_step");
    struct dn_error err;
    c.request.local_attn_size = 4; /* 3 would not divide it */
    c.request.attention = (struct attention_choice){ATTENTION_MONARCH, 3, 1, 1, 1};
    CHECK_OK(clip_run(&c, 6, 0, NULL, 4, 6, &err), err);
    clip_end(&c);
}

TEST(rules_choose_attention)
{
    struct clip dense = clip_begin("self_forcing"), mixed = clip_begin("self_forcing");
    struct dn_error err;
    mixed.request.rule_count = 1;
    mixed.request.rules[0] = (struct attention_rule){.first_step = 1,
                                                     .last_step = 1,
                                                     .first_layer = 0,
                                                     .last_layer = 0,
                                                     .choice = {ATTENTION_MONARCH, 1, 1, 1, 1}};
    CHECK_OK(clip_run(&dense, 3, 0, NULL, 4, 6, &err), err);
    CHECK_OK(clip_run(&mixed, 3, 0, NULL, 4, 6, &err), err);
    CHECK(memcmp(dense.latents, mixed.latents, (size_t)dense.noise.frame_size * 12) != 0);
    mixed.request.rules[0].first_layer = mixed.request.rules[0].last_layer = 2; /* no such layer */
    CHECK_OK(clip_run(&mixed, 3, 0, NULL, 4, 6, &err), err);
    CHECK(memcmp(dense.latents, mixed.latents, (size_t)dense.noise.frame_size * 12) == 0);
    clip_end(&dense);
    clip_end(&mixed);
}

TEST(few_steps_list)
{
    struct request r;
    float t[REQUEST_MAX_LIST], sigma[REQUEST_MAX_LIST];
    request_init(&r);
    r.denoising_step_count = 3;
    r.denoising_steps[0] = 1000;
    r.denoising_steps[1] = 500;
    r.denoising_steps[2] = 0;
    r.timestep_shift = 5;
    r.warp_denoising_step = true;
    CHECK(sampler_few_steps(&r, t, sigma) == 2); /* a final 0 is the clean end, not a step */
    CHECK(t[0] == 1000.0f && t[1] == 833.3333129882812f && sigma[1] == 0.8333333134651184f);
    r.warp_denoising_step = false;
    CHECK(sampler_few_steps(&r, t, sigma) == 2 && t[1] == 500.0f);
    request_done(&r);
}

TESTS(T(plans), T(noise_by_frame), T(noise_given), T(self_forcing_fixture), T(continuation),
      T(every_sampler_runs), T(every_sampler_is_a_choice), T(stopping), T(what_does_not_fit),
      T(a_whole_clip_has_no_window), T(rules_choose_attention), T(few_steps_list))
