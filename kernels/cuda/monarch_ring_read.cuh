/* monarch_ring_read: the readers of the ring: attention of a pair's query rows over its rows of
 * alpha and y, by products of a warpgroup on operands that lie in shared memory as they came.
 *
 * A warpgroup has one pair or two and turns everything over: z^T = alpha Q^T has key rows for its
 * rows, out^T += y^T P^T goes along d, so that 64 rows of each product are full where a pair has
 * only 15 or 30 queries. Sums stay in registers for a batch. What the greatest logit of a query was
 * at some time is subtracted until one exceeds it by RISE: any number does that keeps the powers
 * within range, and no warp has to ask the others.
 *
 * A part in shared memory: a pair's 64 key rows as four lines [row][64 numbers], alpha's and y's,
 * in the order in which stage 1 leaves 64 numbers: 16 bytes c hold, of 32, 8 i + 2 c and the next
 * for i = 0..3, and lie at c ^ row % 8, which is the products' 128-byte swizzle; queries and
 * results follow that order. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_RING_READ_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_RING_READ_CUH

#include "kernels/cuda/monarch_ring_sm90.cuh"

namespace
{
enum {
    LINE = CHUNK * 128,
    READ_BYTES = 4 * LINE,
    POLLERS = WARPS - 1,
    PARTS = 5, /* under way */
    READER_SMALL = 256,
    RISE = 8,
    HELD = 4,              /* pairs of a reader, at most: warpgroups take them in turns */
    ENTROPIES = PARTS + 1, /* chunks of them in shared memory */
    ENTROPY_PAIRS = 6      /* in a row: an even number, from an even one on */
};

/* For query tiles of up to QUERIES rows. */
template <int QUERIES> struct read_shape {
    enum {
        QUERY_BYTES = QUERIES * 256,
        WEIGHT_BYTES = CHUNK * QUERIES * 2,
        EXCHANGE_BYTES = WARPS * QUERIES * 4,
        BYTES = READER_SMALL + 1024 + PARTS * READ_BYTES + ENTROPIES * CHUNK * ENTROPY_PAIRS * 8 +
                HELD * QUERY_BYTES + GROUPS * (WEIGHT_BYTES + EXCHANGE_BYTES)
    };
};

#ifdef HOPPER_CODE
/* A reader's shared memory. */
struct read_place {
    uint64_t *full, *empty; /* [2 PARTS], [PARTS] */
    uint64_t *weighed;      /* [ENTROPIES] */
    unsigned char *parts, *queries, *weights;
    float2 *entropies; /* [ENTROPIES][CHUNK][ENTROPY_PAIRS], with the factors of R */
    float *exchange;
    int *seen; /* [POLLERS]: chunks, all of them since the start */
};

template <int QUERIES> __device__ inline read_place read_place_at(unsigned char *shared)
{
    typedef read_shape<QUERIES> shape;
    read_place place;
    place.full = (uint64_t *)shared;
    place.empty = place.full + 2 * PARTS;
    place.weighed = place.empty + PARTS;
    place.seen = (int *)(place.weighed + ENTROPIES);
    place.parts = shared + READER_SMALL;
    place.parts += -hopper_shared(place.parts) & 1023;
    place.queries = place.parts + PARTS * READ_BYTES;
    place.weights = place.queries + HELD * shape::QUERY_BYTES;
    place.entropies = (float2 *)(place.weights + GROUPS * shape::WEIGHT_BYTES);
    place.exchange = (float *)(place.entropies + ENTROPIES * CHUNK * ENTROPY_PAIRS);
    return place;
}

/* One thread, before the block meets. */
__device__ inline void read_open(const read_place &place)
{
    for (int i = 0; i < 2 * PARTS; i++)
        hopper_barrier_init(place.full + i, 1);
    for (int i = 0; i < PARTS; i++)
        hopper_barrier_init(place.empty + i, WARPS);
    for (int i = 0; i < ENTROPIES; i++)
        hopper_barrier_init(place.weighed + i, 1);
    for (int i = 0; i < POLLERS; i++)
        place.seen[i] = -1;
}

/* Where a pair's entropies lie in a key row. */
__device__ inline int entropy_at(const ring_plan &ring, int pair)
{
    return pair / ring.b2 * ring_entropies(ring) + pair % ring.b2;
}

/* Where those of a reader's pairs begin in shared memory: with an even one. */
__device__ inline int first_entropy(const ring_plan &ring, const ring_pairs &pairs)
{
    return entropy_at(ring, pairs.first) / 2 * 2;
}

