/* transformer: passes against fixtures of the public code, what must not change a result, and
 * files that do not fit. */
#include "format/safetensors_write.h"
#include "model/transformer_fixture.h"

#define F32_REL 1e-5 /* the public code's own float32 run: 8e-7 */
#define BF16_REL 3e-2

/* One pass over host latents [frames, C, h, w]; flow may be NULL. */
static bool pass_over(struct small_model *m, struct transformer_pass *pass, const float *latents,
                      const int64_t *shape, float *flow, struct dn_error *err)
{
    struct tensor x = {0}, y = {0};
    struct tensor host = tensor_over((void *)latents, DTYPE_F32, 4, shape);
    struct tensor out = tensor_over(flow, DTYPE_F32, 4, shape);
    pass->latents = &x;
    bool ok = m->ops->tensor_alloc(m->ex, &x, DTYPE_F32, 4, shape, err) &&
              m->ops->tensor_alloc(m->ex, &y, DTYPE_F32, 4, shape, err) &&
              m->ops->upload(m->ex, &x, &host, err) &&
              transformer_forward(m->tr, pass, flow ? &y : NULL, err) &&
              (!flow || m->ops->download(m->ex, &out, &y, err));
    m->ops->tensor_free(m->ex, &x);
    m->ops->tensor_free(m->ex, &y);
    return ok;
}

/* Sample b of [B, C, F, h, w] as [F, C, h, w]; the caller frees. */
static float *frames_first(const float *from, const int64_t *shape, int64_t b)
{
    int64_t channels = shape[1], frames = shape[2], plane = shape[3] * shape[4];
    float *out = malloc((size_t)(channels * frames * plane) * sizeof *out);
    from += b * channels * frames * plane;
    for (int64_t f = 0; f < frames; f++)
        for (int64_t c = 0; c < channels; c++)
            memcpy(out + (f * channels + c) * plane, from + (c * frames + f) * plane,
                   (size_t)plane * sizeof *out);
    return out;
}

/* x, t, flow of a fixture without cache against one pass. */
static void compare_whole(struct small_model *m, const char *path, struct transformer_pass pass,
                          bool time_per_frame, double tolerance)
{
    struct weights *w = fixture_open(path);
    int64_t shape[5];
    struct dn_error err;
    float *x = fixture_values(w, "x", shape), *want = fixture_values(w, "flow", NULL);
    float *t = fixture_values(w, "t", NULL);
    int64_t count = shape[1] * shape[2] * shape[3] * shape[4];
    int64_t dims[] = {shape[2], shape[1], shape[3], shape[4]};
    float *flow = malloc((size_t)count * sizeof *flow);
    float *times = malloc((size_t)shape[2] * sizeof *times);
    for (int64_t b = 0; b < shape[0]; b++) {
        float *latents = frames_first(x, shape, b), *expected = frames_first(want, shape, b);
        for (int64_t f = 0; f < shape[2]; f++)
            times[f] = time_per_frame ? t[b * shape[2] + f] : t[b];
        pass.timesteps = times;
        pass.context = b == 0 ? m->cond : m->uncond;
        CHECK_OK(pass_over(m, &pass, latents, dims, flow, &err), err);
        double rel = relative_error(flow, expected, count);
        CHECK_MSG(rel <= tolerance, "%s sample %d: %g", path, (int)b, rel);
        free(latents);
        free(expected);
    }
    free(x);
    free(want);
    free(t);
    free(flow);
    free(times);
    weights_close(w);
}

static const struct attention_choice dense2[2] = {{ATTENTION_DENSE, 1, 1, 1, 1},
                                                  {ATTENTION_DENSE, 1, 1, 1, 1}};
static const struct attention_choice tile232[2] = {{ATTENTION_MONARCH, 2, 3, 2, 1},
                                                   {ATTENTION_MONARCH, 2, 3, 2, 1}};
static const struct attention_choice iters2[2] = {{ATTENTION_MONARCH, 1, 1, 1, 2},
                                                  {ATTENTION_MONARCH, 1, 1, 1, 2}};

TEST(bidirectional_and_block_causal)
{
    for (int bf16 = 0; bf16 < 2; bf16++) {
        struct small_model m = small_model_open(bf16 ? DTYPE_BF16 : DTYPE_F32);
        double tolerance = bf16 ? BF16_REL : F32_REL;
        compare_whole(&m, DATA "dit/bidir_monarch_tile_2_3_2_tiny16.safetensors",
                      (struct transformer_pass){.attention = tile232}, false, tolerance);
        compare_whole(&m, DATA "dit/causal_nocache_dense_local4_tiny16.safetensors",
                      (struct transformer_pass){.block_frames = 2, .window = 4}, true, tolerance);
        small_model_close(&m);
    }
}

/* Chunks of `chunk` frames: a noisy and a clean pass each. without_flow leaves the clean pass's
 * output out, which must not change anything else. */
