/* monarch_tensor: the form of monarch_tensor.cuh with mma.sync for stage 1, for every architecture,
 * and the choice between it and Hopper's (monarch_sm90.cu). */
#include "kernels/cuda/monarch_tensor.cuh"

namespace
{
/* Where 16 bytes of a tile of keys or values lie: rows of 128 bytes, those of the numbers from 64
 * on behind all of the first; column c moved so that eight rows fall on different banks. */
template <int COLUMNS> __device__ inline int tile_at(int row, int c)
{
    return (c / 8 * COLUMNS + row) * 128 + ((c % 8) ^ (row & 7)) * 16;
}

template <int D, int COLUMNS> __host__ __device__ constexpr int tile_bytes()
{
    return (D + 63) / 64 * COLUMNS * 128;
}

/* Queues the keys and values of row k of key tile f. */
template <int D, int COLUMNS>
__device__ inline void stage_1_load(const tensor_plan &plan, const tensor_unit &u, int f, int k,
                                    unsigned char *to)
{
    const monarch_problem &p = plan.p;
    int64_t token = token_at(plan, f, k, 0);
    const uint16_t *keys = bf16_at(p.k, token * p.k_stride + u.head * p.k_head_stride);
    const uint16_t *values = bf16_at(p.v, token * p.v_stride + u.head * p.v_head_stride);
    for (int e = (int)threadIdx.x; e < p.b2 * (D / 8); e += BLOCK) {
        int row = e / (D / 8), c = e % (D / 8), at = tile_at<COLUMNS>(row, c);
        copy_async_16(to + at, keys + row * p.k_stride + c * 8, true);
        copy_async_16(to + tile_bytes<D, COLUMNS>() + at, values + row * p.v_stride + c * 8, true);
    }
    copy_async_commit();
}

/* Numbers [32 block, + 32) of the weighted sum of the tile's rows, for 16 queries. */
template <int COLUMNS>
__device__ inline void stage_1_sum(const unsigned char *tile,
                                   const uint32_t (&weights)[COLUMNS / 8][2], int block,
                                   float (*sum)[4])
{
    int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int n = 0; n < 4; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            sum[n][e] = 0;
#pragma unroll
    for (int s = 0; s < COLUMNS / 16; s++) {
        uint32_t a[4] = {weights[2 * s][0], weights[2 * s][1], weights[2 * s + 1][0],
                         weights[2 * s + 1][1]};
#pragma unroll
        for (int n = 0; n < 4; n += 2) {
            uint32_t b[4];
            mma_load_4_trans(
                b, tile + tile_at<COLUMNS>(16 * s + lane % 16, block * 4 + n + lane / 16));
            mma_16x8x16(sum[n], a, b[0], b[1]);
            mma_16x8x16(sum[n + 1], a, b[2], b[3]);
        }
    }
    if (COLUMNS % 16) {
        const int s = COLUMNS / 8 - 1;
        uint32_t b[4];
        mma_load_4_trans(b, tile + tile_at<COLUMNS>(8 * s + lane % 8, block * 4 + lane / 8));
#pragma unroll
        for (int n = 0; n < 4; n++)
            mma_16x8x8(sum[n], weights[s][0], weights[s][1], b[n]);
    }
}

/* 16 queries against a tile of keys and values in shared memory. */
template <int D, int COLUMNS>
__device__ inline void stage_1_tile(const uint32_t (&query)[D / 16][4], const unsigned char *keys,
                                    int key, float scale, int columns, const stage_1_out &out)
{
    int lane = (int)threadIdx.x % 32;
    float z[COLUMNS / 2] = {}, share[2], entropy[2];
    uint32_t weights[COLUMNS / 8][2];
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++)
#pragma unroll
        for (int block = 0; block < D / 32; block++) {
            uint32_t b[4];
            float(&sum)[4] = *(float(*)[4])(z + 4 * n);
            mma_load_4(b, keys + tile_at<COLUMNS>(n * 8 + lane % 8, block * 4 + lane / 8));
            mma_16x8x16(sum, query[2 * block], b[0], b[1]);
            mma_16x8x16(sum, query[2 * block + 1], b[2], b[3]);
        }
    stage_1_softmax<COLUMNS / 8>(z, weights, share, entropy, scale, columns);
    if (lane % 4 == 0)
        for (int r = 0; r < 2; r++)
            if (lane / 4 % 2 ? out.odd[r] : out.even[r])
                out.entropy[r * out.entropy_stride + key] = entropy[r];
    for (int what = 0; what < 2; what++) {
        const unsigned char *tile = keys + what * tile_bytes<D, COLUMNS>();
        float sum[8][4];
        if constexpr (D == 32) {
            stage_1_sum<COLUMNS>(tile, weights, 0, sum);
            stage_1_store_block<D>(out, key, what, sum[0], share);
        } else {
#pragma unroll
            for (int line = 0; line < D / 64; line++) {
                stage_1_sum<COLUMNS>(tile, weights, 2 * line, sum);
                stage_1_sum<COLUMNS>(tile, weights, 2 * line + 1, sum + 4);
                stage_1_store<D>(out, key, what, line, sum[0], share);
            }
        }
    }
}

