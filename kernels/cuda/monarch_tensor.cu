/* monarch_tensor: Monarch attention with one iteration on tensor cores, in bf16; formulas and names
 * as in monarch.cu.
 *
 * The queries of stage 1 are pairs (a, j) of a query tile and a column of it: those of row k meet
 * row k of every key tile f. A unit is a head and 64 pairs; an item of work is, in stage 1, a unit,
 * a row k and some key tiles (the unit's queries stay in registers, keys and values pass through
 * shared memory), in stage 2 a pair and its query rows (attention over n rows of alpha and y). One
 * launch does all: blocks take items in an order in which a unit's stage 2 comes a round after its
 * stage 1, and wait for what an item needs. So only SLOTS units' alpha and y are alive, and stay in
 * the second-level cache as far as they fit.
 *
 * Scratch, a slot: [pair 64][key group n / 8][alpha, y][d / 32][key 8][32], bf16, as the fragments
 * of stage 1 come and those of stage 2 are wanted: the 16 bytes c of the four of a row hold numbers
 * 8 i + 2 c, 8 i + 2 c + 1 for i = 0..3 of the 32, and lie at c ^ key / 2 % 4 so that eight rows
 * fall on different banks. Entropies: [pair 64][n, rounded up to 64], float32, times log2 e: all
 * exponentials here are powers of 2.
 *
 * FLOPs: 6 b1 b2 b2 d + 4 b1 b1 b2 d for a pair of tiles. Bytes through the second-level cache: 8 d
 * for each (pair, key row), and keys and values once for each unit of a head. */
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/monarch.cuh"

namespace
{
enum {
    BLOCK = 128,
    WARPS = 4,
    PAIRS = 64,
    STEP = 64 /* key rows a block of stage 2 takes at once */
};

struct tensor_plan {
    monarch_problem p;
    unsigned char *scratch;           /* slots, one after another */
    unsigned *next, *done_1, *done_2; /* next item; items of a round that are done, by stage */
    int64_t slot_bytes, entropy_at;   /* of a unit; offset in it */
    int64_t keys;                     /* n, rounded up to STEP */
    int64_t pairs, chunks, units;     /* pairs and units of a head, units in all */
    int64_t key_tiles;
    int round, slots;                 /* units of a round; units whose scratch is there */
    int tile_groups, tiles_per_item;  /* of the key tiles for stage 1 */
    int row_groups;                   /* of a pair's query rows for stage 2 */
    int stage_1_items, stage_2_items; /* of a round */
    float scale;                      /* times log2 e */
};

struct tensor_unit {
    int64_t head, first, count; /* pairs [first, first + count) of the head */
    unsigned char *slot;
};

__device__ inline tensor_unit unit_at(const tensor_plan &plan, int64_t unit)
{
    int64_t first = unit % plan.chunks * PAIRS, left = plan.pairs - first;
    return tensor_unit{unit / plan.chunks, first, left < PAIRS ? left : (int64_t)PAIRS,
                       plan.scratch + unit % plan.slots * plan.slot_bytes};
}

/* Where 16 bytes of alpha (what 0) or y (1) of a pair lie: key row, block of 32 numbers, column c.
 */
template <int D>
__device__ inline unsigned char *chunk_at(const tensor_plan &plan, const tensor_unit &u,
                                          int64_t pair, int64_t key, int what, int block, int c)
{
    int row = (int)(key % 8);
    return u.slot + pair * plan.keys * (4 * D) + (key / 8 * 2 + what) * (16 * D) +
           (block * 8 + row) * 64 + ((c ^ (row >> 1)) * 16);
}

__device__ inline const uint16_t *bf16_at(const cuda_array &a, int64_t at)
{
    return (const uint16_t *)a.data + at;
}

/* ---- stage 1 ---- */

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
__device__ inline void stage_1_load(const tensor_plan &plan, const tensor_unit &u, int64_t f,
                                    int64_t k, unsigned char *to)
{
    const monarch_problem &p = plan.p;
    int64_t token = monarch_token(p, f, k, 0);
    const uint16_t *keys = bf16_at(p.k, token * p.k_stride + u.head * p.k_head_stride);
    const uint16_t *values = bf16_at(p.v, token * p.v_stride + u.head * p.v_head_stride);
    for (int e = (int)threadIdx.x; e < p.b2 * (D / 8); e += BLOCK) {
        int row = e / (D / 8), c = e % (D / 8), at = tile_at<COLUMNS>(row, c);
        copy_async_16(to + at, keys + row * p.k_stride + c * 8, true);
        copy_async_16(to + tile_bytes<D, COLUMNS>() + at, values + row * p.v_stride + c * 8, true);
    }
    copy_async_commit();
}

/* z of 16 queries and all keys becomes e^(z - max), as the left operand of the next products.
 * total: its sums for rows g and g + 8; entropy: theirs, in units of log 2. */
template <int TILES>
__device__ inline void stage_1_softmax(float (&z)[TILES][4], uint32_t (&weights)[TILES][2],
                                       float (&total)[2], float (&entropy)[2], float scale,
                                       int columns)
{
    int t = (int)threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float highest = -INFINITY, sum = 0, mean = 0;
#pragma unroll
        for (int n = 0; n < TILES; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float &x = z[n][2 * r + e];
                x = n * 8 + 2 * t + e < columns ? x * scale : -INFINITY;
                highest = fmaxf(highest, x);
            }
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 2));
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            float low = fmaxf(z[n][2 * r] - highest, -1e4f); /* finite: 0 times it is 0 */
            float high = fmaxf(z[n][2 * r + 1] - highest, -1e4f);
            float a = mma_exp2(low), b = mma_exp2(high);
            sum += a + b;
            mean += a * low + b * high;
            weights[n][r] = mma_pack(a, b);
        }
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 1);
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 2);
        mean += __shfl_xor_sync(0xFFFFFFFFu, mean, 1);
        mean += __shfl_xor_sync(0xFFFFFFFFu, mean, 2);
        total[r] = sum;
        entropy[r] = log2f(sum) - mean / sum;
    }
}

