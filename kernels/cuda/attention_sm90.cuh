/* attention_sm90: attention on Hopper's tensor cores, bf16 in and out, sums in float32.
 *
 *   out = softmax(scale q k^T + bias) v, with the running maximum of attention_softmax.cuh
 *
 * A block stays on its multiprocessor and walks a list of work: 128 queries of a head against a
 * range of the keys. One warp lets the copy engine fetch q, k and v; two warpgroups of 64 queries
 * multiply. Each starts S' = q k'^T of the next keys together with o += P v of these, and computes
 * the softmax of S' while the products run; a pair of named barriers makes the two take turns, so
 * that one's softmax hides behind the other's products.
 *
 * Tiles that do not fill a last round over the multiprocessors are cut along the keys, evenly:
 * their parts (sums without division, maximum, total) go through memory and attention_join adds
 * them up, in one order.
 *
 * FLOPs: 4 d a query and key. Bytes: q and out once, k and v once per 128 queries (mostly L2).
 * Measured on an H200, 2026-11-25: 66 to 69 % of 989 TFLOP/s at d 128 and thousands of keys;
 * kernels/NOTES.md has the table and what was tried and lost. */
#ifndef DANAUS_KERNELS_CUDA_ATTENTION_SM90_CUH
#define DANAUS_KERNELS_CUDA_ATTENTION_SM90_CUH

#include "kernels/cuda/attention_softmax.cuh"
#include "kernels/cuda/hopper.cuh"

enum {
    ATTENTION_ROWS = 128,       /* queries of a block */
    ATTENTION_THREADS = 3 * 128 /* the warpgroup that loads, two that multiply */
};

struct attention_job {
    CUtensorMap q, k, v, out;
    attention_logits z;
    int query_tiles, key_blocks, tiles;
    int whole;    /* tiles [0, whole) are computed by one block each, the others are cut */
    float *parts; /* [blocks][2] attention_part_floats */
};

/* A piece of work: blocks [first, end) of the keys for a tile; part: where its sums go, or -1. */
struct attention_piece {
    int tile, first, end, part;
};

/* Shared memory, in bytes: q, then slots that k and v pass through, then biases of keys (of so many
 * at most), then barriers. */
#define ATTENTION_BIASED_KEYS 8192
template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS> struct attention_layout {
    static constexpr int halves = D / 64;
    static constexpr int q_group = 64 * D * 2; /* a warpgroup's queries */
    static constexpr int slot = KEYS * D * 2;
    static constexpr int slots = QUERIES * 2 * q_group;
    static constexpr int biases = slots + SLOTS * slot;
    static constexpr int barriers =
        biases + (BIAS == ATTENTION_KEY_BIAS ? 4 * ATTENTION_BIASED_KEYS : 0);
    static constexpr int bytes = barriers + 8 * (2 * SLOTS + 6 * QUERIES) + 1024; /* alignment */
};

template <int D> __host__ __device__ constexpr int attention_part_floats()
{
    return ATTENTION_ROWS * (D + 2);
}

#ifdef HOPPER_CODE
/* The n-th piece of this block; false: no more. All warps walk the same list. */
template <int KEYS>
__device__ inline bool attention_next(const attention_job &job, int n, attention_piece *piece)
{
    int blocks = (int)gridDim.x, block = (int)blockIdx.x, tile = block + n * blocks;
    if (tile < job.whole) {
        piece->tile = tile;
        piece->part = -1;
        int row = tile % job.query_tiles * ATTENTION_ROWS;
        attention_span span = attention_seen(job.z, row, ATTENTION_ROWS);
        piece->first = span.first / KEYS;
        piece->end = (span.end + KEYS - 1) / KEYS;
        return true;
    }
    /* of all key blocks of all tiles left, this block's share: a part of one tile or of two */
    int units = (job.tiles - job.whole) * job.key_blocks;
    int from = units * block / blocks, to = units * (block + 1) / blocks;
    int slot = n - (job.whole - block + blocks - 1) / blocks;
    int cut = (from / job.key_blocks + 1) * job.key_blocks;
    if (slot == 1)
        from = cut;
    if (slot > 1 || from >= to)
        return false;
    piece->tile = job.whole + from / job.key_blocks;
    piece->first = from % job.key_blocks;
    piece->end = piece->first + (slot == 0 && cut < to ? cut : to) - from;
    piece->part = block * 2 + slot;
    return true;
}

