/* graph: what an exec of the CUDA backend queues, recorded as a CUDA graph; for laboratory programs
 * in C. One thread. */
#ifndef DANAUS_KERNELS_LAB_GRAPH_H
#define DANAUS_KERNELS_LAB_GRAPH_H

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/ops.h"

struct graph;

/* Of a record; `early`: kernels that may be placed before the one in front of them has ended. */
struct graph_numbers {
    size_t nodes, kernels, fills, copies, others, early;
};

struct graph *graph_new(struct exec *ex);
void graph_free(struct graph *g); /* NULL allowed */

/* From here on what ex queues is recorded instead of done ... */
bool graph_begin(struct graph *g, struct dn_error *err);
/* ... until here, also when something in between has failed. False: what was queued cannot be
 * recorded. ex queues as before in either case. */
bool graph_end(struct graph *g, struct dn_error *err);
void graph_count(const struct graph *g, struct graph_numbers *out);

/* Makes the last record ready for graph_launch; or puts it in the place of the one that is ready,
 * which it must be like but for its arguments. */
bool graph_ready(struct graph *g, struct dn_error *err);
bool graph_update(struct graph *g, struct dn_error *err);
/* Queues what is ready. */
bool graph_launch(struct graph *g, struct dn_error *err);

#ifdef __cplusplus
}
#endif

#endif
