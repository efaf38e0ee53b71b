/* monarch_ring: who does what in the form of monarch_ring_sm90.cu, and who waits for whom.
 *
 * Heads come one after the other, each in batches of RING_TILES query tiles. Some blocks write
 * alpha and y, the others read them, each keeping its pairs' sums over all of a batch; what lies
 * between is a ring of chunks of CHUNK key rows, key row f b1 + k, small enough for the second-level
 * cache.
 *
 *   writer w      row w % b1 of the key tiles w / b1, w / b1 + phases, ..., batch after batch; in
 *                 each batch of the next phase
 *   reader r      some pairs of each batch that follow one another, chunk after chunk
 *
 * Before a writer's row of chunk c: all pairs of chunk c - slots have been read. Before a pair's
 * chunk c is read: all rows of c are written. Both go through chunks in rising order,
 * and a writer says which rows are there before it waits for readers; so the lowest chunk that is
 * not done is always somebody's to go on with, as long as all blocks run at the same time. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_RING_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_RING_CUH

#include "kernels/cuda/cuda_util.cuh"

namespace
{
enum {
    RING_TILES = 3, /* query tiles of a batch, a warpgroup of a writer each */
    CHUNK = 64,     /* key rows */
    /* counters of a chunk: rows written, of all its tiles; pairs read */
    RING_WRITTEN = 0,
    RING_READ,
    RING_COUNTERS,
    RING_PITCH = 8 /* between counters: each has its sector */
};

struct ring_plan {
    int heads, query_tiles, batches_of_head; /* a batch: some tiles of a head */
    int b1, b2, tiles, keys;                 /* key tiles and their rows */
    int chunks, slots;                       /* of a batch; of the ring */
    int phases, writers, readers, held;      /* held: pairs of a reader, at most */
};

__host__ __device__ inline int ring_batches(const ring_plan &ring)
{
    return ring.heads * ring.batches_of_head;
}

/* Query tiles of a batch. */
__host__ __device__ inline int ring_tiles(const ring_plan &ring, int batch)
{
    int left = ring.query_tiles - batch % ring.batches_of_head * RING_TILES;
    return left < RING_TILES ? left : (int)RING_TILES;
}

/* A writer's steps one after the other, without divisions. */
struct ring_cursor {
    int n;                 /* steps before this one */
    int batch, head, part; /* part: batch of the head */
    int phase, f, k;

    /* Key row. */
    __host__ __device__ int key(const ring_plan &ring) const
    {
        return f * ring.b1 + k;
    }
    /* Since the start. */
    __host__ __device__ int chunk(const ring_plan &ring) const
    {
        return batch * ring.chunks + key(ring) / CHUNK;
    }
    /* Is it the first one of its batch? */
    __host__ __device__ bool first() const
    {
        return f == phase;
    }
    __host__ __device__ bool over(const ring_plan &ring) const
    {
        return batch == ring_batches(ring);
    }
    __host__ __device__ void next(const ring_plan &ring)
    {
        n++;
        f += ring.phases;
        while (f >= ring.tiles && batch < ring_batches(ring)) {
            batch++;
            if (++part == ring.batches_of_head) {
                part = 0;
                head++;
            }
            /* where phases do not divide the tiles, every writer is to have its share */
            phase = phase + 1 < ring.phases ? phase + 1 : 0;
            f = phase;
        }
    }
};

__host__ __device__ inline ring_cursor ring_begin(const ring_plan &ring, int writer)
{
    ring_cursor at = {0, 0, 0, 0, writer / ring.b1, writer / ring.b1, writer % ring.b1};
    while (at.f >= ring.tiles && !at.over(ring)) {
        at.next(ring);
        at.n = 0;
    }
    return at;
}

/* Key rows of a chunk. */
__host__ __device__ inline int ring_rows(const ring_plan &ring, int chunk)
{
    int left = ring.keys - chunk % ring.chunks * CHUNK;
    return left < CHUNK ? left : (int)CHUNK;
}

/* Entropies of a key row and tile: copies want an even number. */
__host__ __device__ inline int ring_entropies(const ring_plan &ring)
{
    return (ring.b2 + 1) / 2 * 2;
}

__host__ __device__ inline int64_t ring_counter(int chunk, int which)
{
    return ((int64_t)chunk * RING_COUNTERS + which) * RING_PITCH;
}

/* What the counter of the rows that are written reaches. */
__host__ __device__ inline unsigned ring_written_all(const ring_plan &ring, int chunk)
{
    return (unsigned)(ring_tiles(ring, chunk / ring.chunks) * ring_rows(ring, chunk));
}

/* What the counter of the pairs that have read a chunk reaches. */
__host__ __device__ inline unsigned ring_read_all(const ring_plan &ring, int chunk)
{
    return (unsigned)(ring_tiles(ring, chunk / ring.chunks) * ring.b2);
}

/* Pairs of a batch that a reader has. */
struct ring_pairs {
    int first, count;
};

__host__ __device__ inline ring_pairs ring_pairs_of(const ring_plan &ring, int batch, int reader)
{
    int pairs = ring_tiles(ring, batch) * ring.b2, first = reader * pairs / ring.readers;
    return ring_pairs{first, (reader + 1) * pairs / ring.readers - first};
}

/* Divides the blocks of a launch; false: too few of them for a batch's pairs. held: pairs a reader
 * has room for. */
inline bool ring_divide(ring_plan &ring, int blocks, int writers_wanted, int held)
{
    ring.batches_of_head = (ring.query_tiles + RING_TILES - 1) / RING_TILES;
    ring.keys = ring.tiles * ring.b1;
    ring.chunks = (ring.keys + CHUNK - 1) / CHUNK;
    ring.phases = writers_wanted / ring.b1;
    ring.writers = ring.phases * ring.b1;
    ring.readers = blocks - ring.writers;
    if (ring.phases < 1 || ring.readers < 1)
        return false;
    int most = ring.query_tiles < RING_TILES ? ring.query_tiles : (int)RING_TILES;
    ring.held = (most * ring.b2 + ring.readers - 1) / ring.readers;
    return ring.held <= held;
}
} // namespace

#endif
