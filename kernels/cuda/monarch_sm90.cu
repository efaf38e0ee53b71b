/* monarch_sm90: the form of monarch_tensor.cuh for Hopper, d 128: keys and values come by the
 * tensor copy engine, stage 1 multiplies by warpgroups.
 *
 * A block of stage 1 is three warpgroups, each with a unit of the same head, whose 64 pairs are the
 * rows of its products; they share the tiles of keys and values, four of which are under way.
 * z = Q K^T takes K's tile as it lies (rows along d), alpha = R K the same tile turned, y = R V; R
 * stays in the registers in which the softmax left it. A tile has 64 columns, those that do not
 * exist are zeros by the copy engine. Every multiprocessor has one block with an even share of all
 * (head, group of units, row k, key tile). */
#include "kernels/cuda/hopper.cuh"
#include "kernels/cuda/monarch_tensor.cuh"

namespace
{
enum {
    HALF = 64 * 128, /* bytes of 64 columns of half a head */
    GROUPS = 3,      /* warpgroups of a block of stage 1 */
    STAGES = 4,
    SMALL = 128 /* what stands before the tiles in shared memory */
};

struct hopper_params {
    tensor_plan plan;
    CUtensorMap keys, values; /* [d, column, band of columns, row, head] */
};

/* A step of stage 1: a tile of keys and values for up to GROUPS units of a head. */
struct hopper_step {
    int head, group, k, f;
};

__device__ inline hopper_step step_at(const tensor_plan &plan, int step)
{
    int groups = (plan.chunks + GROUPS - 1) / GROUPS, row = step / plan.tiles;
    int head_group = row / plan.p.b1;
    return hopper_step{head_group / groups, head_group % groups, row % plan.p.b1,
                       step % plan.tiles};
}

#ifdef HOPPER_CODE
/* Asks for a step's tile: keys' first and second half, values'. One thread. */
__device__ inline void stage_1_load(const hopper_params &params, const hopper_step &at,
                                    unsigned char *to, uint64_t *full)
{
    const tensor_plan &plan = params.plan;
    int head = plan.first_head + at.head, band = plan.plain ? 0 : at.f % plan.w_reduce;
    int row = plan.plain ? at.f * plan.rows + at.k : token_at(plan, at.f, at.k, 0) / plan.columns;
    hopper_barrier_expect(full, 4 * HALF);
    for (int half = 0; half < 2; half++) {
        hopper_load_5d(to + half * HALF, &params.keys, full, half * 64, 0, band, row, head);
        hopper_load_5d(to + (2 + half) * HALF, &params.values, full, half * 64, 0, band, row, head);
    }
}

/* sum = R times 64 numbers of each row of the tile */
__device__ inline void ask_sum(float (&sum)[32], const uint32_t (&weights)[4][4], uint32_t half)
{
    hopper_products_begin();
#pragma unroll
    for (int s = 0; s < 4; s++)
        hopper_product<64>::registers<true>(
            sum, weights[s], hopper_operand(half + s * 2048, 1024, HALF, HOPPER_128B), s > 0);
    hopper_products_commit();
}

__device__ inline void stage_1_tile(const uint32_t (&query)[8][4], uint32_t keys, int key,
                                    float scale, int columns, const stage_1_out &out)
{
    float z[28], share[2], entropy[2];
    hopper_products_begin();
#pragma unroll
    for (int s = 0; s < 8; s++)
        hopper_product<56>::registers(
            z, query[s], hopper_operand(keys + s / 4 * HALF + s % 4 * 32, 1024, 0, HOPPER_128B),
            s > 0);
    hopper_products_commit();
    hopper_products_wait<0>();
    hopper_products_touch(z);
    uint32_t pairs[7][2], weights[4][4];
    stage_1_softmax<7>(z, pairs, share, entropy, scale, columns);
#pragma unroll
    for (int s = 0; s < 8; s++) {
        weights[s / 2][s % 2 * 2] = s < 7 ? pairs[s][0] : 0;
        weights[s / 2][s % 2 * 2 + 1] = s < 7 ? pairs[s][1] : 0;
    }
    if (threadIdx.x % 4 == 0) {
        bool odd = threadIdx.x / 4 % 2;
#pragma unroll
        for (int r = 0; r < 2; r++)
            if (odd ? out.odd[r] : out.even[r])
                out.entropy[r * out.entropy_stride + key] = entropy[r];
    }
    float low[32], high[32];
    ask_sum(low, weights, keys);
    ask_sum(high, weights, keys + HALF);
    hopper_products_wait<1>();
    hopper_products_touch(low);
    stage_1_store<128>(out, key, 0, 0, low, share);
    ask_sum(low, weights, keys + 2 * HALF);
    hopper_products_wait<1>();
    hopper_products_touch(high);
    stage_1_store<128>(out, key, 0, 1, high, share);
    ask_sum(high, weights, keys + 3 * HALF);
    hopper_products_wait<1>();
    hopper_products_touch(low);
    stage_1_store<128>(out, key, 1, 0, low, share);
    hopper_products_wait<0>();
    hopper_products_touch(high);
    stage_1_store<128>(out, key, 1, 1, high, share);
}

/* stage_2_rows by one copy of a step, which lies in scratch as it does in shared memory. */
struct stage_2_rows_hopper {
    uint64_t *full;
    uint32_t asked, waited; /* since the start of the block */