/* Numbers [32 block, + 32) of the weighted sum of the tile's rows, for 16 queries. */
template <int COLUMNS>
__device__ inline void stage_1_sum(const unsigned char *tile,
                                   const uint32_t (&weights)[COLUMNS / 8][2], int block,
                                   float (&sum)[4][4])
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

/* alpha or y of 16 queries and one key row; pair: the lane's first, the other one is 8 further. */
template <int D, int COLUMNS>
__device__ inline void stage_1_store(const tensor_plan &plan, const tensor_unit &u, int64_t pair,
                                     int64_t key, int what, const unsigned char *tile,
                                     const uint32_t (&weights)[COLUMNS / 8][2],
                                     const float (&share)[2])
{
    int t = (int)threadIdx.x % 4;
#pragma unroll
    for (int block = 0; block < D / 32; block++) {
        float sum[4][4];
        stage_1_sum<COLUMNS>(tile, weights, block, sum);
#pragma unroll
        for (int r = 0; r < 2; r++) {
            uint32_t out[4];
#pragma unroll
            for (int n = 0; n < 4; n++)
                out[n] = mma_pack(sum[n][2 * r] * share[r], sum[n][2 * r + 1] * share[r]);
            if (pair + 8 * r < u.count)
                *(uint4 *)chunk_at<D>(plan, u, pair + 8 * r, key, what, block, t) =
                    make_uint4(out[0], out[1], out[2], out[3]);
        }
    }
}

