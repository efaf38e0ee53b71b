/* monarch_tensor: Monarch attention with one iteration on tensor cores, in bf16; formulas and names
 * as in monarch.cu.
 *
 * The queries of stage 1 are pairs (a, j) of a query tile and a column of it: those of row k meet
 * row k of every key tile f. A unit is a head and 64 pairs. Stage 1's queries stay in registers,
 * keys and values pass through shared memory; stage 2 is attention of a pair's query rows over its
 * rows of alpha and y. Two launches do as many heads as fit into scratch memory.
 *
 * Scratch of a unit: [pair 64][key row][alpha, y][d], bf16, a row's numbers as the fragments of
 * stage 1 come and those of stage 2 are wanted: of each 32, the 16 bytes c hold numbers 8 i + 2 c,
 * 8 i + 2 c + 1 for i = 0..3; they lie at c ^ key % 8, so that eight key rows fall on different
 * banks. Entropies: [pair 64][key row], float32, times log2 e: all exponentials here are powers
 * of 2.
 *
 * FLOPs: 6 b1 b2 b2 d + 4 b1 b1 b2 d for a pair of tiles. Bytes: 8 d for each (pair, key row),
 * written and read.
 *
 * Tried and lost: one launch that takes stage 1 and stage 2 in rounds of 6 to 64 MB, so that alpha
 * and y stay in the second-level cache. See kernels/NOTES.md. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_TENSOR_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_TENSOR_CUH

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
    unsigned char *scratch;         /* of a launch's units */
    int64_t unit_bytes, entropy_at; /* of a unit; offset in it */
    int keys;                       /* key rows, rounded up to a multiple of STEP */
    int pairs, chunks;              /* pairs and units of a head */
    int first_head, heads;          /* of a launch */
    int tiles;                      /* key tiles */
    int tile_groups, group_tiles;   /* the portable stage 1's */
    int row_groups;                 /* of a pair's query rows for stage 2 */
    int plain;                      /* a tile is a frame */
    int rows, columns, f_tied, h_reduce, w_reduce, band_rows; /* as in p */
    int causal;  /* tiles of a block; not 0: then key rows are [tile][k], else [k][tile] */
    float scale; /* times log2 e */
};

struct tensor_unit {
    int head, first, count; /* pairs [first, first + count) of the head; count < 1: there is none */
    unsigned char *slot;
};

__device__ inline tensor_unit unit_at(const tensor_plan &plan, int head, int chunk)
{
    tensor_unit u;
    u.head = plan.first_head + head;
    u.first = chunk * PAIRS;
    u.count = plan.pairs - u.first < PAIRS ? plan.pairs - u.first : (int)PAIRS;
    u.slot = plan.scratch + ((int64_t)head * plan.chunks + chunk) * plan.unit_bytes;
    return u;
}

/* A pair's key row. What a pair sees are the first ones. */
__device__ inline int key_at(const tensor_plan &plan, int f, int k)
{
    return plan.causal ? f * plan.p.b1 + k : k * plan.tiles + f;
}

/* The tile behind the last one that query tile `tile` sees. */
__device__ inline int end_tile(const tensor_plan &plan, int tile)
{
    if (!plan.causal)
        return plan.tiles;
    int seen = (tile / plan.causal + 1) * plan.causal;
    return seen < plan.tiles ? seen : plan.tiles;
}

/* monarch_token in int32, whose divisions are cheap enough for an inner loop. */
__device__ inline int token_at(const tensor_plan &plan, int tile, int row, int column)
{
    if (plan.plain)
        return (tile * plan.rows + row) * plan.columns + column;
    int bands = tile / plan.w_reduce, column_band = tile % plan.w_reduce;
    int frame = bands / plan.h_reduce * plan.f_tied + row / plan.band_rows;
    int r = bands % plan.h_reduce * plan.band_rows + row % plan.band_rows;
    return (frame * plan.rows + r) * plan.columns + column_band * plan.p.b2 + column;
}

