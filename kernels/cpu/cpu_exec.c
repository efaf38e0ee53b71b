/* cpu_exec: see cpu_exec.h */
#define _GNU_SOURCE
#include "kernels/cpu/cpu_exec.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__AVX512BF16__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

#include "base/mem.h"

/* Cores that the control group's quota pays for; containers limit by it and still show all cores.
 * 0: no limit. Read at the mount point of cgroup 2, where a container sees its own group. */
static int quota_cores(void)
{
    long long quota, period;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!file)
        return 0;
    int fields = fscanf(file, "%lld %lld", &quota, &period); /* "max 100000" reads nothing */
    fclose(file);
    if (fields != 2 || quota <= 0 || period <= 0 || quota / period > 4096)
        return 0;
    return (int)((quota + period - 1) / period);
}

/* What this process may run on; OMP_NUM_THREADS is the user's own word. */
static int usable_cores(void)
{
    if (getenv("OMP_NUM_THREADS"))
        return omp_get_max_threads();
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : omp_get_num_procs();
    int quota = quota_cores();
    if (quota > 0 && quota < count)
        count = quota;
    return count > 0 ? count : 1;
}

static bool has_isa(dnnl_cpu_isa_t isa)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}

enum dtype cpu_best_dtype(void)
{
    return has_isa(dnnl_cpu_isa_avx512_core_bf16) ? DTYPE_BF16 : DTYPE_F32;
}

bool cpu_open(const struct exec_options *options, struct exec **out, struct dn_error *err)
{
    assert(options->dtype == DTYPE_F32 || options->dtype == DTYPE_BF16);
    *out = NULL;
    if (options->dtype == DTYPE_BF16 && !has_isa(dnnl_cpu_isa_avx512_core)) {
        dn_fail(err, DN_E_UNSUPPORTED, "this CPU cannot multiply in bfloat16 (it lacks AVX-512)");
        return dn_error_hint(err, "use float32");
    }
    struct exec *ex = dn_calloc(1, sizeof *ex);
    ex->dtype = options->dtype;
    ex->fp8 = options->fp8;
    ex->threads = options->threads > 0 ? options->threads : usable_cores();
    cpu_enter(ex);
    if (cpu_dnnl_ok(dnnl_engine_create(&ex->engine, dnnl_cpu, 0), "engine", err) &&
        cpu_dnnl_ok(dnnl_stream_create(&ex->stream, ex->engine, dnnl_stream_default_flags),
                    "stream", err)) {
        *out = ex;
        return true;
    }
    cpu_close(ex);
    return false;
}

/* A second exec would take the cores from the first. */
bool cpu_open_beside(struct exec *ex, struct exec **out, struct dn_error *err)
{
    (void)ex;
    (void)err;
    *out = NULL;
    return true;
}

/* What the host has, and what swapping would cost, is its own affair. */
bool cpu_memory_free(struct exec *ex, int64_t *bytes, struct dn_error *err)
{
    (void)ex;
    (void)err;
    *bytes = INT64_MAX;
    return true;
}

bool cpu_plan_begin(struct exec *ex)
{
    (void)ex;
    return false;
}

void cpu_plan_end(struct exec *ex, struct exec_plan *plan)
{
    (void)ex;
    *plan = (struct exec_plan){0};
}

void cpu_close(struct exec *ex)
{
    if (!ex)
        return;
    if (ex->stream)
        dnnl_stream_destroy(ex->stream);
    if (ex->engine)
        dnnl_engine_destroy(ex->engine);
    free(ex->scratch[CPU_SCRATCH_OP]);
    free(ex->scratch[CPU_SCRATCH_DNNL]);
    free(ex);
}

bool cpu_sync(struct exec *ex, struct dn_error *err)
{
    (void)ex; /* every operation returns when it is done */
    (void)err;
    return true;
}

void cpu_enter(const struct exec *ex)
{
    if (omp_get_max_threads() != ex->threads)
        omp_set_num_threads(ex->threads);
}

void *cpu_weights_alloc(size_t size)
{
    const size_t huge = 2u << 20;
    char *memory = dn_malloc_aligned(size);
    uintptr_t first = ((uintptr_t)memory + huge - 1) & ~(huge - 1);
    uintptr_t end = ((uintptr_t)memory + size) & ~(huge - 1);
    if (first < end)
        madvise((void *)first, end - first, MADV_HUGEPAGE); /* a wish: refusal changes nothing */
    return memory;
}

void *cpu_scratch(struct exec *ex, enum cpu_scratch_use use, size_t size)
{
    if (ex->scratch_size[use] < size) {
        free(ex->scratch[use]);
        ex->scratch_size[use] = size + size / 4; /* shapes tend to grow chunk by chunk */
        ex->scratch[use] = dn_malloc_aligned(ex->scratch_size[use]);
    }
    return ex->scratch[use];
}