/* Row k of key tiles [first, end) for the pairs of a unit. */
template <int D, int COLUMNS>
__device__ inline void stage_1(const tensor_plan &plan, const tensor_unit &u, int64_t k,
                               int64_t first, int64_t end, unsigned char *shared)
{
    const monarch_problem &p = plan.p;
    const int TILES = COLUMNS / 8, size = 2 * tile_bytes<D, COLUMNS>();
    int lane = (int)threadIdx.x % 32, t = lane % 4;
    int64_t pair = (int)threadIdx.x / 32 * 16 + lane / 4;
    /* rows behind the last column are read by products: zeros */
    for (int e = (int)threadIdx.x; e < 4 * (COLUMNS - p.b2) * (D / 8); e += BLOCK) {
        int row = p.b2 + e / (D / 8) % (COLUMNS - p.b2), which = e / (D / 8) / (COLUMNS - p.b2);
        *(uint4 *)(shared + which * tile_bytes<D, COLUMNS>() + tile_at<COLUMNS>(row, e % (D / 8))) =
            make_uint4(0, 0, 0, 0);
    }
    stage_1_load<D, COLUMNS>(plan, u, first, k, shared);
    uint32_t query[D / 16][4];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int64_t at = u.first + pair + 8 * r;
        bool there = pair + 8 * r < u.count;
        const uint16_t *from = bf16_at(p.q, 0);
        if (there)
            from +=
                monarch_token(p, at / p.b2, k, at % p.b2) * p.q_stride + u.head * p.q_head_stride;
#pragma unroll
        for (int s = 0; s < D / 16; s++) {
            query[s][r] = there ? *(const uint32_t *)(from + 16 * s + 2 * t) : 0;
            query[s][2 + r] = there ? *(const uint32_t *)(from + 16 * s + 8 + 2 * t) : 0;
        }
    }
    for (int64_t f = first; f < end; f++) {
        const unsigned char *keys = shared + (f - first) % 2 * size;
        if (f + 1 < end)
            stage_1_load<D, COLUMNS>(plan, u, f + 1, k, shared + (f + 1 - first) % 2 * size);
        if (f + 1 < end)
            copy_async_wait<1>();
        else
            copy_async_wait<0>();
        __syncthreads();
        if (pair - lane / 4 < u.count) {
            float z[TILES][4] = {}, total[2], entropy[2];
#pragma unroll
            for (int n = 0; n < TILES; n++)
#pragma unroll
                for (int block = 0; block < D / 32; block++) {
                    uint32_t b[4];
                    mma_load_4(b, keys + tile_at<COLUMNS>(n * 8 + lane % 8, block * 4 + lane / 8));
                    mma_16x8x16(z[n], query[2 * block], b[0], b[1]);
                    mma_16x8x16(z[n], query[2 * block + 1], b[2], b[3]);
                }
            uint32_t weights[TILES][2];
            stage_1_softmax<TILES>(z, weights, total, entropy, plan.scale, p.b2);
            int64_t key = f * p.b1 + k;
            float share[2] = {1.0f / total[0], 1.0f / total[1]};
#pragma unroll
            for (int r = 0; r < 2; r++)
                if (t == 0 && pair + 8 * r < u.count)
                    *(float *)(u.slot + plan.entropy_at + ((pair + 8 * r) * plan.keys + key) * 4) =
                        entropy[r];
            stage_1_store<D, COLUMNS>(plan, u, pair, key, 0, keys, weights, share);
            stage_1_store<D, COLUMNS>(plan, u, pair, key, 1, keys + size / 2, weights, share);
        }
        __syncthreads();
    }
}

/* ---- stage 2 ---- */

template <int D> __host__ __device__ constexpr int step_bytes()
{
    return STEP * D * 4 + STEP * 4;
}

/* Queues alpha, y and entropy of the pair's key rows [key, key + STEP); zeros from `seen` on. */
template <int D>
__device__ inline void stage_2_load(const tensor_plan &plan, const tensor_unit &u, int64_t pair,
                                    int64_t key, int64_t seen, unsigned char *to)
{
    const unsigned char *from = u.slot + (pair * plan.keys + key) * (4 * D);
    int left = seen - key < STEP ? (int)(seen - key) : (int)STEP;
    for (int e = (int)threadIdx.x; e < STEP * D / 4; e += BLOCK)
        copy_async_16(to + 16 * e, from + 16 * e, e / (2 * D) * 8 + e / 4 % 8 < left);
    const unsigned char *entropy = u.slot + plan.entropy_at + (pair * plan.keys + key) * 4;
    if (threadIdx.x < STEP / 4)
        copy_async_16(to + STEP * D * 4 + 16 * threadIdx.x, entropy + 16 * threadIdx.x, true);
    copy_async_commit();
}

