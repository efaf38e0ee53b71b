/* op_bench: times single operations at the shapes that decide the speed of a model. For `danaus
 * bench` and tests/kernels/bench_ops.c; works on any backend. */
#ifndef DANAUS_KERNELS_OP_BENCH_H
#define DANAUS_KERNELS_OP_BENCH_H

#include "kernels/ops.h"

enum op_bench_kind {
    OP_BENCH_CONV,      /* sizes: T h w in out kt k residual */
    OP_BENCH_NORM,      /* T h w c: channel norm with SiLU */
    OP_BENCH_UPSAMPLE,  /* T h w c */
    OP_BENCH_WEAVE,     /* T h w c: interleave_time */
    OP_BENCH_LINEAR,    /* rows in out epilogue narrow (1: linear_pack_narrow) */
    OP_BENCH_MODULATE,  /* rows dim: layer norm and modulation */
    OP_BENCH_ROPE,      /* rows dim d: q norm and rotary embedding of heads of d (0: 32) */
    OP_BENCH_PLACE,     /* rows dim d: place_qkv, likewise */
    OP_BENCH_ATTENTION, /* queries keys heads d */
    OP_BENCH_MONARCH,   /* query frames, key frames, token rows, columns, heads, d, h_reduce, w_reduce (0: 1) */
    OP_BENCH_COPY,      /* elements of the exec's dtype */
};

enum op_bench_part {
    OP_BENCH_DECODE,      /* the demo model's VAE; times: calls a latent frame */
    OP_BENCH_TRANSFORMER, /* the demo model's transformer; times: calls a pass over a chunk */
    OP_BENCH_LARGE,       /* shapes of wan2.1-1.3b */
    OP_BENCH_PARTS
};

struct op_bench_row {
    const char *name;
    enum op_bench_kind kind;
    enum op_bench_part part;
    double times;
    int64_t sizes[8];
};

extern const struct op_bench_row op_bench_rows[];
extern const int op_bench_count;

#define OP_BENCH_SAMPLES 512

struct op_bench_result {
    double seconds; /* of the fastest call, or of a call of the fastest batch */
    double median;  /* of the first OP_BENCH_SAMPLES calls or batches, seconds a call */
    double flops;   /* of a call; 0 where moving data is all */
    double bytes;   /* each operand read once, each result written once */
};

/* Is row a linear layer that ex multiplies in e4m3? */
bool op_bench_is_narrow(const struct exec *ex, const struct op_bench_row *row);
/* Products and sums of a call of row. */
double op_bench_flops(const struct op_bench_row *row);

/* How to time. A GPU queues its calls, so they are timed in batches between two waits, and its
 * cache would hold what one call after the other uses, so operands take turns. */
struct op_bench_plan {
    double budget_s;    /* about so long, but at least five calls or batches */
    double batch_s;     /* 0: wait after every call; else a batch takes about so long */
    double rotate_bytes; /* operands of at least so many bytes in all; 0: one set of them */
};

/* Times the row's operation on random numbers, with activations in the exec's dtype. False: the
 * operation failed. */
bool op_bench_run(const struct ops *ops, struct exec *ex, const struct op_bench_row *row,
                  const struct op_bench_plan *plan, struct op_bench_result *out,
                  struct dn_error *err);

#endif
