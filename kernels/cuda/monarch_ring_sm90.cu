/* monarch_ring_sm90: both stages in one launch on Hopper, d 128, alpha and y passing through a ring
 * that stays in the second-level cache; who does what stands in monarch_ring.cuh.
 *
 * A writer is stage 1 of monarch_sm90.cu, a warpgroup a query tile. What it finds for a key row
 * goes through shared memory to the ring by one copy, without the factors that make R of the
 * weights: they stand beside the entropies. A reader has two warps a pair, 16 query rows each or,
 * where a tile has no more than 16, half of the key rows each; a third one asks for chunks, 32 key
 * rows at a time, when their counter says that they are written. All blocks must run at once: a
 * cooperative launch. A wait of seconds is our bug and ends in a trap, not in a GPU that hangs.
 *
 * Scratch: the ring [slot][row 64][pair][alpha, y][d] in the order of monarch_tensor.cuh, halves of
 * 128 bytes of odd pairs turned; entropies and factors [slot][pair][row 64]; counters.
 *
 * Measured against two launches on an H200, 2026-11-25, 3 x 21 frames: tiles of 30x52 0.427 for
 * 0.452 ms, of 15x52 0.750 for 0.920. Waiting threads decide, see kernels/NOTES.md. */
#include "kernels/cuda/monarch_ring.cuh"
#include "kernels/cuda/monarch_sm90.cuh"

namespace
{
enum {
    PART = 32,                          /* key rows of a copy */
    PART_BYTES = PART * 512 + PART * 8, /* with their entropies and shares */
    HELD = 4,                           /* pairs of a reader: warps 0..7 compute, 8..11 ask */
    STAGED = 64 * 512,                  /* what a warpgroup of a writer makes in a step */
    READER_SMALL = 256,
    MERGE_BYTES = (128 / 2 + 4) * 32 * 4, /* of a pair */
    TRIES = 1 << 23,                      /* of a wait: seconds */
    SLOTS = 5,                            /* of the ring: 26 MB with 156 pairs */
    WRITERS = 70                          /* percent of the blocks, at most */
};

struct ring_params {
    tensor_plan plan;
    ring_plan ring;
    hopper_maps maps;
    CUtensorMap ring_map; /* [number, pair, slot and row] */
    unsigned char *rows;
    float2 *entropies;
    unsigned *counters;
};

#ifdef HOPPER_CODE
/* Adds 1 after all that the thread has written or seen written before. */
__device__ inline void arrive(unsigned *counter)
{
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}

__device__ inline bool reached(const unsigned *counter, unsigned count)
{
    unsigned now;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(counter) : "memory");
    return now >= count;
}

__device__ inline void await(const unsigned *counter, unsigned count)
{
    for (int tries = 0; !reached(counter, count); tries++) {
        if (tries > TRIES)
            __trap();
        __nanosleep(20);
    }
}

/* hopper_barrier_wait with an end. */
__device__ inline void await_barrier(uint64_t *barrier, uint32_t parity)
{
    for (int tries = 0;; tries++) {
        uint32_t done;
        asm volatile("{\n"
                     ".reg .pred done;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, done;\n"
                     "}"
                     : "=r"(done)
                     : "r"(hopper_shared(barrier)), "r"(parity)
                     : "memory");
        if (done)
            return;
        if (tries > TRIES)
            __trap();
    }
}

/* ---- writers ---- */

/* A writer's steps one after the other, without divisions. */
struct write_cursor {
    int n, steps, batch, step, head, part; /* part: batch of the head */

    __device__ void next(const ring_plan &ring)
    {
        n++;
        if (++step < steps)
            return;
        step = 0;
        batch++;
        if (++part == ring.batches_of_head) {
            part = 0;
            head++;
        }
    }
};

__device__ inline void write_load(const ring_params &params, int writer, write_cursor &cursor,
                                  unsigned char *tiles, uint64_t *full)
{
    ring_step at = ring_step_at(params.ring, writer, cursor.batch, cursor.step);
    stage_1_load(params.plan, params.maps, cursor.head, at.f, at.k,
                 tiles + cursor.n % STAGES * (4 * HALF), full + cursor.n % STAGES);
    cursor.next(params.ring);
}

