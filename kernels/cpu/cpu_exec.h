/* cpu_exec: what every file of the CPU backend shares: the exec, its scratch memory, oneDNN's
 * engine, and reading and writing of rows in either activation dtype. Private to kernels/cpu. */
#ifndef DANAUS_KERNELS_CPU_EXEC_H
#define DANAUS_KERNELS_CPU_EXEC_H

#include <stddef.h>

#include <dnnl.h>
#include <omp.h>

#include "base/dtype.h"
#include "kernels/ops.h"

struct exec {
    enum dtype dtype; /* first these two: exec_dtype() and exec_fp8() read them for every backend */
    bool fp8;
    int threads;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    void *scratch[2]; /* see cpu_scratch */
    size_t scratch_size[2];
};

/* Scratch that a call may need at the same time: the operation's own, and a oneDNN primitive's. */
enum cpu_scratch_use { CPU_SCRATCH_OP, CPU_SCRATCH_DNNL };

/* Memory for packed weights, 64-byte aligned, on huge pages where the system grants them: a model's
 * gigabytes are touched first when they are packed, and small pages then cost as much time as the
 * packing. Freed with free(). */
void *cpu_weights_alloc(size_t size);

/* At least size bytes, 64-byte aligned, valid until the next call with the same use. */
void *cpu_scratch(struct exec *ex, enum cpu_scratch_use use, size_t size);
/* The same, one piece for each thread: piece i lies at i * *stride bytes. */
void *cpu_scratch_per_thread(struct exec *ex, size_t size, size_t *stride);

/* Every operation begins with it: OpenMP's thread count belongs to the calling thread, and the
 * exec may have moved to another one since it was opened. */
void cpu_enter(const struct exec *ex);

/* True on dnnl_success; else err says what failed. */
bool cpu_dnnl_ok(dnnl_status_t status, const char *what, struct dn_error *err);
dnnl_data_type_t cpu_dnnl_dtype(enum dtype dtype);

/* A oneDNN primitive with everything that running it needs, made once a shape. */
struct cpu_primitive {
    dnnl_primitive_t primitive;
    size_t scratchpad_size;
    dnnl_memory_desc_t scratchpad;
};

/* Builds *out from an operation descriptor; attr's scratchpad is set to the user's. weights (may be
 * NULL) receives the layout that the implementation wants for its weights. */
bool cpu_primitive_make(struct exec *ex, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr,
                        struct cpu_primitive *out, dnnl_memory_desc_t *weights, const char *what,
                        struct dn_error *err);
void cpu_primitive_done(struct cpu_primitive *p);

struct cpu_arg {
    int which; /* DNNL_ARG_* */
    const dnnl_memory_desc_t *md;
    const void *data;
};
/* Runs p on count (at most 7) arguments and the exec's scratchpad. */
bool cpu_primitive_run(struct exec *ex, const struct cpu_primitive *p, const struct cpu_arg *args,
                       int count, const char *what, struct dn_error *err);
/* to = from with another layout or dtype. */
bool cpu_reorder(struct exec *ex, const dnnl_memory_desc_t *to_md, void *to,
                 const dnnl_memory_desc_t *from_md, const void *from, struct dn_error *err);

/* Light work on fewer elements is done by one thread: it takes 10 microseconds at most, and meeting
 * a second thread costs 2 when that one spins and 100 when the system has put it to sleep. */
#define CPU_GRAIN 49152
/* The same for work with an exp in each element, and for products by multiplications. */
#define CPU_GRAIN_EXP 16384
#define CPU_GRAIN_PRODUCT (1 << 20)

/* Address of element `offset` of t's memory. */
static inline void *cpu_at(const struct tensor *t, int64_t offset)
{
    return (char *)t->data + offset * (t->dtype == DTYPE_F32 ? 4 : 2);
}

/* F32 or BF16: what operations take as activations. */
static inline bool cpu_is_activation(const struct tensor *t)
{
    return t->dtype == DTYPE_F32 || t->dtype == DTYPE_BF16;
}

/* count values between float32 and bfloat16, to nearest even. */
void cpu_bf16_to_f32(float *dst, const uint16_t *src, int64_t count);
void cpu_f32_to_bf16(uint16_t *dst, const float *src, int64_t count);

/* count elements from `offset` on as float32: t's own memory when it is F32, else tmp. */
static inline const float *cpu_read(const struct tensor *t, int64_t offset, int64_t count,
                                    float *tmp)
{
    if (t->dtype == DTYPE_F32)
        return (const float *)t->data + offset;
    cpu_bf16_to_f32(tmp, (const uint16_t *)t->data + offset, count);
    return tmp;
}

/* Where count float32 results for `offset` are to be put before cpu_write stores them. */
static inline float *cpu_target(const struct tensor *t, int64_t offset, float *tmp)
{
    return t->dtype == DTYPE_F32 ? (float *)t->data + offset : tmp;
}

static inline void cpu_write(const struct tensor *t, int64_t offset, int64_t count,
                             const float *from)
{
    if (t->dtype == DTYPE_BF16)
        cpu_f32_to_bf16((uint16_t *)t->data + offset, from, count);
}

/* Rows [first, first + count) of one head of t [rows, heads, d] as float32, *stride elements apart:
 * t's own memory when it is F32, else converted to tile [count][d]. */
static inline const float *cpu_rows(const struct tensor *t, int64_t head, int64_t first,
                                    int64_t count, float *tile, int64_t *stride)
{
    int64_t d = t->shape[2], at = first * t->stride[0] + head * t->stride[1];
    *stride = t->stride[0];
    if (t->dtype == DTYPE_F32)
        return (const float *)t->data + at;
    *stride = d;
    const uint16_t *from = (const uint16_t *)t->data + at;
    for (int64_t i = 0; i < count; i++, from += t->stride[0])
#pragma omp simd
        for (int64_t c = 0; c < d; c++)
            tile[i * d + c] = f32_from_bf16(from[c]);
    return tile;
}