    __device__ void begin()
    {
        hopper_fence_async(); /* what others wrote there comes before the copies */
        __syncthreads();
    }
    __device__ void load(const unsigned char *from, const float *entropy, int left,
                         unsigned char *to)
    {
        int rows = left < STEP ? left : (int)STEP;
        if (threadIdx.x == 0) {
            uint64_t *barrier = full + asked % 2;
            hopper_barrier_expect(barrier, (uint32_t)(rows * 512 + STEP * 4));
            bulk_copy(to, from, rows * 512, barrier);
            bulk_copy(to + STEP * 512, entropy, STEP * 4, barrier);
        }
        asked++;
    }
    __device__ void wait(unsigned char *rows, int left, bool)
    {
        for (int e = left * 32 + (int)threadIdx.x; e < STEP * 32; e += BLOCK)
            *(uint4 *)(rows + 16 * e) = make_uint4(0, 0, 0, 0);
        hopper_barrier_wait(full + waited % 2, waited / 2 & 1);
        waited++;
        __syncthreads();
    }
    static __device__ void bulk_copy(void *to, const void *from, int bytes, uint64_t *barrier)
    {
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                     "[%0], [%1], %2, [%3];" ::"r"(hopper_shared(to)),
                     "l"(from), "r"(bytes), "r"(hopper_shared(barrier))
                     : "memory");
    }
};
#endif

__global__ void __launch_bounds__(GROUPS *BLOCK, 1)
    monarch_sm90_1_kernel(const __grid_constant__ hopper_params params, int steps)
{
#ifdef HOPPER_CODE
    const tensor_plan &plan = params.plan;
    unsigned char *shared = (unsigned char *)cuda_shared(), *tiles = shared + SMALL;
    tiles += -hopper_shared(tiles) & 1023;
    uint64_t *full = (uint64_t *)shared, *empty = full + STAGES;
    int first = (int)((int64_t)steps * blockIdx.x / gridDim.x);
    int count = (int)((int64_t)steps * (blockIdx.x + 1) / gridDim.x) - first;
    if (threadIdx.x == 0) {
        for (int stage = 0; stage < STAGES; stage++) {
            hopper_barrier_init(full + stage, 1);
            hopper_barrier_init(empty + stage, GROUPS * WARPS);
        }
        hopper_barrier_init_done();
        for (int n = 0; n < STAGES - 1 && n < count; n++)
            stage_1_load(params, step_at(plan, first + n), tiles + n * (4 * HALF), full + n);
    }
    __syncthreads();
    int pair = (int)threadIdx.x % BLOCK / 32 * 16 + (int)threadIdx.x % 32 / 4, last = 0;
    uint32_t query[8][4];
    stage_1_out out = {};
    for (int n = 0; n < count; n++) {
        hopper_step at = step_at(plan, first + n);
        if (n == 0 || at.f == 0) {
            tensor_unit u = unit_at(plan, at.head, at.group * GROUPS + (int)threadIdx.x / BLOCK);
            last = u.count < 1 ? 0 : end_tile(plan, (u.first + u.count - 1) / plan.p.b2);
            stage_1_query<128>(plan, u, at.k, pair, query);
            out = stage_1_out_at<128>(plan, u, pair);
        }
        int stage = n % STAGES, ahead = n + STAGES - 1;
        hopper_barrier_wait(full + stage, n / STAGES & 1);
        if (at.f < last)
            stage_1_tile(query, hopper_shared(tiles + stage * (4 * HALF)), key_at(plan, at.f, at.k),
                         plan.scale, plan.p.b2, out);
        __syncwarp();
        if (threadIdx.x % 32 == 0)
            hopper_barrier_arrive(empty + stage);
        if (threadIdx.x == 0 && ahead < count) {
            /* into the place of the step before this one */
            stage = ahead % STAGES;
            if (n > 0)
                hopper_barrier_wait(empty + stage, (n - 1) / STAGES & 1);
            stage_1_load(params, step_at(plan, first + ahead), tiles + stage * (4 * HALF),
                         full + stage);
        }
        __syncwarp();
    }
#endif
}

