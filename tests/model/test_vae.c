/* vae: fixtures of an independent float64 implementation on a tiny net whose stages have other
 * numbers of blocks than the public one; streaming; misfits. */
#include "model_fixture.h"

#include "model/vae_internal.h"

#define VAE DATA "vae/Wan2.1_VAE.safetensors"

static struct vae *load(struct exec *ex, enum vae_parts parts)
{
    struct dn_error err;
    struct weights *w = open_data(VAE);
    struct vae *vae = NULL;
    CHECK_OK(vae_load(w, parts, &ops_cpu, ex, &vae, &err), err);
    weights_close(w); /* allowed as soon as it is loaded */
    return vae;
}

struct clip {
    const struct vae_decoder *dec;
    float *pixels; /* [3, frames, height, width] */
    int64_t frames, height, width;
    int64_t seen, refuse_at;
};

static bool take(void *context, const struct tensor *video, int64_t first, struct dn_error *err)
{
    struct clip *c = context;
    CHECK(first == c->seen);
    if (c->refuse_at >= 0 && first >= c->refuse_at)
        return dn_fail(err, DN_E_CANCELLED, "enough");
    c->seen += video->shape[0];
    struct tensor host = vae_view_of_cthw(c->pixels, c->frames, first, video->shape[0], c->height,
                                          c->width);
    return vae_frames_download(c->dec, &host, video, err);
}

/* A fixture's z [C, N, h, w] as [N, C, h, w]. */
static struct tensor latents_of(float *z, const int64_t *shape)
{
    struct tensor t = tensor_over(z, DTYPE_F32, DIMS(shape[1], shape[0], shape[2], shape[3]));
    t.stride[0] = shape[2] * shape[3];
    t.stride[1] = shape[1] * shape[2] * shape[3];
    return t;
}

/* Decodes case "t4" in pushes of `step`; the caller frees. */
static float *decode(struct vae_decoder *dec, const struct tensor *latents, int64_t frames,
                     int64_t step)
{
    struct dn_error err;
    struct clip c = {.dec = dec, .frames = frames, .height = latents->shape[2] * 8,
                     .width = latents->shape[3] * 8, .refuse_at = -1};
    c.pixels = dn_calloc((size_t)(3 * frames * c.height * c.width), sizeof *c.pixels);
    CHECK_OK(vae_decoder_reset(dec, &err), err);
    for (int64_t i = 0; i < latents->shape[0]; i += step) {
        int64_t n = latents->shape[0] - i < step ? latents->shape[0] - i : step;
        struct tensor part = tensor_slice(latents, i, n);
        CHECK_OK(vae_decoder_push_host(dec, &part, take, &c, &err), err);
    }
    CHECK(c.seen == frames);
    return c.pixels;
}

static void check_decode(enum dtype dtype, double tolerance)
{
    struct exec *ex = open_exec(dtype);
    struct vae *vae = load(ex, VAE_DECODER);
    struct weights *w = open_data(DATA "vae/decode.safetensors");
    const char *const cases[][2] = {{"t1.z", "t1.pixels_raw"}, {"t4.z", "t4.pixels_raw"}};
    struct dn_error err;
    for (int i = 0; i < 2; i++) {
        const struct weight_view *z_view, *want_view;
        float *z = values_of(w, cases[i][0], &z_view);
        float *want = values_of(w, cases[i][1], &want_view);
        struct tensor latents = latents_of(z, z_view->shape);
        struct vae_decoder *dec = NULL;
        CHECK_OK(vae_decoder_new(vae, z_view->shape[2], z_view->shape[3], &dec, &err), err);
        const int64_t frames = want_view->shape[1];
        CHECK(vae_frames_of_latents(vae_get_info(vae), z_view->shape[1]) == frames);
        float *whole = decode(dec, &latents, frames, latents.shape[0]);
        double rel = rel_error(whole, want, want_view->count);
        CHECK_MSG(rel <= tolerance, "%s: rel %g", cases[i][0], rel);
        for (int64_t step = 1; step < latents.shape[0]; step++) {
            float *parts = decode(dec, &latents, frames, step);
            CHECK(memcmp(parts, whole, (size_t)want_view->count * 4) == 0);
            free(parts);
        }
        free(whole);
        vae_decoder_free(dec);
        free(z);
        free(want);
    }
    weights_close(w);
    vae_free(vae);
    ops_cpu.close(ex);
}