/* Where a step's results go: rows into shared memory, so that one copy takes them to the ring. */
struct ring_out {
    unsigned char *staged; /* the lane's pair g */
    float2 *entropies;     /* likewise */
    int pair, pairs, turned;

    __device__ void weighed(const float (&entropy)[2], const float (&share)[2]) const
    {
        if (threadIdx.x % 4 > 0)
            return;
#pragma unroll
        for (int r = 0; r < 2; r++)
            if (pair + 8 * r < pairs)
                entropies[8 * r * CHUNK] = make_float2(entropy[r], share[r]);
    }
    /* Odd pairs have the blocks of each 128 bytes changed, for the sake of the banks. */
    __device__ void store(int what, int line, const float (&sum)[32], const float (&)[2]) const
    {
#pragma unroll
        for (int r = 0; r < 2; r++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                uint32_t x[4];
#pragma unroll
                for (int n = 0; n < 4; n++)
                    x[n] = mma_pack(sum[half * 16 + 4 * n + 2 * r],
                                    sum[half * 16 + 4 * n + 2 * r + 1]);
                int at = ((what * 16 + line * 8 + half * 4 + (int)threadIdx.x % 4) ^ turned) * 16;
                *(uint4 *)(staged + r * (8 * 512) + at) = make_uint4(x[0], x[1], x[2], x[3]);
            }
    }
};

/* A warpgroup's rows that are under way to the ring; only of its keeper. */
struct write_owed {
    unsigned *counter; /* NULL: none */

    __device__ void pay()
    {
        if (!counter)
            return;
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
        arrive(counter);
        counter = NULL;
    }
};

__device__ inline void bulk_store(void *to, const void *from, int bytes)
{
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;\n"
                 "cp.async.bulk.commit_group;" ::"l"(to),
                 "r"(hopper_shared(from)), "r"(bytes)
                 : "memory");
}

/* Until a step's results may be put into shared memory and then into the ring. */
__device__ inline void write_begin(const ring_params &params, int chunk, write_owed &owed)
{
    int before = chunk - params.ring.slots;
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
    if (before < 0)
        return;
    const unsigned *read = params.counters + ring_counter(before, RING_READ);
    if (reached(read, ring_read_all(params.ring, before)))
        return;
    owed.pay(); /* who is waited for may wait for it */
    await(read, ring_read_all(params.ring, before));
}