/* A warp's state: 16 query rows against its share of the keys. */
template <int D> struct stage_2_sums {
    float out[D / 8][4], highest[2], total[2];
};

/* KEYS key rows of a step: groups of eight from `rows` on, entropies likewise; left of them count.
 */
template <int D, int KEYS>
__device__ inline void stage_2_step(const uint32_t (&query)[D / 16][4], const unsigned char *rows,
                                    const float *entropy, int left, float scale,
                                    stage_2_sums<D> &sums)
{
    int lane = (int)threadIdx.x % 32, t = lane % 4;
    float z[KEYS / 8][4] = {};
    uint32_t weights[KEYS / 8][2];
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int block = 0; block < D / 32; block++) {
            uint32_t b[4];
            int row = lane % 8;
            mma_load_4(b, rows + n * (32 * D) + (block * 8 + row) * 64 +
                              (((lane / 8) ^ (row >> 1)) * 16));
            mma_16x8x16(z[n], query[2 * block], b[0], b[1]);
            mma_16x8x16(z[n], query[2 * block + 1], b[2], b[3]);
        }
    float rescale[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float highest = sums.highest[r], sum = 0;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float &x = z[n][2 * r + e];
                int key = n * 8 + 2 * t + e;
                x = key < left ? x * scale + entropy[key] : -INFINITY;
                highest = fmaxf(highest, x);
            }
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 2));
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++) {
            float a = mma_exp2(z[n][2 * r] - highest), b = mma_exp2(z[n][2 * r + 1] - highest);
            sum += a + b;
            weights[n][r] = mma_pack(a, b);
        }
        rescale[r] = mma_exp2(sums.highest[r] - highest);
        sums.total[r] = sums.total[r] * rescale[r] + sum; /* the lane's part of the row */
        sums.highest[r] = highest;
    }
    if (__any_sync(0xFFFFFFFFu, rescale[0] != 1.0f || rescale[1] != 1.0f)) {
#pragma unroll
        for (int n = 0; n < D / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                sums.out[n][e] *= rescale[e / 2];
    }
#pragma unroll
    for (int s = 0; s < KEYS / 16; s++) {
        uint32_t a[4] = {weights[2 * s][0], weights[2 * s][1], weights[2 * s + 1][0],
                         weights[2 * s + 1][1]};
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
            uint32_t b[4];
            int row = lane % 8, c = n % 4 + lane / 16;
            mma_load_4_trans(b, rows + (2 * s + lane / 8 % 2) * (32 * D) + 16 * D +
                                    (n / 4 * 8 + row) * 64 + ((c ^ (row >> 1)) * 16));
            mma_16x8x16(sums.out[n], a, b[0], b[1]);
            mma_16x8x16(sums.out[n + 1], a, b[2], b[3]);
        }
    }
}

/* The warps' parts of the keys into the first one's; shared: of D / 2 + 4 floats a lane. */
template <int D, int SPLITS>
__device__ inline void stage_2_merge(stage_2_sums<D> &sums, float *shared)
{
    const int group = WARPS / SPLITS, each = (D / 2 + 4) * 32;
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, split = warp / group;
    __syncthreads();
    if (split > 0) {
        float *to = shared + (warp - group) * each + lane;
#pragma unroll
        for (int e = 0; e < D / 2; e++)
            to[e * 32] = sums.out[e / 4][e % 4];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            to[(D / 2 + r) * 32] = sums.highest[r];
            to[(D / 2 + 2 + r) * 32] = sums.total[r];
        }
    }
    __syncthreads();
    for (int other = 1; split == 0 && other < SPLITS; other++) {
        const float *from = shared + (warp + (other - 1) * group) * each + lane;
        float mine[2], theirs[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float highest = fmaxf(sums.highest[r], from[(D / 2 + r) * 32]);
            mine[r] = mma_exp2(sums.highest[r] - highest);
            theirs[r] = mma_exp2(from[(D / 2 + r) * 32] - highest);
            sums.total[r] = sums.total[r] * mine[r] + from[(D / 2 + 2 + r) * 32] * theirs[r];
            sums.highest[r] = highest;
        }
#pragma unroll
        for (int e = 0; e < D / 2; e++) {
            float &x = sums.out[e / 4][e % 4];
            x = x * mine[e % 4 / 2] + from[e * 32] * theirs[e % 4 / 2];
        }
    }
}

