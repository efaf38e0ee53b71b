/* monarch_sm90: the form of monarch_tensor.cuh for Hopper, d 128: keys and values come by the
 * tensor copy engine, stage 1 multiplies by warpgroups.
 *
 * A block of stage 1 is three warpgroups, each with a unit of the same head, whose 64 pairs are the
 * rows of its products; they share the tiles of keys and values, four of which are under way.
 * Every multiprocessor has one block with an even share of all
 * (head, group of units, row k, key tile). */
#include "kernels/cuda/monarch_sm90.cuh"

namespace
{
enum {
    SMALL = 128 /* what stands before the tiles in shared memory */
};

struct hopper_params {
    tensor_plan plan;
    hopper_maps maps;
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
__device__ inline void load(const hopper_params &params, const hopper_step &at, unsigned char *to,
                            uint64_t *full)
{
    stage_1_load(params.plan, params.maps, params.plan.first_head + at.head, at.f, at.k, to, full);
}

/* Where a step's results go: into the pairs' key row, from registers. */
struct row_out {
    const stage_1_out &out;
    int key;

    __device__ void weighed(const float (&entropy)[2], const float (&)[2]) const
    {
        if (threadIdx.x % 4 > 0)
            return;
#pragma unroll
        for (int r = 0; r < 2; r++)
            if (threadIdx.x / 4 % 2 ? out.odd[r] : out.even[r])
                out.entropy[r * out.entropy_stride + key] = entropy[r];
    }
    __device__ void store(int what, int line, const float (&sum)[32], const float (&share)[2]) const
    {
        stage_1_store<128>(out, key, what, line, sum, share);
    }
};

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
            load(params, step_at(plan, first + n), tiles + n * (4 * HALF), full + n);
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
            stage_1_tile(
                query, hopper_shared(tiles + stage * (4 * HALF)), plan.scale, plan.p.b2,
                row_out{out, key_at(plan, at.f, at.k)}, [] {}, [] {});
        __syncwarp();
        if (threadIdx.x % 32 == 0)
            hopper_barrier_arrive(empty + stage);
        if (threadIdx.x == 0 && ahead < count) {
            /* into the place of the step before this one */
            stage = ahead % STAGES;
            if (n > 0)
                hopper_barrier_wait(empty + stage, (n - 1) / STAGES & 1);
            load(params, step_at(plan, first + ahead), tiles + stage * (4 * HALF), full + stage);
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

template <int SPLITS> bool run(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    hopper_params params;
    if (!maps_of(ex, &params.maps, p, err))
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