__device__ inline const uint16_t *bf16_at(const cuda_array &a, int64_t at)
{
    return (const uint16_t *)a.data + at;
}

/* ---- stage 1: what both forms of it share ---- */

/* z of 16 queries and all keys becomes e^(z - max), as the left operand of the next products (the
 * greatest is 1, which rounding leaves alone: with R instead, the result's error is twice as
 * large). share: what makes R of it, for rows g and g + 8; entropy: theirs, in units of log 2.
 * scale > 0. */
template <int TILES>
__device__ inline void stage_1_softmax(float (&z)[4 * TILES], uint32_t (&weights)[TILES][2],
                                       float (&share)[2], float (&entropy)[2], float scale,
                                       int columns)
{
    const float NONE = -1e30f;                     /* finite: 0 times it is 0 */
    int last = columns - (int)threadIdx.x % 4 * 2; /* columns from here on are none */
    if (columns <= 8 * (TILES - 1)) {
#pragma unroll
        for (int e = 0; e < 4 * (TILES - 1); e++)
            z[e] = e / 4 * 8 + e % 2 < last ? z[e] : NONE;
    }
#pragma unroll
    for (int e = 4 * (TILES - 1); e < 4 * TILES; e++)
        z[e] = e / 4 * 8 + e % 2 < last ? z[e] : NONE;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float highest = z[2 * r], sum = 0, mean = 0;
#pragma unroll
        for (int n = 0; n < TILES; n++)
            highest = fmaxf(highest, fmaxf(z[4 * n + 2 * r], z[4 * n + 2 * r + 1]));
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 2));
        highest *= scale;
#pragma unroll
        for (int n = 0; n < TILES; n++)
#pragma unroll
            for (int e = 2 * r; e < 2 * r + 2; e++) {
                float below = z[4 * n + e] * scale - highest, weight = mma_exp2(below);
                sum += weight;
                mean += weight * below;
                z[4 * n + e] = weight;
            }
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 1);
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 2);
        mean += __shfl_xor_sync(0xFFFFFFFFu, mean, 1);
        mean += __shfl_xor_sync(0xFFFFFFFFu, mean, 2);
        share[r] = 1.0f / sum;
        entropy[r] = log2f(sum) - mean * share[r];
#pragma unroll
        for (int n = 0; n < TILES; n++)
            weights[n][r] = mma_pack(z[4 * n + 2 * r], z[4 * n + 2 * r + 1]);
    }
}

/* Row k's queries of a lane's two pairs as left operands. */
template <int D>
__device__ inline void stage_1_query(const tensor_plan &plan, const tensor_unit &u, int k, int pair,
                                     uint32_t (&query)[D / 16][4])
{
    const monarch_problem &p = plan.p;
    int t = (int)threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int at = u.first + pair + 8 * r;
        bool there = pair + 8 * r < u.count;
        const uint16_t *from = bf16_at(p.q, 0);
        if (there)
            from += token_at(plan, at / p.b2, k, at % p.b2) * p.q_stride + u.head * p.q_head_stride;
#pragma unroll
        for (int s = 0; s < D / 16; s++) {
            query[s][r] = there ? *(const uint32_t *)(from + 16 * s + 2 * t) : 0;
            query[s][2 + r] = there ? *(const uint32_t *)(from + 16 * s + 8 + 2 * t) : 0;
        }
    }
}

/* Where a warp's lanes of stage 1 put what they find for their pairs, g and g + 8 of its 16. Even
 * and odd g stand for lines of even and odd pairs together. NULL: there is no such pair. */
struct stage_1_out {
    unsigned char *even[2], *odd[2];
    float *entropy; /* of pair g */
    int entropy_stride;
};

template <int D>
__device__ inline stage_1_out stage_1_out_at(const tensor_plan &plan, const tensor_unit &u,
                                             int pair)
{
    stage_1_out out;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int even = (pair & ~1) + 8 * r;
        unsigned char *row = u.slot + (int64_t)even * plan.keys * (4 * D);
        out.even[r] = even < u.count ? row : NULL;
        out.odd[r] = even + 1 < u.count ? row + (int64_t)plan.keys * (4 * D) : NULL;
    }
    out.entropy = (float *)(u.slot + plan.entropy_at) + pair * plan.keys;
    out.entropy_stride = 8 * plan.keys;
    return out;
}