/* Query rows [first, first + 64 / SPLITS) of a pair against all key rows that its tile sees. */
template <int D, int SPLITS>
__device__ inline void stage_2(const tensor_plan &plan, const tensor_unit &u, int64_t pair,
                               int64_t first, unsigned char *shared)
{
    const monarch_problem &p = plan.p;
    const int group = WARPS / SPLITS, KEYS = STEP / SPLITS;
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, t = lane % 4;
    int64_t tile = (u.first + pair) / p.b2, column = (u.first + pair) % p.b2;
    int64_t seen = monarch_seen(p, tile), i = first + warp % group * 16 + lane / 4;
    bool busy = i - lane / 4 < p.b1;
    stage_2_load<D>(plan, u, pair, 0, seen, shared);
    uint32_t query[D / 16][4];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const uint16_t *from = bf16_at(p.q, 0);
        if (i + 8 * r < p.b1)
            from +=
                monarch_token(p, tile, i + 8 * r, column) * p.q_stride + u.head * p.q_head_stride;
#pragma unroll
        for (int block = 0; block < D / 32; block++) {
            uint4 x = make_uint4(0, 0, 0, 0);
            if (i + 8 * r < p.b1)
                x = *(const uint4 *)(from + block * 32 + t * 8);
            query[2 * block][r] = x.x;
            query[2 * block][2 + r] = x.y;
            query[2 * block + 1][r] = x.z;
            query[2 * block + 1][2 + r] = x.w;
        }
    }
    stage_2_sums<D> sums = {{}, {-3e38f, -3e38f}, {0, 0}};
    for (int64_t key = 0; key < seen; key += STEP) {
        const unsigned char *rows = shared + key / STEP % 2 * step_bytes<D>();
        if (key + STEP < seen) {
            stage_2_load<D>(plan, u, pair, key + STEP, seen,
                            shared + (key / STEP + 1) % 2 * step_bytes<D>());
            copy_async_wait<1>();
        } else {
            copy_async_wait<0>();
        }
        __syncthreads();
        int mine = warp / group * KEYS; /* the warp's first key row of the step */
        const float *entropy = (const float *)(rows + STEP * D * 4) + mine;
        if (busy && key + mine < seen)
            stage_2_step<D, KEYS>(query, rows + mine * (4 * D), entropy, (int)(seen - key - mine),
                                  plan.scale, sums);
        __syncthreads();
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
        sums.total[r] += __shfl_xor_sync(0xFFFFFFFFu, sums.total[r], 1);
        sums.total[r] += __shfl_xor_sync(0xFFFFFFFFu, sums.total[r], 2);
    }
    stage_2_merge<D, SPLITS>(sums, (float *)shared);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        if (warp / group > 0 || i + 8 * r >= p.b1)
            continue;
        int64_t token = monarch_token(p, tile, i + 8 * r, column);
        uint16_t *to = (uint16_t *)p.out.data + token * p.out_stride + u.head * p.out_head_stride;
        float share = 1.0f / sums.total[r];
#pragma unroll
        for (int block = 0; block < D / 32; block++) {
            uint32_t x[4];
#pragma unroll
            for (int n = 0; n < 4; n++)
                x[n] = mma_pack(sums.out[block * 4 + n][2 * r] * share,
                                sums.out[block * 4 + n][2 * r + 1] * share);
            *(uint4 *)(to + block * 32 + t * 8) = make_uint4(x[0], x[1], x[2], x[3]);
        }
    }
}

/* ---- the order of the work ---- */

