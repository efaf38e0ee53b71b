/* attention: the faster ways that cuda_attention has for what it is asked most. Private to
 * kernels/cuda; C++. `_fit(s)` says whether a way can do a call; it is to be asked first. */
#ifndef DANAUS_KERNELS_CUDA_ATTENTION_H
#define DANAUS_KERNELS_CUDA_ATTENTION_H

#include "kernels/cuda/cuda_exec.h"

struct attention_call {
    const struct tensor *out, *q, *k, *v;
    const struct attention_args *args;
};

/* What both kernels on tensor cores ask for: bf16, d to 128, addresses and strides of 16 bytes. */
bool attention_tiles_fit(const struct exec *ex, const struct attention_call *c);

/* Hopper's tensor cores. */
bool attention_sm90_fits(const struct exec *ex, const struct attention_call *c);
bool attention_sm90(struct exec *ex, const struct attention_call *c, struct dn_error *err);

/* Tensor cores of any GPU; asked for with attention_tiles_fit. */
bool attention_mma(struct exec *ex, const struct attention_call *c, struct dn_error *err);

/* Two matrix products with a softmax between: bf16, any d, no mask, no bias; logits pass through
 * memory. */
bool attention_products_fits(const struct exec *ex, const struct attention_call *c);
bool attention_products(struct exec *ex, const struct attention_call *c, struct dn_error *err);

#endif
