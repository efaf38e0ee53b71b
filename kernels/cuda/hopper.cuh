/* hopper: what sm_90a has and older GPUs do not, each instruction behind one function: barriers in
 * shared memory (mbarrier), the tensor copy engine (TMA), products of a warpgroup (wgmma).
 *
 * Files that include this are called *_sm90.cu; the host emulation leaves them out. A kernel's body
 * stands in #ifdef HOPPER_CODE, so that it is empty on other architectures; who launches it asks
 * hopper_here() first. Source of all formats: PTX ISA 8.x, "mbarrier", "Tensor map",
 * "Asynchronous warpgroup level matrix instructions". */
#ifndef DANAUS_KERNELS_CUDA_HOPPER_CUH
#define DANAUS_KERNELS_CUDA_HOPPER_CUH

#include <cuda.h>

#include "kernels/cuda/cuda_launch.h"

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HOPPER_CODE 1
#endif

/* --- host --- */

/* Is the exec's device one that runs sm_90a code? */
static inline bool hopper_here(const struct exec *ex)
{
    return ex->major == 9 && ex->minor == 0;
}

/* A bf16 tensor in device memory and the box of it that one copy brings, innermost axis first.
 * Elements of a box that lie outside of the tensor arrive as zeros. */
struct hopper_tensor {
    void *data; /* 16-byte aligned */
    int ndim;
    int64_t shape[5], stride[5]; /* in elements; stride[0] is 1, the others multiples of 8 */
    int box[5];                  /* at most 256 each; box[0] spans at most the swizzle's width */
    CUtensorMapSwizzle swizzle;
    int step[5]; /* of a box take every step-th element only; 0 is 1 */
};

/* The map of a tensor, to be passed to a kernel inside a __grid_constant__ parameter. False when
 * the driver refuses. None while ex plans. */
static inline bool hopper_tensor_map(const struct exec *ex, CUtensorMap *map, const char *op,
                                     const struct hopper_tensor *t, struct dn_error *err)
{
    if (ex->books.open)
        return true;
    typedef CUresult encode_fn(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *,
                               const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                               const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
                               CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
    static void *entry; /* the same for every thread that finds it */
    if (!entry) {
        enum cudaDriverEntryPointQueryResult found;
        void *at = NULL;
        CUDA_TRY(op,
                 cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &at, 12000,
                                                  cudaEnableDefault, &found),
                 err);
        if (found != cudaDriverEntryPointSuccess || !at)
            return dn_fail(err, DN_E_BACKEND, "%s: the driver has no cuTensorMapEncodeTiled", op);
        entry = at;
    }
    cuuint64_t shape[5], stride[5];
    cuuint32_t box[5], step[5];
    for (int i = 0; i < t->ndim; i++) {
        shape[i] = (cuuint64_t)t->shape[i];
        stride[i] = (cuuint64_t)t->stride[i] * 2;
        box[i] = (cuuint32_t)t->box[i];
        step[i] = t->step[i] ? (cuuint32_t)t->step[i] : 1;
    }
    CUresult code = ((encode_fn *)entry)(
        map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, (cuuint32_t)t->ndim, t->data, shape, stride + 1, box,
        step, CU_TENSOR_MAP_INTERLEAVE_NONE, t->swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
        CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (code != CUDA_SUCCESS)
        return dn_fail(err, DN_E_BACKEND, "%s: tensor map refused, driver error %d", op, (int)code);
    return true;
}

#ifdef HOPPER_CODE
/* --- shared memory and its barriers --- */

__device__ inline uint32_t hopper_shared(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

__device__ inline void hopper_barrier_init(uint64_t *barrier, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(hopper_shared(barrier)),
                 "r"(arrivals)
                 : "memory");
}

/* By the thread that has initialised barriers, before the __syncthreads that shows them to others
 * and to the copy engine. */
__device__ inline void hopper_barrier_init_done()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async;" ::: "memory");
}

__device__ inline void hopper_barrier_arrive(uint64_t *barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(hopper_shared(barrier))
                 : "memory");
}