TEST(decodes_like_the_reference)
{
    check_decode(DTYPE_F32, 1e-5);
}

TEST(decodes_in_bf16)
{
    if (ops_cpu.best_dtype() == DTYPE_BF16)
        check_decode(DTYPE_BF16, 0.06);
}

/* One latent pixel: the folded convolutions have edges only. */
TEST(the_smallest_picture)
{
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct vae *vae = load(ex, VAE_DECODER);
    struct vae_decoder *dec = NULL;
    CHECK_OK(vae_decoder_new(vae, 1, 1, &dec, &err), err);
    float z[2 * 16] = {1.0f, -1.0f, 0.5f};
    struct tensor latents = tensor_over(z, DTYPE_F32, DIMS(2, 16, 1, 1));
    float *once = decode(dec, &latents, 5, 2), *twice = decode(dec, &latents, 5, 1);
    double sum = 0;
    for (int i = 0; i < 3 * 5 * 64; i++)
        sum += fabs((double)once[i]);
    CHECK(isfinite(sum) && sum > 0);
    CHECK(memcmp(once, twice, 3 * 5 * 64 * sizeof *once) == 0);
    free(once);
    free(twice);
    vae_decoder_free(dec);
    vae_free(vae);
    ops_cpu.close(ex);
}

static struct video_habits habits;

static const struct video_habits *changed_habits(void)
{
    return &habits;
}

/* Decodes case "t4" in slices of at most so many frames; the caller frees. */
static float *decode_in_slices(struct exec *ex, int64_t most, int64_t *count, int64_t *bytes)
{
    struct ops ops = ops_cpu;
    struct dn_error err;
    struct weights *w = open_data(VAE), *fixture = open_data(DATA "vae/decode.safetensors");
    const struct weight_view *view;
    float *z = values_of(fixture, "t4.z", &view);
    struct tensor latents = latents_of(z, view->shape);
    struct vae *vae = NULL;
    struct vae_decoder *dec = NULL;
    habits = *ops_cpu.video_habits();
    habits.slice_elements = 1;
    habits.slice_least = most;
    ops.video_habits = changed_habits;
    CHECK_OK(vae_load(w, VAE_DECODER, &ops, ex, &vae, &err), err);
    CHECK_OK(vae_decoder_new(vae, view->shape[2], view->shape[3], &dec, &err), err);
    const int64_t frames = vae_frames_of_latents(vae_get_info(vae), view->shape[1]);
    float *pixels = decode(dec, &latents, frames, latents.shape[0]);
    *count = 3 * frames * view->shape[2] * 8 * view->shape[3] * 8;
    *bytes = vae_decoder_bytes(dec);
    vae_decoder_free(dec);
    vae_free(vae);
    weights_close(w);
    weights_close(fixture);
    free(z);
    return pixels;
}

/* Slices cost memory, not bytes of the result: where windows are seen in place a pixel is the same sum. */
TEST(slices_change_nothing)
{
    const bool same = ops_cpu.video_habits()->runs;
    const enum dtype dtypes[] = {DTYPE_F32, DTYPE_BF16};
    for (int i = 0; i < 2 && (i == 0 || same); i++) {
        struct exec *ex = open_exec(dtypes[i]);
        int64_t count, whole_bytes, bytes;
        float *whole = decode_in_slices(ex, 4, &count, &whole_bytes);
        for (int64_t most = 1; most < 4; most *= 2) {
            float *parts = decode_in_slices(ex, most, &count, &bytes);
            if (same)
                CHECK(memcmp(parts, whole, (size_t)count * sizeof *whole) == 0);
            CHECK(rel_error(parts, whole, count) < 1e-6);
            CHECK(bytes < whole_bytes);
            free(parts);
        }
        free(whole);
        ops_cpu.close(ex);
    }
}

static int allocations;

static bool counting_alloc(struct exec *ex, struct tensor *t, enum dtype dtype, int ndim,
                           const int64_t *shape, struct dn_error *err)
{
    allocations++;
    return ops_cpu.tensor_alloc(ex, t, dtype, ndim, shape, err);
}

static bool ignore(void *context, const struct tensor *video, int64_t first, struct dn_error *err)
{
    (void)context, (void)video, (void)first, (void)err;
    return true;
}