/* Block: unit, group of key tiles, row k; units follow one another, so that what reads the same
 * keys runs at the same time. */
template <int D, int COLUMNS>
__global__ void __launch_bounds__(BLOCK, COLUMNS > 64 ? 2 : 3)
    monarch_tensor_1_kernel(const tensor_plan plan)
{
    const monarch_problem &p = plan.p;
    const int size = 2 * tile_bytes<D, COLUMNS>(), rest = COLUMNS - p.b2;
    unsigned char *shared = (unsigned char *)cuda_shared();
    int units = plan.heads * plan.chunks, unit = (int)blockIdx.x % units;
    int item = (int)blockIdx.x / units, k = item / plan.tile_groups;
    tensor_unit u = unit_at(plan, unit / plan.chunks, unit % plan.chunks);
    int first = item % plan.tile_groups * plan.group_tiles, end = first + plan.group_tiles;
    int last = end_tile(plan, (u.first + u.count - 1) / p.b2);
    end = end < last ? end : last;
    if (first >= end)
        return;
    int pair = (int)threadIdx.x / 32 * 16 + (int)threadIdx.x % 32 / 4;
    bool busy = pair / 16 * 16 < u.count;
    /* rows behind the last column are read by products: zeros */
    for (int e = (int)threadIdx.x; e < 4 * rest * (D / 8); e += BLOCK) {
        int row = e / (D / 8), at = tile_at<COLUMNS>(p.b2 + row % rest, e % (D / 8));
        *(uint4 *)(shared + row / rest * tile_bytes<D, COLUMNS>() + at) = make_uint4(0, 0, 0, 0);
    }
    stage_1_load<D, COLUMNS>(plan, u, first, k, shared);
    uint32_t query[D / 16][4];
    stage_1_query<D>(plan, u, k, pair, query);
    stage_1_out out = stage_1_out_at<D>(plan, u, pair);
    for (int f = first; f < end; f++) {
        const unsigned char *keys = shared + (f - first) % 2 * size;
        if (f + 1 < end) {
            stage_1_load<D, COLUMNS>(plan, u, f + 1, k, shared + (f + 1 - first) % 2 * size);
            copy_async_wait<1>();
        } else {
            copy_async_wait<0>();
        }
        __syncthreads();
        if (busy)
            stage_1_tile<D, COLUMNS>(query, keys, key_at(plan, f, k), plan.scale, p.b2, out);
        __syncthreads();
    }
}

template <int D, int SPLITS>
__global__ void __launch_bounds__(BLOCK, 3) monarch_tensor_2_kernel(const tensor_plan plan)
{
    stage_2_rows<D> rows;
    stage_2_block<D, SPLITS>(plan, rows, (unsigned char *)cuda_shared());
}

/* ---- host ---- */

template <int D, int COLUMNS, int SPLITS>
static bool run(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    auto stages = [=](const tensor_plan &plan) {
        int64_t units = plan.heads * plan.chunks;
        return cuda_launch(ex, OP, err, monarch_tensor_1_kernel<D, COLUMNS>,
                           cuda_grid(units * p.b1 * plan.tile_groups, 1), BLOCK,
                           4 * tile_bytes<D, COLUMNS>(), plan) &&
               cuda_launch(ex, OP, err, monarch_tensor_2_kernel<D, SPLITS>,
                           cuda_grid(units * PAIRS * plan.row_groups, 1), BLOCK,
                           2 * step_bytes<D>(), plan);
    };
    return run_heads(ex, plan_of(p, SPLITS), stages, err);
}

template <int COLUMNS>
bool run_rows(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    if (p.b1 <= 16)
        return run<128, COLUMNS, 4>(ex, p, err);
    return p.b1 <= 32 ? run<128, COLUMNS, 2>(ex, p, err) : run<128, COLUMNS, 1>(ex, p, err);
}

} // namespace

bool monarch_tensor_can(const struct exec *ex, const monarch_problem &p)
{
    int64_t strides = p.q_stride | p.k_stride | p.v_stride | p.out_stride | p.q_head_stride |
                      p.k_head_stride | p.v_head_stride | p.out_head_stride;
    uintptr_t addresses =
        (uintptr_t)p.q.data | (uintptr_t)p.k.data | (uintptr_t)p.v.data | (uintptr_t)p.out.data;
    return ex->dtype == DTYPE_BF16 && p.q.bf16 && p.k.bf16 && p.v.bf16 && p.out.bf16 &&
           p.num_iters == 1 && p.scale > 0 && p.b2 <= MONARCH_WIDE &&
           (p.d == 32 || p.d == 64 || p.d == 128) && strides % 8 == 0 && addresses % 16 == 0;
}

bool monarch_tensor(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    if (p.d == 32)
        return p.b2 > 64 ? run<32, 80, 2>(ex, p, err) : run<32, 64, 2>(ex, p, err);
    if (p.d == 64)
        return p.b2 > 64 ? run<64, 80, 2>(ex, p, err) : run<64, 64, 2>(ex, p, err);
    if (p.b2 > 64)
        return run_rows<80>(ex, p, err);
    return p.b2 > MONARCH_NARROW ? run_rows<64>(ex, p, err) : run_rows<56>(ex, p, err);
}
