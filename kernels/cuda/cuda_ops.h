/* cuda_ops: the operations of the CUDA backend, one family a file; contracts in ops.h. Private to
 * kernels/cuda; needs no CUDA header, so that the table is plain C. */
#ifndef DANAUS_KERNELS_CUDA_OPS_H
#define DANAUS_KERNELS_CUDA_OPS_H

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/ops.h"

enum dtype cuda_best_dtype(void);
bool cuda_open(const struct exec_options *options, struct exec **out, struct dn_error *err);
bool cuda_open_beside(struct exec *ex, struct exec **out, struct dn_error *err);
bool cuda_memory_free(struct exec *ex, int64_t *bytes, struct dn_error *err);
bool cuda_plan_begin(struct exec *ex);
void cuda_plan_end(struct exec *ex, struct exec_plan *plan);
void cuda_close(struct exec *ex);
bool cuda_tensor_alloc(struct exec *ex, struct tensor *t, enum dtype dtype, int ndim,
                       const int64_t *shape, struct dn_error *err);
void cuda_tensor_free(struct exec *ex, struct tensor *t);
bool cuda_upload(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                 struct dn_error *err);
bool cuda_download(struct exec *ex, const struct tensor *host, const struct tensor *src,
                   struct dn_error *err);
bool cuda_copy(struct exec *ex, const struct tensor *dst, const struct tensor *src,
               struct dn_error *err);
bool cuda_fill_zero(struct exec *ex, const struct tensor *dst, struct dn_error *err);
bool cuda_sync(struct exec *ex, struct dn_error *err);
const struct video_habits *cuda_video_habits(void);

bool cuda_linear_pack(struct exec *ex, const struct tensor *parts, const struct tensor *biases,
                      int count, struct linear **out, struct dn_error *err);
bool cuda_linear_pack_narrow(struct exec *ex, const struct tensor *parts,
                             const struct tensor *biases, int count, struct linear **out,
                             struct dn_error *err);
void cuda_linear_free(struct exec *ex, struct linear *linear);
bool cuda_linear(struct exec *ex, const struct tensor *y, const struct tensor *x,
                 const struct linear *linear, const struct linear_args *args, struct dn_error *err);

bool cuda_layer_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct tensor *weight, const struct tensor *bias, float eps,
                     struct dn_error *err);
bool cuda_layer_norm_modulate(struct exec *ex, const struct tensor *y, const struct tensor *x,
                              const struct tensor *shift, const struct tensor *scale,
                              int64_t rows_per_frame, float eps, struct dn_error *err);
bool cuda_rms_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                   const struct tensor *weight, float eps, struct dn_error *err);
bool cuda_qk_norm_rope(struct exec *ex, const struct tensor *y, const struct tensor *x,
                       const struct tensor *weight, const struct tensor *cos,
                       const struct tensor *sin, float eps, struct dn_error *err);
bool cuda_place_qkv(struct exec *ex, const struct qkv_places *to, const struct tensor *qkv,
                    struct dn_error *err);
bool cuda_silu(struct exec *ex, const struct tensor *y, const struct tensor *x,
               struct dn_error *err);
bool cuda_add_row(struct exec *ex, const struct tensor *y, const struct tensor *a,
                  const struct tensor *b, struct dn_error *err);
bool cuda_axpby(struct exec *ex, const struct tensor *y, float a, const struct tensor *x, float b,
                const struct tensor *z, struct dn_error *err);
bool cuda_gather_rows(struct exec *ex, const struct tensor *y, const struct tensor *table,
                      const int32_t *host_ids, struct dn_error *err);

bool cuda_patchify(struct exec *ex, const struct tensor *tokens, const struct tensor *latents,
                   struct dn_error *err);
bool cuda_unpatchify(struct exec *ex, const struct tensor *latents, const struct tensor *tokens,
                     struct dn_error *err);

bool cuda_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                    const struct tensor *k, const struct tensor *v,
                    const struct attention_args *args, struct dn_error *err);
bool cuda_monarch_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                            const struct tensor *k, const struct tensor *v,
                            const struct monarch_args *args, struct dn_error *err);

bool cuda_conv_pack(struct exec *ex, const struct tensor *weight, const struct tensor *bias,
                    const struct conv_args *args, struct conv **out, struct dn_error *err);
void cuda_conv_free(struct exec *ex, struct conv *conv);
bool cuda_conv(struct exec *ex, const struct tensor *y, const struct tensor *x,
               const struct conv *conv, const struct conv_extra *extra, struct dn_error *err);
bool cuda_channel_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                       const struct tensor *gamma, bool silu, struct dn_error *err);
bool cuda_upsample_nearest(struct exec *ex, const struct tensor *y, const struct tensor *x,
                           struct dn_error *err);
bool cuda_interleave_time(struct exec *ex, const struct tensor *y, const struct tensor *x,
                          struct dn_error *err);
bool cuda_latents_to_video(struct exec *ex, const struct tensor *y, const struct tensor *latents,
                           const struct tensor *scale, const struct tensor *shift,
                           struct dn_error *err);
bool cuda_video_to_latents(struct exec *ex, const struct tensor *latents, const struct tensor *x,
                           const struct tensor *scale, const struct tensor *shift,
                           struct dn_error *err);
bool cuda_video_to_rgb8(struct exec *ex, const struct tensor *host, const struct tensor *x,
                        struct dn_error *err);

#ifdef __cplusplus
}
#endif

#endif