/* Waits until a count has come to target, then sees what those who counted had written. */
__device__ inline void wait_for(const unsigned *count, unsigned target)
{
    if (threadIdx.x == 0) {
        while (*(const volatile unsigned *)count < target)
            ;
        __threadfence();
    }
    __syncthreads();
}

__device__ inline void count_done(unsigned *count)
{
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        atomicAdd(count, 1u);
}

/* Item of stage 1 of a round: unit, row k and group of key tiles. */
template <int D, int COLUMNS>
__device__ inline void item_1(const tensor_plan &plan, int64_t round, int64_t item,
                              unsigned char *shared)
{
    int64_t group = item % plan.tile_groups, k = item / plan.tile_groups % plan.p.b1;
    int64_t unit = round * plan.round + item / plan.tile_groups / plan.p.b1;
    if (unit >= plan.units)
        return;
    tensor_unit u = unit_at(plan, unit);
    int64_t seen = monarch_seen(plan.p, (u.first + u.count - 1) / plan.p.b2) / plan.p.b1;
    int64_t first = group * plan.tiles_per_item, end = first + plan.tiles_per_item;
    if (first < seen)
        stage_1<D, COLUMNS>(plan, u, k, first, end < seen ? end : seen, shared);
}

template <int D, int SPLITS>
__device__ inline void item_2(const tensor_plan &plan, int64_t round, int64_t item,
                              unsigned char *shared)
{
    int64_t first = item % plan.row_groups * (64 / SPLITS), pair = item / plan.row_groups % PAIRS;
    int64_t unit = round * plan.round + item / plan.row_groups / PAIRS;
    if (unit >= plan.units)
        return;
    tensor_unit u = unit_at(plan, unit);
    if (pair < u.count)
        stage_2<D, SPLITS>(plan, u, pair, first, shared);
}

/* Round r: stage 1 of its units, then stage 2 of the units of round r - 1. An item waits only for
 * items before it, and they are taken in order: somebody always goes on. */
template <int D, int COLUMNS, int SPLITS>
__global__ void __launch_bounds__(BLOCK, 3) monarch_tensor_kernel(const tensor_plan plan)
{
    unsigned char *shared = (unsigned char *)cuda_shared();
    unsigned *taken = (unsigned *)shared;
    int64_t rounds = (plan.units + plan.round - 1) / plan.round, held = plan.slots / plan.round;
    int64_t of_round = plan.stage_1_items + plan.stage_2_items;
    for (;;) {
        if (threadIdx.x == 0)
            *taken = atomicAdd(plan.next, 1u);
        __syncthreads();
        int64_t item = *taken, round = item / of_round;
        item %= of_round;
        if (round > rounds)
            return;
        if (item < plan.stage_1_items && round < rounds) {
            if (round >= held)
                wait_for(plan.done_2 + round - held, (unsigned)plan.stage_2_items);
            item_1<D, COLUMNS>(plan, round, item, shared + 128);
            count_done(plan.done_1 + round);
        } else if (item >= plan.stage_1_items && round > 0) {
            wait_for(plan.done_1 + round - 1, (unsigned)plan.stage_1_items);
            item_2<D, SPLITS>(plan, round - 1, item - plan.stage_1_items, shared + 128);
            count_done(plan.done_2 + round - 1);
        }
        __syncthreads();
    }
}

/* ---- host ---- */

template <int D, int COLUMNS, int SPLITS>
static bool launch(struct exec *ex, const tensor_plan &plan, int64_t items, struct dn_error *err)
{
    int processors = 0;
    CUDA_TRY("monarch_attention",
             cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, ex->device), err);
    size_t one = 4 * tile_bytes<D, COLUMNS>(), two = 2 * step_bytes<D>();
    dim3 grid((unsigned)(items < 3 * processors ? items : 3 * processors));
    return cuda_launch(ex, "monarch_attention", err, monarch_tensor_kernel<D, COLUMNS, SPLITS>,
                       grid, BLOCK, 128 + (one > two ? one : two), plan);
}

} // namespace