__device__ inline void write_rows(const ring_params &params, int writer, unsigned char *shared)
{
    const ring_plan &ring = params.ring;
    unsigned char *tiles = shared + 128;
    tiles += -hopper_shared(tiles) & 1023;
    unsigned char *staged = tiles + STAGES * 4 * HALF + threadIdx.x / BLOCK * STAGED;
    uint64_t *full = (uint64_t *)shared, *empty = full + STAGES;
    int steps = ring_steps(ring, writer), count = steps * ring_batches(ring);
    write_cursor now = {0, steps, 0, 0, 0, 0}, ahead = now;
    if (threadIdx.x == 0) {
        for (int stage = 0; stage < STAGES; stage++) {
            hopper_barrier_init(full + stage, 1);
            hopper_barrier_init(empty + stage, GROUPS * WARPS);
        }
        hopper_barrier_init_done();
        while (ahead.n < STAGES - 1 && ahead.n < count)
            write_load(params, writer, ahead, tiles, full);
    }
    __syncthreads();
    int group = (int)threadIdx.x / BLOCK;
    int pair = (int)threadIdx.x % BLOCK / 32 * 16 + (int)threadIdx.x % 32 / 4;
    bool keeper = threadIdx.x % BLOCK == 64;
    write_owed owed = {NULL};
    uint32_t query[8][4];
    for (; now.n < count; now.next(ring)) {
        int n = now.n, unit = now.part * RING_TILES + group;
        ring_step at = ring_step_at(ring, writer, now.batch, now.step);
        bool busy = unit < ring.query_tiles;
        int64_t place = (int64_t)(at.chunk % ring.slots) * CHUNK + at.key % CHUNK;
        if (now.step == 0 && busy) {
            tensor_unit u = {now.head, unit * ring.b2, ring.b2, NULL};
            stage_1_query<128>(params.plan, u, at.k, pair, query);
        }
        await_barrier(full + n % STAGES, n / STAGES & 1);
        if (busy) {
            int64_t slot_pair =
                (int64_t)(at.chunk % ring.slots) * RING_TILES * ring.b2 + group * ring.b2 + pair;
            ring_out out = {staged + pair * 512,
                            params.entropies + slot_pair * CHUNK + at.key % CHUNK, pair, ring.b2,
                            (at.key & 7) ^ (pair & 1) * 4};
            stage_1_tile(
                query, hopper_shared(tiles + n % STAGES * (4 * HALF)), params.plan.scale, ring.b2,
                out,
                [&] {
                    if (keeper)
                        write_begin(params, at.chunk, owed);
                    hopper_warps_sync(1 + group, BLOCK);
                },
                [&] {
                    if (keeper)
                        owed.pay();
                });
            hopper_fence_async();
            hopper_warps_sync(1 + group, BLOCK);
            if (keeper) {
                bulk_store(params.rows + (place * RING_TILES + group) * ring.b2 * 512, staged,
                           ring.b2 * 512);
                owed.counter = params.counters + ring_counter(at.chunk, group);
            }
        } else if (keeper) {
            owed.pay();
        }
        __syncwarp();
        if (threadIdx.x % 32 == 0)
            hopper_barrier_arrive(empty + n % STAGES);
        if (threadIdx.x == 0 && ahead.n < count) {
            if (n > 0) /* into the place of the step before this one */
                await_barrier(empty + ahead.n % STAGES, (n - 1) / STAGES & 1);
            write_load(params, writer, ahead, tiles, full);
        }
        __syncwarp();
    }
    if (keeper)
        owed.pay();
}

/* ---- readers ---- */

/* What a pair's warps share. */
template <int DEPTH> struct read_place {
    uint64_t *full, *empty; /* [DEPTH] */
    unsigned char *parts;   /* [DEPTH], PART_BYTES each */
    float *merge;
};

/* Asks for all chunks of the pairs in a place. One thread. */
template <int DEPTH>
__device__ inline void read_load(const ring_params &params, int at, const read_place<DEPTH> &place)
{
    const ring_plan &ring = params.ring;
    uint32_t n = 0;
    for (int batch = 0; batch < ring_batches(ring); batch++) {
        if (at >= ring_tiles(ring, batch) * ring.b2)
            continue;
        for (int c = 0; c < ring.chunks; c++) {
            int chunk = batch * ring.chunks + c, rows = ring_rows(ring, chunk);
            int64_t pair = (int64_t)(chunk % ring.slots) * RING_TILES * ring.b2 + at;
            await(params.counters + ring_counter(chunk, at / ring.b2), (unsigned)rows);
            asm volatile("fence.proxy.async;" ::: "memory");
            for (int row = 0; row < rows; row += PART, n++) {
                uint64_t *full = place.full + n % DEPTH;
                unsigned char *to = place.parts + n % DEPTH * PART_BYTES;
                if (n >= DEPTH)
                    await_barrier(place.empty + n % DEPTH, n / DEPTH - 1 & 1);
                hopper_barrier_expect(full, PART_BYTES);
                hopper_load_3d(to, &params.ring_map, full, 0, at, chunk % ring.slots * CHUNK + row);
                bulk_copy(to + PART * 512, params.entropies + pair * CHUNK + row, PART * 8, full);
            }
        }
    }
}