/* A tile in shared memory as a factor: rows of 128 bytes; `columns`: bytes to the next 64 columns,
 * where the depth runs along the rows. Goes on along the depth by adding bytes / 16. */
__device__ inline uint64_t attention_operand(uint32_t address, uint32_t columns = 16)
{
    return hopper_operand(address, 1024, columns, HOPPER_128B);
}

/* Where in the ring of slots a reader or writer is. */
template <int SLOTS> struct attention_ring {
    int slot = 0;
    uint32_t phase = 0;
    __device__ void step()
    {
        if (++slot == SLOTS) {
            slot = 0;
            phase ^= 1;
        }
    }
};

/* Barriers: slots full, slots free; by buffer and group: queries there, sums in their place, place
 * free. */
template <int SLOTS, int QUERIES> struct attention_barriers {
    uint64_t *all;
    __device__ uint64_t *full(int slot) const
    {
        return all + slot;
    }
    __device__ uint64_t *free(int slot) const
    {
        return all + SLOTS + slot;
    }
    __device__ uint64_t *q_full(int buffer, int group) const
    {
        return all + 2 * SLOTS + 2 * buffer + group;
    }
    __device__ uint64_t *sums(int buffer, int group) const
    {
        return all + 2 * SLOTS + 2 * QUERIES + 2 * buffer + group;
    }
    __device__ uint64_t *q_free(int buffer, int group) const
    {
        return all + 2 * SLOTS + 4 * QUERIES + 2 * buffer + group;
    }
};

template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS>
__device__ inline void attention_load(const attention_job &job, char *shared)
{
    using layout = attention_layout<D, KEYS, SLOTS, QUERIES, BIAS>;
    attention_barriers<SLOTS, QUERIES> barriers = {(uint64_t *)(shared + layout::barriers)};
    attention_ring<SLOTS> ring;
    attention_ring<QUERIES> q_ring;
    attention_piece piece;
    for (int n = 0; attention_next<KEYS>(job, n, &piece); n++) {
        int head = piece.tile / job.query_tiles;
        int row = piece.tile % job.query_tiles * ATTENTION_ROWS;
        auto load = [&](const CUtensorMap *map, int block) {
            char *to = shared + layout::slots + ring.slot * layout::slot;
            hopper_barrier_wait(barriers.free(ring.slot), ring.phase ^ 1);
            hopper_barrier_expect(barriers.full(ring.slot), layout::slot);
            for (int h = 0; h < layout::halves; h++)
                hopper_load_3d(to + h * KEYS * 128, map, barriers.full(ring.slot), 64 * h, head,
                               block * KEYS);
            ring.step();
        };
        if (piece.first < piece.end)
            load(&job.k, piece.end - 1);
        for (int group = 0; group < 2; group++) {
            uint64_t *there = barriers.q_full(q_ring.slot, group);
            char *to = shared + (2 * q_ring.slot + group) * layout::q_group;
            hopper_barrier_wait(barriers.q_free(q_ring.slot, group), q_ring.phase ^ 1);
            hopper_barrier_expect(there, layout::q_group);
            for (int h = 0; h < layout::halves; h++)
                hopper_load_3d(to + h * 64 * 128, &job.q, there, 64 * h, head, row + 64 * group);
        }
        q_ring.step();
        for (int block = piece.end - 1; block > piece.first; block--) {
            load(&job.k, block - 1);
            load(&job.v, block);
        }
        if (piece.first < piece.end)
            load(&job.v, piece.first);
    }
}

/* Sums over totals go to shared memory, in the place of the queries. */
template <int D>
__device__ inline void attention_store(char *shared, const attention_rows &rows,
                                       const float (&o)[D / 2])
{
    float share[2] = {attention_share(rows.total[0]), attention_share(rows.total[1])};
    int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32 % 4;
    int r = 16 * warp + lane % 16; /* this lane's row of 16 bytes, of the four 8 x 8 squares */
#pragma unroll
    for (int j = 0; j < D / 8; j += 2) {
        int chunk = j + lane / 16;
        uint32_t at =
            hopper_shared(shared) + chunk / 8 * 64 * 128 + r * 128 + ((chunk % 8) ^ (r % 8)) * 16;
        asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(at),
                     "r"(mma_pack(o[4 * j] * share[0], o[4 * j + 1] * share[0])),
                     "r"(mma_pack(o[4 * j + 2] * share[1], o[4 * j + 3] * share[1])),
                     "r"(mma_pack(o[4 * j + 4] * share[0], o[4 * j + 5] * share[0])),
                     "r"(mma_pack(o[4 * j + 6] * share[1], o[4 * j + 7] * share[1]))
                     : "memory");
    }
    hopper_fence_async();
}