bool monarch_tensor_can(const struct exec *ex, const monarch_problem &p)
{
    int64_t strides = p.q_stride | p.k_stride | p.v_stride | p.out_stride | p.q_head_stride |
                      p.k_head_stride | p.v_head_stride | p.out_head_stride;
    uintptr_t addresses =
        (uintptr_t)p.q.data | (uintptr_t)p.k.data | (uintptr_t)p.v.data | (uintptr_t)p.out.data;
    return ex->dtype == DTYPE_BF16 && p.q.bf16 && p.k.bf16 && p.v.bf16 && p.out.bf16 &&
           p.num_iters == 1 && p.b2 <= 64 && (p.d == 32 || p.d == 64 || p.d == 128) &&
           strides % 8 == 0 && addresses % 16 == 0;
}

/* Bytes of alpha and y of a round, and rounds whose scratch is there: one that is written, one that
 * is read, one between them. */
#ifndef MONARCH_LAB /* where they are variables */
#define ROUND_BYTES ((int64_t)64 << 20)
#define ROUNDS_HELD 3
#define TILES_PER_ITEM 7
#endif

static tensor_plan plan_of(const monarch_problem &p, int splits)
{
    tensor_plan plan = {};
    plan.p = p;
    plan.keys = (p.n + STEP - 1) / STEP * STEP;
    plan.entropy_at = PAIRS * plan.keys * 4 * p.d;
    plan.slot_bytes = plan.entropy_at + PAIRS * plan.keys * 4;
    plan.pairs = p.query_tiles * p.b2;
    plan.chunks = (plan.pairs + PAIRS - 1) / PAIRS;
    plan.units = plan.chunks * p.heads;
    plan.key_tiles = p.n / p.b1;
    int64_t round = ROUND_BYTES / plan.slot_bytes;
    plan.round = (int)(round < 1 ? 1 : round > plan.units ? plan.units : round);
    int64_t rounds = (plan.units + plan.round - 1) / plan.round;
    plan.slots = plan.round * (int)(rounds < ROUNDS_HELD ? rounds : ROUNDS_HELD);
    plan.tile_groups = (int)((plan.key_tiles + TILES_PER_ITEM - 1) / TILES_PER_ITEM);
    plan.tiles_per_item = (int)((plan.key_tiles + plan.tile_groups - 1) / plan.tile_groups);
    plan.row_groups = (p.b1 + 64 / splits - 1) / (64 / splits);
    plan.stage_1_items = plan.round * p.b1 * plan.tile_groups;
    plan.stage_2_items = plan.round * PAIRS * plan.row_groups;
    plan.scale = p.scale * 1.4426950408889634f;
    return plan;
}

bool monarch_tensor(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    int splits = p.d == 128 && p.b1 <= 16 && p.b2 <= 56 ? 4 : 2;
    tensor_plan plan = plan_of(p, splits);
    int64_t rounds = (plan.units + plan.round - 1) / plan.round;
    int64_t items = (rounds + 1) * (plan.stage_1_items + plan.stage_2_items);
    assert(items < UINT32_MAX / 2);
    size_t counters = cuda_align((size_t)(1 + 2 * rounds) * sizeof(unsigned));
    size_t size = counters + (size_t)(plan.slots * plan.slot_bytes);
    void *memory;
    if (!cuda_scratch(ex, "monarch_attention", size, &memory, err))
        return false;
    plan.next = (unsigned *)memory;
    plan.done_1 = plan.next + 1;
    plan.done_2 = plan.done_1 + rounds;
    plan.scratch = (unsigned char *)memory + counters;
    CUDA_TRY("monarch_attention", cudaMemsetAsync(memory, 0, counters, ex->stream), err);
    if (p.d == 32)
        return launch<32, 64, 2>(ex, plan, items, err);
    if (p.d == 64)
        return launch<64, 64, 2>(ex, plan, items, err);
    if (p.b2 > 56)
        return launch<128, 64, 2>(ex, plan, items, err);
    return splits == 4 ? launch<128, 56, 4>(ex, plan, items, err)
                       : launch<128, 56, 2>(ex, plan, items, err);
}
