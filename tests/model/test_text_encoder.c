/* text_encoder: contexts of the public umT5 encoder on a tiny random one; both ways of keeping
 * layers; the Hugging Face names; misfits. */
#include "model_fixture.h"

#include "model/relative_position.h"
#include "model/text_encoder_internal.h"

#define ENCODER DATA "t5/models_t5_umt5-xxl-enc-bf16.pth"

static struct text_encoder *load(const struct weights *w, enum text_encoder_keep keep,
                                 struct exec *ex)
{
    struct dn_error err;
    struct text_encoder *enc = NULL;
    CHECK_OK(text_encoder_load(w, keep, &ops_cpu, ex, &enc, &err), err);
    return enc;
}

/* ids of a case as int32; the caller frees. */
static int32_t *ids_of(const struct weights *w, const char *name, int64_t *n)
{
    const struct weight_view *view;
    float *values = values_of(w, name, &view);
    int32_t *ids = dn_malloc((size_t)view->count * sizeof *ids);
    for (int64_t i = 0; i < view->count; i++)
        ids[i] = (int32_t)values[i];
    *n = view->count;
    free(values);
    return ids;
}

/* The context of a case as [n, 64]; the caller frees. */
static float *encode(struct text_encoder *enc, const struct weights *fixture, const char *name)
{
    struct dn_error err;
    int64_t n;
    int32_t *ids = ids_of(fixture, name, &n);
    float *out = dn_calloc((size_t)(n * 64), sizeof *out);
    struct tensor context = tensor_over(out, DTYPE_F32, DIMS(n, 64)); /* host memory on the CPU */
    CHECK_OK(text_encoder_encode(enc, ids, n, &context, &err), err);
    free(ids);
    return out;
}

static void check_contexts(enum dtype dtype, double tolerance)
{
    struct exec *ex = open_exec(dtype);
    struct weights *w = open_data(ENCODER), *fixture = open_data(DATA "t5/encode.safetensors");
    struct text_encoder *packed = load(w, TEXT_ENCODER_PACKED, ex);
    struct text_encoder *stream = load(w, TEXT_ENCODER_STREAM, ex);
    const char *const cases[][2] = {{"len7.ids", "len7.context"},
                                    {"len40.ids", "len40.context"},
                                    {"len1.ids", "len1.context"},
                                    {"len7.ids", "len7.context"}};
    CHECK(!packed->stream && stream->stream);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct weight_view *view;
        float *want = values_of(fixture, cases[i][1], &view);
        float *got = encode(packed, fixture, cases[i][0]);
        float *again = encode(stream, fixture, cases[i][0]);
        double rel = rel_error(got, want, view->count);
        CHECK_MSG(rel <= tolerance, "%s: rel %g", cases[i][1], rel);
        CHECK(memcmp(got, again, (size_t)view->count * 4) == 0);
        free(want);
        free(got);
        free(again);
    }
    text_encoder_free(packed);
    text_encoder_free(stream);
    weights_close(fixture);
    weights_close(w);
    ops_cpu.close(ex);
}

TEST(contexts_agree_with_the_reference)
{
    check_contexts(DTYPE_F32, 4e-6);
}

TEST(contexts_in_bf16)
{
    if (ops_cpu.best_dtype() == DTYPE_BF16)
        check_contexts(DTYPE_BF16, 0.03);
}

/* Rows of the valid tokens must not feel what stands behind them. */
TEST(masked_tokens_change_nothing)
{
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct weights *w = open_data(ENCODER), *fixture = open_data(DATA "t5/trace.safetensors");
    struct text_encoder *enc = load(w, TEXT_ENCODER_AUTO, ex);
    int64_t n;
    int32_t *ids = ids_of(fixture, "ids", &n);
    const struct weight_view *view;
    float *want = values_of(fixture, "context", &view);
    float *masked = dn_malloc((size_t)(n * 64) * sizeof *masked);
    float *valid = dn_malloc((size_t)(n * 64) * sizeof *valid);
    struct tensor all = tensor_over(masked, DTYPE_F32, DIMS(n, 64));
    struct tensor first = tensor_over(valid, DTYPE_F32, DIMS(n - 2, 64));
    CHECK_OK(text_encoder_encode_masked(enc, ids, n, n - 2, &all, NULL, NULL, &err), err);
    CHECK_OK(text_encoder_encode(enc, ids, n - 2, &first, &err), err);
    CHECK(rel_error(masked, want, view->count) <= 4e-6);
    CHECK(rel_error(valid, want, (n - 2) * 64) <= 4e-6);
    free(ids);
    free(want);
    free(masked);
    free(valid);
    text_encoder_free(enc);
    weights_close(fixture);
    weights_close(w);
    ops_cpu.close(ex);
}

/* Public name -> Hugging Face name; the caller frees. */
static char *hugging_face_name(const char *name)
{
    static const char *const parts[][2] = {
        {"norm1.weight", "layer.0.layer_norm.weight"},
        {"attn.q.weight", "layer.0.SelfAttention.q.weight"},
        {"attn.k.weight", "layer.0.SelfAttention.k.weight"},
        {"attn.v.weight", "layer.0.SelfAttention.v.weight"},
        {"attn.o.weight", "layer.0.SelfAttention.o.weight"},
        {"pos_embedding.embedding.weight",
         "layer.0.SelfAttention.relative_attention_bias.weight"},
        {"norm2.weight", "layer.1.layer_norm.weight"},
        {"ffn.gate.0.weight", "layer.1.DenseReluDense.wi_0.weight"},
        {"ffn.fc1.weight", "layer.1.DenseReluDense.wi_1.weight"},
        {"ffn.fc2.weight", "layer.1.DenseReluDense.wo.weight"},
    };
    if (strcmp(name, "token_embedding.weight") == 0)
        return dn_strdup("shared.weight");
    if (strcmp(name, "norm.weight") == 0)
        return dn_strdup("encoder.final_layer_norm.weight");
    const char *rest = strchr(name + strlen("blocks."), '.') + 1;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(rest, parts[i][0]) == 0)
            return dn_asprintf("encoder.block.%.*s%s", (int)(rest - name - 7), name + 7,
                               parts[i][1]);
    CHECK_MSG(false, "%s", name);
    return dn_strdup(name);
}

