/* ops: the contract of every operation that a backend fills in.
 *
 * `struct ops` is one const table a backend: cpu/ runs everywhere and is the reference, cuda/ runs
 * the same names on the device. Models speak only through this table and never ask which backend it
 * is. Vocabulary is the models' (norm + modulate, qk norm + rope + cache write), not BLAS's.
 *
 * Rules that hold for all:
 * - tensors live in the backend's memory (exec alloc), unless a parameter is called `host`;
 * - F32 and BF16 are accepted for every activation, mixed; accumulation, softmax and norm statistics
 *   are float32; weights of small vectors (norms, biases, modulation) are F32 tensors;
 * - shapes are the caller's duty: a wrong one is our bug and asserts. What can fail at run time
 *   (device memory, library, launch) returns false with err filled;
 * - work is queued on the exec's stream in call order; results are visible after sync or download.
 * - the same call on the same inputs gives the same bytes. */
#ifndef DANAUS_KERNELS_OPS_H
#define DANAUS_KERNELS_OPS_H

#include "base/error.h"
#include "kernels/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct exec;   /* a backend's stream, threads, scratch memory; one thread owns it */
struct linear; /* a weight matrix (and bias) packed for a backend */
struct conv;   /* a convolution's weights packed for a backend */

struct exec_options {
    int threads;      /* CPU threads, 0 = all cores this process may run on */
    enum dtype dtype; /* F32 or BF16: what matrix products and convolutions multiply in */
    int device;       /* GPU index */
    bool plan_only;   /* there need be no device: all is as between plan_begin and plan_end */
    bool fp8;         /* linear_pack_narrow packs e4m3; open refuses where none can be multiplied */
};

/* Bytes of device memory in the books of an exec. */
struct exec_plan {
    int64_t held;    /* when the plan began */
    int64_t more;    /* at most beyond that, until it ended */
    int64_t scratch; /* of `more`: the backend's own buffer; it is taken so large at its next use */
};

/* What linear does to its accumulated row before it is stored. */
enum linear_epilogue {
    LINEAR_STORE,         /* y = a */
    LINEAR_GELU_TANH,     /* y = gelu_tanh(a) */
    LINEAR_SILU,          /* y = silu(a) */
    LINEAR_MULTIPLY,      /* y = a * aux */
    LINEAR_RESIDUAL,      /* y += a */
    LINEAR_GATE_RESIDUAL, /* y[row] += gate[row / rows_per_gate] * a */
    LINEAR_EPILOGUE_COUNT
};

/* A norm of y's new rows, made in the same pass over them: layer_norm with weight and bias, or
 * layer_norm_modulate with shift and scale; the other two are NULL. */
struct linear_norm {
    const struct tensor *y; /* [rows, out], not linear's own y */
    const struct tensor *weight, *bias;
    const struct tensor *shift, *scale;
    int64_t rows_per_frame;
    float eps;
};

struct linear_args {
    enum linear_epilogue epilogue;
    const struct tensor *aux;  /* LINEAR_MULTIPLY: [rows, out] */
    const struct tensor *gate; /* LINEAR_GATE_RESIDUAL: [rows / rows_per_gate, out] F32, row stride free */
    int64_t rows_per_gate;
    const struct linear_norm *norm; /* what follows; NULL: nothing */
};

/* Where q, k and v go, [rows, heads, d] each, row strides free: q and k by qk_norm_rope with cos and
 * sin, v as it is. q or v NULL: not wanted. */
struct qkv_places {
    const struct tensor *q, *k, *v;
    const struct tensor *weight_q, *weight_k; /* F32 [heads*d]; weight_q NULL where q is */
    const struct tensor *cos, *sin;           /* F32 [rows, d/2] */
    float eps;
};

/* Which keys a query may see, in blocks of query_block rows: block i sees [first[i], end[i]).
 * NULL arrays never occur; a NULL mask means all keys. */
struct attention_mask {
    int64_t query_block;
    int64_t blocks;
    const int64_t *first, *end; /* host, [blocks] */
};

struct attention_args {
    float scale;
    const struct attention_mask *mask; /* NULL: every query sees every key */
    const struct tensor *bias;         /* NULL or F32 [heads, queries, keys], added to the logits */
    const struct tensor *key_bias;     /* NULL or F32 [keys], added to the logits; -inf hides a key */
};

