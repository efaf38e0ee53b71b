/* bench_report: the tables of bench, as text and as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetext.h"
#include "commands/bench.h"

double bench_floor_rate(enum dtype dtype, int threads)
{
    return (dtype == DTYPE_F32 ? 220e9 : 450e9) * threads / 2;
}

static const char *dtype_word(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? "f32" : "bf16";
}

/* What a row of either table says; zero where it has no products. */
struct rate {
    double gflops, share;
};

static struct rate rate_of(const struct bench_result *r, double flops, double seconds)
{
    double rate = flops > 0 && seconds > 0 ? flops / seconds : 0;
    return (struct rate){rate * 1e-9, rate / bench_floor_rate(r->dtype, r->threads)};
}

static void print_rate(struct rate rate)
{
    if (rate.gflops > 0)
        printf(" %8.0f %5.0f%%", rate.gflops, rate.share * 100);
    else
        printf(" %8s %6s", "", "");
}

static double clip_flops(const struct bench_clips *c)
{
    double sum = 0;
    for (int i = 0; i < BENCH_PHASES; i++)
        sum += c->phases[i].flops;
    return c->whole.count ? sum / (double)c->whole.count : 0;
}

static void print_phases(const struct bench_result *r)
{
    const struct bench_clips *c = r->clips;
    double clips = (double)c->whole.count;
    printf("\n%-27s %6s %9s %9s %8s %8s %6s\n", "phase", "times", "best ms", "median", "clip s",
           "GFLOP/s", "share");
    for (int i = 0; i < BENCH_PHASES; i++) {
        const struct bench_samples *s = &c->phases[i];
        if (s->count == 0)
            continue;
        printf("%-27s %6.0f %9.2f %9.2f %8.3f", bench_phase_names[i], (double)s->count / clips,
               bench_samples_best(s) * 1e3, bench_samples_median(s) * 1e3, s->total / clips);
        print_rate(rate_of(r, s->flops, s->total));
        putchar('\n');
    }
}

static void print_summary(const struct bench_result *r)
{
    const struct bench_clips *c = r->clips;
    double best = bench_samples_best(&c->whole), frames = (double)c->frames;
    struct rate rate = rate_of(r, clip_flops(c), best);
    printf("\nclip           %.3f s best, %.3f s median: %.1f frames/s (median %.1f), with loading "
           "%.1f\n",
           best, bench_samples_median(&c->whole), frames / best,
           frames / bench_samples_median(&c->whole), frames / (best + r->load_seconds));
    printf("loading        %.3f s until the model is ready, %.3f s of processor time\n",
           r->load_seconds, r->load_processor);
    printf("first frame    %.3f s, with loading %.3f s\n", bench_samples_best(&c->first),
           r->load_seconds + bench_samples_best(&c->first));
    printf("products       %.1f GFLOP a clip, %.0f GFLOP/s: %.0f%% of the floor of %.0f GFLOP/s\n",
           clip_flops(c) * 1e-9, rate.gflops, rate.share * 100,
           bench_floor_rate(r->dtype, r->threads) * 1e-9);
    printf("peak memory    %.0f MB\n", (double)r->peak_bytes / 1e6);
}

static bool has_torch(const struct bench_result *r)
{
    return r->torch && r->torch->version[0];
}

static void print_ops(const struct bench_result *r)
{
    static const char *const titles[] = {
        [OP_BENCH_DECODE] = "operations of the decoder, a later latent (as the public model does them: see --help)",
        [OP_BENCH_TRANSFORMER] = "operations of a pass over the last chunk"};
    static const enum op_bench_part parts[] = {OP_BENCH_TRANSFORMER, OP_BENCH_DECODE};
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        printf("\n%s\n%-17s %-25s %5s %9s %9s %8s %8s %6s%s\n", titles[parts[p]], "", "", "times",
               "best us", "median", "GFLOP", "GFLOP/s", "share", has_torch(r) ? " /torch" : "");
        for (int i = 0; i < r->shapes->count; i++) {
            const struct bench_row *row = &r->shapes->rows[i];
            char op[32], shape[64];
            if (row->op.part != parts[p])
                continue;
            bench_row_describe(row, op, shape);
            printf("%-17s %-25s %5.0f %9.1f %9.1f %8.3f", op, shape, row->op.times,
                   row->result.seconds * 1e6, row->result.median * 1e6, row->flops * 1e-9);
            print_rate(rate_of(r, row->flops, row->result.seconds));
            if (row->torch_seconds > 0)
                printf(" %6.1f", row->torch_seconds / row->result.seconds);
            putchar('\n');
        }
    }
}

