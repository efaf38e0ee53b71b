/* pass: passes of Wan2.1 1.3B over a chunk at 480x832 with random weights. What one costs when its
 * operations are queued one by one, as a CUDA graph that is launched again and again, and as a
 * graph that is recorded anew for each pass (passes of a clip differ in their modulation and place
 * in the cache); what each wants of the host; and both once more while the host's cores are kept
 * busy by processes that spin. Without attention (its operations do nothing), which is what all the
 * rest costs, and with Monarch attention. Also how long the weights take from the page cache.
 *
 * Every way must give the bytes that the operations give one by one, for two timesteps.
 *
 *   make CUDA=1 gpu-built && build/lab/pass DIR [passes [fp8]]
 *
 * DIR receives 2.9 GB; passes: of a turn, 5 as a chunk has; fp8: with narrow linears. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernels/lab/runtime/graph.h"
#include "model/synthetic.h"
#include "model/transformer.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            printf("%s: %s\n", #call, err.message);                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { FRAMES = 3, CACHE = 21, ROWS = 30, COLS = 52, LAYERS = 30, VALUES = FRAMES * 16 * 60 * 104 };
enum { TURNS = 5, MOST_SPINNERS = 256 };

static struct dn_error err;

static double since(int64_t start)
{
    return (double)(dn_now_ns() - start) / 1e6;
}

/* --- a host that has other things to do --- */

static pid_t spinners[MOST_SPINNERS];
static int cores, spinner_count;

/* `count` of the spinners run, the others stand still. */
static void spin(int count)
{
    for (int i = 0; i < spinner_count; i++)
        kill(spinners[i], i < count ? SIGCONT : SIGSTOP);
}

/* Two for each core, standing still; they end with this program, however it ends. Before the
 * backend is opened, of which they shall have nothing. */
static void make_spinners(void)
{
    cpu_set_t set;
    pid_t parent = getpid();
    cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    while (spinner_count < 2 * cores && spinner_count < MOST_SPINNERS) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile long i = 0; getppid() == parent;)
                while (++i % 100000000)
                    ;
            _exit(0);
        }
        if (pid < 0)
            break;
        spinners[spinner_count++] = pid;
    }
    spin(0);
}

/* --- passes --- */

struct bench {
    struct ops ops; /* the backend's, but for what a case leaves out */
    bool (*attention)(struct exec *, const struct tensor *, const struct tensor *,
                      const struct tensor *, const struct tensor *, const struct attention_args *,
                      struct dn_error *); /* the backend's */
    struct exec *ex;
    struct transformer *tr;
    struct kv_cache *cache;
    struct text_context *context;
    struct tensor x, flows[2]; /* of passes with even and with odd numbers */
    int64_t start_frame;
    struct attention_choice choices[LAYERS];
    struct graph *graph;
    int passes; /* of a turn */
};

static bool no_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v,
                         const struct attention_args *args, struct dn_error *e)
{
    (void)ex, (void)out, (void)q, (void)k, (void)v, (void)args, (void)e;
    return true;
}

/* Two timesteps in turns, so that a pass is not what the one before was. */
static bool forward(struct bench *b, int number, const struct tensor *flow)
{
    const float t = number % 2 ? 500 : 1000, timesteps[FRAMES] = {t, t, t};
    struct transformer_pass pass = {.latents = &b->x,
                                    .timesteps = timesteps,
                                    .context = b->context,
                                    .attention = b->choices,
                                    .start_frame = b->start_frame,
                                    .cache = b->cache};
    return transformer_forward(b->tr, &pass, flow, &err);
}

static bool queue_operations(struct bench *b, int number)
{
    return forward(b, number, &b->flows[number % 2]);
}

static bool record(struct bench *b, int number)
{
    struct dn_error first;
    if (!graph_begin(b->graph, &err))
        return false;
    bool ok = queue_operations(b, number);
    first = err;
    if (graph_end(b->graph, &err) && ok)
        return true;
    if (!ok)
        err = first; /* the operation that cannot be recorded, by name */
    return false;
}

static bool queue_graph(struct bench *b, int number)
{
    (void)number; /* that of the record */
    return graph_launch(b->graph, &err);
}

static bool queue_anew(struct bench *b, int number)
{
    return record(b, number) && graph_update(b->graph, &err) && graph_launch(b->graph, &err);
}

/* Ways to queue a pass; the graphs' need one that is ready. */
static const struct way {
    const char *name;
    bool (*queue)(struct bench *b, int number);
    int timesteps; /* how many it can take in turns */
} ways[] = {
    {"operations", queue_operations, 2}, {"graph", queue_graph, 1}, {"graph, new", queue_anew, 2}};