/* Which of a part's two barriers says that the n-th has arrived, and in which of its phases. Two,
 * because warpgroups take parts in turns: one may wait for a place that the other's part before
 * has not reached yet, and with one barrier both would have the same parity. */
__device__ inline uint64_t *read_full(const read_place &place, uint32_t n)
{
    return place.full + n % (2 * PARTS);
}

__device__ inline uint32_t read_phase(uint32_t n)
{
    return n / (2 * PARTS) & 1;
}

/* Watches every POLLERS-th chunk become whole and tells read_load: to see that takes a microsecond
 * and a half. One thread. */
__device__ inline void read_watch(const ring_params &params, int which, const read_place &place)
{
    const ring_plan &ring = params.ring;
    for (int chunk = which; chunk < ring_batches(ring) * ring.chunks; chunk += POLLERS) {
        await(params.counters + ring_counter(chunk, RING_WRITTEN), ring_written_all(ring, chunk));
        asm volatile("fence.proxy.async.global;" ::: "memory");
        tell(place.seen + which, chunk);
    }
}

__device__ inline void read_await_seen(const read_place &place, int chunk)
{
    for (int tries = 0; told(place.seen + chunk % POLLERS) < chunk; tries++) {
        if (tries > TRIES)
            give_up();
        __nanosleep(20);
    }
}

/* Asks for all parts. One thread. */
__device__ inline void read_load(const ring_params &params, int reader, const read_place &place)
{
    const ring_plan &ring = params.ring;
    uint32_t n = 0;
    for (int batch = 0; batch < ring_batches(ring); batch++) {
        ring_pairs mine = ring_pairs_of(ring, batch, reader);
        for (int c = 0; c < ring.chunks && mine.count > 0; c++) {
            int chunk = batch * ring.chunks + c, row = chunk % ring.slots * CHUNK;
            read_await_seen(place, chunk);
            for (int h = 0; h < mine.count; h++, n++) {
                int part = (int)(n % PARTS);
                unsigned char *to = place.parts + part * READ_BYTES;
                uint64_t *full = read_full(place, n);
                if (n >= PARTS)
                    await_barrier(place.empty + part, n / PARTS - 1 & 1);
                hopper_barrier_expect(full, READ_BYTES);
                for (int line = 0; line < 4; line++)
                    hopper_load_3d(to + line * LINE, &params.rows_map, full, line % 2 * 64,
                                   line / 2 * RING_TILES * ring.b2 + mine.first + h, row);
                if (h > 0)
                    continue;
                hopper_barrier_expect(place.weighed + chunk % ENTROPIES, CHUNK * ENTROPY_PAIRS * 8);
                hopper_load_2d(place.entropies + chunk % ENTROPIES * (CHUNK * ENTROPY_PAIRS),
                               &params.entropies_map, place.weighed + chunk % ENTROPIES,
                               first_entropy(ring, mine) * 4, row);
            }
        }
    }
}

/* What a warpgroup keeps of a pair: out[m] are rows 64 m .. of out^T; a thread's queries are
 * 8 j + 2 t + e, numbered 2 j + e. */
template <int QUERIES> struct read_sums {
    float out[2][QUERIES / 2];
    float highest[QUERIES / 4], total[QUERIES / 4]; /* of the thread's key rows */
};

/* Where a warpgroup works. */
struct read_group {
    int id, warp, lane; /* id: of its barrier */
    unsigned char *weights;
    float *exchange; /* [warp][query] */
};

/* Has any thread of the warpgroup said yes? Nobody goes on before all have answered. */
__device__ inline bool any_of_group(int id, bool yes)
{
    uint32_t any;
    asm volatile("{\n"
                 ".reg .pred mine, any;\n"
                 "setp.ne.u32 mine, %2, 0;\n"
                 "barrier.cta.red.or.pred any, %1, 128, mine;\n"
                 "selp.u32 %0, 1, 0, any;\n"
                 "}"
                 : "=r"(any)
                 : "r"(id), "r"((uint32_t)yes)
                 : "memory");
    return any;
}

/* A pair's queries as the products want them. */
template <int QUERIES>
__device__ inline void read_queries(const tensor_plan &plan, int head, int tile, int column,
                                    unsigned char *to)
{
    const monarch_problem &p = plan.p;
    for (int e = (int)threadIdx.x % BLOCK; e < QUERIES * 16; e += BLOCK) {
        int i = e / 16, line = e / 8 % 2, c = e % 8;
        uint32_t x[4] = {0, 0, 0, 0};
        if (i < p.b1) {
            const uint16_t *from =
                bf16_at(p.q, token_at(plan, tile, i, column) * p.q_stride + head * p.q_head_stride);
            from += line * 64 + (c / 4 ^ column % 2) * 32 + c % 4 * 2;
#pragma unroll
            for (int n = 0; n < 4; n++)
                x[n] = *(const uint32_t *)(from + 8 * n);
        }
        *(uint4 *)(to + line * (QUERIES * 128) + i * 128 + (c ^ i % 8) * 16) =
            make_uint4(x[0], x[1], x[2], x[3]);
    }
}

