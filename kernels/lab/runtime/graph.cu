/* graph: see graph.h */
#include "kernels/lab/runtime/graph.h"

#include <stdlib.h>

#include <vector>

#include "kernels/cuda/cuda_exec.h"

#define OP "graph"

struct graph {
    struct exec *ex;
    cudaGraph_t record;
    cudaGraphExec_t ready;
};

extern "C" struct graph *graph_new(struct exec *ex)
{
    struct graph *g = (struct graph *)dn_calloc(1, sizeof *g);
    g->ex = ex;
    return g;
}

static void drop_record(struct graph *g)
{
    if (g->record)
        cudaGraphDestroy(g->record);
    g->record = NULL;
}

static void drop_ready(struct graph *g)
{
    if (g->ready)
        cudaGraphExecDestroy(g->ready);
    g->ready = NULL;
}

extern "C" void graph_free(struct graph *g)
{
    if (!g)
        return;
    drop_record(g);
    drop_ready(g);
    free(g);
}

extern "C" bool graph_begin(struct graph *g, struct dn_error *err)
{
    drop_record(g);
    CUDA_TRY(OP, cudaStreamBeginCapture(g->ex->stream, cudaStreamCaptureModeRelaxed), err);
    return true;
}

extern "C" bool graph_end(struct graph *g, struct dn_error *err)
{
    CUDA_TRY(OP, cudaStreamEndCapture(g->ex->stream, &g->record), err);
    return true;
}

/* Edges at which a kernel does not wait for the end of the one before. */
static size_t early_edges(cudaGraph_t record)
{
    size_t count = 0, early = 0;
#if CUDART_VERSION >= 13000
    cudaGraphGetEdges(record, NULL, NULL, NULL, &count);
    std::vector<cudaGraphNode_t> from(count), to(count);
    std::vector<cudaGraphEdgeData> data(count);
    cudaGraphGetEdges(record, from.data(), to.data(), data.data(), &count);
    for (size_t i = 0; i < count; i++)
        early += data[i].type == cudaGraphDependencyTypeProgrammatic;
#else
    (void)record;
    (void)count;
#endif
    return early;
}

extern "C" void graph_count(const struct graph *g, struct graph_numbers *out)
{
    *out = {};
    cudaGraphGetNodes(g->record, NULL, &out->nodes);
    std::vector<cudaGraphNode_t> nodes(out->nodes);
    cudaGraphGetNodes(g->record, nodes.data(), &out->nodes);
    for (cudaGraphNode_t node : nodes) {
        cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
        cudaGraphNodeGetType(node, &type);
        size_t *of_type = type == cudaGraphNodeTypeKernel   ? &out->kernels
                          : type == cudaGraphNodeTypeMemset ? &out->fills
                          : type == cudaGraphNodeTypeMemcpy ? &out->copies
                                                            : &out->others;
        ++*of_type;
    }
    out->early = early_edges(g->record);
}

extern "C" bool graph_ready(struct graph *g, struct dn_error *err)
{
    drop_ready(g);
    CUDA_TRY(OP, cudaGraphInstantiate(&g->ready, g->record, 0), err);
    return true;
}

extern "C" bool graph_update(struct graph *g, struct dn_error *err)
{
    cudaGraphExecUpdateResultInfo info = {};
    cudaError_t code = cudaGraphExecUpdate(g->ready, g->record, &info);
    if (code == cudaErrorGraphExecUpdateFailure) {
        cudaGetLastError();
        return dn_fail(err, DN_E_BACKEND, OP ": the new record differs too much: %d",
                       (int)info.result);
    }
    return cuda_ok(code, OP, err);
}

extern "C" bool graph_launch(struct graph *g, struct dn_error *err)
{
    CUDA_TRY(OP, cudaGraphLaunch(g->ready, g->ex->stream), err);
    return true;
}
