/* timed: for laboratory programs in C++: how long a call takes on the device. */
#ifndef DANAUS_KERNELS_LAB_TIMED_H
#define DANAUS_KERNELS_LAB_TIMED_H

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <cuda_runtime.h>

/* Us a call: the median of `turns` of `calls` calls each, between events in the stream. A call gets
 * the number of its operands, 0 to sets - 1 in turns, and has been made once with each before. */
static double timed(cudaStream_t stream, int sets, int turns, int calls,
                    const std::function<void(int)> &call)
{
    cudaEvent_t from, to;
    std::vector<float> all;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    for (int i = 0; i < sets; i++)
        call(i);
    for (int turn = 0; turn < turns; turn++) {
        float ms = 0;
        cudaEventRecord(from, stream);
        for (int i = 0; i < calls; i++)
            call(i % sets);
        cudaEventRecord(to, stream);
        cudaError_t code = cudaEventSynchronize(to);
        if (code) {
            printf("timed: %s\n", cudaGetErrorString(code));
            exit(1);
        }
        cudaEventElapsedTime(&ms, from, to);
        all.push_back(ms / (float)calls);
    }
    cudaEventDestroy(from);
    cudaEventDestroy(to);
    std::sort(all.begin(), all.end());
    return all[all.size() / 2] * 1e3;
}

#endif
