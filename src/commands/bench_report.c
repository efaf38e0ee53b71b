/* bench_report: the tables of bench as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetext.h"
#include "commands/bench.h"

static const char *dtype_word(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? "f32" : "bf16";
}

double bench_row_seconds(const struct bench_result *r, const struct bench_row *row)
{
    return r->gpu ? row->result.median : row->result.seconds;
}

double bench_row_share(const struct bench_result *r, const struct bench_row *row)
{
    double bytes = row->flops > 0 || r->floor.bytes > 0 ? row->result.bytes : 0;
    return bench_floor_seconds(&r->floor, row->flops, bytes) / bench_row_seconds(r, row);
}

/* Products a second in the unit of the table; nothing where there are none. */
static void print_rate(const struct bench_result *r, double flops, double seconds)
{
    if (flops > 0 && seconds > 0)
        printf(" %8.*f", r->gpu ? 1 : 0, flops / seconds * (r->gpu ? 1e-12 : 1e-9));
    else
        printf(" %8s", "");
}

static void print_share(double share)
{
    if (share > 0)
        printf(" %5.0f%%", share * 100);
    else
        printf(" %6s", "");
}

static const char *rate_unit(const struct bench_result *r)
{
    return r->gpu ? "TFLOP/s" : "GFLOP/s";
}

static void print_phases(const struct bench_result *r, const struct bench_clips *c)
{
    double clips = (double)c->phase_clips;
    if (c->phase_clips == 0)
        return;
    printf("\n%-27s %6s %9s %9s %8s %8s %6s\n", "phase", "times", "best ms", "median", "clip s",
           rate_unit(r), "share");
    for (int i = 0; i < BENCH_PHASES; i++) {
        const struct bench_samples *s = &c->phases[i];
        if (s->count == 0)
            continue;
        printf("%-27s %6.0f %9.2f %9.2f %8.3f", bench_phase_names[i], (double)s->count / clips,
               bench_samples_best(s) * 1e3, bench_samples_median(s) * 1e3, s->total / clips);
        print_rate(r, s->flops, s->total);
        print_share(bench_floor_seconds(&r->floor, s->flops, 0) / s->total);
        putchar('\n');
    }
}

/* On a GPU, whose clips come after each other without the file or with it. */
static void print_rates(const struct bench_result *r, const struct bench_clips *c)
{
    double decoded = bench_samples_best(&c->decoded), frames = (double)c->frames;
    if (c->warm_up > 0)
        printf("first of all   %.3f s, not counted below\n", c->warm_up);
    if (decoded > 0)
        printf("frames         %.3f s best, %.3f s median until the last is in host memory: %.1f "
               "frames/s\n",
               decoded, bench_samples_median(&c->decoded), frames / decoded);
    if (decoded > 0 && c->flops > 0)
        printf("products       %.1f TFLOP a clip, %.1f TFLOP/s: %.0f%% of the floor\n",
               c->flops * 1e-12, c->flops / decoded * 1e-12,
               bench_floor_seconds(&r->floor, c->flops, 0) / decoded * 100);
}

/* Chunks against a cache of full length must take the same time from the first to the last. */
static void print_chunks(const struct bench_result *r, const struct bench_mode *m)
{
    const struct bench_clips *c = &m->clips;
    int64_t window = r->request->local_attn_size, full = -1;
    if (window <= 0 || m->pass.frames <= 0)
        return;
    full = (window + m->pass.frames - 1) / m->pass.frames;
    if (c->chunk_count - full < 4)
        return;
    double first = 0, last = 0, most = 0;
    for (int64_t i = full; i < c->chunk_count; i++) {
        most = c->chunks[i] > most ? c->chunks[i] : most;
        first += i < full + 2 ? c->chunks[i] / 2 : 0;
        last += i >= c->chunk_count - 2 ? c->chunks[i] / 2 : 0;
    }
    printf("rolling        %lld chunks, %lld of them with a full cache: %.1f ms a chunk at first, "
           "%.1f at last, %.1f at most\n",
           (long long)c->chunk_count, (long long)(c->chunk_count - full), first * 1e3, last * 1e3,
           most * 1e3);
}

