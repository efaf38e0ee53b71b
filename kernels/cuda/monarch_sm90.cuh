/* monarch_sm90: what the two Hopper forms share, d 128: tiles of keys and values come by the tensor
 * copy engine, stage 1 multiplies by warpgroups.
 *
 * z = Q K^T takes K's tile as it lies (rows along d), alpha = R K the same tile turned, y = R V; R
 * stays in the registers in which the softmax left it. COLUMNS, the most that a tile has, is 56 or
 * 80; in shared memory it has a multiple of 16, those that do not exist are zeros by the copy
 * engine. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_SM90_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_SM90_CUH

#include "kernels/cuda/hopper.cuh"
#include "kernels/cuda/monarch_tensor.cuh"

namespace
{
enum {
    HALF = 64 * 128, /* bytes of 64 columns of half a head */
    GROUPS = 3,      /* warpgroups of a block of stage 1 */
    STAGES = 4       /* tiles under way */
};

/* Columns of a tile in shared memory. */
__host__ __device__ constexpr int box_columns(int columns)
{
    return (columns + 15) / 16 * 16;
}

struct hopper_maps {
    CUtensorMap keys, values; /* [d, column, band of columns, row, head] */
};

#ifdef HOPPER_CODE
/* Asks for the keys and values of row k of key tile f: keys' first and second half, values'. ONCE:
 * nobody else will want them. One thread. */
template <int COLUMNS, bool ONCE>
__device__ inline void stage_1_load(const tensor_plan &plan, const hopper_maps &maps, int head,
                                    int f, int k, unsigned char *to, uint64_t *full)
{
    int band = plan.plain ? 0 : f % plan.w_reduce;
    int row = plan.plain ? f * plan.rows + k : token_at(plan, f, k, 0) / plan.columns;
    const int size = box_columns(COLUMNS) * 128;
    hopper_barrier_expect(full, 4 * size);
    for (int i = 0; i < 4; i++) {
        const CUtensorMap *map = i < 2 ? &maps.keys : &maps.values;
        if (ONCE)
            hopper_load_5d(to + i * size, map, full, i % 2 * 64, 0, band, row, head,
                           hopper_wanted_once());
        else
            hopper_load_5d(to + i * size, map, full, i % 2 * 64, 0, band, row, head);
    }
}

/* sum = R times 64 numbers of each row of the tile */
template <int STEPS>
__device__ inline void ask_sum(float (&sum)[32], const uint32_t (&weights)[STEPS][4], uint64_t half)
{
    hopper_products_begin();
#pragma unroll
    for (int s = 0; s < STEPS; s++)
        hopper_product<64>::registers<true>(sum, weights[s], hopper_operand_at(half, s * 2048),
                                            s > 0);
    hopper_products_commit();
}

/* What stage_1_tile says of out.store. Two sums are under way at a time, of wide tiles one: four
 * warpgroups have registers for no more, and do not wait for one another. */
template <int COLUMNS, typename Out>
__device__ inline void stage_1_sums(const uint32_t (&weights)[box_columns(COLUMNS) / 16][4],
                                    uint64_t tile, const float (&share)[2], const Out &out)
{
    const int size = box_columns(COLUMNS) * 128;
    if constexpr (COLUMNS > 56) {
        float sum[32];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            ask_sum(sum, weights, hopper_operand_at(tile, i * size));
            hopper_products_wait<0>();
            hopper_products_touch(sum);
            out.store(i / 2, i % 2, sum, share);
        }
    } else {
        float low[32], high[32];
        ask_sum(low, weights, tile);
        ask_sum(high, weights, hopper_operand_at(tile, size));
        hopper_products_wait<1>();
        hopper_products_touch(low);
        out.store(0, 0, low, share);
        ask_sum(low, weights, hopper_operand_at(tile, 2 * size));
        hopper_products_wait<1>();
        hopper_products_touch(high);
        out.store(0, 1, high, share);
        ask_sum(high, weights, hopper_operand_at(tile, 3 * size));
        hopper_products_wait<1>();
        hopper_products_touch(low);
        out.store(1, 0, low, share);
        hopper_products_wait<0>();
        hopper_products_touch(high);
        out.store(1, 1, high, share);
    }
}