/* The warpgroup's greatest (or sum) of each query from those of its threads. */
template <int QUERIES, bool SUM>
__device__ inline void read_agree(const read_group &group, float (&x)[QUERIES / 4])
{
    auto join = [](float a, float b) { return SUM ? a + b : fmaxf(a, b); };
#pragma unroll
    for (int c = 0; c < QUERIES / 4; c++) {
#pragma unroll
        for (int step = 4; step < 32; step *= 2)
            x[c] = join(x[c], __shfl_xor_sync(0xFFFFFFFFu, x[c], step));
        if (group.lane < 4)
            group.exchange[group.warp * QUERIES + c / 2 * 8 + group.lane * 2 + c % 2] = x[c];
    }
    hopper_warps_sync(group.id, BLOCK);
#pragma unroll
    for (int c = 0; c < QUERIES / 4; c++) {
        const float *from = group.exchange + c / 2 * 8 + group.lane % 4 * 2 + c % 2;
        x[c] = join(join(from[0], from[QUERIES]), join(from[2 * QUERIES], from[3 * QUERIES]));
    }
}

/* Lines of a part, or a pair's queries. */
__device__ inline uint64_t read_operand(const unsigned char *at)
{
    return hopper_operand(hopper_shared(at), 1024, 0, HOPPER_128B);
}

/* Asks for z: what the pair's queries are to the part's key rows. */
template <int QUERIES>
__device__ inline void read_products(float (&z)[QUERIES / 2], uint64_t part, uint64_t queries)
{
    hopper_products_begin();
#pragma unroll
    for (int s = 0; s < 8; s++)
        hopper_product<QUERIES>::shared(
            z, hopper_operand_at(part, s / 4 * LINE + s % 4 * 32),
            hopper_operand_at(queries, s / 4 * (QUERIES * 128) + s % 4 * 32), s > 0);
    hopper_products_commit();
}

/* Asks for out^T += y^T P^T. */
template <int QUERIES>
__device__ inline void read_add(read_sums<QUERIES> &sums, uint64_t part, uint64_t weights)
{
    hopper_products_begin();
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int s = 0; s < 4; s++)
            hopper_product<QUERIES>::template shared<true, true>(
                sums.out[m], hopper_operand_at(part, (2 + m) * LINE + s * 2048),
                hopper_operand_at(weights, s * 16 * QUERIES * 2), 1);
    hopper_products_commit();
}

/* z becomes logits: what a part's entropies and factors make of it, -1e30 for key rows that do not
 * exist, from `left` on. shares: the factors that the weights still want. Does one exceed what is
 * subtracted by RISE? */
template <int QUERIES>
__device__ inline bool read_logits(const read_group &group, float (&z)[QUERIES / 2],
                                   const float2 *entropies, int left, float scale,
                                   const read_sums<QUERIES> &sums, float (&shares)[2])
{
    bool over = false;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int row = group.warp * 16 + group.lane / 4 + 8 * r;
        float2 e = entropies[ENTROPY_PAIRS * row];
        bool there = row < left;
        float factor = scale * e.y;
        shares[r] = there ? e.y : 0;
#pragma unroll
        for (int c = 0; c < QUERIES / 4; c++) {
            float &x = z[c / 2 * 4 + c % 2 + 2 * r];
            x = there ? x * factor + e.x : -1e30f;
            over |= x > sums.highest[c] + RISE;
        }
    }
    return over;
}

