#!/bin/sh
# bench_monarch for Hopper, from the top folder: kernels/lab/monarch/build.sh OUTPUT
set -e
make -s build/libbase.a
nvcc -std=c++17 -O3 -lineinfo -gencode arch=compute_90a,code=sm_90a -Isrc -I. -o "$1" \
    kernels/lab/monarch/bench_monarch.cu kernels/cuda/monarch.cu kernels/cuda/cuda_exec.cu \
    tests/emulate/gemm_loop.cc build/obj/kernels/tensor.o build/libbase.a 