void *cpu_scratch_per_thread(struct exec *ex, size_t size, size_t *stride)
{
    *stride = (size + 127) & ~(size_t)127;
    return cpu_scratch(ex, CPU_SCRATCH_OP, dn_mul_or_abort(*stride, (size_t)ex->threads));
}

bool cpu_dnnl_ok(dnnl_status_t status, const char *what, struct dn_error *err)
{
    static const char *const reasons[] = {"success",       "out of memory", "invalid arguments",
                                          "unimplemented", "iterator ends", "runtime error",
                                          "not required"};
    if (status == dnnl_success)
        return true;
    unsigned i = (unsigned)status;
    return dn_fail(err, DN_E_BACKEND, "oneDNN cannot do %s: %s", what,
                   i < sizeof reasons / sizeof reasons[0] ? reasons[i] : "unknown status");
}

dnnl_data_type_t cpu_dnnl_dtype(enum dtype dtype)
{
    assert(dtype == DTYPE_F32 || dtype == DTYPE_BF16);
    return dtype == DTYPE_F32 ? dnnl_f32 : dnnl_bf16;
}

bool cpu_primitive_make(struct exec *ex, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr,
                        struct cpu_primitive *out, dnnl_memory_desc_t *weights, const char *what,
                        struct dn_error *err)
{
    dnnl_primitive_desc_t pd = NULL;
    *out = (struct cpu_primitive){0};
    bool ok = cpu_dnnl_ok(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
                          what, err) &&
              cpu_dnnl_ok(dnnl_primitive_desc_create(&pd, desc, attr, ex->engine, NULL), what, err);
    if (ok) {
        out->scratchpad = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        out->scratchpad_size = dnnl_memory_desc_get_size(&out->scratchpad);
        if (weights)
            *weights = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        ok = cpu_dnnl_ok(dnnl_primitive_create(&out->primitive, pd), what, err);
    }
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return ok;
}

void cpu_primitive_done(struct cpu_primitive *p)
{
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    p->primitive = NULL;
}

bool cpu_primitive_run(struct exec *ex, const struct cpu_primitive *p, const struct cpu_arg *args,
                       int count, const char *what, struct dn_error *err)
{
    dnnl_exec_arg_t list[8] = {{0}};
    assert(count <= 7);
    void *scratch = cpu_scratch(ex, CPU_SCRATCH_DNNL, p->scratchpad_size);
    bool ok = true;
    int made = 0;
    for (int i = 0; ok && i <= count; i++) {
        const dnnl_memory_desc_t *md = i < count ? args[i].md : &p->scratchpad;
        void *data = i < count ? (void *)args[i].data : scratch;
        list[i].arg = i < count ? args[i].which : DNNL_ARG_SCRATCHPAD;
        ok = cpu_dnnl_ok(dnnl_memory_create(&list[i].memory, md, ex->engine, data), what, err);
        made += ok;
    }
    ok = ok && cpu_dnnl_ok(dnnl_primitive_execute(p->primitive, ex->stream, made, list), what, err);
    for (int i = 0; i < made; i++)
        dnnl_memory_destroy(list[i].memory);
    return ok;
}

bool cpu_reorder(struct exec *ex, const dnnl_memory_desc_t *to_md, void *to,
                 const dnnl_memory_desc_t *from_md, const void *from, struct dn_error *err)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t memories[2] = {NULL, NULL};
    dnnl_primitive_t primitive = NULL;
    const char *what = "packing weights";
    bool ok = cpu_dnnl_ok(dnnl_reorder_primitive_desc_create(&pd, from_md, ex->engine, to_md,
                                                             ex->engine, NULL),
                          what, err) &&
              cpu_dnnl_ok(dnnl_primitive_create(&primitive, pd), what, err) &&
              cpu_dnnl_ok(dnnl_memory_create(&memories[0], from_md, ex->engine, (void *)from), what,
                          err) &&
              cpu_dnnl_ok(dnnl_memory_create(&memories[1], to_md, ex->engine, to), what, err);
    dnnl_exec_arg_t list[2] = {{DNNL_ARG_FROM, memories[0]}, {DNNL_ARG_TO, memories[1]}};
    ok = ok && cpu_dnnl_ok(dnnl_primitive_execute(primitive, ex->stream, 2, list), what, err);
    for (int i = 0; i < 2; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return ok;
}

void cpu_bf16_to_f32(float *dst, const uint16_t *src, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dst[i] = f32_from_bf16(src[i]);
}

void cpu_f32_to_bf16(uint16_t *dst, const float *src, int64_t count)
{
    int64_t i = 0;
#if defined(__AVX512BF16__) && defined(__AVX512VL__)
    for (; i + 16 <= count; i += 16) {
        __m256bh half = _mm512_cvtneps_pbh(_mm512_loadu_ps(src + i));
        _mm256_storeu_si256((__m256i *)(dst + i), (__m256i)half);
    }
#endif
    for (; i < count; i++)
        dst[i] = bf16_from_f32(src[i]);
}
