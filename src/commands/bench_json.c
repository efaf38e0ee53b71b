/* bench_json: the tables of bench as one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetext.h"
#include "commands/bench.h"

static json_t *phases_json(const struct bench_result *r, const struct bench_clips *c)
{
    json_t *list = json_array();
    double clips = (double)c->phase_clips;
    for (int i = 0; i < BENCH_PHASES; i++) {
        const struct bench_samples *s = &c->phases[i];
        if (s->count)
            json_array_append_new(
                list,
                json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "phase",
                          bench_phase_names[i], "times", (double)s->count / clips, "best_seconds",
                          bench_samples_best(s), "median_seconds", bench_samples_median(s),
                          "clip_seconds", s->total / clips, "gflop", s->flops * 1e-9 / clips,
                          "gflop_per_second", s->flops * 1e-9 / s->total, "share_of_floor",
                          bench_floor_seconds(&r->floor, s->flops, 0) / s->total));
    }
    return list;
}

static json_t *chunks_json(const struct bench_clips *c)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < c->chunk_count; i++)
        json_array_append_new(list, json_real(c->chunks[i]));
    return list;
}

/* Where the clip became a file, that is the clip; else where its frames were decoded. */
static json_t *mode_json(const struct bench_result *r, const struct bench_mode *m)
{
    const struct bench_clips *c = &m->clips;
    double whole = bench_samples_best(&c->whole), decoded = bench_samples_best(&c->decoded);
    double frames = (double)c->frames, fastest = decoded > 0 ? decoded : whole;
    json_t *mode = json_pack(
        "{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "mode", m->name,
        "attention", m->attention.kind == ATTENTION_DENSE ? "dense" : "monarch", "clips",
        (json_int_t)c->phase_clips, "clip_best_seconds", whole, "clip_median_seconds",
        bench_samples_median(&c->whole), "first_frame_seconds", bench_samples_best(&c->first),
        "first_clip_seconds", c->warm_up, "frames_per_second", frames / fastest, "gflop",
        c->flops * 1e-9, "share_of_floor",
        bench_floor_seconds(&r->floor, c->flops, 0) / fastest, "phases", phases_json(r, c),
        "chunk_seconds", chunks_json(c));
    if (decoded > 0 && whole > 0)
        json_object_set_new(mode, "frames_per_second_to_file", json_real(frames / whole));
    if (m->fp8_psnr > 0)
        json_object_set_new(mode, "fp8_psnr", json_real(m->fp8_psnr));
    if (m->torch_pass > 0)
        json_object_set_new(mode, "torch_pass_seconds", json_real(m->torch_pass));
    if (m->rival_kernel[0] > 0)
        json_object_set_new(mode, "monarchrt_attention_seconds",
                            json_pack("[f,f]", m->rival_kernel[0], m->rival_kernel[1]));
    if (m->rival_clip[0] > 0)
        json_object_set_new(mode, "monarchrt_clip_seconds",
                            json_pack("[f,f,f]", m->rival_clip[0], m->rival_clip[1],
                                      m->rival_clip[2]));
    return mode;
}

static json_t *ops_json(const struct bench_result *r)
{
    json_t *list = json_array();
    for (int i = 0; !r->clips_only && i < r->shapes->count; i++) {
        const struct bench_row *row = &r->shapes->rows[i];
        double seconds = bench_row_seconds(r, row);
        char op[32], shape[64];
        bench_row_describe(row, op, shape);
        json_t *entry = json_pack(
            "{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "part",
            row->op.part == OP_BENCH_DECODE ? "decoder" : "transformer", "op", op, "shape", shape,
            "times", row->op.times, "best_seconds", row->result.seconds, "median_seconds",
            row->result.median, "gflop", row->flops * 1e-9, "bytes", row->result.bytes,
            "gflop_per_second", row->flops / seconds * 1e-9, "bytes_per_second",
            row->result.bytes / seconds, "share_of_floor", bench_row_share(r, row));
        if (row->torch_seconds > 0)
            json_object_set_new(entry, "torch_seconds", json_real(row->torch_seconds));
        if (row->fp8_error > 0)
            json_object_set_new(entry, "fp8_error", json_real(row->fp8_error));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *torch_json(const struct bench_result *r)
{
    const struct bench_torch *t = r->torch;
    if (!t->version[0])
        return json_pack("{s:s}", "not_measured", t->why);
    return json_pack("{s:s, s:f, s:f}", "version", t->version, "pass_seconds",
                     r->modes[0].torch_pass, "decode_seconds", t->decode);
}

void bench_print_json(const struct bench_result *r)
{
    const struct request *q = r->request;
    char *name = dn_safetext_dup(r->model->name, strlen(r->model->name));
    json_t *modes = json_array();
    for (int i = 0; i < r->mode_count; i++)
        json_array_append_new(modes, mode_json(r, &r->modes[i]));
    json_t *all = json_pack(
        "{s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:o, s:o}", "model",
        name, "dtype", r->dtype == DTYPE_F32 ? "f32" : "bf16", "device",
        r->gpu ? r->gpu_name : "cpu", "threads", r->threads, "width", (json_int_t)q->width,
        "height", (json_int_t)q->height, "frames", (json_int_t)r->modes[0].clips.frames,
        "load_seconds", r->load_seconds, "load_processor_seconds", r->load_processor,
        "peak_memory_bytes", (json_int_t)r->peak_bytes, "gpu_memory_bytes",
        (json_int_t)r->gpu_bytes, "floor_flops_per_second", r->floor.flops,
        "floor_bytes_per_second", r->floor.bytes, "modes", modes, "ops", ops_json(r));
    free(name);
    if (r->encoding > 0)
        json_object_set_new(all, "encoded_frames_per_second", json_real(r->encoding));
    if (r->torch)
        json_object_set_new(all, "torch", torch_json(r));
    if (r->rival && r->rival->why[0])
        json_object_set_new(all, "monarchrt", json_pack("{s:s}", "not_measured", r->rival->why));
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}