/* Monarch attention (MonarchRT): tokens are frames x rows x cols grids. */
struct monarch_args {
    float scale;
    int64_t rows, cols;                  /* token rows and columns of a frame */
    int64_t f_tied, h_reduce, w_reduce;  /* tile: f_tied frames, rows/h_reduce, cols/w_reduce */
    int num_iters;                       /* 1..3 */
    int64_t causal_block_frames;         /* 0: no mask; n: a query tile of block b sees key tiles of
                                          * blocks <= b, blocks of n frames; queries and keys then
                                          * cover the same frames */
};

struct conv_args {
    int64_t stride_t, stride_h, stride_w;
    int64_t pad_top, pad_bottom, pad_left, pad_right; /* zeros; time is never padded here */
    /* Puts corners in place, where video_habits say so: of h' x w' pixels with channels (dy, dx, c)
     * come y [T', 2h'-2, 2w'-2, out/4], (dy, dx) of pixel (i, j) at (2i-1+dy, 2j-1+dx), those that
     * fall outside left away. No residual. */
    bool corners;
};

/* What a convolution does beside the products; NULL for nothing. */
struct conv_extra {
    const struct tensor *residual; /* like y, added; y may be residual. NULL: none */
    const struct tensor *gamma;    /* F32 [out]: y is the channel_norm of the sum. NULL: the sum */
    bool silu;                     /* as in channel_norm */
    /* Where video_habits say so: y sees frames of x in two runs, `split` of them from `first` on and
     * behind them those from `then` on, as many as it needs. */
    bool runs;
    int64_t first, split, then;
};

/* How a backend likes the work on video; models cut it by this, results are the same to rounding. */
struct video_habits {
    int64_t slice_elements; /* of an activation, to be worked on at one time: what stays in a core's
                             * cache; on a GPU enough to fill it, for windows grow with slices */
    int64_t slice_least;    /* frames, however many elements they have */
    bool corners;           /* conv does conv_args.corners */
    bool runs;              /* conv does conv_extra.runs */
    bool fold_narrow;       /* a convolution to 3 channels costs that to 16 */
};

struct ops {
    const char *name; /* "cpu", "cuda" */

    /* --- life and memory --- */
    /* The dtype to open with when the user has no wish: BF16 where the machine multiplies it
     * faster than F32. open refuses a dtype that it cannot do. */
    enum dtype (*best_dtype)(void);
    bool (*open)(const struct exec_options *options, struct exec **out, struct dn_error *err);
    /* Another exec of the same device and dtype whose work runs beside ex's and goes before it where
     * both want the same; its tensors are its own. *out NULL: the backend gains nothing by that. */
    bool (*open_beside)(struct exec *ex, struct exec **out, struct dn_error *err);
    /* Bytes of device memory that tensor_alloc could still give, or INT64_MAX: no such limit. */
    bool (*memory_free)(struct exec *ex, int64_t *bytes, struct dn_error *err);
    /* From here to plan_end ex computes nothing and takes memory in its books only: what is run now
     * tells what it will need. Nothing that was made before may be freed meanwhile, and everything
     * that is made is freed. False: the backend's memory has no limit and nothing has changed. */
    bool (*plan_begin)(struct exec *ex);
    void (*plan_end)(struct exec *ex, struct exec_plan *plan);
    void (*close)(struct exec *ex); /* NULL allowed; frees nothing that the caller allocated */
    /* Uninitialised memory for a contiguous tensor; freed by tensor_free (which clears *t). */
    bool (*tensor_alloc)(struct exec *ex, struct tensor *t, enum dtype dtype, int ndim,
                         const int64_t *shape, struct dn_error *err);
    void (*tensor_free)(struct exec *ex, struct tensor *t);
    /* dst = host, converted to dst's dtype; host may have any strides and any float dtype, and its
     * memory may be reused on return. */
    bool (*upload)(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                   struct dn_error *err);
    /* host = src, converted to host's dtype; waits for the result. src may have any strides. */
    bool (*download)(struct exec *ex, const struct tensor *host, const struct tensor *src,
                     struct dn_error *err);
    /* dst = src with dtype conversion; same shape, any strides. Overlap allowed when both are
     * contiguous, of one dtype, and dst lies before src (a cache that moves to the left). */
    bool (*copy)(struct exec *ex, const struct tensor *dst, const struct tensor *src,
                 struct dn_error *err);
    bool (*fill_zero)(struct exec *ex, const struct tensor *dst, struct dn_error *err);
    bool (*sync)(struct exec *ex, struct dn_error *err);
    const struct video_habits *(*video_habits)(void);