/* Logits become weights in shared memory; no product of the warpgroup's is under way. */
template <int QUERIES>
__device__ inline void read_weights(const read_group &group, const float (&z)[QUERIES / 2],
                                    const float (&shares)[2], bool over, unsigned char *part,
                                    int left, read_sums<QUERIES> &sums)
{
    const int COLUMNS = QUERIES / 4;
    float keep[COLUMNS];
#pragma unroll
    for (int c = 0; c < COLUMNS; c++)
        keep[c] = 1;
    if (any_of_group(group.id, over)) {
        float highest[COLUMNS];
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            highest[c] = fmaxf(z[c / 2 * 4 + c % 2], z[c / 2 * 4 + c % 2 + 2]);
        read_agree<QUERIES, false>(group, highest);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            highest[c] = fmaxf(highest[c], sums.highest[c]);
            keep[c] = mma_exp2(sums.highest[c] - highest[c]);
            sums.highest[c] = highest[c];
            sums.total[c] *= keep[c];
        }
    }
    /* in every case: under a condition the compiler would make the products wait for one another */
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int e = 0; e < QUERIES / 2; e++)
            sums.out[m][e] *= keep[e / 4 * 2 + e % 2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int row = group.warp * 16 + group.lane / 4 + 8 * r;
        int turn = QUERIES > 16 ? row / 2 % 4 : row / 4 % 2;
#pragma unroll
        for (int j = 0; j < QUERIES / 8; j++) {
            float w[2];
#pragma unroll
            for (int e = 0; e < 2; e++) {
                w[e] = mma_exp2(z[4 * j + 2 * r + e] - sums.highest[2 * j + e]);
                sums.total[2 * j + e] += w[e];
            }
            *(uint32_t *)(group.weights + row * (QUERIES * 2) + (j ^ turn) * 16 +
                          group.lane % 4 * 4) = mma_pack(w[0] * shares[r], w[1] * shares[r]);
        }
    }
    for (int e = left * 8 + group.warp * 32 + group.lane; e < CHUNK * 8; e += BLOCK)
        for (int line = 2; line < 4; line++) /* 0 times what lies there */
            *(uint4 *)(part + line * LINE + 16 * e) = make_uint4(0, 0, 0, 0);
    hopper_fence_async();
    hopper_warps_sync(group.id, BLOCK);
}

/* A pair's results; passes through its queries' place. */
template <int QUERIES>
__device__ inline void read_store(const tensor_plan &plan, const read_group &group, int head,
                                  int tile, int column, unsigned char *place,
                                  read_sums<QUERIES> &sums)
{
    const monarch_problem &p = plan.p;
    read_agree<QUERIES, true>(group, sums.total);
    int g = group.lane / 4;
#pragma unroll
    for (int c = 0; c < QUERIES / 4; c++) {
        int i = c / 2 * 8 + group.lane % 4 * 2 + c % 2;
        float share = 1.0f / sums.total[c];
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int r = 0; r < 2; r++) {
                int d = m * 64 + (group.warp / 2 ^ column % 2) * 32 + g / 2 * 8 +
                        (2 * group.warp + r) % 4 * 2 + g % 2;
                float x = sums.out[m][c / 2 * 4 + c % 2 + 2 * r] * share;
                *(uint16_t *)(place + i * 256 + d * 2) = (uint16_t)mma_pack(x, 0);
            }
    }
    hopper_warps_sync(group.id, BLOCK);
    for (int e = group.warp * 32 + group.lane; e < p.b1 * 16; e += BLOCK) {
        int i = e / 16, c = e % 16;
        uint16_t *to = (uint16_t *)p.out.data + token_at(plan, tile, i, column) * p.out_stride +
                       head * p.out_head_stride;
        *(uint4 *)(to + c * 8) = *(const uint4 *)(place + i * 256 + c * 16);
    }
    hopper_warps_sync(group.id, BLOCK);
}

/* A batch's parts for the warpgroup's pairs h and, where there are TWO, h + GROUPS, in turns.
 * first: parts before the batch. */
