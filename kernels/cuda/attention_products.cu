/* attention_products: attention as two matrix products, for heads that are too wide to keep a tile
 * of sums in registers (the VAE's, 384 numbers) and for GPUs without a fused kernel here.
 *
 *   z = q k^T (float32);   p = softmax(scale z), rounded to bf16;   out = p v
 *
 * Products by cuBLASLt, which wants v turned: v^T [d, keys]. Queries go in groups, so that z and p
 * of a group take no more than 128 MiB. FLOPs: 4 d a query and key. Bytes: 12 a query and key (z
 * and p written and read), besides q, k, v and out. On an H200,
 * 2026-11-25: 276 of 989 TFLOP/s at 6240 x 6240, d 384. */
#include "kernels/cuda/attention.h"
#include "kernels/cuda/cuda_gemm.h"
#include "kernels/cuda/cuda_rows.cuh"

#define OP "attention"
#define GROUP_BYTES ((int64_t)128 << 20)
#define SMALLEST 64     /* queries and keys below which launches cost more than they save */
#define MOST_KEYS 24576 /* a row of logits stays in shared memory */
#define TURN 32

static int64_t round_up(int64_t x, int64_t to)
{
    return (x + to - 1) / to * to;
}

/* What cuBLASLt is fast on. */
static bool is_aligned(const struct tensor *t)
{
    return t->dtype == DTYPE_BF16 && (uintptr_t)t->data % 16 == 0 && t->stride[0] > 0 &&
           t->stride[0] % 8 == 0 && (t->shape[1] == 1 || t->stride[1] % 8 == 0);
}

bool attention_products_fits(const struct exec *ex, const struct attention_call *c)
{
    int64_t keys = c->k->shape[0];
    return ex->dtype == DTYPE_BF16 && !c->args->mask && !c->args->bias && !c->args->key_bias &&
           is_aligned(c->q) && is_aligned(c->k) && is_aligned(c->v) && is_aligned(c->out) &&
           c->q->shape[0] >= SMALLEST && keys >= SMALLEST && keys <= MOST_KEYS;
}

/* turned [d, pitch] = v [keys, d]^T; zeros behind the keys. */
__global__ void turn_kernel(const uint16_t *v, int64_t stride, int64_t keys, int d,
                            uint16_t *turned, int64_t pitch)
{
    uint16_t *tile = (uint16_t *)cuda_shared();
    int64_t key = (int64_t)blockIdx.x * TURN;
    int column = (int)blockIdx.y * TURN, x = (int)threadIdx.x % TURN;
    for (int y = (int)threadIdx.x / TURN; y < TURN; y += (int)blockDim.x / TURN)
        tile[y * (TURN + 1) + x] =
            key + y < keys && column + x < d ? v[(key + y) * stride + column + x] : (uint16_t)0;
    __syncthreads();
    for (int y = (int)threadIdx.x / TURN; y < TURN; y += (int)blockDim.x / TURN)
        if (column + y < d && key + x < pitch)
            turned[(column + y) * pitch + key + x] = tile[x * (TURN + 1) + y];
}

/* Four numbers, moved in one access. */
struct alignas(16) four_floats {
    float x[4];
};

/* p [row, pitch] = softmax(scale z [row, pitch]), a block a row; zeros behind the keys. */
__global__ void softmax_kernel(const float *z, uint16_t *p, int keys, int pitch, float scale)
{
    float *row = cuda_shared(), *room = row + pitch, high = -INFINITY, sum = 0;
    const four_floats *from = (const four_floats *)(z + (int64_t)blockIdx.x * pitch);
    cuda_words<8> *to = (cuda_words<8> *)(p + (int64_t)blockIdx.x * pitch);
    int first = (int)threadIdx.x, step = (int)blockDim.x;
    for (int j = first; j < pitch / 4; j += step) {
        four_floats z4 = from[j];
        for (int i = 0; i < 4; i++) {
            z4.x[i] = 4 * j + i < keys ? z4.x[i] * scale : -INFINITY;
            high = fmaxf(high, z4.x[i]);
        }
        ((four_floats *)row)[j] = z4;
    }
    high = cuda_block_max(high, room);
    for (int j = first; j < pitch / 4; j += step) {
        four_floats z4 = ((four_floats *)row)[j];
        for (int i = 0; i < 4; i++)
            sum += z4.x[i] = expf(z4.x[i] - high);
        ((four_floats *)row)[j] = z4;
    }
    float share = 1.0f / cuda_block_sum(sum, room);
    for (int j = first; j < pitch / 4; j += step) {
        four_floats z4 = ((four_floats *)row)[j];
        cuda_words<8> rounded;
        for (int i = 0; i < 2; i++)
            rounded.word[i] = cuda_pack_bf16(z4.x[2 * i] * share, z4.x[2 * i + 1] * share);
        to[j] = rounded;
    }
}