/* One thread a warpgroup takes what attention_store left to `out`, by the copy engine, which leaves
 * away what lies outside, and frees the place; so the warpgroup need not wait. */
template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS>
__device__ inline void attention_write(const attention_job &job, char *shared, int group)
{
    using layout = attention_layout<D, KEYS, SLOTS, QUERIES, BIAS>;
    attention_barriers<SLOTS, QUERIES> barriers = {(uint64_t *)(shared + layout::barriers)};
    attention_ring<QUERIES> ring;
    attention_piece piece;
    for (int n = 0; attention_next<KEYS>(job, n, &piece); n++) {
        int head = piece.tile / job.query_tiles;
        int row = piece.tile % job.query_tiles * ATTENTION_ROWS + 64 * group;
        hopper_barrier_wait(barriers.sums(ring.slot, group), ring.phase);
        if (piece.part < 0) {
            char *from = shared + (2 * ring.slot + group) * layout::q_group;
            for (int h = 0; h < layout::halves; h++)
                hopper_store_3d(&job.out, from + h * 64 * 128, 64 * h, head, row);
            hopper_stores_read();
        }
        hopper_barrier_arrive(barriers.q_free(ring.slot, group));
        ring.step();
    }
}

/* What a piece of the keys gives: sums, the maximum (times log2 e), the total. */
template <int D>
__device__ inline void attention_store_part(float *part, const attention_rows &rows, float scale,
                                            const float (&o)[D / 2], int row)
{
    int column = (int)threadIdx.x % 4 * 2;
#pragma unroll
    for (int i = 0; i < D / 2; i += 2) {
        float2 both = make_float2(o[i], o[i + 1]);
        *(float2 *)(part + (row + 8 * (i / 2 % 2)) * D + i / 4 * 8 + column) = both;
    }
    if (column == 0)
        for (int r = 0; r < 2; r++) {
            part[ATTENTION_ROWS * D + row + 8 * r] = rows.high[r] * scale;
            part[ATTENTION_ROWS * (D + 1) + row + 8 * r] = rows.total[r];
        }
}

/* A warpgroup's side: products, softmax and sums of all pieces.
 * long: what products in flight use stays in registers of one function, so its steps are lambdas.
 */