/* Asks for z = Q K^T. */
template <int COLUMNS>
__device__ inline void ask_logits(float (&z)[COLUMNS / 2], const uint32_t (&query)[8][4],
                                  uint64_t tile)
{
    const int size = box_columns(COLUMNS) * 128;
    hopper_products_begin();
#pragma unroll
    for (int s = 0; s < 8; s++)
        hopper_product<COLUMNS>::registers(
            z, query[s], hopper_operand_at(tile, s / 4 * size + s % 4 * 32), s > 0);
    hopper_products_commit();
}

/* z becomes the left operand of the sums. */
template <int COLUMNS>
__device__ inline void
stage_1_weights(float (&z)[COLUMNS / 2], uint32_t (&weights)[box_columns(COLUMNS) / 16][4],
                float (&share)[2], float (&entropy)[2], float scale, int columns)
{
    const int TILES = COLUMNS / 8;
    uint32_t pairs[TILES][2];
    stage_1_softmax<TILES>(z, pairs, share, entropy, scale, columns);
#pragma unroll
    for (int s = 0; s < box_columns(COLUMNS) / 8; s++) {
        weights[s / 2][s % 2 * 2] = s < TILES ? pairs[s][0] : 0;
        weights[s / 2][s % 2 * 2 + 1] = s < TILES ? pairs[s][1] : 0;
    }
}

/* A tile of keys and values as operand. */
__device__ inline uint64_t stage_1_operand(const unsigned char *tile)
{
    return hopper_operand(hopper_shared(tile), 1024, 0, HOPPER_128B);
}

/* A warpgroup's 64 pairs against a tile of keys and values. out.weighed(entropy, share) is called
 * once, for the lane's pairs g and g + 8, then out.store(what, line, sum, share) for numbers
 * [64 line, + 64) of alpha (what 0) and y (1), which share makes whole. */
template <int COLUMNS = 56, typename Out>
__device__ inline void stage_1_tile(const uint32_t (&query)[8][4], uint64_t tile, float scale,
                                    int columns, const Out &out)
{
    float z[COLUMNS / 2], share[2], entropy[2];
    uint32_t weights[box_columns(COLUMNS) / 16][4];
    ask_logits<COLUMNS>(z, query, tile);
    hopper_products_wait<0>();
    hopper_products_touch(z);
    stage_1_weights<COLUMNS>(z, weights, share, entropy, scale, columns);
    out.weighed(entropy, share);
    stage_1_sums<COLUMNS>(weights, tile, share, out);
}

/* Bytes that follow one another, a multiple of 16, by the copy engine. */
__device__ inline void bulk_copy(void *to, const void *from, int bytes, uint64_t *barrier)
{
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(hopper_shared(to)),
                 "l"(from), "r"(bytes), "r"(hopper_shared(barrier))
                 : "memory");
}
#endif

inline bool map_of(const struct exec *ex, CUtensorMap *map, const monarch_problem &p, void *data,
                   int64_t stride, int64_t head_stride, int columns, struct dn_error *err)
{
    hopper_tensor t = {data,
                       5,
                       {p.d, p.b2, p.w_reduce, p.n * p.b2 / p.cols, p.heads},
                       {1, stride, p.b2 * stride, p.cols * stride, head_stride},
                       {64, box_columns(columns), 1, 1, 1},
                       CU_TENSOR_MAP_SWIZZLE_128B,
                       {}};
    return hopper_tensor_map(ex, map, OP, &t, err);
}

template <int COLUMNS = 56>
bool maps_of(const struct exec *ex, hopper_maps *maps, const monarch_problem &p,
             struct dn_error *err)
{
    return map_of(ex, &maps->keys, p, p.k.data, p.k_stride, p.k_head_stride, COLUMNS, err) &&
           map_of(ex, &maps->values, p, p.v.data, p.v_stride, p.v_head_stride, COLUMNS, err);
}
} // namespace

#endif
