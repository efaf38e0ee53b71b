/* patch: latents to token rows and back, patch (1,2,2).
 *
 *   patchify    tokens[(f,i,j), (c,p,q)] = latents[f, c, 2i+p, 2j+q]
 *   unpatchify  latents[f, c, 2i+p, 2j+q] = tokens[(f,i,j), (p,q,c)]
 *
 * The orders differ because the patch convolution's weight is channel-slowest while the head's
 * outputs are channel-fastest. Bytes: latents and tokens once. */
#include <assert.h>

#include "kernels/cpu/cpu_exec.h"

static float load(const struct tensor *t, int64_t at)
{
    return t->dtype == DTYPE_F32 ? ((const float *)t->data)[at]
                                 : f32_from_bf16(((const uint16_t *)t->data)[at]);
}

static void store(const struct tensor *t, int64_t at, float value)
{
    if (t->dtype == DTYPE_F32)
        ((float *)t->data)[at] = value;
    else
        ((uint16_t *)t->data)[at] = bf16_from_f32(value);
}

static void check(const struct tensor *tokens, const struct tensor *latents)
{
    assert(latents->ndim == 4 && latents->dtype == DTYPE_F32 && tensor_is_contiguous(latents));
    assert(latents->shape[2] % 2 == 0 && latents->shape[3] % 2 == 0);
    assert(tokens->ndim == 2 && tokens->shape[1] == 4 * latents->shape[1]);
    assert(tokens->shape[0] == latents->shape[0] * latents->shape[2] * latents->shape[3] / 4);
    assert(cpu_is_activation(tokens));
}

bool cpu_patchify(struct exec *ex, const struct tensor *tokens, const struct tensor *latents,
                  struct dn_error *err)
{
    (void)ex;
    (void)err;
    check(tokens, latents);
    int64_t channels = latents->shape[1], h = latents->shape[2], w = latents->shape[3];
    int64_t cols = w / 2, rows = h / 2;
    const float *from = latents->data;
    for (int64_t t = 0; t < tokens->shape[0]; t++) {
        int64_t f = t / (rows * cols), i = t / cols % rows, j = t % cols;
        int64_t to = t * tokens->stride[0];
        for (int64_t c = 0; c < channels; c++) {
            const float *corner = from + ((f * channels + c) * h + 2 * i) * w + 2 * j;
            store(tokens, to++, corner[0]);
            store(tokens, to++, corner[1]);
            store(tokens, to++, corner[w]);
            store(tokens, to++, corner[w + 1]);
        }
    }
    return true;
}

bool cpu_unpatchify(struct exec *ex, const struct tensor *latents, const struct tensor *tokens,
                    struct dn_error *err)
{
    (void)ex;
    (void)err;
    check(tokens, latents);
    int64_t channels = latents->shape[1], h = latents->shape[2], w = latents->shape[3];
    int64_t cols = w / 2, rows = h / 2;
    float *to = latents->data;
    for (int64_t t = 0; t < tokens->shape[0]; t++) {
        int64_t f = t / (rows * cols), i = t / cols % rows, j = t % cols;
        int64_t from = t * tokens->stride[0];
        for (int64_t c = 0; c < channels; c++) {
            float *corner = to + ((f * channels + c) * h + 2 * i) * w + 2 * j;
            corner[0] = load(tokens, from + c);
            corner[1] = load(tokens, from + channels + c);
            corner[w] = load(tokens, from + 2 * channels + c);
            corner[w + 1] = load(tokens, from + 3 * channels + c);
        }
    }
    return true;
}