/* Arrives, and the phase will also wait for so many bytes of copies. */
__device__ inline void hopper_barrier_expect(uint64_t *barrier, uint32_t bytes)
{
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(hopper_shared(barrier)),
        "r"(bytes)
        : "memory");
}

/* Waits until the phase of this parity is over. A new barrier is in phase 0: waiting for parity 1
 * returns at once. */
__device__ inline void hopper_barrier_wait(uint64_t *barrier, uint32_t parity)
{
    asm volatile("{\n"
                 ".reg .pred done;\n"
                 "again:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again;\n"
                 "}" ::"r"(hopper_shared(barrier)),
                 "r"(parity)
                 : "memory");
}

/* Ordinary writes to shared memory before this are seen by copies and products after it. */
__device__ inline void hopper_fence_async()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* --- the second-level cache: what a copy says of the lines that it touches --- */

/* They will not be wanted again. */
__device__ inline uint64_t hopper_wanted_once()
{
    uint64_t policy;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}

/* They shall stay as long as possible. */
__device__ inline uint64_t hopper_wanted_soon()
{
    uint64_t policy;
    asm volatile("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}

/* --- the copy engine: one thread asks for a box at (c0 innermost, ...), bytes count towards the
 * barrier's phase --- */

__device__ inline void hopper_prefetch_map(const CUtensorMap *map)
{
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

__device__ inline void hopper_load_2d(void *to, const CUtensorMap *map, uint64_t *barrier, int c0,
                                      int c1)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4}], [%2];" ::"r"(hopper_shared(to)),
                 "l"(map), "r"(hopper_shared(barrier)), "r"(c0), "r"(c1)
                 : "memory");
}

__device__ inline void hopper_load_3d(void *to, const CUtensorMap *map, uint64_t *barrier, int c0,
                                      int c1, int c2)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(hopper_shared(to)),
                 "l"(map), "r"(hopper_shared(barrier)), "r"(c0), "r"(c1), "r"(c2)
                 : "memory");
}

__device__ inline void hopper_load_4d(void *to, const CUtensorMap *map, uint64_t *barrier, int c0,
                                      int c1, int c2, int c3)
{
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(hopper_shared(to)),
                 "l"(map), "r"(hopper_shared(barrier)), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                 : "memory");
}

__device__ inline void hopper_load_5d(void *to, const CUtensorMap *map, uint64_t *barrier, int c0,
                                      int c1, int c2, int c3, int c4)
{
    asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5, %6, %7}], [%2];" ::"r"(hopper_shared(to)),
                 "l"(map), "r"(hopper_shared(barrier)), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
                 : "memory");
}

__device__ inline void hopper_load_5d(void *to, const CUtensorMap *map, uint64_t *barrier, int c0,
                                      int c1, int c2, int c3, int c4, uint64_t policy)
{
    asm volatile(
        "cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
        ".L2::cache_hint [%0], [%1, {%3, %4, %5, %6, %7}], [%2], %8;" ::"r"(hopper_shared(to)),
        "l"(map), "r"(hopper_shared(barrier)), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4),
        "l"(policy)
        : "memory");
}

/* A box from shared memory to a tensor; what lies outside of the tensor is left away. */
__device__ inline void hopper_store_3d(const CUtensorMap *map, const void *from, int c0, int c1,
                                       int c2)
{
    asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], "
                 "[%1];" ::"l"(map),
                 "r"(hopper_shared(from)), "r"(c0), "r"(c1), "r"(c2)
                 : "memory");
}

/* Until this thread's stores have read their shared memory. */
__device__ inline void hopper_stores_read()
{
    asm volatile("cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;" ::: "memory");
}

/* --- barriers of some warps of a block: id 1..15, threads in all --- */

__device__ inline void hopper_warps_sync(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* Counts for the others without waiting. */
__device__ inline void hopper_warps_arrive(int id, int threads)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* --- registers: all warps of a warpgroup, once; COUNT a multiple of 8 --- */

template <int COUNT> __device__ inline void hopper_registers_up()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
}

