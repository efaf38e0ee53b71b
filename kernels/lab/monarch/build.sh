#!/bin/sh
# bench_monarch for Hopper, from the top folder: kernels/lab/monarch/build.sh OUTPUT
set -e
make -s build/libbase.a build/libkernels.a
cc -O2 -Isrc -I. -c kernels/cuda/host_copy.c -o "$1.host_copy.o"
nvcc -std=c++17 -O3 -lineinfo -gencode arch=compute_90a,code=sm_90a -Isrc -I. --threads 2 -o "$1" \
    kernels/lab/monarch/bench_monarch.cu kernels/cuda/monarch*.cu kernels/cuda/cuda_exec.cu \
    kernels/cuda/cuda_memory.cu kernels/cuda/cuda_transfer.cu kernels/cuda/cuda_copy.cu \
    tests/emulate/gemm_loop.cc "$1.host_copy.o" build/obj/kernels/tensor.o build/libbase.a -lgomp
rm -f "$1.host_copy.o"