static void print_torch(const struct bench_result *r)
{
    const struct bench_torch *t = r->torch;
    if (!t)
        return;
    if (!t->version[0]) {
        printf("\nPyTorch: %s\n", t->why);
        return;
    }
    double pass = bench_samples_best(&r->clips->phases[BENCH_DENOISE_LAST]);
    double decode = bench_samples_best(&r->clips->phases[BENCH_DECODE]);
    printf("\nPyTorch %s, the same threads and dtype\n", t->version);
    if (t->pass > 0 && pass > 0)
        printf("  transformer pass   %9.2f ms, ours %9.2f ms: %.2f times as fast\n", t->pass * 1e3,
               pass * 1e3, t->pass / pass);
    if (t->decode > 0 && decode > 0)
        printf("  decode a latent    %9.2f ms, ours %9.2f ms: %.2f times as fast\n",
               t->decode * 1e3, decode * 1e3, t->decode / decode);
}

void bench_print(const struct bench_result *r)
{
    char name[64];
    const struct request *q = r->request;
    dn_safetext(name, sizeof name, r->model->name, strlen(r->model->name));
    printf("%s, %lld frames %lldx%lld, %s, %d thread%s, %s attention, %lld clip%s\n", name,
           (long long)r->clips->frames, (long long)q->width, (long long)q->height,
           dtype_word(r->dtype), r->threads, r->threads == 1 ? "" : "s",
           q->attention.kind == ATTENTION_DENSE ? "dense" : "Monarch",
           (long long)r->clips->whole.count, r->clips->whole.count == 1 ? "" : "s");
    print_phases(r);
    print_summary(r);
    print_ops(r);
    print_torch(r);
}

/* --- JSON --- */

static json_t *phases_json(const struct bench_result *r)
{
    json_t *list = json_array();
    double clips = (double)r->clips->whole.count;
    for (int i = 0; i < BENCH_PHASES; i++) {
        const struct bench_samples *s = &r->clips->phases[i];
        struct rate rate = rate_of(r, s->flops, s->total);
        if (s->count)
            json_array_append_new(
                list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "phase",
                                bench_phase_names[i], "times", (double)s->count / clips,
                                "best_seconds", bench_samples_best(s), "median_seconds",
                                bench_samples_median(s), "clip_seconds", s->total / clips,
                                "gflop", s->flops * 1e-9 / clips, "gflop_per_second", rate.gflops,
                                "share_of_floor", rate.share));
    }
    return list;
}

static json_t *ops_json(const struct bench_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->shapes->count; i++) {
        const struct bench_row *row = &r->shapes->rows[i];
        struct rate rate = rate_of(r, row->flops, row->result.seconds);
        char op[32], shape[64];
        bench_row_describe(row, op, shape);
        json_t *entry = json_pack(
            "{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "part",
            row->op.part == OP_BENCH_DECODE ? "decoder" : "transformer", "op", op, "shape", shape,
            "times", row->op.times, "best_seconds", row->result.seconds, "median_seconds",
            row->result.median, "gflop", row->flops * 1e-9, "gflop_per_second", rate.gflops,
            "share_of_floor", rate.share);
        if (row->torch_seconds > 0)
            json_object_set_new(entry, "torch_seconds", json_real(row->torch_seconds));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *torch_json(const struct bench_torch *t)
{
    if (!t->version[0])
        return json_pack("{s:s}", "not_measured", t->why);
    return json_pack("{s:s, s:f, s:f}", "version", t->version, "pass_seconds", t->pass,
                     "decode_seconds", t->decode);
}

void bench_print_json(const struct bench_result *r)
{
    const struct bench_clips *c = r->clips;
    const struct request *q = r->request;
    double best = bench_samples_best(&c->whole);
    char *name = dn_safetext_dup(r->model->name, strlen(r->model->name));
    json_t *all = json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:o}",
        "model", name, "dtype", dtype_word(r->dtype), "threads", r->threads, "width",
        (json_int_t)q->width, "height", (json_int_t)q->height, "frames", (json_int_t)c->frames,
        "clips", (json_int_t)c->whole.count, "attention",
        q->attention.kind == ATTENTION_DENSE ? "dense" : "monarch", "load_seconds",
        r->load_seconds, "load_processor_seconds", r->load_processor, "clip_best_seconds", best, "clip_median_seconds",
        bench_samples_median(&c->whole), "first_frame_seconds", bench_samples_best(&c->first),
        "frames_per_second", (double)c->frames / best, "gflop", clip_flops(c) * 1e-9,
        "share_of_floor", rate_of(r, clip_flops(c), best).share, "peak_memory_bytes",
        (json_int_t)r->peak_bytes, "phases", phases_json(r), "ops", ops_json(r));
    free(name);
    if (r->torch)
        json_object_set_new(all, "torch", torch_json(r->torch));
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}