/* Where things lie in scratch memory, and how much there is to a group of queries. */
struct plan {
    int64_t pitch; /* of z, p and turned v: keys, rounded up */
    int64_t group; /* queries */
    size_t p, turned, bytes;
};

static struct plan plan_of(const struct attention_call *c)
{
    struct plan p;
    int64_t queries = c->q->shape[0];
    p.pitch = round_up(c->k->shape[0], 8);
    int64_t groups = (queries * p.pitch * 6 + GROUP_BYTES - 1) / GROUP_BYTES;
    p.group = round_up((queries + groups - 1) / groups, 128);
    if (p.group > queries)
        p.group = queries;
    p.p = cuda_align((size_t)(p.group * p.pitch * 4));
    p.turned = p.p + cuda_align((size_t)(p.group * p.pitch * 2));
    p.bytes = p.turned + (size_t)(c->v->shape[2] * p.pitch * 2);
    return p;
}

/* A head of rows [first, ...) of t. */
static struct cuda_matrix head_of(const struct tensor *t, int64_t first, int64_t head)
{
    return cuda_matrix{(uint16_t *)t->data + first * t->stride[0] + head * t->stride[1], t->dtype,
                       t->stride[0]};
}

static bool run_group(struct exec *ex, const struct attention_call *c, const struct plan *p,
                      char *scratch, int64_t head, int64_t first, struct dn_error *err)
{
    int64_t rows = c->q->shape[0] - first, keys = c->k->shape[0], d = c->q->shape[2];
    if (rows > p->group)
        rows = p->group;
    struct cuda_matrix q = head_of(c->q, first, head), k = head_of(c->k, 0, head);
    struct cuda_matrix out = head_of(c->out, first, head);
    struct cuda_matrix logits = {scratch, DTYPE_F32, p->pitch};
    struct cuda_matrix weights = {scratch + p->p, DTYPE_BF16, p->pitch};
    struct cuda_matrix turned = {scratch + p->turned, DTYPE_BF16, p->pitch};
    size_t shared = ((size_t)p->pitch + 32) * sizeof(float);
    const struct cuda_gemm_problem to_logits = {rows, d, keys, false, NULL, NULL, NULL};
    const struct cuda_gemm_problem to_out = {rows, p->pitch, d, false, NULL, NULL, NULL};
    return cuda_multiply(ex, &to_logits, &logits, &q, &k, err) &&
           cuda_launch(ex, OP, err, softmax_kernel, cuda_grid(rows, 1), CUDA_BLOCK, shared,
                       (const float *)logits.data, (uint16_t *)weights.data, (int)keys,
                       (int)p->pitch, c->args->scale) &&
           cuda_multiply(ex, &to_out, &out, &weights, &turned, err);
}

bool attention_products(struct exec *ex, const struct attention_call *c, struct dn_error *err)
{
    struct plan p = plan_of(c);
    int64_t d = c->v->shape[2], keys = c->k->shape[0];
    void *scratch;
    if (!cuda_enter(ex, OP, err) || !cuda_scratch(ex, OP, p.bytes, &scratch, err))
        return false;
    uint16_t *turned = (uint16_t *)((char *)scratch + p.turned);
    dim3 grid = cuda_grid(p.pitch, TURN);
    grid.y = (unsigned)((d + TURN - 1) / TURN);
    for (int64_t head = 0; head < c->q->shape[1]; head++) {
        struct cuda_matrix v = head_of(c->v, 0, head);
        if (!cuda_launch(ex, OP, err, turn_kernel, grid, CUDA_BLOCK,
                         TURN * (TURN + 1) * sizeof(uint16_t), (const uint16_t *)v.data, v.stride,
                         keys, (int)d, turned, p.pitch))
            return false;
        for (int64_t first = 0; first < c->q->shape[0]; first += p.group)
            if (!run_group(ex, c, &p, (char *)scratch, head, first, err))
                return false;
    }
    return true;
}
