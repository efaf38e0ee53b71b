/* monarch_ring_write: the writers of the ring, stage 1 of monarch_sm90.cu with a warpgroup a query
 * tile. Whatever has to be waited for beside the products is the helpers' matter, a warp each: one
 * asks for tiles of keys and values; a keeper for each warpgroup takes what that has left in shared
 * memory to the ring, once there is room, and says so. Alpha and y are pieces of their own, so that
 * one can be on its way while the other is made. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_RING_WRITE_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_RING_WRITE_CUH

#include "kernels/cuda/monarch_ring_sm90.cuh"

namespace
{
enum {
    WRITE_TILES = 4,  /* of keys and values, under way */
    PIECES = 2,       /* of a warpgroup's step: alpha and y */
    WRITE_PAIRS = 52, /* of a query tile, at most */
    PIECE_BYTES = WRITE_PAIRS * 256,
    QUEUE = 4,
    WRITER_SMALL = 512,
    WRITER_BYTES = WRITER_SMALL + 1024 + WRITE_TILES * 4 * HALF +
                   GROUPS * (PIECES * PIECE_BYTES + 2 * WRITE_PAIRS * 8)
};

#ifdef HOPPER_CODE
/* What the keepers tell write_serve: steps that are in the ring, the chunks of the last QUEUE. */
struct write_notes {
    int done[GROUPS], published[GROUPS], finished[GROUPS], chunk[GROUPS][QUEUE];
};

/* A writer's shared memory. */
struct write_place {
    uint64_t *full, *empty; /* [WRITE_TILES] */
    uint64_t *made, *taken; /* [GROUPS][PIECES] */
    unsigned char *tiles, *pieces;
    float2 *entropies; /* [GROUPS][2][WRITE_PAIRS] */
    write_notes *notes;
};

__device__ inline write_place write_place_at(unsigned char *shared)
{
    write_place place;
    place.full = (uint64_t *)shared;
    place.empty = place.full + WRITE_TILES;
    place.made = place.empty + WRITE_TILES;
    place.taken = place.made + GROUPS * PIECES;
    place.notes = (write_notes *)(place.taken + GROUPS * PIECES);
    place.tiles = shared + WRITER_SMALL;
    place.tiles += -hopper_shared(place.tiles) & 1023;
    place.pieces = place.tiles + WRITE_TILES * 4 * HALF;
    place.entropies = (float2 *)(place.pieces + GROUPS * PIECES * PIECE_BYTES);
    return place;
}

/* One thread, before the block meets. */
__device__ inline void write_open(const write_place &place)
{
    for (int i = 0; i < WRITE_TILES; i++) {
        hopper_barrier_init(place.full + i, 1);
        hopper_barrier_init(place.empty + i, GROUPS * WARPS);
    }
    for (int i = 0; i < GROUPS * PIECES; i++) {
        hopper_barrier_init(place.made + i, WARPS);
        hopper_barrier_init(place.taken + i, 1);
    }
    *place.notes = write_notes{};
}

/* Where a warpgroup's results go: rows into shared memory, so that one copy takes them to the ring.
 */
struct ring_out {
    uint64_t *made, *taken; /* the warpgroup's, of alpha and y */
    unsigned char *pieces;  /* the lane's pair g */
    float2 *entropies;      /* likewise */
    bool there[2];          /* pairs g and g + 8 */
    int step;               /* of the warpgroup */
    int turned;

    __device__ void weighed(const float (&entropy)[2], const float (&share)[2]) const
    {
        await_taken(0); /* and with it what lies here since two steps ago */
        if (threadIdx.x % 4 > 0)
            return;
#pragma unroll
        for (int r = 0; r < 2; r++)
            if (there[r])
                entropies[step % 2 * WRITE_PAIRS + 8 * r] = make_float2(entropy[r], share[r]);
    }
    /* Odd pairs have the halves of each 128 bytes changed, for the sake of the banks. */
    __device__ void store(int what, int line, const float (&sum)[32], const float (&)[2]) const
    {
        if (what == 1 && line == 0)
            await_taken(1);
#pragma unroll
        for (int r = 0; r < 2; r++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                uint32_t x[4];
#pragma unroll
                for (int n = 0; n < 4; n++)
                    x[n] = mma_pack(sum[half * 16 + 4 * n + 2 * r],
                                    sum[half * 16 + 4 * n + 2 * r + 1]);
                int at = ((half * 4 + (int)threadIdx.x % 4) ^ turned) * 16;
                if (there[r])
                    *(uint4 *)(pieces + what * PIECE_BYTES + r * (8 * 256) + line * 128 + at) =
                        make_uint4(x[0], x[1], x[2], x[3]);
            }
        if (line == 0)
            return;
        hopper_fence_async();
        __syncwarp();
        if (threadIdx.x % 32 == 0)
            hopper_barrier_arrive(made + what);
    }
    __device__ void await_taken(int what) const
    {
        if (step > 0)
            await_barrier(taken + what, step - 1 & 1);
    }
};

__device__ inline void bulk_store(void *to, const void *from, int bytes)
{
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint [%0], [%1], %2, %3;\n"
                 "cp.async.bulk.commit_group;" ::"l"(to),
                 "r"(hopper_shared(from)), "r"(bytes), "l"(hopper_wanted_soon())
                 : "memory");
}

/* Asks for all tiles, and tells the readers what the keepers have brought to the ring. To be sure
 * of that takes as long as half a step: one fence for all keepers, and nobody waits for it. One
 * thread. */