/* The calling thread's number inside a parallel loop, 0 outside. */
static inline int cpu_thread(void)
{
    return omp_get_thread_num();
}

/* 1 / sqrt(mean(x^2) + eps) */
static inline float cpu_inverse_rms(const float *x, int64_t n, float eps)
{
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < n; i++)
        squares += x[i] * x[i];
    return 1.0f / __builtin_sqrtf(squares / (float)n + eps);
}

/* --- the operations, one family a file; contracts in ops.h --- */
enum dtype cpu_best_dtype(void);
const struct video_habits *cpu_video_habits(void);
bool cpu_open(const struct exec_options *options, struct exec **out, struct dn_error *err);
bool cpu_open_beside(struct exec *ex, struct exec **out, struct dn_error *err);
bool cpu_memory_free(struct exec *ex, int64_t *bytes, struct dn_error *err);
bool cpu_plan_begin(struct exec *ex);
void cpu_plan_end(struct exec *ex, struct exec_plan *plan);
void cpu_close(struct exec *ex);
bool cpu_tensor_alloc(struct exec *ex, struct tensor *t, enum dtype dtype, int ndim,
                      const int64_t *shape, struct dn_error *err);
void cpu_tensor_free(struct exec *ex, struct tensor *t);
bool cpu_upload(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                struct dn_error *err);
bool cpu_download(struct exec *ex, const struct tensor *host, const struct tensor *src,
                  struct dn_error *err);
bool cpu_copy(struct exec *ex, const struct tensor *dst, const struct tensor *src,
              struct dn_error *err);
bool cpu_fill_zero(struct exec *ex, const struct tensor *dst, struct dn_error *err);
bool cpu_sync(struct exec *ex, struct dn_error *err);

bool cpu_linear_pack(struct exec *ex, const struct tensor *parts, const struct tensor *biases,
                     int count, struct linear **out, struct dn_error *err);
bool cpu_linear_pack_narrow(struct exec *ex, const struct tensor *parts,
                            const struct tensor *biases, int count, struct linear **out,
                            struct dn_error *err);
void cpu_linear_free(struct exec *ex, struct linear *linear);
bool cpu_linear(struct exec *ex, const struct tensor *y, const struct tensor *x,
                const struct linear *linear, const struct linear_args *args, struct dn_error *err);

bool cpu_layer_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                    const struct tensor *weight, const struct tensor *bias, float eps,
                    struct dn_error *err);
bool cpu_layer_norm_modulate(struct exec *ex, const struct tensor *y, const struct tensor *x,
                             const struct tensor *shift, const struct tensor *scale,
                             int64_t rows_per_frame, float eps, struct dn_error *err);
bool cpu_rms_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                  const struct tensor *weight, float eps, struct dn_error *err);
bool cpu_qk_norm_rope(struct exec *ex, const struct tensor *y, const struct tensor *x,
                      const struct tensor *weight, const struct tensor *cos,
                      const struct tensor *sin, float eps, struct dn_error *err);
bool cpu_place_qkv(struct exec *ex, const struct qkv_places *to, const struct tensor *qkv,
                   struct dn_error *err);
bool cpu_silu(struct exec *ex, const struct tensor *y, const struct tensor *x,
              struct dn_error *err);
bool cpu_add_row(struct exec *ex, const struct tensor *y, const struct tensor *a,
                 const struct tensor *b, struct dn_error *err);
bool cpu_axpby(struct exec *ex, const struct tensor *y, float a, const struct tensor *x, float b,
               const struct tensor *z, struct dn_error *err);
bool cpu_gather_rows(struct exec *ex, const struct tensor *y, const struct tensor *table,
                     const int32_t *host_ids, struct dn_error *err);

bool cpu_patchify(struct exec *ex, const struct tensor *tokens, const struct tensor *latents,
                  struct dn_error *err);
bool cpu_unpatchify(struct exec *ex, const struct tensor *latents, const struct tensor *tokens,
                    struct dn_error *err);

bool cpu_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                   const struct tensor *k, const struct tensor *v,
                   const struct attention_args *args, struct dn_error *err);
bool cpu_monarch_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                           const struct tensor *k, const struct tensor *v,
                           const struct monarch_args *args, struct dn_error *err);

bool cpu_conv_pack(struct exec *ex, const struct tensor *weight, const struct tensor *bias,
                   const struct conv_args *args, struct conv **out, struct dn_error *err);
void cpu_conv_free(struct exec *ex, struct conv *conv);
bool cpu_conv(struct exec *ex, const struct tensor *y, const struct tensor *x,
              const struct conv *conv, const struct conv_extra *extra, struct dn_error *err);
bool cpu_channel_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                      const struct tensor *gamma, bool silu, struct dn_error *err);
bool cpu_upsample_nearest(struct exec *ex, const struct tensor *y, const struct tensor *x,
                          struct dn_error *err);
bool cpu_interleave_time(struct exec *ex, const struct tensor *y, const struct tensor *x,
                         struct dn_error *err);
bool cpu_latents_to_video(struct exec *ex, const struct tensor *y, const struct tensor *latents,
                          const struct tensor *scale, const struct tensor *shift,
                          struct dn_error *err);
bool cpu_video_to_latents(struct exec *ex, const struct tensor *latents, const struct tensor *x,
                          const struct tensor *scale, const struct tensor *shift,
                          struct dn_error *err);
bool cpu_video_to_rgb8(struct exec *ex, const struct tensor *host, const struct tensor *x,
                       struct dn_error *err);

#endif