/* A batch's pair by its warp 0 or 1; n: parts so far. */
template <int DEPTH, bool SPLIT>
__device__ inline void read_pair(const ring_params &params, int batch, int at, int warp,
                                 const read_place<DEPTH> &place, uint32_t &n)
{
    const ring_plan &ring = params.ring;
    const int KEYS = SPLIT ? PART / 2 : (int)PART;
    int lane = (int)threadIdx.x % 32, head = batch / ring.batches_of_head;
    int tile = batch % ring.batches_of_head * RING_TILES + at / ring.b2, column = at % ring.b2;
    int i = (SPLIT ? 0 : warp * 16) + lane / 4, first = SPLIT ? warp * KEYS : 0;
    uint32_t query[8][4];
    stage_2_query<128>(params.plan, head, tile, column, i, query);
    stage_2_sums<128> sums = {{}, {-3e38f, -3e38f}, {0, 0}};
    for (int c = 0; c < ring.chunks; c++) {
        int chunk = batch * ring.chunks + c, rows = ring_rows(ring, chunk);
        for (int row = 0; row < rows; row += PART, n++) {
            unsigned char *part = place.parts + n % DEPTH * PART_BYTES;
            int left = rows - row;
            await_barrier(place.full + n % DEPTH, n / DEPTH & 1);
            /* what has arrived has been read: nothing to wait for */
            if (warp == 0 && lane == 0 && left <= PART)
                asm volatile("red.relaxed.gpu.global.add.u32 [%0], 1;" ::"l"(
                                 params.counters + ring_counter(chunk, RING_READ))
                             : "memory");
            if (left < PART) { /* both warps write the same */
                for (int e = left * 32 + lane; e < PART * 32; e += 32)
                    *(uint4 *)(part + 16 * e) = make_uint4(0, 0, 0, 0);
                if (lane >= left)
                    *(float2 *)(part + PART * 512 + lane * 8) = make_float2(0, 0);
                __syncwarp();
            }
            if (first < left)
                stage_2_step<128, KEYS, true>(
                    query, part + first * 512, (const float *)(part + PART * 512) + 2 * first,
                    left - first, params.plan.scale, sums, column % 2 * 64);
            if (left < PART)
                hopper_fence_async();
            __syncwarp();
            if (lane == 0)
                hopper_barrier_arrive(place.empty + n % DEPTH);
        }
    }
    stage_2_total<128>(sums);
    if (SPLIT) {
        int id = 1 + (int)threadIdx.x / 64;
        if (warp == 1)
            stage_2_give<128>(sums, place.merge);
        hopper_warps_sync(id, 64);
        if (warp == 0)
            stage_2_add<128>(sums, place.merge);
        hopper_warps_sync(id, 64); /* before the next batch's */
    }
    if (!SPLIT || warp == 0)
        stage_2_store<128>(params.plan, head, tile, column, i, sums);
}

template <int DEPTH, bool SPLIT>
__device__ inline void read_rows(const ring_params &params, int reader, unsigned char *shared)
{
    const ring_plan &ring = params.ring;
    shared += -hopper_shared(shared) & 127;
    uint64_t *barriers = (uint64_t *)shared;
    if (threadIdx.x == 0) {
        for (int i = 0; i < HELD * DEPTH; i++) {
            hopper_barrier_init(barriers + i, 1);
            hopper_barrier_init(barriers + HELD * DEPTH + i, 2);
        }
        hopper_barrier_init_done();
    }
    __syncthreads();
    int warp = (int)threadIdx.x / 32, held = warp < 2 * HELD ? warp / 2 : warp - 2 * HELD;
    int at = held * ring.readers + reader; /* pair of a batch */
    read_place<DEPTH> place;
    place.full = barriers + held * DEPTH;
    place.empty = place.full + HELD * DEPTH;
    place.parts = shared + READER_SMALL + held * DEPTH * PART_BYTES;
    place.merge = (float *)(shared + READER_SMALL + HELD * DEPTH * PART_BYTES + held * MERGE_BYTES);
    if (warp >= 2 * HELD) {
        if (threadIdx.x % 32 == 0)
            read_load<DEPTH>(params, at, place);
        return;
    }
    uint32_t n = 0;
    for (int batch = 0; batch < ring_batches(ring); batch++)
        if (at < ring_tiles(ring, batch) * ring.b2)
            read_pair<DEPTH, SPLIT>(params, batch, at, warp % 2, place, n);
}
#endif