static void compare_cached(const char *path, const struct attention_choice *attention,
                           int64_t chunk, int64_t window, bool without_flow)
{
    struct small_model m = small_model_open(DTYPE_F32);
    struct weights *w = fixture_open(path);
    int64_t shape[4];
    struct dn_error err;
    struct kv_cache *cache = NULL;
    float *noisy = fixture_values(w, "x_noisy", shape), *clean = fixture_values(w, "x_clean", NULL);
    float *t = fixture_values(w, "t_noisy", NULL), *want = fixture_values(w, "flow_noisy", NULL);
    float *want_clean = fixture_values(w, "flow_clean", NULL);
    int64_t total = shape[0], frame = shape[1] * shape[2] * shape[3];
    float *got = malloc((size_t)(total * frame) * sizeof *got);
    float *got_clean = malloc((size_t)(total * frame) * sizeof *got);
    float zeros[8] = {0};
    CHECK_OK(transformer_cache_new(m.tr, shape[2] / 2, shape[3] / 2, window > 0 ? window : total, 0,
                                   &cache, &err),
             err);
    for (int64_t start = 0; start < total; start += chunk) {
        struct transformer_pass pass = {.timesteps = t + start,
                                        .context = m.cond,
                                        .attention = attention,
                                        .start_frame = start,
                                        .cache = cache};
        int64_t dims[] = {chunk, shape[1], shape[2], shape[3]}, at = start * frame;
        CHECK_OK(pass_over(&m, &pass, noisy + at, dims, got + at, &err), err);
        pass.timesteps = zeros;
        CHECK_OK(pass_over(&m, &pass, clean + at, dims, without_flow ? NULL : got_clean + at, &err),
                 err);
    }
    double rel = relative_error(got, want, total * frame);
    CHECK_MSG(rel <= F32_REL, "%s noisy: %g", path, rel);
    if (!without_flow) {
        rel = relative_error(got_clean, want_clean, total * frame);
        CHECK_MSG(rel <= F32_REL, "%s clean: %g", path, rel);
    }
    kv_cache_free(cache);
    free(noisy);
    free(clean);
    free(t);
    free(want);
    free(want_clean);
    free(got);
    free(got_clean);
    weights_close(w);
    small_model_close(&m);
}

TEST(cached_chunks)
{
    compare_cached(DATA "dit/causal_kv_monarch_iters2_tiny16.safetensors", iters2, 2, -1, false);
    compare_cached(DATA "dit/causal_kv_dense_local6_sink0_tiny16.safetensors", dense2, 3, 6, false);
}

TEST(cache_pass_without_flow)
{
    compare_cached(DATA "dit/causal_kv_dense_local6_sink0_tiny16.safetensors", NULL, 3, 6, true);
}

TEST(a_pass_changes_no_later_one)
{
    struct small_model m = small_model_open(DTYPE_F32);
    int64_t small[] = {1, 16, 4, 6}, large[] = {2, 16, 6, 8};
    float first[16 * 24], again[16 * 24], other[2 * 16 * 48], x[2 * 16 * 48];
    float times[2] = {500, 937.5f};
    struct dn_error err;
    for (int i = 0; i < 2 * 16 * 48; i++)
        x[i] = (float)((i * 37) % 101) / 50 - 1;
    struct transformer_pass pass = {.timesteps = times, .context = m.cond};
    CHECK_OK(pass_over(&m, &pass, x, small, first, &err), err);
    for (int i = 0; i < 20; i++) { /* more timesteps than are kept */
        times[1] = (float)i;
        CHECK_OK(pass_over(&m, &pass, x, large, other, &err), err);
    }
    CHECK_OK(pass_over(&m, &pass, x, small, again, &err), err);
    CHECK(memcmp(first, again, sizeof first) == 0);
    small_model_close(&m);
}

TEST(padding_rows_count)
{
    /* a context of the valid rows alone is the context with its zero rows */
    struct small_model m = small_model_open(DTYPE_F32);
    struct weights *w = fixture_open(MODEL "context.safetensors");
    int64_t shape[2], dims[] = {1, 16, 4, 6};
    struct dn_error err;
    struct text_context *cut = NULL;
    float *rows = fixture_values(w, "cond", shape), x[16 * 24], whole[16 * 24], part[16 * 24];
    float t = 750;
    for (int i = 0; i < 16 * 24; i++)
        x[i] = (float)((i * 31) % 97) / 48 - 1;
    struct tensor host = tensor_over(rows, DTYPE_F32, DIMS(3, shape[1]));
    CHECK_OK(text_context_new(m.tr, &host, &cut, &err), err);
    struct transformer_pass pass = {.timesteps = &t, .context = m.cond};
    CHECK_OK(pass_over(&m, &pass, x, dims, whole, &err), err);
    pass.context = cut;
    CHECK_OK(pass_over(&m, &pass, x, dims, part, &err), err);
    CHECK(memcmp(whole, part, sizeof whole) == 0);
    text_context_free(cut);

    host.shape[0] = shape[0] + 1;
    CHECK(!text_context_new(m.tr, &host, &cut, &err));
    CHECK(strstr(err.message, "at most 5 rows of 4096") != NULL);
    free(rows);
    weights_close(w);
    small_model_close(&m);
}