template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS>
__device__ inline void attention_multiply(const attention_job &job, char *shared)
{
    using layout = attention_layout<D, KEYS, SLOTS, QUERIES, BIAS>;
    attention_barriers<SLOTS, QUERIES> barriers = {(uint64_t *)(shared + layout::barriers)};
    attention_ring<SLOTS> ring;
    attention_ring<QUERIES> q_ring;
    attention_piece piece;
    int group = (int)threadIdx.x / 128 - 1, lane = (int)threadIdx.x % 32;
    int own_row = 64 * group + (int)threadIdx.x % 128 / 32 * 16 + lane / 4;
    float s[KEYS / 2], o[D / 2], rescale[2];
    uint32_t weights[KEYS / 16][4];
    attention_added<BIAS, KEYS / 2> added;

    auto start_logits = [&](uint64_t q) {
        uint64_t k =
            attention_operand(hopper_shared(shared) + layout::slots + ring.slot * layout::slot);
        hopper_barrier_wait(barriers.full(ring.slot), ring.phase);
        hopper_products_begin();
#pragma unroll
        for (int step = 0; step < D / 16; step++)
            hopper_product<KEYS>::shared(s, q + (step / 4 * 64 * 128 + step % 4 * 32) / 16,
                                         k + (step / 4 * KEYS * 128 + step % 4 * 32) / 16,
                                         step > 0);
        hopper_products_commit();
    };
    auto start_sums = [&](int slot, uint32_t phase) {
        uint64_t v = attention_operand(hopper_shared(shared) + layout::slots + slot * layout::slot,
                                       KEYS * 128);
        hopper_barrier_wait(barriers.full(slot), phase);
        hopper_products_begin();
#pragma unroll
        for (int step = 0; step < KEYS / 16; step++)
            hopper_product<D>::template registers<true>(o, weights[step], v + step * 2048 / 16, 1);
        hopper_products_commit();
    };
    auto load_bias = [&](int head, int block, const attention_rows &rows) {
        if constexpr (BIAS == ATTENTION_KEY_BIAS)
            added.load_shared((const float *)(shared + layout::biases), block * KEYS);
        else
            added.load(job.z, head, block * KEYS, rows);
    };
    auto release = [&](uint64_t *barrier) {
        if (lane == 0)
            hopper_barrier_arrive(barrier);
    };
    auto pack = [&]() {
#pragma unroll
        for (int i = 0; i < KEYS / 4; i++)
            weights[i / 4][i % 4] = mma_pack(s[2 * i], s[2 * i + 1]);
    };
    if (group == 1)
        hopper_warps_arrive(1, 256);
    for (int n = 0; attention_next<KEYS>(job, n, &piece); n++) {
        int head = piece.tile / job.query_tiles;
        int row = piece.tile % job.query_tiles * ATTENTION_ROWS;
        char *own = shared + (2 * q_ring.slot + group) * layout::q_group;
        uint64_t q = attention_operand(hopper_shared(own));
        attention_rows rows;
        attention_rows_begin(job.z, row + own_row, &rows);
        attention_span all = attention_seen_by_all(job.z, row + 64 * group, 64);
        if (BIAS == ATTENTION_KEY_BIAS && !job.z.masked)
            all.end = INT32_MAX; /* the biases hide what lies behind the keys */
#pragma unroll
        for (int i = 0; i < D / 2; i++)
            o[i] = 0;
        hopper_barrier_wait(barriers.q_full(q_ring.slot, group), q_ring.phase);
        if (piece.first < piece.end) {
            start_logits(q);
            load_bias(head, piece.end - 1, rows);
            hopper_products_wait<0>();
            hopper_products_touch(s);
            release(barriers.free(ring.slot));
            ring.step();
            attention_softmax(job.z, (piece.end - 1) * KEYS, all, added, rows, s, rescale);
            pack();
            for (int block = piece.end - 2; block >= piece.first; block--) {
                attention_ring<SLOTS> next = ring;
                next.step();
                hopper_warps_sync(1 + group, 256);
                start_logits(q);
                start_sums(next.slot, next.phase);
                hopper_warps_arrive(2 - group, 256);
                load_bias(head, block, rows);
                hopper_products_wait<1>();
                hopper_products_touch(s);
                release(barriers.free(ring.slot));
                attention_softmax(job.z, block * KEYS, all, added, rows, s, rescale);
                hopper_products_wait<0>();
                hopper_products_touch(o);
                release(barriers.free(next.slot));
#pragma unroll
                for (int i = 0; i < D / 2; i++)
                    o[i] *= rescale[i / 2 % 2];
                pack();
                ring = next;
                ring.step();
            }
            start_sums(ring.slot, ring.phase);
            hopper_products_wait<0>();
            hopper_products_touch(o);
            release(barriers.free(ring.slot));
            ring.step();
        }
        attention_rows_end(rows);
        if (piece.part < 0) {
            hopper_warps_sync(3 + group, 128); /* no warp reads the queries any more */
            attention_store<D>(own, rows, o);
        } else
            attention_store_part<D>(job.parts + (int64_t)piece.part * attention_part_floats<D>(),
                                    rows, BIAS == ATTENTION_PLAIN ? job.z.scale : 1.0f, o, own_row);
        __syncwarp();
        release(barriers.sums(q_ring.slot, group));
        q_ring.step();
    }
    if (group == 0) /* takes the other's last turn */
        hopper_warps_sync(1, 256);
}
#endif