template <int COUNT> __device__ inline void hopper_registers_down()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
}

/* --- products of a warpgroup: 64 rows of A [64, 16] times B [16, N], bf16, sums in float32 ---
 *
 * Thread t of the 128 holds, of D [64, N], row 16 (t / 32) + t % 32 / 4 (+ 8), columns
 * 8 j + 2 (t % 4) (+ 1) in d[4 j] and d[4 j + 1] (the row + 8: d[4 j + 2], d[4 j + 3]). A in
 * registers lies likewise: a[0] row, columns 2 (t % 4) (+ 1); a[1] row + 8; a[2], a[3] columns + 8.
 *
 * Operands in shared memory are rows of a swizzle's width (128, 64 or 32 bytes) as the copy engine
 * lays them down, tiles aligned to 1024 bytes. An operand whose row is a row of A or a column of B
 * (K innermost) goes on along K by adding bytes to the address; groups of 8 rows lie `group` bytes
 * apart. */

enum hopper_layout { HOPPER_PLAIN = 0, HOPPER_128B = 1, HOPPER_64B = 2, HOPPER_32B = 3 };

/* address: as hopper_shared gives it. group: bytes from 8 rows to the next 8 (PTX: stride byte
 * offset). lead: PTX's leading byte offset, of use only without swizzle and where K is not
 * innermost. */
__device__ inline uint64_t hopper_operand(uint32_t address, uint32_t group, uint32_t lead,
                                          hopper_layout layout)
{
    return (uint64_t)((address & 0x3FFFF) >> 4) | (uint64_t)((lead & 0x3FFFF) >> 4) << 16 |
           (uint64_t)((group & 0x3FFFF) >> 4) << 32 | (uint64_t)layout << 62;
}

/* The same operand `bytes` further on, 0 or a multiple of 16: to work each one out from its address
 * takes longer than a product. */
__device__ inline uint64_t hopper_operand_at(uint64_t operand, int bytes)
{
    /* addresses end below bit 14: the upper half stays, which the compiler knows as it is */
    return (operand & 0xFFFFFFFF00000000u) | ((uint32_t)operand + (uint32_t)(bytes >> 4));
}

/* Before the first product, and whenever registers of D or A were touched by other code. */
__device__ inline void hopper_products_begin()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/* Closes the group of products asked for so far. */
__device__ inline void hopper_products_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Waits until at most LEFT groups are under way. */
template <int LEFT> __device__ inline void hopper_products_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
}

/* Tells the compiler that D changes behind its back until here: after a wait, before D is read. */
template <int N> __device__ inline void hopper_products_touch(float (&d)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}

/* hopper_product<N>::shared: A and B from shared memory; ::registers: A from registers. D = A B
 * (+ D when keep is not 0). B_TURNED: B's rows in memory run along N instead of K; A_TURNED: A's
 * along M. */
template <int N> struct hopper_product;

#define HOPPER_D8(i)                                                                               \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]),    \
        "+f"(d[i + 6]), "+f"(d[i + 7])
#define HOPPER_D16(i) HOPPER_D8(i), HOPPER_D8(i + 8)
#define HOPPER_D32(i) HOPPER_D16(i), HOPPER_D16(i + 16)
#define HOPPER_D48(i) HOPPER_D32(i), HOPPER_D16(i + 32)
#define HOPPER_D64(i) HOPPER_D32(i), HOPPER_D32(i + 32)
#define HOPPER_D88(i) HOPPER_D64(i), HOPPER_D16(i + 64), HOPPER_D8(i + 80)
#define HOPPER_D96(i) HOPPER_D64(i), HOPPER_D32(i + 64)
#define HOPPER_D128(i) HOPPER_D64(i), HOPPER_D64(i + 64)
#define HOPPER_D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])

