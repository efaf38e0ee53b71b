/* cuda_exec: opening a device, its stream, errors. */
#include "kernels/cuda/cuda_exec.h"

#include <stdlib.h>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/cuda_gemm.h"

bool cuda_ok(cudaError_t code, const char *op, struct dn_error *err)
{
    if (code == cudaSuccess)
        return true;
    cudaGetLastError(); /* what is told here must not be told again by the next launch */
    return dn_fail(err, code == cudaErrorMemoryAllocation ? DN_E_MEMORY : DN_E_BACKEND, "%s: %s",
                   op, cudaGetErrorString(code));
}

bool cuda_enter(const struct exec *ex, const char *op, struct dn_error *err)
{
    return ex->books.open || cuda_ok(cudaSetDevice(ex->device), op, err);
}

bool cuda_launched(const struct exec *ex, const char *op, struct dn_error *err)
{
    if (ex->books.open)
        return true;
    CUDA_TRY(op, cudaGetLastError(), err);
    if (ex->sync_each)
        CUDA_TRY(op, cudaStreamSynchronize(ex->stream), err);
    return true;
}

static bool device_works(int device, struct dn_error *err)
{
    int count = 0, major = 0, driver = 0;
    if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0)
        return dn_fail(err, DN_E_UNSUPPORTED, "backend cuda: no NVIDIA driver is loaded");
    cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess || count == 0) {
        cudaGetLastError();
        return dn_fail(err, DN_E_UNSUPPORTED, "backend cuda: no GPU to be had: %s",
                       code != cudaSuccess ? cudaGetErrorString(code) : "the driver finds none");
    }
    if (device < 0 || device >= count)
        return dn_fail(err, DN_E_ARG, "backend cuda: GPU %d does not exist, there are %d", device,
                       count);
    CUDA_TRY("backend cuda",
             cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), err);
    if (major < 8)
        return dn_fail(err, DN_E_UNSUPPORTED,
                       "backend cuda: GPU %d has compute capability %d.x, 8.0 is needed", device,
                       major);
    return true;
}

extern "C" bool cuda_probe(struct dn_error *err)
{
    return device_works(0, err);
}

extern "C" enum dtype cuda_best_dtype(void)
{
    return DTYPE_BF16;
}

static bool wished(const char *name)
{
    const char *value = getenv(name);
    return value && strcmp(value, "1") == 0;
}

/* Streams of a higher priority (a lower number) get the blocks that become free first. */
static bool open_stream(struct exec *ex, bool first, struct dn_error *err)
{
    int least = 0, greatest = 0;
    CUDA_TRY("backend cuda", cudaDeviceGetStreamPriorityRange(&least, &greatest), err);
    CUDA_TRY(
        "backend cuda",
        cudaStreamCreateWithPriority(&ex->stream, cudaStreamNonBlocking, first ? greatest : least),
        err);
    return true;
}

static bool read_device(struct exec *ex, struct dn_error *err)
{
    CUDA_TRY("backend cuda",
             cudaDeviceGetAttribute(&ex->major, cudaDevAttrComputeCapabilityMajor, ex->device),
             err);
    CUDA_TRY("backend cuda",
             cudaDeviceGetAttribute(&ex->minor, cudaDevAttrComputeCapabilityMinor, ex->device),
             err);
    CUDA_TRY("backend cuda",
             cudaDeviceGetAttribute(&ex->processors, cudaDevAttrMultiProcessorCount, ex->device),
             err);
    return true;
}

/* Books alone, as for an H200. */
static struct exec *open_books(enum dtype dtype)
{
    struct exec *ex = (struct exec *)dn_calloc(1, sizeof *ex);
    ex->dtype = dtype;
    ex->major = 9;
    ex->processors = 132;
    ex->plan_only = ex->books.open = true;
    return ex;
}

static bool check_fp8(const struct exec *ex, struct dn_error *err)
{
    if (cuda_gemm_has_fp8(ex->major, ex->minor))
        return true;
    dn_fail(err, DN_E_UNSUPPORTED,
            "fp8 products need a GPU of compute capability 9.0 (H100, H200) and CUDA 12.9; this one "
            "has %d.%d",
            ex->major, ex->minor);
    return dn_error_hint(err, "leave --linear fp8 away");
}

static bool open_on(int device, enum dtype dtype, bool first, struct exec **out,
                    struct dn_error *err)
{
    struct exec *ex = (struct exec *)dn_calloc(1, sizeof *ex);
    ex->dtype = dtype;
    ex->device = device;
    ex->sync_each = wished("DANAUS_SYNC");
    ex->poison = wished("DANAUS_POISON");
    bool ok = cuda_enter(ex, "backend cuda", err) && read_device(ex, err) &&
              open_stream(ex, first, err) && cuda_pool_open(ex->device, err) && cuda_gemm_open(&ex->gemm, err);
    if (!ok) {
        cuda_close(ex);
        return false;
    }
    *out = ex;
    return true;
}

extern "C" bool cuda_open(const struct exec_options *options, struct exec **out,
                          struct dn_error *err)
{
    *out = NULL;
    if (options->dtype != DTYPE_F32 && options->dtype != DTYPE_BF16)
        return dn_fail(err, DN_E_UNSUPPORTED, "backend cuda computes in F32 or BF16, not %s",
                       dtype_name(options->dtype));
    if (options->plan_only)
        *out = open_books(options->dtype);
    else if (!device_works(options->device, err) ||
             !open_on(options->device, options->dtype, false, out, err))
        return false;
    if (options->fp8 && !options->plan_only && !check_fp8(*out, err)) {
        cuda_close(*out);
        *out = NULL;
        return false;
    }
    (*out)->fp8 = options->fp8;
    return true;
}

extern "C" bool cuda_open_beside(struct exec *ex, struct exec **out, struct dn_error *err)
{
    *out = ex->plan_only ? open_books(ex->dtype) : NULL;
    return *out || open_on(ex->device, ex->dtype, true, out, err);
}

extern "C" void cuda_close(struct exec *ex)
{
    if (!ex)
        return;
    if (ex->plan_only) {
        free(ex);
        return;
    }
    cudaSetDevice(ex->device);
    cuda_ring_close(ex);
    cuda_gemm_close(ex->gemm);
    if (ex->stream) {
        cuda_scratch_close(ex);
        cudaStreamSynchronize(ex->stream);
        cudaStreamDestroy(ex->stream);
        cuda_pool_close(ex->device);
    }
    free(ex);
}

extern "C" bool cuda_sync(struct exec *ex, struct dn_error *err)
{
    return ex->books.open || (cuda_enter(ex, "sync", err) && cuda_ok(cudaStreamSynchronize(ex->stream), "sync", err));
}
