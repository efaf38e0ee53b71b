/* patch: latents to token rows and back, patch (1,2,2).
 *
 *   patchify    tokens[(f,i,j), (c,p,q)] = latents[f, c, 2i+p, 2j+q]
 *   unpatchify  latents[f, c, 2i+p, 2j+q] = tokens[(f,i,j), (p,q,c)]
 *
 * A thread an element of the latents. Bytes: latents and tokens once. Share of the memory limit:
 * not measured yet. */
#include "kernels/cuda/cuda_util.cuh"

struct patch_problem {
    cuda_array tokens;
    float *latents; /* [frames, channels, h, w] */
    int64_t stride, channels, h, w, count;
    int to_tokens;
};

__global__ void patch_kernel(patch_problem p)
{
    int64_t at = cuda_index();
    if (at >= p.count)
        return;
    int64_t x = at % p.w, y = at / p.w % p.h, c = at / p.w / p.h % p.channels;
    int64_t f = at / p.w / p.h / p.channels, corner = y % 2 * 2 + x % 2;
    int64_t token = (f * (p.h / 2) + y / 2) * (p.w / 2) + x / 2;
    if (p.to_tokens)
        cuda_store(p.tokens, token * p.stride + c * 4 + corner, p.latents[at]);
    else
        p.latents[at] = cuda_load(p.tokens, token * p.stride + corner * p.channels + c);
}

static bool run(struct exec *ex, const char *op, const struct tensor *tokens,
                const struct tensor *latents, int to_tokens, struct dn_error *err)
{
    assert(latents->ndim == 4 && latents->dtype == DTYPE_F32 && tensor_is_contiguous(latents));
    assert(latents->shape[2] % 2 == 0 && latents->shape[3] % 2 == 0);
    assert(tokens->ndim == 2 && tokens->shape[1] == 4 * latents->shape[1]);
    assert(tokens->shape[0] == latents->shape[0] * latents->shape[2] * latents->shape[3] / 4);
    assert(tokens->stride[1] == 1);
    patch_problem p = {cuda_array_of(tokens), (float *)latents->data, tokens->stride[0],
                       latents->shape[1],     latents->shape[2],      latents->shape[3],
                       tensor_count(latents), to_tokens};
    return cuda_launch(ex, op, err, patch_kernel, cuda_grid(p.count), CUDA_BLOCK, 0, p);
}

extern "C" bool cuda_patchify(struct exec *ex, const struct tensor *tokens,
                              const struct tensor *latents, struct dn_error *err)
{
    return run(ex, "patchify", tokens, latents, 1, err);
}

extern "C" bool cuda_unpatchify(struct exec *ex, const struct tensor *latents,
                                const struct tensor *tokens, struct dn_error *err)
{
    return run(ex, "unpatchify", tokens, latents, 0, err);
}
