/* The parts around the transformer: config.json, cache places, rotary tables, schedules. */
#include "model/rope.h"
#include "model/schedule.h"
#include "model/time_embedding.h"
#include "model/transformer_fixture.h"

/* --- config.json --- */

static bool load_config(const char *json, struct transformer_config *out, struct dn_error *err)
{
    const char *path = "/tmp/danaus-test-config.json";
    struct weights *w = fixture_open(MODEL "diffusion_pytorch_model.safetensors");
    FILE *f = fopen(path, "w");
    fputs(json, f);
    fclose(f);
    *err = (struct dn_error){0};
    bool ok = transformer_config_load(path, w, out, err);
    weights_close(w);
    remove(path);
    return ok;
}

TEST(config_is_read)
{
    struct transformer_config c;
    struct dn_error err;
    struct weights *w = fixture_open(MODEL "diffusion_pytorch_model.safetensors");
    CHECK_OK(transformer_config_load(MODEL "config.json", w, &c, &err), err);
    CHECK(c.dim == 48 && c.ffn_dim == 128 && c.freq_dim == 64 && c.text_dim == 4096);
    CHECK(c.heads == 3 && c.layers == 2 && c.channels == 16 && c.text_len == 5);
    CHECK(!transformer_config_load(NULL, w, &c, &err)); /* heads are in no shape */
    CHECK(strstr(err.message, "num_heads") != NULL);
    weights_close(w);

    CHECK_OK(load_config("{\"num_heads\": 6}", &c, &err), err);
    CHECK(c.heads == 6 && c.text_len == 512 && c.eps == 1e-6);
}

TEST(config_is_refused)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"{}", "num_heads"},
        {"[]", "not a JSON object"},
        {"{\"num_heads\": 3, \"num_heads\": 3}", ""},
        {"{\"num_heads\": \"3\"}", "num_heads"},
        {"{\"num_heads\": 0}", "num_heads"},
        {"{\"num_heads\": 5}", "does not split into 5 heads"},
        {"{\"num_heads\": 16}", "heads of even width"},
        {"{\"num_heads\": 3, \"dim\": 64}", "dim is 64, but the weights have 48"},
        {"{\"num_heads\": 3, \"num_layers\": 30}", "num_layers is 30, but the weights have 2"},
        {"{\"num_heads\": 3, \"text_len\": -1}", "text_len"},
        {"{\"num_heads\": 3, \"eps\": 7}", "eps"},
        {"{\"num_heads\": 3, \"model_type\": \"i2v\"}", "only t2v"},
    };
    struct transformer_config c;
    struct dn_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(!load_config(cases[i].json, &c, &err));
        CHECK_MSG(strstr(err.message, cases[i].says) != NULL, "%s: %s", cases[i].json, err.message);
    }
}

/* --- cache --- */

TEST(cache_places)
{
    struct kv_cache cache = {
        .sizes = {.layers = 1, .frame_tokens = 2, .frames = 7, .sink_frames = 1}};
    struct kv_place p;
    struct dn_error err;
    CHECK(kv_cache_place(&cache, 0, 3, &p, &err) && p.first == 0 && p.end == 3 && p.moving == 0);
    CHECK(kv_cache_place(&cache, 0, 3, &p, &err) && p.first == 0 && p.end == 3 && p.moving == 0);
    CHECK(kv_cache_place(&cache, 3, 3, &p, &err) && p.first == 3 && p.end == 6 && p.moving == 0);
    CHECK(kv_cache_place(&cache, 6, 3, &p, &err) && p.first == 4 && p.end == 7);
    CHECK(p.move_to == 1 && p.move_from == 3 && p.moving == 3);
    CHECK(kv_cache_place(&cache, 6, 3, &p, &err) && p.first == 4 && p.moving == 0);
    CHECK(cache.end_frame == 9 && cache.filled == 7);
    CHECK(!kv_cache_place(&cache, 3, 3, &p, &err));  /* evicted */
    CHECK(!kv_cache_place(&cache, 12, 3, &p, &err)); /* a hole */
    CHECK(!kv_cache_place(&cache, 9, 8, &p, &err));  /* larger than the cache */
    cache.sizes.sink_frames = 5;
    CHECK(!kv_cache_place(&cache, 9, 3, &p, &err));
    CHECK(strstr(err.message, "no room") != NULL);
}