TEST(attention_that_does_not_fit)
{
    struct dn_error err;
    struct attention_choice c = {ATTENTION_MONARCH, 1, 4, 1, 1};
    CHECK(!transformer_check_attention(&c, 3, 9, 30, 52, &err));
    CHECK_STR(err.message,
              "Monarch attention: h_reduce 4 does not divide the 30 token rows of a frame");
    CHECK_STR(err.hint, "use h_reduce 3 or 5");
    c = (struct attention_choice){ATTENTION_MONARCH, 3, 2, 2, 1};
    CHECK(transformer_check_attention(&c, 3, 9, 30, 52, &err));
    CHECK(!transformer_check_attention(&c, 3, 7, 30, 52, &err));
    CHECK(strstr(err.message, "7 latent frames that are attended") != NULL);
    c.kind = ATTENTION_DENSE;
    CHECK(transformer_check_attention(&c, 1, 1, 5, 7, &err));
}

/* --- files that do not fit --- */

enum defect { MISSING, SHORT, INTEGERS, UNKNOWN, FLAT_PATCH, DEFECTS };

/* The small model's file with one defect. */
static void write_broken(const char *path, enum defect defect)
{
    struct weights *w = fixture_open(MODEL "diffusion_pytorch_model.safetensors");
    struct safetensors_writer *out = safetensors_writer_new();
    static const float extra[2] = {1, 2};
    struct dn_error err;
    for (int64_t i = 0; i < weights_count(w); i++) {
        const struct weight_view *v = weights_at(w, i);
        bool q = strcmp(v->name, "blocks.1.self_attn.q.bias") == 0;
        bool patch = strcmp(v->name, "patch_embedding.weight") == 0;
        int64_t shape[WEIGHTS_MAX_DIMS];
        memcpy(shape, v->shape, sizeof shape);
        if (q && defect == MISSING)
            continue;
        if (q && defect == SHORT)
            shape[0]--;
        if (patch && defect == FLAT_PATCH) {
            int64_t flat[] = {shape[0], v->count / shape[0]};
            safetensors_writer_tensor(out, v->name, v->dtype, 2, flat, v->data);
            continue;
        }
        safetensors_writer_tensor(out, v->name, q && defect == INTEGERS ? DTYPE_I32 : v->dtype,
                                  v->ndim, shape, v->data);
    }
    if (defect == UNKNOWN)
        safetensors_writer_tensor(out, "blocks.0.extra", DTYPE_F32, 1, (int64_t[]){2}, extra);
    CHECK_OK(safetensors_writer_finish(out, path, true, &err), err);
    safetensors_writer_free(out);
    weights_close(w);
}

TEST(files_that_do_not_fit)
{
    static const char *const says[DEFECTS] = {
        [MISSING] = "tensor blocks.1.self_attn.q.bias is missing, shape needed [48]",
        [SHORT] = "tensor blocks.1.self_attn.q.bias has shape [47], needs [48]",
        [INTEGERS] = "tensor blocks.1.self_attn.q.bias is I32, needs F32, F16, BF16 or F64",
        [UNKNOWN] = "1 tensor that the transformer does not know: blocks.0.extra",
        [FLAT_PATCH] = "tensor patch_embedding.weight has shape [48,64], needs [?,?,1,2,2]",
    };
    const char *path = "/tmp/danaus-test-transformer.safetensors";
    for (enum defect d = 0; d < DEFECTS; d++) {
        struct transformer_config config;
        struct transformer *tr = NULL;
        struct dn_error err = {0};
        struct exec *ex = NULL;
        struct exec_options options = {.dtype = DTYPE_F32};
        CHECK_OK(ops_cpu.open(&options, &ex, &err), err);
        write_broken(path, d);
        struct weights *w = fixture_open(path);
        CHECK(!transformer_config_load(MODEL "config.json", w, &config, &err) ||
              !transformer_open(&ops_cpu, ex, w, &config, &tr, &err));
        CHECK_MSG(strstr(err.message, says[d]) != NULL, "%s", err.message);
        weights_close(w);
        ops_cpu.close(ex);
    }
    remove(path);
}

TESTS(T(bidirectional_and_block_causal), T(cached_chunks), T(cache_pass_without_flow),
      T(a_pass_changes_no_later_one), T(padding_rows_count), T(attention_that_does_not_fit),
      T(files_that_do_not_fit))