    /* --- linear layers --- */
    /* Packs parts[0..count) (host, [out_i, in], any float dtype, any strides) stacked along out,
     * with biases[i] (host [out_i]) or biases NULL. */
    bool (*linear_pack)(struct exec *ex, const struct tensor *parts, const struct tensor *biases,
                        int count, struct linear **out, struct dn_error *err);
    /* The same for a layer that may be less exact. An exec that was opened with fp8 keeps its
     * weights as e4m3 with a factor an output channel, max |w| / 448, and linear turns x into e4m3
     * with a factor a row: y = epilogue(factor_row factor_channel (x8 W8^T) + b). Layers of which a
     * side is no multiple of 16 stay as linear_pack packs them; so do all in other execs. */
    bool (*linear_pack_narrow)(struct exec *ex, const struct tensor *parts,
                               const struct tensor *biases, int count, struct linear **out,
                               struct dn_error *err);
    void (*linear_free)(struct exec *ex, struct linear *linear);
    /* y [rows, out] = epilogue(x [rows, in] W^T + b); row strides of x and y are free.
     * args NULL = LINEAR_STORE. */
    bool (*linear)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                   const struct linear *linear, const struct linear_args *args,
                   struct dn_error *err);

    /* --- token rows, [rows, dim] --- */
    /* y = (x - mean) / sqrt(var + eps) * weight + bias; weight, bias F32 [dim] or both NULL. */
    bool (*layer_norm)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                       const struct tensor *weight, const struct tensor *bias, float eps,
                       struct dn_error *err);
    /* y = LN(x) * (1 + scale[row / rows_per_frame]) + shift[row / rows_per_frame];
     * shift, scale F32 [frames, dim], row stride free. */
    bool (*layer_norm_modulate)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                                const struct tensor *shift, const struct tensor *scale,
                                int64_t rows_per_frame, float eps, struct dn_error *err);
    /* y = x / sqrt(mean(x^2) + eps) * weight; weight F32 [dim]. */
    bool (*rms_norm)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct tensor *weight, float eps, struct dn_error *err);
    /* y [rows, heads, d] = rope(rms_norm(x [rows, heads*d]) * weight). The norm runs over the whole
     * width; rope turns the pairs (2i, 2i+1) of each head by cos/sin F32 [rows, d/2], or not at all
     * when both are NULL. Row strides of x and y are free (y is often a slice of a KV cache). */
    bool (*qk_norm_rope)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                         const struct tensor *weight, const struct tensor *cos,
                         const struct tensor *sin, float eps, struct dn_error *err);
    /* The rows [rows, 3*heads*d] of a product, q, k and v side by side, brought where they are
     * attended; read once where the backend can. */
    bool (*place_qkv)(struct exec *ex, const struct qkv_places *to, const struct tensor *qkv,
                      struct dn_error *err);
    /* y = silu(x), any shape, contiguous. */
    bool (*silu)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                 struct dn_error *err);
    /* y[r] = a[r] + b for every row r; a, y [rows, dim], b [dim]. */
    bool (*add_row)(struct exec *ex, const struct tensor *y, const struct tensor *a,
                    const struct tensor *b, struct dn_error *err);
    /* y = a*x + b*z, contiguous, same shape; z NULL counts as 0. y may be x or z. */
    bool (*axpby)(struct exec *ex, const struct tensor *y, float a, const struct tensor *x, float b,
                  const struct tensor *z, struct dn_error *err);
    /* y[i] = table[ids[i]]; host ids [rows], every id already checked against table's rows. */
    bool (*gather_rows)(struct exec *ex, const struct tensor *y, const struct tensor *table,
                        const int32_t *host_ids, struct dn_error *err);

    /* --- patches; latents are F32 [frames, channels, h, w], patch (1,2,2) --- */
    /* tokens [frames*(h/2)*(w/2), channels*4], inner order (channel, row, column). */
    bool (*patchify)(struct exec *ex, const struct tensor *tokens, const struct tensor *latents,
                     struct dn_error *err);
    /* the other way, inner order of tokens (row, column, channel). */
    bool (*unpatchify)(struct exec *ex, const struct tensor *latents, const struct tensor *tokens,
                       struct dn_error *err);

    /* --- attention; q, out [queries, heads, d], k, v [keys, heads, d], row strides free --- */
    /* out = softmax(scale * q k^T + bias) v */
    bool (*attention)(struct exec *ex, const struct tensor *out, const struct tensor *q,
                      const struct tensor *k, const struct tensor *v,
                      const struct attention_args *args, struct dn_error *err);
    /* SPEC: stage 1 (alpha, y, entropy) and stage 2; queries = q_frames*rows*cols tokens in (frame,
     * row, column) order, keys likewise. Without a mask every query tile sees every key tile. */
    bool (*monarch_attention)(struct exec *ex, const struct tensor *out, const struct tensor *q,
                              const struct tensor *k, const struct tensor *v,
                              const struct monarch_args *args, struct dn_error *err);

    /* --- video, channels last: [frames, h, w, channels] --- */
    /* weight host [out, in, kt, kh, kw] (or [out, in, kh, kw]: kt = 1), bias host [out] or NULL. */
    bool (*conv_pack)(struct exec *ex, const struct tensor *weight, const struct tensor *bias,
                      const struct conv_args *args, struct conv **out, struct dn_error *err);
    void (*conv_free)(struct exec *ex, struct conv *conv);
    /* y [T', h', w', out] = conv(x [T, h, w, in]), and what extra (or NULL) says.
     * T' = (T - kt) / stride_t + 1: the caller puts the frames of the past in front of x. */
    bool (*conv)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                 const struct conv *conv, const struct conv_extra *extra, struct dn_error *err);
    /* y = act(x / max(|x|_2 over channels, 1e-12) * sqrt(channels) * gamma), act = SiLU or none. */
    bool (*channel_norm)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                         const struct tensor *gamma, bool silu, struct dn_error *err);
    /* y [T, 2h, 2w, c] = each pixel of x four times. */
    bool (*upsample_nearest)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                             struct dn_error *err);
    /* y [2T, h, w, c] from x [T, h, w, 2c]: frame 2t = first half of the channels, 2t+1 = second. */
    bool (*interleave_time)(struct exec *ex, const struct tensor *y, const struct tensor *x,
                            struct dn_error *err);
    /* y [T, h, w, c] = latents [T, c, h, w] * scale[c] + shift[c], and back:
     * latents = (x - shift) / scale of the first c channels of x [T, h, w, >= c]. F32 scale, shift. */
    bool (*latents_to_video)(struct exec *ex, const struct tensor *y, const struct tensor *latents,
                             const struct tensor *scale, const struct tensor *shift,
                             struct dn_error *err);
    bool (*video_to_latents)(struct exec *ex, const struct tensor *latents, const struct tensor *x,
                             const struct tensor *scale, const struct tensor *shift,
                             struct dn_error *err);
    /* host U8 [T, h, w, 3] = round(clamp(x, -1, 1) * 127.5 + 127.5); waits for the result. */
    bool (*video_to_rgb8)(struct exec *ex, const struct tensor *host, const struct tensor *x,
                          struct dn_error *err);
};

/* The backends, by name. `ops_select` takes "auto" (the GPU where one works, else the CPU), "cpu" or
 * "cuda"; false says in one line why a backend is not to be had. */
bool ops_select(const char *name, const struct ops **out, struct dn_error *err);
/* The backend that opens with plan_only, NULL when this build has none. */
const struct ops *ops_planning(void);
/* Is the CUDA backend compiled in (a GPU or not)? */
bool ops_has_cuda(void);

/* Two values per exec, set by open: the dtype that activations should be stored in, and whether
 * linear_pack_narrow packs e4m3. Every backend's struct exec begins with them. */
enum dtype exec_dtype(const struct exec *ex);
bool exec_fp8(const struct exec *ex);

/* Rows and channels with no number as large as this count as zeros: 448 / it would be none. */
#define FP8_LEAST 1e-30f
/* Does linear_pack_narrow turn a layer of these sides into e4m3? */
static inline bool linear_is_narrow(const struct exec *ex, int64_t in, int64_t out)
{
    return exec_fp8(ex) && in % 16 == 0 && out % 16 == 0;
}

extern const struct ops ops_cpu;

#ifdef __cplusplus
}
#endif

#endif