#define HOPPER_D28(i) HOPPER_D16(i), HOPPER_D8(i + 16), HOPPER_D4(i + 24)
#define HOPPER_D40(i) HOPPER_D32(i), HOPPER_D8(i + 32)

#define HOPPER_P4 "%0,%1,%2,%3"
#define HOPPER_P8 HOPPER_P4 ",%4,%5,%6,%7"
#define HOPPER_P16 HOPPER_P8 ",%8,%9,%10,%11,%12,%13,%14,%15"
#define HOPPER_P28 HOPPER_P16 ",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27"
#define HOPPER_P32 HOPPER_P16 ",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define HOPPER_P40 HOPPER_P32 ",%32,%33,%34,%35,%36,%37,%38,%39"
#define HOPPER_P48 HOPPER_P32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define HOPPER_P64 HOPPER_P48 ",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define HOPPER_P88                                                                                 \
    HOPPER_P64 ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79"                  \
               ",%80,%81,%82,%83,%84,%85,%86,%87"
#define HOPPER_P96                                                                                 \
    HOPPER_P64 ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79"                  \
               ",%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define HOPPER_P128                                                                                \
    HOPPER_P96 ",%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111"      \
               ",%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"

/* i0.. are the operands behind those of D */
#define HOPPER_PRODUCT(n, half, i0, i1, i2, i3, i4, i5, i6)                                        \
    template <> struct hopper_product<n> {                                                         \
        template <bool B_TURNED = false, bool A_TURNED = false>                                    \
        static __device__ inline void shared(float (&d)[half], uint64_t a, uint64_t b, int keep)   \
        {                                                                                          \
            asm volatile(                                                                          \
                "{\n.reg .pred keep;\nsetp.ne.b32 keep, %" #i2 ", 0;\n"                            \
                "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 "                        \
                "{" HOPPER_P##half "}, %" #i0 ", %" #i1 ", keep, 1, 1, %" #i4 ", %" #i3 ";\n}"     \
                : HOPPER_D##half(0)                                                                \
                : "l"(a), "l"(b), "r"(keep), "n"(B_TURNED ? 1 : 0), "n"(A_TURNED ? 1 : 0));        \
        }                                                                                          \
        template <bool B_TURNED = false>                                                           \
        static __device__ inline void registers(float (&d)[half], const uint32_t (&a)[4],          \
                                                uint64_t b, int keep)                              \
        {                                                                                          \
            asm volatile("{\n.reg .pred keep;\nsetp.ne.b32 keep, %" #i5 ", 0;\n"                   \
                         "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 "               \
                         "{" HOPPER_P##half "}, {%" #i0 ",%" #i1 ",%" #i2 ",%" #i3 "}, %" #i4      \
                                            ", keep, 1, 1, %" #i6 ";\n}"                           \
                         : HOPPER_D##half(0)                                                       \
                         : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(keep),          \
                           "n"(B_TURNED ? 1 : 0));                                                 \
        }                                                                                          \
    }
HOPPER_PRODUCT(8, 4, 4, 5, 6, 7, 8, 9, 10);
HOPPER_PRODUCT(16, 8, 8, 9, 10, 11, 12, 13, 14);
HOPPER_PRODUCT(32, 16, 16, 17, 18, 19, 20, 21, 22);
HOPPER_PRODUCT(56, 28, 28, 29, 30, 31, 32, 33, 34);
HOPPER_PRODUCT(64, 32, 32, 33, 34, 35, 36, 37, 38);
HOPPER_PRODUCT(80, 40, 40, 41, 42, 43, 44, 45, 46);
HOPPER_PRODUCT(96, 48, 48, 49, 50, 51, 52, 53, 54);
HOPPER_PRODUCT(128, 64, 64, 65, 66, 67, 68, 69, 70);
HOPPER_PRODUCT(176, 88, 88, 89, 90, 91, 92, 93, 94);
HOPPER_PRODUCT(192, 96, 96, 97, 98, 99, 100, 101, 102);
HOPPER_PRODUCT(256, 128, 128, 129, 130, 131, 132, 133, 134);
#endif

#endif