__device__ inline void write_serve(const ring_params &params, int writer, const write_place &place)
{
    const ring_plan &ring = params.ring;
    write_notes *notes = place.notes;
    ring_cursor ahead = ring_begin(ring, writer);
    int finished = 0, published[GROUPS] = {};
    for (int tries = 0; finished < GROUPS || !ahead.over(ring); tries++) {
        int tile = ahead.n % WRITE_TILES;
        if (!ahead.over(ring) &&
            (ahead.n < WRITE_TILES ||
             barrier_done(place.empty + tile, ahead.n / WRITE_TILES - 1 & 1))) {
            stage_1_load<56, true>(params.plan, params.maps, ahead.head, ahead.f, ahead.k,
                                   place.tiles + tile * (4 * HALF), place.full + tile);
            ahead.next(ring);
            tries = 0;
        }
        int done[GROUPS];
        bool any = false;
        finished = 0;
#pragma unroll
        for (int group = 0; group < GROUPS; group++) {
            finished += told(notes->finished + group);
            done[group] = told(notes->done + group);
            any |= done[group] > published[group];
        }
        if (any) {
            tries = 0;
            asm volatile("fence.acq_rel.gpu;" ::: "memory");
#pragma unroll
            for (int group = 0; group < GROUPS; group++) {
                for (int i = published[group]; i < done[group]; i++)
                    arrive(params.counters +
                           ring_counter(told(notes->chunk[group] + i % QUEUE), RING_WRITTEN));
                published[group] = done[group];
                tell(notes->published + group, done[group]);
            }
        }
        if (tries > TRIES)
            give_up();
    }
}

/* Takes a warpgroup's results to the ring. One thread. */
__device__ inline void write_keep(const ring_params &params, int writer, int group,
                                  const write_place &place)
{
    const ring_plan &ring = params.ring;
    const unsigned char *pieces = place.pieces + group * (PIECES * PIECE_BYTES);
    const float2 *entropies = place.entropies + group * (2 * WRITE_PAIRS);
    uint64_t *made = place.made + group * PIECES, *taken = place.taken + group * PIECES;
    write_notes *notes = place.notes;
    int step = 0;
    for (ring_cursor now = ring_begin(ring, writer); !now.over(ring); now.next(ring)) {
        if (now.part * RING_TILES + group >= ring.query_tiles)
            continue;
        int chunk = now.chunk(ring), before = chunk - ring.slots;
        int64_t row = (int64_t)(chunk % ring.slots) * CHUNK + now.key(ring) % CHUNK;
        int64_t line = row * (2 * RING_TILES) + group;
        const unsigned *counter = params.counters + ring_counter(before, RING_READ);
        /* asked for here, looked at when the results are made; what is there has been read when its
         * readers say so, nothing else has to be seen */
        unsigned read = before < 0 ? 0 : peek(counter);
        await_barrier(made, step & 1);
        if (before >= 0 && read < ring_read_all(ring, before))
            await(counter, ring_read_all(ring, before));
        bulk_store(params.entropies + (row * RING_TILES + group) * ring_entropies(ring),
                   entropies + step % 2 * WRITE_PAIRS, ring_entropies(ring) * 8);
        bulk_store(params.rows + line * ring.b2 * 256, pieces, ring.b2 * 256);
        await_barrier(made + 1, step & 1);
        bulk_store(params.rows + (line + RING_TILES) * ring.b2 * 256, pieces + PIECE_BYTES,
                   ring.b2 * 256);
        asm volatile("cp.async.bulk.wait_group.read 1;" ::: "memory");
        hopper_barrier_arrive(taken);
        asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
        hopper_barrier_arrive(taken + 1);
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
        for (int tries = 0; step - told(notes->published + group) >= QUEUE; tries++)
            if (tries > TRIES)
                give_up();
        tell(notes->chunk[group] + step % QUEUE, chunk);
        tell(notes->done + group, ++step);
    }
    tell(notes->finished + group, 1);
}

__device__ inline void write_help(const ring_params &params, int writer, unsigned char *shared)
{
    write_place place = write_place_at(shared);
    int warp = (int)threadIdx.x % BLOCK / 32;
    if (threadIdx.x % 32 > 0)
        return;
    if (warp > 0)
        write_keep(params, writer, warp - 1, place);
    else
        write_serve(params, writer, place);
}

__device__ inline void write_rows(const ring_params &params, int writer, unsigned char *shared)
{
    const ring_plan &ring = params.ring;
    write_place place = write_place_at(shared);
    int group = warpgroup_of_block();
    int pair = (int)threadIdx.x % BLOCK / 32 * 16 + (int)threadIdx.x % 32 / 4;
    ring_out out;
    out.made = place.made + group * PIECES;
    out.taken = place.taken + group * PIECES;
    out.pieces = place.pieces + group * (PIECES * PIECE_BYTES) + pair * 256;
    out.entropies = place.entropies + group * (2 * WRITE_PAIRS) + pair;
    out.there[0] = pair < ring.b2;
    out.there[1] = pair + 8 < ring.b2;
    out.step = 0;
    uint32_t query[8][4];
    for (ring_cursor now = ring_begin(ring, writer); !now.over(ring); now.next(ring)) {
        int tile = now.n % WRITE_TILES, unit = now.part * RING_TILES + group;
        bool busy = unit < ring.query_tiles;
        if (now.first() && busy) {
            tensor_unit u = {now.head, unit * ring.b2, ring.b2, NULL};
            stage_1_query<128>(params.plan, u, now.k, pair, query);
        }
        await_barrier(place.full + tile, now.n / WRITE_TILES & 1);
        if (busy) {
            out.turned = (now.key(ring) & 7) ^ (pair & 1) * 4;
            stage_1_tile(query, stage_1_operand(place.tiles + tile * (4 * HALF)), params.plan.scale,
                         ring.b2, out);
            out.step++;
        }
        __syncwarp();
        if (threadIdx.x % 32 == 0)
            hopper_barrier_arrive(place.empty + tile);
    }
}
#endif
} // namespace

#endif