template <int SPLITS>
__global__ void __launch_bounds__(BLOCK, 3)
    monarch_sm90_2_kernel(const __grid_constant__ tensor_plan plan)
{
#ifdef HOPPER_CODE
    unsigned char *shared = (unsigned char *)cuda_shared();
    stage_2_rows_hopper rows = {(uint64_t *)shared, 0, 0};
    if (threadIdx.x == 0) {
        for (int i = 0; i < 2; i++)
            hopper_barrier_init(rows.full + i, 1);
        hopper_barrier_init_done();
    }
    stage_2_block<128, SPLITS>(plan, rows, shared + SMALL);
#endif
}

inline bool map_of(const struct exec *ex, CUtensorMap *map, const monarch_problem &p, void *data,
                   int64_t stride, int64_t head_stride, struct dn_error *err)
{
    hopper_tensor t = {data,
                       5,
                       {p.d, p.b2, p.w_reduce, p.n * p.b2 / p.cols, p.heads},
                       {1, stride, p.b2 * stride, p.cols * stride, head_stride},
                       {64, 64, 1, 1, 1},
                       CU_TENSOR_MAP_SWIZZLE_128B,
                       {}};
    return hopper_tensor_map(ex, map, OP, &t, err);
}
template <int SPLITS> bool run(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    hopper_params params;
    if (!map_of(ex, &params.keys, p, p.k.data, p.k_stride, p.k_head_stride, err) ||
        !map_of(ex, &params.values, p, p.v.data, p.v_stride, p.v_head_stride, err))
        return false;
    auto stages = [&](const tensor_plan &plan) {
        int groups = (int)divide_up(plan.chunks, GROUPS);
        int64_t steps = (int64_t)plan.heads * groups * p.b1 * plan.tiles;
        assert(steps < INT32_MAX);
        params.plan = plan;
        return cuda_launch(ex, OP, err, monarch_sm90_1_kernel, dim3((unsigned)ex->processors),
                           GROUPS * BLOCK, SMALL + 1024 + STAGES * 4 * HALF, params, (int)steps) &&
               cuda_launch(ex, OP, err, monarch_sm90_2_kernel<SPLITS>,
                           cuda_grid(plan.heads * plan.chunks * PAIRS * plan.row_groups, 1), BLOCK,
                           SMALL + 2 * step_bytes<128>(), plan);
    };
    return run_heads(ex, plan_of(p, SPLITS), stages, err);
}
} // namespace

bool monarch_sm90_can(const struct exec *ex, const monarch_problem &p)
{
    return p.d == 128 && p.b2 <= 56 && monarch_tensor_can(ex, p) && hopper_here(ex);
}

bool monarch_sm90(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    return p.b1 <= 16 ? run<4>(ex, p, err) : run<2>(ex, p, err);
}