/* Where in a pair's key row 16 bytes c of alpha (what 0) or y (1) lie. */
template <int D> __device__ inline int chunk_at(int key, int what, int c)
{
    return key * (4 * D) + ((what * (D / 8) + c) ^ (key & 7)) * 16;
}

/* 32 numbers of a row as they are stored; sum: four fragments of 8 columns. */
__device__ inline void stage_1_pack(uint32_t (&x)[4], const float *sum, int r, float share)
{
#pragma unroll
    for (int n = 0; n < 4; n++)
        x[n] = mma_pack(sum[4 * n + 2 * r] * share, sum[4 * n + 2 * r + 1] * share);
}

/* Numbers [64 line, + 64) of alpha or y for key row `key`; sum: eight fragments of 8 columns.
 * Lanes of neighbouring pairs exchange halves, so that eight of them write 128
 * bytes of one pair. */
template <int D>
__device__ inline void stage_1_store(const stage_1_out &out, int key, int what, int line,
                                     const float *sum, const float (&share)[2])
{
    int t = (int)threadIdx.x % 4, odd = (int)threadIdx.x / 4 % 2;
    int at = chunk_at<D>(key, what, line * 8 + odd * 4 + t);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        uint32_t low[4], high[4], other[4];
        stage_1_pack(low, sum, r, share[r]);
        stage_1_pack(high, sum + 16, r, share[r]);
#pragma unroll
        for (int n = 0; n < 4; n++)
            other[n] = __shfl_xor_sync(0xFFFFFFFFu, odd ? low[n] : high[n], 4);
        if (out.even[r])
            *(uint4 *)(out.even[r] + at) = odd ? make_uint4(other[0], other[1], other[2], other[3])
                                               : make_uint4(low[0], low[1], low[2], low[3]);
        if (out.odd[r])
            *(uint4 *)(out.odd[r] + at) = odd ? make_uint4(high[0], high[1], high[2], high[3])
                                              : make_uint4(other[0], other[1], other[2], other[3]);
    }
}

/* The same for d 32: a lane writes its own pair's numbers. */
template <int D>
__device__ inline void stage_1_store_block(const stage_1_out &out, int key, int what,
                                           const float *sum, const float (&share)[2])
{
    int t = (int)threadIdx.x % 4, odd = (int)threadIdx.x / 4 % 2;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        uint32_t x[4];
        stage_1_pack(x, sum, r, share[r]);
        unsigned char *row = odd ? out.odd[r] : out.even[r];
        if (row)
            *(uint4 *)(row + chunk_at<D>(key, what, t)) = make_uint4(x[0], x[1], x[2], x[3]);
    }
}

/* ---- stage 2 ---- */

template <int D> __host__ __device__ constexpr int step_bytes()
{
    return STEP * D * 4 + STEP * 4;
}

/* How alpha, y and entropies of a pair's key rows [key, key + STEP) come into shared memory, two
 * steps under way: by cp.async. `left` of them count, what lies behind becomes zeros. */
template <int D> struct stage_2_rows {
    __device__ void begin()
    {
    }
    __device__ void load(const unsigned char *from, const float *entropy, int left,
                         unsigned char *to)
    {
#pragma unroll 4
        for (int e = (int)threadIdx.x; e < STEP * D / 4; e += BLOCK)
            copy_async_16(to + 16 * e, from + 16 * e, e / (D / 4) < left);
        if (threadIdx.x < STEP / 4)
            copy_async_16(to + STEP * D * 4 + 16 * threadIdx.x, entropy + 4 * threadIdx.x, true);
        copy_async_commit();
    }
    /* The oldest step is there for all threads; more: another one is under way. */
    __device__ void wait(unsigned char *, int, bool more)
    {
        if (more)
            copy_async_wait<1>();
        else
            copy_async_wait<0>();
        __syncthreads();
    }
};