TEST(hugging_face_names_are_the_same_model)
{
    struct exec *ex = open_exec(DTYPE_F32);
    struct weights *w = open_data(ENCODER), *fixture = open_data(DATA "t5/encode.safetensors");
    char *folder = make_folder(), *path = dn_asprintf("%s/text.safetensors", folder);
    write_changed(w, path, NULL, hugging_face_name);
    struct weights *renamed = open_data(path);
    struct text_encoder *a = load(w, TEXT_ENCODER_PACKED, ex);
    struct text_encoder *b = load(renamed, TEXT_ENCODER_STREAM, ex);
    float *x = encode(a, fixture, "len7.ids"), *y = encode(b, fixture, "len7.ids");
    CHECK(memcmp(x, y, 7 * 64 * sizeof *x) == 0);
    free(x);
    free(y);
    text_encoder_free(a);
    text_encoder_free(b);
    weights_close(renamed);
    weights_close(fixture);
    weights_close(w);
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
    ops_cpu.close(ex);
}

TEST(ids_outside_the_embedding_are_refused)
{
    struct dn_error err;
    struct exec *ex = open_exec(DTYPE_F32);
    struct weights *w = open_data(ENCODER);
    struct text_encoder *enc = load(w, TEXT_ENCODER_AUTO, ex);
    float out[2 * 64];
    struct tensor context = tensor_over(out, DTYPE_F32, DIMS(2, 64));
    const int32_t high[] = {5, 1216}, low[] = {-1, 5}, good[] = {0, 1215};
    CHECK(!text_encoder_encode(enc, high, 2, &context, &err) && strstr(err.message, "1216"));
    CHECK(!text_encoder_encode(enc, low, 2, &context, &err) && strstr(err.message, "-1"));
    CHECK_OK(text_encoder_encode(enc, good, 2, &context, &err), err);
    text_encoder_free(enc);
    weights_close(w);
    ops_cpu.close(ex);
}

TEST(buckets_agree_with_the_reference)
{
    struct weights *w = open_data(DATA "t5/relative_position.safetensors");
    const struct weight_view *view;
    float *rel = values_of(w, "rel", &view), *bucket = values_of(w, "bucket", &view);
    for (int64_t i = 0; i < view->count; i++)
        CHECK(relative_position_bucket((int64_t)rel[i], 32) == (int32_t)bucket[i]);
    CHECK(relative_position_bucket(-1000000, 32) == 15);
    free(rel);
    free(bucket);
    weights_close(w);
}

static void check_misfit(const struct change *change, const char *part1, const char *part2)
{
    struct dn_error err = {0};
    struct text_encoder_info info;
    struct weights *w = open_data(ENCODER);
    char *folder = make_folder(), *path = dn_asprintf("%s/text.safetensors", folder);
    write_changed(w, path, change, NULL);
    struct weights *broken = open_data(path);
    CHECK(!text_encoder_inspect(broken, &info, &err));
    CHECK_MSG(strstr(err.message, part1) && strstr(err.message, part2), "%s", err.message);
    weights_close(broken);
    weights_close(w);
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
}

TEST(misfits_are_named)
{
    const int64_t short_row[] = {64, 63}, few_heads[] = {32, 3};
    const struct change missing = {.tensor = "blocks.1.attn.k.weight", .drop = true};
    const struct change shape = {.tensor = "blocks.2.attn.v.weight", .shape = short_row};
    const struct change heads = {.tensor = "blocks.0.pos_embedding.embedding.weight",
                                 .shape = few_heads};
    const struct change first = {.tensor = "blocks.0.norm1.weight", .drop = true};
    const struct change table = {.tensor = "token_embedding.weight", .drop = true};
    check_misfit(&missing, "blocks.1.attn.k.weight is missing", "[64,64]");
    check_misfit(&shape, "blocks.2.attn.v.weight has shape [64,63]", "needs [64,64]");
    check_misfit(&heads, "3 heads", "do not divide");
    check_misfit(&first, "blocks.0.norm1.weight", "missing");
    check_misfit(&table, "token_embedding.weight", "missing");
}

TEST(sizes_come_from_the_file)
{
    struct dn_error err;
    struct text_encoder_info info;
    struct weights *w = open_data(ENCODER);
    CHECK_OK(text_encoder_inspect(w, &info, &err), err);
    CHECK(info.vocab == 1216 && info.dim == 64 && info.attention_dim == 64 && info.heads == 4 &&
          info.ffn_dim == 128 && info.layers == 3 && info.buckets == 32);
    weights_close(w);
}

TESTS(T(contexts_agree_with_the_reference), T(contexts_in_bf16), T(masked_tokens_change_nothing),
      T(hugging_face_names_are_the_same_model), T(ids_outside_the_embedding_are_refused),
      T(buckets_agree_with_the_reference), T(misfits_are_named), T(sizes_come_from_the_file))
