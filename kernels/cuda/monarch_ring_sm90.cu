/* monarch_ring_sm90: both stages in one launch on Hopper, d 128, alpha and y passing through a ring
 * that stays in the second-level cache; who does what stands in monarch_ring.cuh, how in
 * monarch_ring_write.cuh and monarch_ring_read.cuh. All blocks must run at once: a cooperative
 * launch.
 *
 * Scratch: the ring [slot][row 64][alpha, y][pair][d] in the order of monarch_tensor.cuh, halves of
 * 128 bytes of odd pairs changed; entropies and factors [slot][row 64][pair]; counters. */
#include "kernels/cuda/monarch_ring_read.cuh"
#include "kernels/cuda/monarch_ring_write.cuh"

namespace
{
enum {
    SLOTS = 6,   /* of the ring: 31 MB with 156 pairs */
    WRITERS = 60 /* percent of the blocks, at most */
};

template <int QUERIES>
__global__ void __launch_bounds__(RING_THREADS, 1)
    monarch_ring_kernel(const __grid_constant__ ring_params params)
{
#ifdef HOPPER_CODE
    unsigned char *shared = (unsigned char *)cuda_shared();
    /* writers and readers evenly among the multiprocessors */
    int writer = (int)(blockIdx.x * params.ring.writers / gridDim.x);
    int next = (int)((blockIdx.x + 1) * params.ring.writers / gridDim.x);
    int reader = (int)blockIdx.x - writer;
    bool writes = next > writer;
    if (threadIdx.x == 0) {
        if (writes)
            write_open(write_place_at(shared));
        else
            read_open(read_place_at<QUERIES>(shared));
        hopper_barrier_init_done();
    }
    __syncthreads();
    if (warpgroup_of_block() == HELPERS) {
        hopper_registers_down<HELPER_REGISTERS>();
        if (writes)
            write_help(params, writer, shared);
        else
            read_help<QUERIES>(params, reader, shared);
    } else {
        hopper_registers_up<BUSY_REGISTERS>();
        if (writes)
            write_rows(params, writer, shared);
        else
            read_rows<QUERIES>(params, reader, shared);
    }
#endif
}

/* cuda_launch for blocks that wait for one another. */
template <int QUERIES>
bool launch_together(const struct exec *ex, const ring_params &params, struct dn_error *err)
{
    const int reader = read_shape<QUERIES>::BYTES;
    const int shared = WRITER_BYTES > reader ? (int)WRITER_BYTES : reader;
    const void *kernel = (const void *)monarch_ring_kernel<QUERIES>;
    void *arguments[] = {(void *)&params};
    if (ex->books.open)
        return true;
    if (!cuda_enter(ex, OP, err))
        return false;
    CUDA_TRY(OP, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
             err);
    CUDA_TRY(OP,
             cudaLaunchCooperativeKernel(kernel, dim3((unsigned)ex->processors), dim3(RING_THREADS),
                                         arguments, (size_t)shared, ex->stream),
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
    if (p.causal_tiles || p.b1 > 32 || p.b2 > WRITE_PAIRS || !monarch_sm90_can(ex, p) ||
        !divide(ex, p, ring))
        return false;
    /* Tiles of 30 rows: 0.11 ms for 0.10 of two launches against 90 key rows, 0.21 for 0.28 against
     * 360; where that changes is reckoned from these. */
    return p.b1 <= 16 || p.n > 150;
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
    int64_t line = RING_TILES * ring_entropies(ring); /* entropies of a key row */
    size_t entropies = (size_t)(ring.slots * CHUNK * line * 8);
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
                       {128, 2 * pairs, ring.slots * CHUNK},
                       {1, 128, 256 * pairs},
                       {64, 1, CHUNK},
                       CU_TENSOR_MAP_SWIZZLE_NONE,
                       {}};
    hopper_tensor e = {params.entropies,
                       2,
                       {4 * line, ring.slots * CHUNK},
                       {1, 4 * line},
                       {4 * ENTROPY_PAIRS, CHUNK},
                       CU_TENSOR_MAP_SWIZZLE_NONE,
                       {}};
    if (!hopper_tensor_map(ex, &params.rows_map, OP, &t, err) ||
        !hopper_tensor_map(ex, &params.entropies_map, OP, &e, err))
        return false;
    return cuda_fill_bytes(ex, OP, params.counters, 0, counters, err) &&
           (p.b1 <= 16 ? launch_together<16>(ex, params, err)
                       : launch_together<32>(ex, params, err));
}