/* A warp's state: 16 query rows against its share of the keys. */
template <int D> struct stage_2_sums {
    float out[D / 8][4], highest[2], total[2];
};

/* KEYS key rows of a step, entropies likewise; left of them count. SHARES: alpha and y are sums
 * that have still to be multiplied by a factor a row, which stands behind each entropy. turned: 64
 * where the blocks of each 128 bytes have changed places, else 0. */
template <int D, int KEYS, bool SHARES = false>
__device__ inline void stage_2_step(const uint32_t (&query)[D / 16][4], const unsigned char *rows,
                                    const float *entropy, int left, float scale,
                                    stage_2_sums<D> &sums, int turned = 0)
{
    int lane = (int)threadIdx.x % 32, t = lane % 4;
    float z[KEYS / 8][4] = {};
    uint32_t weights[KEYS / 8][2];
    /* chunk_at for odd blocks is that for even ones with one bit turned, D 32 having no odd one */
    const unsigned char *even = rows + (chunk_at<D>(lane % 8, 0, lane / 8) ^ turned);
    const unsigned char *odd = rows + (chunk_at<D>(lane % 8, 0, lane / 8) ^ 64 ^ turned);
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int block = 0; block < D / 32; block++) {
            uint32_t b[4];
            mma_load_4(b, (block % 2 ? odd : even) + n * (32 * D) + block / 2 * 128);
            mma_16x8x16(z[n], query[2 * block], b[0], b[1]);
            mma_16x8x16(z[n], query[2 * block + 1], b[2], b[3]);
        }
    float rescale[2];
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            z[n][e] = SHARES ? z[n][e] * (scale * entropy[2 * (n * 8 + 2 * t + e % 2) + 1]) +
                                   entropy[2 * (n * 8 + 2 * t + e % 2)]
                             : z[n][e] * scale + entropy[n * 8 + 2 * t + e % 2];
    if (left < KEYS) {
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                z[n][e] = n * 8 + 2 * t + e % 2 < left ? z[n][e] : -INFINITY;
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float highest = sums.highest[r], sum = 0;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
            highest = fmaxf(highest, fmaxf(z[n][2 * r], z[n][2 * r + 1]));
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(0xFFFFFFFFu, highest, 2));
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++) {
            float a = mma_exp2(z[n][2 * r] - highest), b = mma_exp2(z[n][2 * r + 1] - highest);
            sum += a + b;
            if (SHARES) {
                a *= entropy[2 * (n * 8 + 2 * t) + 1];
                b *= entropy[2 * (n * 8 + 2 * t + 1) + 1];
            }
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
    const unsigned char *column[4]; /* of eight, the two from 2 i on */
#pragma unroll
    for (int i = 0; i < 4; i++)
        column[i] = rows + (chunk_at<D>(lane % 16, 1, 2 * i % (D / 8) + lane / 16) ^ turned);
#pragma unroll
    for (int s = 0; s < KEYS / 16; s++) {
        uint32_t a[4] = {weights[2 * s][0], weights[2 * s][1], weights[2 * s + 1][0],
                         weights[2 * s + 1][1]};
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
            uint32_t b[4];
            mma_load_4_trans(b, column[n / 2 % 4] + s * (64 * D) + n / 8 * 128);
            mma_16x8x16(sums.out[n], a, b[0], b[1]);
            mma_16x8x16(sums.out[n + 1], a, b[2], b[3]);
        }
    }
}

/* A warp's sums, [D / 2 + 4] floats of 32 lanes each, for another one to add. */
template <int D> __device__ inline void stage_2_give(const stage_2_sums<D> &sums, float *to)
{
    to += threadIdx.x % 32;
#pragma unroll
    for (int e = 0; e < D / 2; e++)
        to[e * 32] = sums.out[e / 4][e % 4];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        to[(D / 2 + r) * 32] = sums.highest[r];
        to[(D / 2 + 2 + r) * 32] = sums.total[r];
    }
}