enum { WAYS = sizeof ways / sizeof ways[0] };

/* --- what they cost --- */

/* Milliseconds. */
struct sample {
    double values[TURNS];
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_sample(const char *before, struct sample s)
{
    qsort(s.values, TURNS, sizeof s.values[0], compare);
    printf("%s %.3f (to %.3f)", before, s.values[TURNS / 2], s.values[TURNS - 1]);
}

/* So many passes, waited for at their end; *host: until the last was queued. */
static double turn(struct bench *b, const struct way *way, int passes, double *host)
{
    int64_t start = dn_now_ns();
    for (int i = 0; i < passes; i++)
        MUST(way->queue(b, i));
    *host = since(start);
    MUST(b->ops.sync(b->ex, &err));
    return since(start) / passes;
}

/* Ways take turns, so that none has the cooler chip. */
static void measure(struct bench *b, const char *name, int ways_that_work, int spinning)
{
    struct sample many[WAYS], one[WAYS], host[WAYS];
    double ignored;
    spin(spinning);
    for (int t = 0; t < TURNS; t++)
        for (int w = 0; w < ways_that_work; w++) {
            many[w].values[t] = turn(b, &ways[w], b->passes, &ignored);
            one[w].values[t] = turn(b, &ways[w], 1, &host[w].values[t]);
        }
    spin(0);
    for (int w = 0; w < ways_that_work; w++) {
        printf("%-17s %2d spin  %-10s", name, spinning, ways[w].name);
        print_sample("  ms a pass", many[w]);
        print_sample(", waited for", one[w]);
        print_sample(", host", host[w]);
        printf("\n");
    }
    fflush(stdout);
}

/* What the timesteps of a way leave in flows of zeros, queued behind one another. False: one could
 * not be queued. */
static bool flows_of(struct bench *b, const struct way *way, float *values[2])
{
    bool ok = true;
    for (int n = 0; n < 2; n++)
        MUST(b->ops.fill_zero(b->ex, &b->flows[n], &err));
    for (int n = 0; ok && n < way->timesteps; n++)
        ok = way->queue(b, n);
    for (int n = 0; ok && n < way->timesteps; n++) {
        const struct tensor *flow = &b->flows[n];
        struct tensor host = tensor_over(values[n], DTYPE_F32, flow->ndim, flow->shape);
        MUST(b->ops.download(b->ex, &host, flow, &err));
    }
    return ok;
}

/* Do the graphs work, and give the same bytes? Returns how many ways do. */
static int check(struct bench *b)
{
    const size_t size = VALUES * sizeof(float);
    float *want[2] = {dn_malloc(size), dn_malloc(size)};
    float *got[2] = {dn_malloc(size), dn_malloc(size)};
    int working = 1;
    MUST(flows_of(b, &ways[0], want));
    printf("timesteps differ: %s\n", memcmp(want[0], want[1], size) ? "yes" : "NO");
    for (const struct way *way = ways + 1; way < ways + WAYS; way++, working++) {
        if (!flows_of(b, way, got)) {
            printf("%s: %s\n", way->name, err.message);
            break;
        }
        bool same = true;
        for (int n = 0; n < way->timesteps; n++)
            same = same && memcmp(got[n], want[n], size) == 0;
        printf("%s: the bytes of the operations: %s\n", way->name, same ? "yes" : "NO");
    }
    for (int n = 0; n < 2; n++) {
        free(want[n]);
        free(got[n]);
    }
    return working;
}

/* Makes a graph of pass 0 and says what that takes. False: there will be none. */
static bool make_graph(struct bench *b)
{
    struct sample recording, making, updating;
    struct graph_numbers n;
    bool updates = true;
    for (int t = 0; t < TURNS; t++) {
        int64_t start = dn_now_ns();
        if (!record(b, 0)) {
            printf("not recorded: %s\n", err.message);
            return false;
        }
        recording.values[t] = since(start);
        start = dn_now_ns();
        if (!graph_ready(b->graph, &err)) {
            printf("recorded, but not to be made ready: %s\n", err.message);
            return false;
        }
        making.values[t] = since(start);
    }
    graph_count(b->graph, &n);
    printf("graph: %zu nodes: %zu kernels, %zu fills, %zu copies, %zu others; %zu early\n", n.nodes,
           n.kernels, n.fills, n.copies, n.others, n.early);
    for (int t = TURNS - 1; t >= 0 && updates; t--) {
        MUST(record(b, t));
        int64_t start = dn_now_ns();
        updates = graph_update(b->graph, &err);
        updating.values[t] = since(start);
    }
    print_sample("host ms: recorded", recording);
    print_sample(", made ready", making);
    if (updates)
        print_sample(", updated", updating);
    printf("\n");
    if (!updates)
        printf("not updated: %s\n", err.message);
    return updates || (record(b, 0) && graph_ready(b->graph, &err));
}

static const struct kind {
    const char *name;
    bool attends;
    int64_t frames; /* of keys at the end of the chunk */
} kinds[] = {
    {"h1, 3 frames", true, 3}, {"without attention", false, CACHE}, {"h1, 21 frames", true, CACHE}};

static void run_kind(struct bench *b, const struct kind *kind)
{
    printf("\n%s\n", kind->name);
    b->ops.attention = kind->attends ? b->attention : no_attention;
    for (int i = 0; i < LAYERS; i++)
        b->choices[i] = kind->attends ? (struct attention_choice){ATTENTION_MONARCH, 1, 1, 1, 1}
                                      : (struct attention_choice){.kind = ATTENTION_DENSE};
    for (; b->start_frame < kind->frames - FRAMES; b->start_frame += FRAMES)
        MUST(forward(b, 0, NULL));
    for (int warm = 0; warm < 4; warm++) {
        int64_t start = dn_now_ns();
        MUST(forward(b, warm, warm < 2 ? &b->flows[warm] : NULL) && b->ops.sync(b->ex, &err));
        printf("%s %d: %.2f ms\n", warm < 2 ? "pass" : "cache pass", warm % 2, since(start));
    }
    int working = make_graph(b) ? check(b) : 1;
    for (int busy = 0; busy <= 2; busy++)
        measure(b, kind->name, working,
                busy * cores < spinner_count ? busy * cores : spinner_count);
}

/* --- the model --- */

static struct transformer *load(const struct ops *ops, struct exec *ex, const char *dir)
{
    struct weights *w = NULL;
    struct transformer_config config;
    struct transformer *tr;
    char path[512], config_path[512];
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", dir);
    snprintf(config_path, sizeof config_path, "%s/config.json", dir);
    int64_t start = dn_now_ns();
    MUST(weights_open(path, &w, &err));
    MUST(transformer_config_load(config_path, w, &config, &err));
    double opened = since(start);
    MUST(transformer_open(ops, ex, w, &config, &tr, &err));
    double queued = since(start);
    MUST(ops->sync(ex, &err));
    printf("load: opened after %.0f ms, queued %.0f ms, there %.0f ms\n", opened, queued,
           since(start));
    weights_close(w);
    return tr;
}

static void open_bench(struct bench *b, const char *dir, bool fp8)
{
    const struct ops *cuda;
    struct exec_options options = {.dtype = DTYPE_BF16, .fp8 = fp8};
    int64_t start = dn_now_ns();
    MUST(synthetic_write(synthetic_find("wan2.1-1.3b"), dir, &err));
    printf("weights written in %.0f ms\n", since(start));
    start = dn_now_ns();
    MUST(ops_select("cuda", &cuda, &err));
    MUST(cuda->open(&options, &b->ex, &err));
    printf("backend opened in %.0f ms; %d cores\n", since(start), cores);
    b->ops = *cuda;
    b->attention = cuda->attention;
    transformer_free(load(&b->ops, b->ex, dir));
    b->tr = load(&b->ops, b->ex, dir);
    b->graph = graph_new(b->ex);

    const struct transformer_config *c = transformer_get_config(b->tr);
    float *values = dn_calloc(VALUES, sizeof *values);
    for (int i = 0; i < VALUES; i++)
        values[i] = (float)(i * 37 % 101) / 50 - 1;
    struct tensor text = tensor_over(values, DTYPE_F32, DIMS(64, c->text_dim));
    struct tensor host = tensor_over(values, DTYPE_F32, DIMS(FRAMES, 16, 60, 104));
    MUST(text_context_new(b->tr, &text, &b->context, &err));
    MUST(transformer_cache_new(b->tr, ROWS, COLS, CACHE, 0, &b->cache, &err));
    MUST(b->ops.tensor_alloc(b->ex, &b->x, DTYPE_F32, host.ndim, host.shape, &err));
    for (int n = 0; n < 2; n++)
        MUST(b->ops.tensor_alloc(b->ex, &b->flows[n], DTYPE_F32, host.ndim, host.shape, &err));
    MUST(b->ops.upload(b->ex, &b->x, &host, &err));
    free(values);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bench.passes = argc > 2 ? atoi(argv[2]) : 5;
    make_spinners();
    open_bench(&bench, argc > 1 ? argv[1] : "/dev/shm", argc > 3 && strcmp(argv[3], "fp8") == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        run_kind(&bench, &kinds[i]);
    return 0;
}