static void print_summary(const struct bench_result *r, const struct bench_mode *m)
{
    const struct bench_clips *c = &m->clips;
    double best = bench_samples_best(&c->whole), frames = (double)c->frames;
    putchar('\n');
    print_rates(r, c);
    if (best > 0)
        printf("clip           %.3f s best, %.3f s median: %.1f frames/s (median %.1f), with "
               "loading %.1f\n",
               best, bench_samples_median(&c->whole), frames / best,
               frames / bench_samples_median(&c->whole), frames / (best + r->load_seconds));
    printf("first frame    %.3f s, with loading %.3f s\n", bench_samples_best(&c->first),
           r->load_seconds + bench_samples_best(&c->first));
    if (!r->gpu && best > 0)
        printf("products       %.1f GFLOP a clip, %.0f GFLOP/s: %.0f%% of the floor of %.0f "
               "GFLOP/s\n",
               c->flops * 1e-9, c->flops / best * 1e-9,
               bench_floor_seconds(&r->floor, c->flops, 0) / best * 100, r->floor.flops * 1e-9);
    print_chunks(r, m);
}

static void print_machine(const struct bench_result *r)
{
    printf("loading        %.3f s until the model is ready, %.3f s of processor time\n",
           r->load_seconds, r->load_processor);
    printf("peak memory    %.0f MB", (double)r->peak_bytes / 1e6);
    if (r->gpu_bytes > 0)
        printf(", %.2f GiB in use on the GPU", (double)r->gpu_bytes / 0x1p30);
    if (r->gpu_bytes > 0 && r->mode_count == 1)
        printf(", of which the plan knows %.2f",
               (double)(r->modes[0].memory.held + r->modes[0].memory.more) / 0x1p30);
    if (r->encoding > 0)
        printf("\nencoding       %.0f frames/s to mp4 of a drawn clip; random weights make noise, which "
               "takes longer",
               r->encoding);
    if (r->gpu)
        printf("\nfloor          %.0f TFLOP/s, %.0f GB/s: a product of 8192 (f32: 4096) cubed, a "
               "copy of 1 GiB, just now",
               r->floor.flops * 1e-12, r->floor.bytes * 1e-9);
    putchar('\n');
}

static bool has_torch(const struct bench_result *r)
{
    return r->torch && r->torch->version[0];
}

static void print_row(const struct bench_result *r, const struct bench_row *row)
{
    char op[32], shape[64];
    double seconds = bench_row_seconds(r, row);
    bench_row_describe(row, op, shape);
    printf("%-17s %-25s %5.0f %9.1f %9.1f %8.3f", op, shape, row->op.times,
           row->result.seconds * 1e6, row->result.median * 1e6, row->flops * 1e-9);
    print_rate(r, row->flops, seconds);
    if (r->gpu)
        printf(" %6.0f", row->result.bytes / seconds * 1e-9);
    print_share(row->flops > 0 || r->gpu ? bench_row_share(r, row) : 0);
    if (row->torch_seconds > 0)
        printf(" %6.2f", row->torch_seconds / seconds);
    putchar('\n');
}

static void print_ops(const struct bench_result *r)
{
    static const char *const titles[] = {
        [OP_BENCH_DECODE] = "operations of the decoder, a later latent (as the public model does them: see --help)",
        [OP_BENCH_TRANSFORMER] = "operations of a pass over the last chunk"};
    static const enum op_bench_part parts[] = {OP_BENCH_TRANSFORMER, OP_BENCH_DECODE};
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        printf("\n%s\n%-17s %-25s %5s %9s %9s %8s %8s%s %6s%s\n", titles[parts[p]], "", "", "times",
               "best us", "median", "GFLOP", rate_unit(r), r->gpu ? "   GB/s" : "", "share",
               has_torch(r) ? " /torch" : "");
        for (int i = 0; i < r->shapes->count; i++)
            if (r->shapes->rows[i].op.part == parts[p])
                print_row(r, &r->shapes->rows[i]);
    }
}