template <int D> __device__ inline void stage_2_add(stage_2_sums<D> &sums, const float *from)
{
    from += threadIdx.x % 32;
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

/* The warps' parts of the keys into the first one's; shared: of D / 2 + 4 floats a lane. */
template <int D, int SPLITS>
__device__ inline void stage_2_merge(stage_2_sums<D> &sums, float *shared)
{
    const int group = WARPS / SPLITS, each = (D / 2 + 4) * 32;
    int warp = (int)threadIdx.x / 32, split = warp / group;
    __syncthreads();
    if (split > 0)
        stage_2_give<D>(sums, shared + (warp - group) * each);
    __syncthreads();
    for (int other = 1; split == 0 && other < SPLITS; other++)
        stage_2_add<D>(sums, shared + (warp + (other - 1) * group) * each);
}

/* The lanes' totals of a row become the row's. */
template <int D> __device__ inline void stage_2_total(stage_2_sums<D> &sums)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        sums.total[r] += __shfl_xor_sync(0xFFFFFFFFu, sums.total[r], 1);
        sums.total[r] += __shfl_xor_sync(0xFFFFFFFFu, sums.total[r], 2);
    }
}

/* Query rows i and i + 8 of a column of a tile as left operands. */
template <int D>
__device__ inline void stage_2_query(const tensor_plan &plan, int head, int tile, int column, int i,
                                     uint32_t (&query)[D / 16][4])
{
    const monarch_problem &p = plan.p;
    int t = (int)threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const uint16_t *from = bf16_at(p.q, 0);
        if (i + 8 * r < p.b1)
            from += token_at(plan, tile, i + 8 * r, column) * p.q_stride + head * p.q_head_stride;
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
}