template <int QUERIES, bool TWO>
__device__ inline void read_batch(const ring_params &params, int batch, const ring_pairs &mine,
                                  int h, uint32_t first, const read_place &place,
                                  const read_group &group, read_sums<QUERIES> (&sums)[1 + TWO])
{
    const ring_plan &ring = params.ring;
    float z[QUERIES / 2], shares[2];
    bool over;
    auto part_of = [&](int c, int i) {
        return first + (uint32_t)(c * mine.count + h + i * GROUPS);
    };
    auto at = [&](int c, int i) { return place.parts + part_of(c, i) % PARTS * READ_BYTES; };
    auto rows = [&](int c) { return ring_rows(ring, batch * ring.chunks + c); };
    auto ask = [&](int c, int i) {
        uint32_t n = part_of(c, i);
        await_barrier(read_full(place, n), read_phase(n));
        /* what has arrived has been read: nothing to wait for */
        if (group.warp == 0 && group.lane == 0)
            arrive(params.counters + ring_counter(batch * ring.chunks + c, RING_READ));
        __syncwarp();
        read_products<QUERIES>(
            z, read_operand(at(c, i)),
            read_operand(place.queries + (h + i * GROUPS) * read_shape<QUERIES>::QUERY_BYTES));
    };
    auto logits = [&](int c, int i) {
        int chunk = batch * ring.chunks + c;
        hopper_products_touch(z);
        if (i == 0)
            await_barrier(place.weighed + chunk % ENTROPIES, (uint32_t)(chunk / ENTROPIES & 1));
        over = read_logits<QUERIES>(group, z,
                                    place.entropies + chunk % ENTROPIES * (CHUNK * ENTROPY_PAIRS) +
                                        entropy_at(ring, mine.first + h + i * GROUPS) -
                                        first_entropy(ring, mine),
                                    rows(c), params.plan.scale, sums[i], shares);
    };
    auto add = [&](int c, int i) {
        read_add<QUERIES>(sums[i], read_operand(at(c, i)),
                          hopper_operand(hopper_shared(group.weights), 8 * QUERIES * 2, 0,
                                         QUERIES > 16 ? HOPPER_64B : HOPPER_32B));
    };
    for (int c = 0; c < ring.chunks; c++)
#pragma unroll
        for (int i = 0; i <= TWO; i++) {
            ask(c, i);
            hopper_products_wait<0>();
            logits(c, i);
            read_weights<QUERIES>(group, z, shares, over, at(c, i), rows(c), sums[i]);
            add(c, i);
            hopper_products_wait<0>();
            hopper_products_touch(sums[i].out[0]);
            hopper_products_touch(sums[i].out[1]);
            __syncwarp();
            if (group.lane == 0)
                hopper_barrier_arrive(place.empty + part_of(c, i) % PARTS);
        }
}

/* A batch for the warpgroup's pairs, from their queries to their results. */
template <int QUERIES, bool TWO>
__device__ inline void read_whole(const ring_params &params, int batch, const ring_pairs &mine,
                                  int h, uint32_t first, const read_place &place,
                                  const read_group &group)
{
    const ring_plan &ring = params.ring;
    int head = batch / ring.batches_of_head, tiles = batch % ring.batches_of_head * RING_TILES;
    read_sums<QUERIES> sums[1 + TWO];
#pragma unroll
    for (int i = 0; i <= TWO; i++) {
        int at = h + i * GROUPS, pair = mine.first + at;
        sums[i] = read_sums<QUERIES>{};
#pragma unroll
        for (int c = 0; c < QUERIES / 4; c++)
            sums[i].highest[c] = -3e38f;
        read_queries<QUERIES>(params.plan, head, tiles + pair / ring.b2, pair % ring.b2,
                              place.queries + at * read_shape<QUERIES>::QUERY_BYTES);
    }
    hopper_fence_async();
    hopper_warps_sync(group.id, BLOCK);
    read_batch<QUERIES, TWO>(params, batch, mine, h, first, place, group, sums);
#pragma unroll
    for (int i = 0; i <= TWO; i++) {
        int at = h + i * GROUPS, pair = mine.first + at;
        read_store<QUERIES>(params.plan, group, head, tiles + pair / ring.b2, pair % ring.b2,
                            place.queries + at * read_shape<QUERIES>::QUERY_BYTES, sums[i]);
    }
}

template <int QUERIES>
__device__ inline void read_rows(const ring_params &params, int reader, unsigned char *shared)
{
    typedef read_shape<QUERIES> shape;
    const ring_plan &ring = params.ring;
    read_place place = read_place_at<QUERIES>(shared);
    int index = warpgroup_of_block();
    read_group group;
    group.id = 1 + index;
    group.warp = (int)threadIdx.x % BLOCK / 32;
    group.lane = (int)threadIdx.x % 32;
    group.weights = place.weights + index * shape::WEIGHT_BYTES;
    group.exchange = place.exchange + index * (WARPS * QUERIES);
    uint32_t first = 0; /* parts before the batch */
    for (int batch = 0; batch < ring_batches(ring); batch++) {
        ring_pairs mine = ring_pairs_of(ring, batch, reader);
        if (index + GROUPS < mine.count)
            read_whole<QUERIES, true>(params, batch, mine, index, first, place, group);
        else if (index < mine.count)
            read_whole<QUERIES, false>(params, batch, mine, index, first, place, group);
        first += (uint32_t)(ring.chunks * mine.count);
    }
}

template <int QUERIES>
__device__ inline void read_help(const ring_params &params, int reader, unsigned char *shared)
{
    int warp = (int)threadIdx.x % BLOCK / 32;
    read_place place = read_place_at<QUERIES>(shared);
    if (threadIdx.x % 32 > 0)
        return;
    if (warp > 0)
        read_watch(params, warp - 1, place);
    else
        read_load(params, reader, place);
}
#endif
} // namespace

#endif