static void print_fp8(const struct bench_result *r)
{
    int rows = 0;
    for (int i = 0; i < r->shapes->count; i++) {
        const struct bench_row *row = &r->shapes->rows[i];
        char op[32], shape[64];
        if (row->fp8_error <= 0)
            continue;
        if (rows++ == 0)
            printf("\nfp8 beside %s: power of the difference\n", dtype_word(r->dtype));
        bench_row_describe(row, op, shape);
        printf("%-17s %-25s %9.2e\n", op, shape, row->fp8_error);
    }
    for (int i = 0; i < r->mode_count; i++)
        if (r->modes[i].fp8_psnr > 0)
            printf("%-17s %-25s %9.1f dB PSNR\n", "clip", r->modes[i].name, r->modes[i].fp8_psnr);
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
    printf("\nPyTorch %s, the same %s and dtype\n", t->version, r->gpu ? "GPU" : "threads");
    for (int i = 0; i < r->mode_count; i++) {
        const struct bench_mode *m = &r->modes[i];
        double pass = bench_samples_best(&m->clips.phases[BENCH_DENOISE_LAST]);
        if (m->torch_pass > 0 && pass > 0)
            printf("  transformer pass   %9.2f ms, ours %9.2f ms: %.2f times as fast (%s)\n",
                   m->torch_pass * 1e3, pass * 1e3, m->torch_pass / pass, m->name);
    }
    double decode = bench_samples_best(&r->modes[0].clips.phases[BENCH_DECODE]);
    if (t->decode > 0 && decode > 0)
        printf("  decode a latent    %9.2f ms, ours %9.2f ms: %.2f times as fast\n",
               t->decode * 1e3, decode * 1e3, t->decode / decode);
}

static void print_rival(const struct bench_result *r)
{
    if (!r->rival)
        return;
    if (r->rival->why[0]) {
        printf("\nMonarchRT: %s\n", r->rival->why);
        return;
    }
    printf("\nMonarchRT on the same GPU, after its autotuning, random weights, eager mode\n%s",
           r->rival->notes);
    for (int i = 0; i < r->mode_count; i++) {
        const struct bench_mode *m = &r->modes[i];
        const struct bench_row *row = bench_shapes_attention(r->shapes, r->config, &m->pass);
        double ours = row ? bench_row_seconds(r, row) : 0;
        double clip = bench_samples_best(&m->clips.decoded);
        if (m->rival_kernel[0] > 0 && ours > 0)
            printf("  %-9s attention %8.3f ms called, %8.3f ms as a graph, ours %8.3f ms: %.2f and "
                   "%.2f times as fast\n",
                   m->name, m->rival_kernel[0] * 1e3, m->rival_kernel[1] * 1e3, ours * 1e3,
                   m->rival_kernel[0] / ours, m->rival_kernel[1] / ours);
        if (m->rival_clip[0] > 0)
            printf("  %-9s clip %8.3f s (diffusion %.3f, decoding %.3f): %.1f frames/s, ours %.1f: "
                   "%.2f times as fast\n",
                   m->name, m->rival_clip[0], m->rival_clip[1], m->rival_clip[2],
                   (double)m->clips.frames / m->rival_clip[0],
                   clip > 0 ? (double)m->clips.frames / clip : 0,
                   clip > 0 ? m->rival_clip[0] / clip : 0);
    }
}

static void print_head(const struct bench_result *r)
{
    char name[64];
    const struct request *q = r->request;
    const struct bench_mode *m = &r->modes[0];
    dn_safetext(name, sizeof name, r->model->name, strlen(r->model->name));
    printf("%s, %lld frames %lldx%lld, %s, ", name, (long long)m->clips.frames,
           (long long)q->width, (long long)q->height, dtype_word(r->dtype));
    if (r->gpu)
        printf("%s\n", r->gpu_name);
    else
        printf("%d thread%s, %s attention, %lld clip%s\n", r->threads, r->threads == 1 ? "" : "s",
               m->attention.kind == ATTENTION_DENSE ? "dense" : "Monarch",
               (long long)m->clips.phase_clips, m->clips.phase_clips == 1 ? "" : "s");
}

void bench_print(const struct bench_result *r)
{
    print_head(r);
    for (int i = 0; i < r->mode_count; i++) {
        if (r->gpu || r->mode_count > 1)
            printf("\n--- attention: %s ---\n", r->modes[i].name);
        print_phases(r, &r->modes[i].clips);
        print_summary(r, &r->modes[i]);
    }
    if (r->gpu || r->mode_count > 1)
        putchar('\n');
    print_machine(r);
    if (!r->clips_only)
        print_ops(r);
    print_fp8(r);
    print_torch(r);
    print_rival(r);
}