TEST(push_allocates_nothing)
{
    struct ops counting = ops_cpu;
    counting.tensor_alloc = counting_alloc;
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct weights *w = open_data(VAE);
    struct vae *vae = NULL;
    struct vae_decoder *dec = NULL;
    CHECK_OK(vae_load(w, VAE_DECODER, &counting, ex, &vae, &err), err);
    CHECK_OK(vae_decoder_new(vae, 2, 3, &dec, &err), err);
    float z[3 * 16 * 2 * 3] = {0.5f};
    struct tensor latents = tensor_over(z, DTYPE_F32, DIMS(3, 16, 2, 3));
    allocations = 0;
    CHECK_OK(vae_decoder_push_host(dec, &latents, ignore, NULL, &err), err);
    CHECK(allocations == 0 && vae_decoder_bytes(dec) > 0);
    vae_decoder_free(dec);
    vae_free(vae);
    weights_close(w);
    ops_cpu.close(ex);
}

TEST(a_refusing_receiver_stops_the_push)
{
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct vae *vae = load(ex, VAE_DECODER);
    struct vae_decoder *dec = NULL;
    CHECK_OK(vae_decoder_new(vae, 2, 3, &dec, &err), err);
    float z[3 * 16 * 2 * 3] = {0.5f};
    struct tensor latents = tensor_over(z, DTYPE_F32, DIMS(3, 16, 2, 3));
    struct clip c = {.dec = dec, .frames = 9, .height = 16, .width = 24, .refuse_at = 1};
    c.pixels = dn_calloc(3 * 9 * 16 * 24, sizeof *c.pixels);
    CHECK(!vae_decoder_push_host(dec, &latents, take, &c, &err));
    CHECK(err.code == DN_E_CANCELLED && c.seen == 1);
    free(c.pixels);
    struct vae_decoder *none = dec;
    CHECK(!vae_decoder_new(vae, 0, 3, &none, &err) && none == NULL);
    vae_decoder_free(dec);
    vae_free(vae);
    ops_cpu.close(ex);
}

/* Encodes frames [n, H, W, 3] in pushes of `step` to out [t, 16, h, w]. */
static void encode(struct vae_encoder *enc, const struct tensor *frames, int64_t step, float *out)
{
    struct dn_error err;
    int64_t written = 0;
    CHECK_OK(vae_encoder_reset(enc, &err), err);
    for (int64_t i = 0; i < frames->shape[0]; i += step) {
        int64_t n = frames->shape[0] - i < step ? frames->shape[0] - i : step;
        struct tensor part = tensor_slice(frames, i, n);
        int64_t count = vae_encoder_latents(enc, n);
        /* the CPU's memory is the host's */
        struct tensor latents =
            tensor_over(out + written * 16 * 2 * 3, DTYPE_F32, DIMS(count, 16, 2, 3));
        CHECK_OK(vae_encoder_push(enc, &part, count ? &latents : NULL, &err), err);
        written += count;
    }
}

TEST(encodes_like_the_reference)
{
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct vae *vae = load(ex, VAE_ENCODER);
    struct weights *w = open_data(DATA "vae/encode.safetensors");
    const struct weight_view *view, *want_view;
    float *pixels = values_of(w, "f7.pixels", &view), *want = values_of(w, "f7.mu", &want_view);
    struct vae_encoder *enc = NULL;
    CHECK_OK(vae_encoder_new(vae, 16, 24, &enc, &err), err);
    struct tensor frames = vae_view_of_cthw(pixels, 7, 0, 7, 16, 24);
    float got[2 * 16 * 6] = {0}, again[2 * 16 * 6] = {0}, sorted[2 * 16 * 6];
    encode(enc, &frames, 7, got);
    for (int c = 0; c < 16; c++) /* [t, c, p] -> [c, t, p] */
        for (int t = 0; t < 2; t++)
            memcpy(sorted + (c * 2 + t) * 6, got + (t * 16 + c) * 6, 6 * sizeof(float));
    double rel = rel_error(sorted, want, want_view->count);
    CHECK_MSG(rel <= 1e-5, "rel %g", rel);
    for (int64_t step = 1; step < 7; step++) {
        encode(enc, &frames, step, again);
        CHECK(memcmp(got, again, sizeof got) == 0);
    }
    vae_encoder_free(enc);
    CHECK(!vae_encoder_new(vae, 20, 24, &enc, &err) && strstr(err.message, "multiples of 8"));
    weights_close(w);
    vae_free(vae);
    free(pixels);
    free(want);
    ops_cpu.close(ex);
}

