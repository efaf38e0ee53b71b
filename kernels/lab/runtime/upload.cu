/* upload: how fast 3 GB of a mapped file, warm in the page cache, get to the device.
 *
 *   pageable    one cudaMemcpy from the mapping
 *   staged T,P  T threads copy pieces of P MiB into locked memory, two pieces a thread, one stream
 *               each; counted with and without locking the memory first
 *   registered  the mapping locked by cudaHostRegister, then one copy
 *
 * nvcc -std=c++17 -O3 upload.cu -lpthread; upload FILE [GiB] */
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cuda_runtime.h>

static double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        cudaError_t code_ = (call);                                                                \
        if (code_) {                                                                               \
            printf("%s: %s\n", #call, cudaGetErrorString(code_));                                  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static char *map_file(const char *path, size_t size, bool populate)
{
    int fd = open(path, O_RDONLY);
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | (populate ? MAP_POPULATE : 0), fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        exit(2);
    return (char *)p;
}

static void staged(const char *path, char *device, size_t size, int threads, size_t piece)
{
    char *from = map_file(path, size, false);
    double t0 = now();
    std::vector<char *> locked(threads);
    char *all;
    MUST(cudaMallocHost((void **)&all, threads * 2 * piece));
    double t1 = now();
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; t++)
        pool.emplace_back([=] {
            cudaStream_t stream;
            cudaEvent_t done[2];
            cudaSetDevice(0);
            MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
            for (auto &e : done)
                MUST(cudaEventCreateWithFlags(&e, cudaEventDisableTiming | cudaEventBlockingSync));
            int turn = 0;
            for (size_t at = t * piece; at < size; at += threads * piece, turn++) {
                char *mine = all + (t * 2 + turn % 2) * piece;
                size_t n = std::min(piece, size - at);
                if (turn >= 2)
                    MUST(cudaEventSynchronize(done[turn % 2]));
                memcpy(mine, from + at, n);
                MUST(cudaMemcpyAsync(device + at, mine, n, cudaMemcpyHostToDevice, stream));
                MUST(cudaEventRecord(done[turn % 2], stream));
            }
            MUST(cudaStreamSynchronize(stream));
            cudaStreamDestroy(stream);
        });
    for (auto &t : pool)
        t.join();
    double t2 = now();
    printf("staged %2d threads, pieces of %3zu MiB: %.3f s, %5.1f GB/s; locking first %.3f s\n",
           threads, piece >> 20, t2 - t1, (double)size / (t2 - t1) / 1e9, t1 - t0);
    cudaFreeHost(all);
    munmap(from, size);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/dev/shm/upload.bin";
    size_t size = (size_t)((argc > 2 ? atof(argv[2]) : 3.0) * 1e9);
    double t = now();
    FILE *f = fopen(path, "wb");
    std::vector<char> some(1 << 20);
    for (size_t i = 0; i < some.size(); i++)
        some[i] = (char)(i * 2654435761u >> 13);
    for (size_t at = 0; at < size; at += some.size())
        fwrite(some.data(), 1, std::min(some.size(), size - at), f);
    fclose(f);
    printf("%s: %.1f GB written in %.1f s, %u threads\n", path, (double)size / 1e9, now() - t,
           std::thread::hardware_concurrency());
    t = now();
    char *device, *from;
    cudaFree(0);
    printf("context %.3f s\n", now() - t);
    MUST(cudaMalloc((void **)&device, size));
    for (size_t piece : {2u << 20, 8u << 20})
        for (int threads : {1, 2, 4, 8, 12})
            staged(path, device, size, threads, piece);
    staged(path, device, size, 8, 32 << 20);
    for (int populate = 0; populate < 2; populate++) {
        t = now();
        from = map_file(path, size, populate);
        double mapped = now() - t;
        t = now();
        MUST(cudaMemcpy(device, from, size, cudaMemcpyHostToDevice));
        t = now() - t;
        printf("pageable%s: %.3f s, %.1f GB/s (mapping %.3f s)\n", populate ? ", populated" : "", t,
               (double)size / t / 1e9, mapped);
        munmap(from, size);
    }
    from = map_file(path, size, false);
    t = now();
    cudaError_t code = cudaHostRegister(from, size, cudaHostRegisterReadOnly);
    double registered = now() - t;
    if (code) {
        printf("registered: %s\n", cudaGetErrorString(code));
        cudaGetLastError();
    } else {
        t = now();
        MUST(cudaMemcpy(device, from, size, cudaMemcpyHostToDevice));
        t = now() - t;
        printf("registered in %.3f s, then %.3f s, %.1f GB/s\n", registered, t,
               (double)size / t / 1e9);
        cudaHostUnregister(from);
    }
    unlink(path);
    /* memory: cost of asking for it */
    for (size_t mb : {1u, 64u, 512u}) {
        void *p;
        t = now();
        MUST(cudaMalloc(&p, mb << 20));
        double a = now() - t;
        t = now();
        cudaFree(p);
        double b = now() - t;
        t = now();
        MUST(cudaMallocAsync(&p, mb << 20, 0));
        cudaStreamSynchronize(0);
        double c = now() - t;
        printf("%u MiB: cudaMalloc %.0f us, cudaFree %.0f us, first cudaMallocAsync %.0f us\n",
               (unsigned)mb, a * 1e6, b * 1e6, c * 1e6);
        cudaFreeAsync(p, 0);
        cudaStreamSynchronize(0);
    }
    return 0;
}