template <bool SPLIT>
__global__ void __launch_bounds__(GROUPS *BLOCK, 1)
    monarch_ring_kernel(const __grid_constant__ ring_params params)
{
#ifdef HOPPER_CODE
    unsigned char *shared = (unsigned char *)cuda_shared();
    /* writers and readers evenly among the multiprocessors */
    int writer = (int)(blockIdx.x * params.ring.writers / gridDim.x);
    int next = (int)((blockIdx.x + 1) * params.ring.writers / gridDim.x);
    if (next > writer)
        write_rows(params, writer, shared);
    else
        read_rows<SPLIT ? 2 : 3, SPLIT>(params, (int)blockIdx.x - writer, shared);
#endif
}

/* cuda_launch for blocks that wait for one another. */
template <bool SPLIT>
bool launch_together(const struct exec *ex, const ring_params &params, struct dn_error *err)
{
    const int writer = 128 + 1024 + STAGES * 4 * HALF + GROUPS * STAGED;
    const int reader =
        128 + READER_SMALL + HELD * (SPLIT ? 2 : 3) * PART_BYTES + HELD * MERGE_BYTES * SPLIT;
    const int shared = writer > reader ? writer : reader;
    const void *kernel = (const void *)monarch_ring_kernel<SPLIT>;
    void *arguments[] = {(void *)&params};
    if (ex->books.open)
        return true;
    if (!cuda_enter(ex, OP, err))
        return false;
    CUDA_TRY(OP, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
             err);
    CUDA_TRY(OP,
             cudaLaunchCooperativeKernel(kernel, dim3((unsigned)ex->processors),
                                         dim3(GROUPS * BLOCK), arguments, (size_t)shared,
                                         ex->stream),
             err);
    return cuda_launched(ex, OP, err);
}

bool divide(const struct exec *ex, const monarch_problem &p, ring_plan &ring)
{
    ring = {};
    ring.heads = (int)p.heads;
    ring.query_tiles = (int)p.query_tiles;
    ring.b1 = p.b1;
    ring.b2 = p.b2;
    ring.tiles = (int)(p.n / p.b1);
    ring.slots = SLOTS;
    return ring_divide(ring, ex->processors, ex->processors * WRITERS / 100, HELD);
}
} // namespace

bool monarch_ring_sm90_can(const struct exec *ex, const monarch_problem &p)
{
    ring_plan ring;
    if (p.causal_tiles || p.b1 > 32 || !monarch_sm90_can(ex, p) || !divide(ex, p, ring))
        return false;
    /* Tiles of 30 rows: as fast as two launches against 360 key rows, slower against 90. Fewer
     * writers, as where b1 divides their number badly, are slower always (60 of 132). */
    return (p.b1 <= 16 || p.n > 500) && ring.writers * 100 >= ex->processors * 64;
}

bool monarch_ring_sm90(struct exec *ex, const monarch_problem &p, struct dn_error *err)
{
    ring_params params;
    params.plan = plan_of(p, 2);
    bool divided = divide(ex, p, params.ring);
    assert(divided);
    (void)divided;
    const ring_plan &ring = params.ring;
    int64_t pairs = RING_TILES * ring.b2;
    size_t rows = (size_t)(ring.slots * CHUNK * pairs * 512);
    size_t entropies = cuda_align((size_t)(ring.slots * CHUNK * pairs * 8));
    size_t counters = (size_t)ring_counter(ring_batches(ring) * ring.chunks, 0) * 4;
    void *memory;
    if (!maps_of(ex, &params.maps, p, err) ||
        !cuda_scratch(ex, OP, rows + entropies + counters, &memory, err))
        return false;
    params.rows = (unsigned char *)memory;
    params.entropies = (float2 *)(params.rows + rows);
    params.counters = (unsigned *)(params.rows + rows + entropies);
    hopper_tensor t = {memory,
                       3,
                       {256, pairs, ring.slots * CHUNK},
                       {1, 256, 256 * pairs},
                       {256, 1, PART},
                       CU_TENSOR_MAP_SWIZZLE_NONE,
                       {}};
    if (!hopper_tensor_map(ex, &params.ring_map, OP, &t, err))
        return false;
    return cuda_fill_bytes(ex, OP, params.counters, 0, counters, err) &&
           (p.b1 <= 16 ? launch_together<true>(ex, params, err)
                       : launch_together<false>(ex, params, err));
}