TEST(bytes_encode_as_their_floats)
{
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct vae *vae = load(ex, VAE_ENCODER);
    struct vae_encoder *enc = NULL;
    CHECK_OK(vae_encoder_new(vae, 16, 24, &enc, &err), err);
    uint8_t bytes[16 * 24 * 3];
    float floats[16 * 24 * 3], got[2][16 * 6];
    for (int i = 0; i < 16 * 24 * 3; i++) {
        bytes[i] = (uint8_t)(i * 37 + i / 7);
        floats[i] = (float)bytes[i] / 127.5f - 1.0f;
    }
    struct tensor as_bytes = tensor_over(bytes, DTYPE_U8, DIMS(1, 16, 24, 3));
    struct tensor as_floats = tensor_over(floats, DTYPE_F32, DIMS(1, 16, 24, 3));
    encode(enc, &as_bytes, 1, got[0]);
    encode(enc, &as_floats, 1, got[1]);
    CHECK(memcmp(got[0], got[1], sizeof got[0]) == 0);
    vae_encoder_free(enc);
    vae_free(vae);
    ops_cpu.close(ex);
}

TEST(sizes_come_from_the_file)
{
    struct dn_error err;
    struct vae_info info;
    struct weights *w = open_data(VAE);
    CHECK_OK(vae_inspect(w, &info, &err), err);
    CHECK(info.z == 16 && info.base_width == 4 && info.spatial_factor == 8 &&
          info.temporal_factor == 4 && info.has_decoder && info.has_encoder);
    CHECK(vae_frames_of_latents(&info, 0) == 0 && vae_frames_of_latents(&info, 21) == 81);
    CHECK(vae_latents_of_frames(&info, 0) == 0 && vae_latents_of_frames(&info, 1) == 1);
    CHECK(vae_latents_of_frames(&info, 8) == 2 && vae_latents_of_frames(&info, 9) == 3);
    weights_close(w);
}

/* The complaint about a VAE with one change. */
static void check_misfit(const struct change *change, const char *part1, const char *part2)
{
    struct dn_error err = {0};
    struct vae_info info;
    struct weights *w = open_data(VAE), *broken;
    char *folder = make_folder(), *path = dn_asprintf("%s/vae.safetensors", folder);
    write_changed(w, path, change, NULL);
    broken = open_data(path);
    CHECK(!vae_inspect(broken, &info, &err));
    CHECK_MSG(strstr(err.message, part1) && strstr(err.message, part2), "%s", err.message);
    struct exec *ex = open_exec(DTYPE_F32);
    struct vae *vae = NULL;
    CHECK(!vae_load(broken, VAE_BOTH, &ops_cpu, ex, &vae, &err) && !vae);
    ops_cpu.close(ex);
    weights_close(broken);
    weights_close(w);
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
}

TEST(misfits_are_named)
{
    const int64_t narrow[] = {8, 15, 3, 3, 3}, short_gamma[] = {3, 1, 1, 1};
    const struct change missing = {.tensor = "decoder.middle.1.proj.bias", .drop = true};
    const struct change shape = {.tensor = "decoder.conv1.weight", .shape = narrow};
    const struct change gamma = {.tensor = "decoder.head.0.gamma", .shape = short_gamma};
    const struct change stage = {.tensor = "encoder.downsamples.1.resample.1.weight", .drop = true};
    check_misfit(&missing, "decoder.middle.1.proj.bias is missing", "[16]");
    check_misfit(&shape, "decoder.conv1.weight has shape [8,15,3,3,3]", "needs [?,16,3,3,3]");
    check_misfit(&gamma, "decoder.head.0.gamma has shape [3,1,1,1]", "needs [4,1,1,1]");
    check_misfit(&stage, "encoder.downsamples.1", "missing");
}

TESTS(T(decodes_like_the_reference), T(decodes_in_bf16), T(the_smallest_picture),
      T(slices_change_nothing), T(push_allocates_nothing),
      T(a_refusing_receiver_stops_the_push), T(encodes_like_the_reference),
      T(bytes_encode_as_their_floats), T(sizes_come_from_the_file), T(misfits_are_named))