/* Their results, sums.total being that of all lanes. */
template <int D>
__device__ inline void stage_2_store(const tensor_plan &plan, int head, int tile, int column, int i,
                                     const stage_2_sums<D> &sums)
{
    const monarch_problem &p = plan.p;
    int t = (int)threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        if (i + 8 * r >= p.b1)
            continue;
        int64_t token = token_at(plan, tile, i + 8 * r, column);
        uint16_t *to = (uint16_t *)p.out.data + token * p.out_stride + head * p.out_head_stride;
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

/* A group of 64 / SPLITS query rows of a pair against all key rows that its tile sees. SPLITS warps
 * divide a step's key rows; a warp that has all 64 takes them in parts, for the registers. */
template <int D, int SPLITS, typename Rows>
__device__ inline void stage_2(const tensor_plan &plan, const tensor_unit &u, int pair,
                               int row_group, Rows &source, unsigned char *shared)
{
    const monarch_problem &p = plan.p;
    const int group = WARPS / SPLITS, PARTS = SPLITS > 1 ? 1 : 4, KEYS = STEP / SPLITS / PARTS;
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
    int tile = (u.first + pair) / p.b2, column = (u.first + pair) % p.b2;
    int i = row_group * (64 / SPLITS) + warp % group * 16 + lane / 4;
    int seen = end_tile(plan, tile) * p.b1;
    bool busy = i - lane / 4 < p.b1;
    const unsigned char *made = u.slot + (int64_t)pair * plan.keys * (4 * D);
    const float *entropies = (const float *)(u.slot + plan.entropy_at) + pair * plan.keys;
    source.begin();
    source.load(made, entropies, seen, shared);
    uint32_t query[D / 16][4];
    stage_2_query<D>(plan, u.head, tile, column, i, query);
    stage_2_sums<D> sums = {{}, {-3e38f, -3e38f}, {0, 0}};
    for (int key = 0; key < seen; key += STEP) {
        unsigned char *rows = shared + key / STEP % 2 * step_bytes<D>();
        bool more = key + STEP < seen;
        if (more)
            source.load(made + (key + STEP) * (4 * D), entropies + key + STEP, seen - key - STEP,
                        shared + (key / STEP + 1) % 2 * step_bytes<D>());
        source.wait(rows, seen - key, more);
        int mine = warp / group * KEYS; /* the warp's first key row of the step */
#pragma unroll 1
        for (int part = 0; part < PARTS; part++, mine += KEYS) {
            const float *entropy = (const float *)(rows + STEP * D * 4) + mine;
            if (busy && key + mine < seen)
                stage_2_step<D, KEYS>(query, rows + mine * (4 * D), entropy, seen - key - mine,
                                      plan.scale, sums);
        }
        __syncthreads();
    }
    stage_2_total<D>(sums);
    stage_2_merge<D, SPLITS>(sums, (float *)shared);
    if (warp / group == 0)
        stage_2_store<D>(plan, u.head, tile, column, i, sums);
}

/* Block: row group, pair, unit. */
template <int D, int SPLITS, typename Rows>
__device__ inline void stage_2_block(const tensor_plan &plan, Rows &rows, unsigned char *shared)
{
    int item = (int)blockIdx.x, pair = item / plan.row_groups % PAIRS;
    int unit = item / plan.row_groups / PAIRS;
    tensor_unit u = unit_at(plan, unit / plan.chunks, unit % plan.chunks);
    if (pair < u.count)
        stage_2<D, SPLITS>(plan, u, pair, item % plan.row_groups, rows, shared);
}

/* ---- host ---- */

#define OP "monarch_attention"

/* Scratch memory is used up to this, but always for one head. */
#define SCRATCH_MOST ((int64_t)768 << 20)

inline int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* All but the heads of a launch. splits: stage 2's. */
inline tensor_plan plan_of(const monarch_problem &p, int splits)
{
    tensor_plan plan = {};
    plan.p = p;
    plan.tiles = (int)(p.n / p.b1);
    plan.keys = (int)divide_up(p.n, STEP) * STEP;
    plan.entropy_at = PAIRS * (int64_t)plan.keys * 4 * p.d;
    plan.unit_bytes = plan.entropy_at + PAIRS * (int64_t)plan.keys * 4;
    plan.pairs = (int)(p.query_tiles * p.b2);
    plan.chunks = (int)divide_up(plan.pairs, PAIRS);
    plan.tile_groups = (int)divide_up(plan.tiles, 8);
    plan.group_tiles = (int)divide_up(plan.tiles, plan.tile_groups);
    plan.row_groups = (int)divide_up(p.b1, 64 / splits);
    plan.causal = (int)p.causal_tiles;
    plan.plain = p.f_tied == 1 && p.h_reduce == 1 && p.w_reduce == 1;
    plan.rows = (int)p.rows;
    plan.columns = (int)p.cols;
    plan.f_tied = (int)p.f_tied;
    plan.h_reduce = (int)p.h_reduce;
    plan.w_reduce = (int)p.w_reduce;
    plan.band_rows = (int)(p.rows / p.h_reduce);
    plan.scale = p.scale * 1.4426950408889634f;
    return plan;
}

/* Takes scratch for some heads and calls stages(plan) for all of them. */
template <typename Stages>
bool run_heads(struct exec *ex, tensor_plan plan, Stages stages, struct dn_error *err)
{
    int64_t head_bytes = plan.chunks * plan.unit_bytes, most = SCRATCH_MOST / head_bytes;
    most = most < 1 ? 1 : most > plan.p.heads ? plan.p.heads : most;
    most = divide_up(plan.p.heads, divide_up(plan.p.heads, most)); /* even shares */
    void *memory;
    if (!cuda_scratch(ex, OP, (size_t)(most * head_bytes), &memory, err))
        return false;
    plan.scratch = (unsigned char *)memory;
    for (int first = 0; first < (int)plan.p.heads; first += (int)most) {
        plan.first_head = first;
        plan.heads = (int)plan.p.heads - first < (int)most ? (int)plan.p.heads - first : (int)most;
        if (!stages(plan))
            return false;
    }
    return true;
}

} // namespace

#endif
