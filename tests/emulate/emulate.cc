/* emulate: the threads of a block as fibers, see cuda_runtime.h. One thread launches at a time. */
#include "cuda_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <mutex>
#include <unordered_map>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;
void *emulate_shared;
thread_local size_t emulate_awaits;

namespace
{
enum { MAX_THREADS = 1024, STACK = 128 << 10 };
enum state { RUNNABLE, AT_BARRIER, AT_WARP, DONE };

#if defined(__x86_64__)
typedef void *context;
#else
typedef ucontext_t context;
#endif

/* A cp.async under way; group: how many commits its thread had made before it. */
struct copy {
    void *to;
    const void *from;
    int group;
};

struct fiber {
    std::vector<copy> copies; /* oldest first */
    int groups;               /* commits so far */
    context self;
    char *stack;
    enum state state;
    int line;
    const char *file;
};

/* A warp's collective call in progress. Values are kept for two calls: a lane may enter the next
 * one before another has read this one's. */
struct warp {
    unsigned arrived, mask, generation;
    int line;
    const char *file;
    alignas(8) unsigned char values[2][32 * EMULATE_VALUE];
};

fiber fibers[MAX_THREADS];
warp warps[MAX_THREADS / 32];
context scheduler;
unsigned threads, current, at_barrier, done;
const char *kernel_name;
void (*kernel_body)(void *);
void *kernel_context;

} // namespace

[[noreturn]] void emulate_stop(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s, block (%u, %u, %u), thread %u: %s at %s:%d\n", kernel_name, blockIdx.x,
            blockIdx.y, blockIdx.z, current, what, file, line);
    abort();
}

#if defined(__x86_64__)
/* saves the registers that a call must keep on this stack, and goes on on another one */
extern "C" void emulate_switch(void **save, void *to);
asm(".text\n.type emulate_switch,@function\nemulate_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
    ".size emulate_switch,.-emulate_switch\n");
static void go(context *from, context *to)
{
    emulate_switch(from, *to);
}
#else
static void go(context *from, context *to)
{
    swapcontext(from, to);
}
#endif

static void fiber_main(void)
{
    kernel_body(kernel_context);
    fibers[current].state = DONE;
    done++;
    go(&fibers[current].self, &scheduler);
}

static void fiber_start(fiber *f)
{
    if (!f->stack) {
        void *memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            abort();
        f->stack = (char *)memory;
    }
    f->state = RUNNABLE;
    f->copies.clear();
    f->groups = 0;
#if defined(__x86_64__)
    void **top = (void **)(f->stack + STACK) - 8; /* six registers, where to return, alignment */
    memset(top, 0, 8 * sizeof *top);
    top[6] = (void *)fiber_main;
    f->self = top;
#else
    getcontext(&f->self);
    f->self.uc_stack.ss_sp = f->stack;
    f->self.uc_stack.ss_size = STACK;
    makecontext(&f->self, fiber_main, 0);
#endif
}

static void wait_as(enum state state)
{
    fibers[current].state = state;
    go(&fibers[current].self, &scheduler);
}

void __syncthreads(int line, const char *file)
{
    static int first_line;
    static const char *first_file;
    fibers[current].line = line;
    fibers[current].file = file;
    if (at_barrier == 0) {
        first_line = line;
        first_file = file;
    }
    if (line != first_line || strcmp(file, first_file) != 0)
        emulate_stop("barrier diverges: other threads wait at another one", file, line);
    if (++at_barrier < threads) {
        wait_as(AT_BARRIER);
        return;
    }
    at_barrier = 0;
    for (unsigned i = 0; i < threads; i++)
        fibers[i].state = RUNNABLE;
}

const unsigned char *emulate_exchange(unsigned mask, const void *value, size_t size, int line,
                                      const char *file)
{
    warp *w = &warps[current / 32];
    unsigned lane = current % 32, turn = w->generation & 1;
    fibers[current].line = line;
    fibers[current].file = file;
    if (!(mask >> lane & 1))
        emulate_stop("lane is not in its own mask", file, line);
    if (w->arrived == 0) {
        w->mask = mask;
        w->line = line;
        w->file = file;
    }
    if (w->mask != mask || w->line != line || strcmp(w->file, file) != 0)
        emulate_stop("warp diverges: other lanes wait at another call", file, line);
    memcpy(w->values[turn] + EMULATE_VALUE * lane, value, size);
    w->arrived |= 1u << lane;
    if (w->arrived != mask) {
        wait_as(AT_WARP);
        return w->values[turn];
    }
    w->arrived = 0;
    w->generation++;
    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1)
            fibers[current / 32 * 32 + i].state = RUNNABLE;
    return w->values[turn];
}

void __syncwarp(unsigned mask, int line, const char *file)
{
    emulate_exchange(mask, "", 1, line, file);
}