template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS>
__global__ void __launch_bounds__(ATTENTION_THREADS, 1)
    attention_sm90_kernel(const __grid_constant__ attention_job job)
{
#ifdef HOPPER_CODE
    using layout = attention_layout<D, KEYS, SLOTS, QUERIES, BIAS>;
    char *shared = (char *)cuda_shared();
    shared += (1024 - hopper_shared(shared) % 1024) % 1024;
    attention_barriers<SLOTS, QUERIES> barriers = {(uint64_t *)(shared + layout::barriers)};
    if (threadIdx.x == 0) {
        hopper_prefetch_map(&job.q);
        hopper_prefetch_map(&job.k);
        hopper_prefetch_map(&job.v);
        for (int i = 0; i < SLOTS; i++) {
            hopper_barrier_init(barriers.full(i), 1);
            hopper_barrier_init(barriers.free(i), 8); /* warps that multiply */
        }
        for (int i = 0; i < 2 * QUERIES; i++) {
            hopper_barrier_init(barriers.q_full(i / 2, i % 2), 1);
            hopper_barrier_init(barriers.sums(i / 2, i % 2), 4); /* warps */
            hopper_barrier_init(barriers.q_free(i / 2, i % 2), 1);
        }
        hopper_barrier_init_done();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        hopper_registers_down<24>();
        if (threadIdx.x == 0)
            attention_load<D, KEYS, SLOTS, QUERIES, BIAS>(job, shared);
        else if (threadIdx.x == 32 || threadIdx.x == 64)
            attention_write<D, KEYS, SLOTS, QUERIES, BIAS>(job, shared, (int)threadIdx.x / 32 - 1);
    } else {
        hopper_registers_up<240>();
        if (BIAS == ATTENTION_KEY_BIAS) {
            attention_fill_bias(job.z, (float *)(shared + layout::biases), KEYS,
                                (int)threadIdx.x - 128, 256);
            hopper_warps_sync(5, 256);
        }
        attention_multiply<D, KEYS, SLOTS, QUERIES, BIAS>(job, shared);
    }
#endif
}

/* out of one tile's parts: sum 2^(m_i - m) o_i / sum 2^(m_i - m) total_i. A block takes 8 rows of a
 * cut tile, D / 4 threads a row. */
template <int D>
__global__ void attention_join_kernel(const float *parts, int blocks, int whole, int tiles,
                                      int key_blocks, int query_tiles, int queries, int d,
                                      uint16_t *out, int64_t stride, int64_t head_stride)
{
    int tile = (int)blockIdx.y, row = (int)blockIdx.x * 8 + (int)threadIdx.x / (D / 4);
    int column = (int)threadIdx.x % (D / 4) * 4;
    int units = (tiles - whole) * key_blocks, from = tile * key_blocks, to = from + key_blocks;
    int first = ((from + 1) * blocks - 1) / units, last = (to * blocks - 1) / units;
    float high = -INFINITY, total = 0;
    float4 sum = make_float4(0, 0, 0, 0);
    for (int pass = 0; pass < 2; pass++)
        for (int block = first; block <= last; block++) {
            int begin = units * block / blocks;
            if (begin >= units * (block + 1) / blocks)
                continue;
            const float *part = parts + (block * 2 + (begin < from)) * attention_part_floats<D>();
            float m = part[ATTENTION_ROWS * D + row];
            if (pass == 0) {
                high = fmaxf(high, m);
                continue;
            }
            float4 o = *(const float4 *)(part + row * D + column);
            float weight = m == -INFINITY ? 0.0f : exp2f(m - high);
            total += weight * part[ATTENTION_ROWS * (D + 1) + row];
            sum.x += weight * o.x;
            sum.y += weight * o.y;
            sum.z += weight * o.z;
            sum.w += weight * o.w;
        }
    int head = (whole + tile) / query_tiles, query = (whole + tile) % query_tiles * ATTENTION_ROWS;
    query += row;
    if (query >= queries || column >= d)
        return;
    float share = attention_share(total);
    uint2 packed =
        make_uint2(mma_pack(sum.x * share, sum.y * share), mma_pack(sum.z * share, sum.w * share));
    *(uint2 *)(out + query * stride + head * head_stride + column) = packed;
}

/* How many tiles are left whole when `blocks` of them run at once. The others are cut where that
 * saves more rounds over blocks of keys than adding up the parts costs. */
static inline int attention_whole(const attention_job *job, int blocks)
{
    int rest = job->tiles % blocks;
    int64_t saved = job->key_blocks - (int64_t)rest * job->key_blocks / blocks;
    bool cut = rest > 0 && saved > 4 && !job->z.masked &&
               (int64_t)rest * job->key_blocks * blocks < INT32_MAX;
    return cut ? job->tiles - rest : job->tiles;
}

#endif
