/* monarch_sm90: the form of monarch_tensor.cuh for Hopper, d 128: keys and values come by the
 * tensor copy engine, stage 1 multiplies by warpgroups.
 *
 * A block of stage 1 is three warpgroups, four where tiles are wide, each with a unit of the same
 * head, whose 64 pairs are the rows of its products; they share the tiles of keys and values, four
 * of which are under way. Every multiprocessor has one block with an even share of all
 * (head, group of units, row k, key tile).
 *
 * Measured on an H200, 2026-11-25, 3 x 21 frames, 12 heads: tiles of 30x52 0.45 ms, of 45x80
 * 1.08 ms. With three units a block, which reads wide tiles twice, 1.26. */
#include "kernels/cuda/monarch_sm90.cuh"

namespace
{
enum {
    SMALL = 128 /* what stands before the tiles in shared memory */
};

/* Units whose warpgroups share the tiles: those of three query tiles. */
__host__ __device__ constexpr int units_of(int columns)
{
    return columns > 56 ? 4 : (int)GROUPS;
}

constexpr int stage_1_shared(int columns)
{
    return SMALL + 1024 + STAGES * 4 * box_columns(columns) * 128;
}

struct hopper_params {
    tensor_plan plan;
    hopper_maps maps;
};

/* A step of stage 1: a tile of keys and values for some units of a head. */
struct hopper_step {
    int head, group, k, f;
};

template <int UNITS> __device__ inline hopper_step step_at(const tensor_plan &plan, int step)
{
    int groups = (plan.chunks + UNITS - 1) / UNITS, row = step / plan.tiles;
    int head_group = row / plan.p.b1;
    return hopper_step{head_group / groups, head_group % groups, row % plan.p.b1,
                       step % plan.tiles};
}

#ifdef HOPPER_CODE
template <int COLUMNS>
__device__ inline void load(const hopper_params &params, const hopper_step &at, unsigned char *to,
                            uint64_t *full)
{
    stage_1_load<COLUMNS, false>(params.plan, params.maps, params.plan.first_head + at.head, at.f,
                                 at.k, to, full);
}

/* A warpgroup's unit. */
template <int COLUMNS> struct stage_1_unit {
    uint32_t query[8][4];
    stage_1_out rows = {};

    __device__ void take(const tensor_plan &plan, const tensor_unit &u, int k, int pair)
    {
        stage_1_query<128>(plan, u, k, pair, query);
        rows = stage_1_out_at<128>(plan, u, pair);
    }
    __device__ const stage_1_out &out(const tensor_plan &, int) const
    {
        return rows;
    }
};

/* Of a unit of wide tiles less is kept: a block of four has 128 registers a thread. */
template <> struct stage_1_unit<80> {
    uint32_t query[8][4];
    tensor_unit unit = {};

    __device__ void take(const tensor_plan &plan, const tensor_unit &u, int k, int pair)
    {
        stage_1_query<128>(plan, u, k, pair, query);
        unit = u;
    }
    __device__ stage_1_out out(const tensor_plan &plan, int pair) const
    {
        return stage_1_out_at<128>(plan, unit, pair);
    }
};

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

template <int COLUMNS>
__global__ void __launch_bounds__(units_of(COLUMNS) * BLOCK, 1)
    monarch_sm90_1_kernel(const __grid_constant__ hopper_params params, int steps)
{
#ifdef HOPPER_CODE
    const int UNITS = units_of(COLUMNS), size = 4 * box_columns(COLUMNS) * 128;
    const tensor_plan &plan = params.plan;
    unsigned char *shared = (unsigned char *)cuda_shared(), *tiles = shared + SMALL;
    tiles += -hopper_shared(tiles) & 1023;
    uint64_t *full = (uint64_t *)shared, *empty = full + STAGES;
    int first = (int)((int64_t)steps * blockIdx.x / gridDim.x);
    int count = (int)((int64_t)steps * (blockIdx.x + 1) / gridDim.x) - first;
    if (threadIdx.x == 0) {
        for (int stage = 0; stage < STAGES; stage++) {
            hopper_barrier_init(full + stage, 1);
            hopper_barrier_init(empty + stage, UNITS * WARPS);
        }
        hopper_barrier_init_done();
        for (int n = 0; n < STAGES - 1 && n < count; n++)
            load<COLUMNS>(params, step_at<UNITS>(plan, first + n), tiles + n * size, full + n);
    }
    __syncthreads();
    int pair = (int)threadIdx.x % BLOCK / 32 * 16 + (int)threadIdx.x % 32 / 4, last = 0;
    stage_1_unit<COLUMNS> unit;
    for (int n = 0; n < count; n++) {
        hopper_step at = step_at<UNITS>(plan, first + n);
        if (n == 0 || at.f == 0) {
            tensor_unit u = unit_at(plan, at.head, at.group * UNITS + (int)threadIdx.x / BLOCK);
            last = u.count < 1 ? 0 : end_tile(plan, (u.first + u.count - 1) / plan.p.b2);
            unit.take(plan, u, at.k, pair);
        }
        int stage = n % STAGES, ahead = n + STAGES - 1;
        hopper_barrier_wait(full + stage, n / STAGES & 1);
        if (at.f < last)
            stage_1_tile<COLUMNS>(unit.query, stage_1_operand(tiles + stage * size), plan.scale,
                                  plan.p.b2,
                                  row_out{unit.out(plan, pair), key_at(plan, at.f, at.k)});
        __syncwarp();
        if (threadIdx.x % 32 == 0)
            hopper_barrier_arrive(empty + stage);
        if (threadIdx.x == 0 && ahead < count) {
            /* into the place of the step before this one */
            stage = ahead % STAGES;
            if (n > 0)
                hopper_barrier_wait(empty + stage, (n - 1) / STAGES & 1);
            load<COLUMNS>(params, step_at<UNITS>(plan, first + ahead), tiles + stage * size,
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

template <int COLUMNS, int SPLITS>
bool run(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    const int UNITS = units_of(COLUMNS);
    hopper_params params;
    if (!maps_of<COLUMNS>(ex, &params.maps, p, err))
        return false;
    auto stages = [&](const tensor_plan &plan) {
        int groups = (int)divide_up(plan.chunks, UNITS);
        int64_t steps = (int64_t)plan.heads * groups * p.b1 * plan.tiles;
        assert(steps < INT32_MAX);
        params.plan = plan;
        return cuda_launch(ex, OP, err, monarch_sm90_1_kernel<COLUMNS>,
                           dim3((unsigned)ex->processors), UNITS * BLOCK, stage_1_shared(COLUMNS),
                           params, (int)steps) &&
               cuda_launch(ex, OP, err, monarch_sm90_2_kernel<SPLITS>,
                           cuda_grid(plan.heads * plan.chunks * PAIRS * plan.row_groups, 1), BLOCK,
                           SMALL + 2 * step_bytes<128>(), plan);
    };
    return run_heads(ex, plan_of(p, SPLITS), stages, err);
}

template <int COLUMNS>
bool run_rows(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    if (p.b1 <= 16)
        return run<COLUMNS, 4>(ex, p, err);
    return p.b1 <= 32 ? run<COLUMNS, 2>(ex, p, err) : run<COLUMNS, 1>(ex, p, err);
}
} // namespace

bool monarch_sm90_can(const struct exec *ex, const monarch_problem &p)
{
    return p.d == 128 && monarch_tensor_can(ex, p) && hopper_here(ex);
}

bool monarch_sm90(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    return p.b2 > MONARCH_NARROW ? run_rows<80>(ex, p, err) : run_rows<56>(ex, p, err);
}