void emulate_copy(void *to, const void *from)
{
    if ((uintptr_t)to % 16 != 0 || (uintptr_t)from % 16 != 0)
        emulate_stop("an asynchronous copy is not aligned", kernel_name, 0);
    fibers[current].copies.push_back(copy{to, from, fibers[current].groups});
}

void emulate_copy_commit(void)
{
    fibers[current].groups++;
}

void emulate_copy_wait(int pending)
{
    fiber *f = &fibers[current];
    size_t ready = 0;
    for (; ready < f->copies.size() && f->copies[ready].group < f->groups - pending; ready++) {
        const copy &c = f->copies[ready];
        if (c.from)
            memcpy(c.to, c.from, 16);
        else
            memset(c.to, 0, 16);
    }
    f->copies.erase(f->copies.begin(), f->copies.begin() + (ptrdiff_t)ready);
}

static void set_thread(unsigned i)
{
    current = i;
    threadIdx = dim3(i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
}

static void run_block(bool rising)
{
    at_barrier = done = 0;
    for (unsigned i = 0; i < threads; i++)
        fiber_start(&fibers[i]);
    for (unsigned w = 0; w < (threads + 31) / 32; w++)
        warps[w].arrived = 0;
    while (done < threads) {
        bool moved = false;
        for (unsigned n = 0; n < threads; n++) {
            unsigned i = rising ? n : threads - 1 - n;
            if (fibers[i].state != RUNNABLE)
                continue;
            set_thread(i);
            go(&scheduler, &fibers[i].self);
            moved = true;
        }
        for (unsigned i = 0; !moved && i < threads; i++)
            if (fibers[i].state != DONE) {
                set_thread(i);
                emulate_stop("waits for threads that never come", fibers[i].file, fibers[i].line);
            }
    }
}

void emulate_launch(const char *name, dim3 grid, dim3 block, size_t shared_bytes,
                    void (*body)(void *), void *context)
{
    kernel_name = name;
    kernel_body = body;
    kernel_context = context;
    gridDim = grid;
    blockDim = block;
    threads = block.x * block.y * block.z;
    if (threads == 0 || threads > MAX_THREADS || grid.x == 0 || grid.x > 0x7FFFFFFFu ||
        grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535 ||
        shared_bytes > 227 * 1024)
        emulate_stop("launch out of range", name, 0);
    emulate_shared = malloc(shared_bytes);
    uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
    for (uint64_t b = 0; b < blocks; b++) {
        blockIdx = dim3((unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y),
                        (unsigned)(b / grid.x / grid.y));
        memset(emulate_shared, 0xFF, shared_bytes);
        run_block(b % 2 == 0);
    }
    free(emulate_shared);
    emulate_shared = NULL;
}

/* --- the runtime --- */
cudaError_t cudaMalloc(void **out, size_t size)
{
    *out = size < (size_t)1 << 40 ? malloc(size) : NULL;
    if (!*out)
        return cudaErrorMemoryAllocation;
    memset(*out, 0xFF, size);
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
    free(memory);
    return cudaSuccess;
}

struct emulate_memory emulate_memory;
static std::unordered_map<void *, size_t> given;
static std::mutex given_lock;

cudaError_t cudaMallocAsync(void **out, size_t size, cudaStream_t)
{
    cudaError_t code = cudaMalloc(out, size);
    std::lock_guard<std::mutex> lock(given_lock);
    if (code != cudaSuccess)
        return code;
    given[*out] = size;
    emulate_memory.calls++;
    emulate_memory.held += size;
    if (emulate_memory.held > emulate_memory.most)
        emulate_memory.most = emulate_memory.held;
    return code;
}

cudaError_t cudaFreeAsync(void *memory, cudaStream_t)
{
    std::lock_guard<std::mutex> lock(given_lock);
    emulate_memory.held -= given.at(memory);
    given.erase(memory);
    return cudaFree(memory);
}

cudaError_t cudaMallocHost(void **out, size_t size)
{
    return cudaMalloc(out, size);
}

cudaError_t cudaFreeHost(void *memory)
{
    return cudaFree(memory);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int)
{
    *pool = NULL;
    return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void *)
{
    return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void *value)
{
    memset(value, 0, 8); /* nothing is kept */
    return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t)
{
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *all)
{
    *available = *all = (size_t)1 << 40;
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned)
{
    *out = NULL;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t)
{
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t)
{
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind, cudaStream_t)
{
    memcpy(to, from, size); /* an overlap is an error on a device too: the sanitizer tells */
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t)
{
    memset(to, value, size);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned)
{
    static char only;
    *out = (cudaStream_t)&only;
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(out, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = *greatest = 0;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t code)
{
    return code == cudaSuccess ? "no error" : "out of memory";
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int)
{
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int)
{
    *value = 8;
    return cudaSuccess;
}