/* --- tables --- */

TEST(rotary_tables)
{
    struct weights *w = fixture_open(DATA "rope/rope_d16_start6.safetensors");
    int64_t shape[2];
    float *want_cos = fixture_values(w, "cos", shape), *want_sin = fixture_values(w, "sin", NULL);
    int64_t count = shape[0] * shape[1];
    float *got = malloc((size_t)count * 2 * sizeof *got);
    rope_table(got, got + count, 16, 6, 3, 5, 7);
    CHECK(shape[0] == 105 && shape[1] == 8);
    CHECK(relative_error(got, want_cos, count) <= 1e-6);
    CHECK(relative_error(got + count, want_sin, count) <= 1e-6);
    struct rope_pairs n = rope_split(128);
    CHECK(n.frame == 22 && n.row == 21 && n.col == 21);
    n = rope_split(2);
    CHECK(n.frame == 1 && n.row == 0 && n.col == 0);
    free(got);
    free(want_cos);
    free(want_sin);
    weights_close(w);
}

TEST(time_is_not_rounded)
{
    float a[4], b[4];
    time_embedding(a, 4, 937.5f);
    time_embedding(b, 4, 937);
    CHECK(a[0] == (float)cos(937.5) && a[2] == (float)sin(937.5));
    CHECK(a[1] == (float)cos(9.375) && a[3] == (float)sin(9.375));
    CHECK(memcmp(a, b, sizeof a) != 0);
}

TEST(schedules)
{
    /* values of the public scheduler, printed exactly */
    static struct schedule s;
    schedule_init(&s, 5);
    CHECK(s.sigmas[0] == 1.0f && s.sigmas[1] == 0.9997997879981995f);
    CHECK(s.timesteps[2] == 999.5994262695312f);
    CHECK(s.sigmas[999] == 0.004980080295354128f);
    CHECK(s.sigmas[975] == 0.11363637447357178f &&
          s.sigmas[998] == 0.009920635260641575f); /* eight lanes, and one by one */
    CHECK(schedule_warp(&s, 1000) == 1000.0f && schedule_warp(&s, 750) == 937.5f);
    CHECK(schedule_warp(&s, 500) == 833.3333129882812f && schedule_warp(&s, 0) == 0.0f);
    CHECK(schedule_nearest(&s, 0) == 999 && schedule_nearest(&s, 980) == 93);
    CHECK(schedule_sigma(&s, 937.5f) == 0.9375f);
    float between = (s.timesteps[10] + s.timesteps[11]) / 2;
    if (s.timesteps[10] - between == between - s.timesteps[11])
        CHECK(schedule_nearest(&s, between) == 10); /* the first one on ties */

    float sigmas[7], timesteps[6];
    static const float want[] = {999, 961, 908, 833, 713, 499};
    schedule_unipc(5, 6, sigmas, timesteps);
    CHECK(memcmp(timesteps, want, sizeof want) == 0);
    CHECK(sigmas[1] == 0.9613164067268372f && sigmas[6] == 0.0f);
    schedule_euler(5, 6, sigmas, timesteps);
    CHECK(sigmas[0] == 1.0f && timesteps[0] == 1000.0f && sigmas[6] == 0.0f);
}

TEST(schedule_mixes)
{
    static struct schedule s;
    float x0[] = {1, -2}, noise[] = {0.5f, 4}, x[2], flow[2], back[2];
    schedule_init(&s, 5);
    schedule_add_noise(&s, 937.5f, x0, noise, x, 2);
    CHECK(x[0] == 0.0625f + 0.46875f && x[1] == -0.125f + 3.75f);
    schedule_x0_to_flow(&s, 937.5f, x, x0, flow, 2);
    CHECK(flow[0] == -0.5f && flow[1] == 6.0f); /* noise - x0 */
    schedule_flow_to_x0(&s, 937.5f, x, flow, back, 2);
    CHECK(back[0] == 1.0f && back[1] == -2.0f);
}

TESTS(T(config_is_read), T(config_is_refused), T(cache_places), T(rotary_tables),
      T(time_is_not_rounded), T(schedules), T(schedule_mixes))
