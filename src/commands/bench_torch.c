/* bench_torch: the same work in PyTorch, in a child process of python3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/bench.h"

/* The layers of a mode's pass. Monarch's tiles are given as frames of their own. */
static json_t *block_json(const struct bench_mode *m, const struct transformer_config *c)
{
    const struct bench_pass *p = &m->pass;
    const struct attention_choice *a = &p->attention;
    int64_t frame = p->rows * p->cols, cut = a->h_reduce * a->w_reduce;
    json_t *tiles = json_null();
    if (a->kind == ATTENTION_MONARCH)
        tiles = json_pack("[I,I,I,I]", (json_int_t)(p->frames / a->f_tied * cut),
                          (json_int_t)(p->keys / a->f_tied * cut),
                          (json_int_t)(a->f_tied * p->rows / a->h_reduce),
                          (json_int_t)(p->cols / a->w_reduce));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "dim", (json_int_t)c->dim, "heads",
                     (json_int_t)c->heads, "ffn", (json_int_t)c->ffn_dim, "layers",
                     (json_int_t)c->layers, "tokens", (json_int_t)(p->frames * frame), "keys",
                     (json_int_t)(p->keys * frame), "text", (json_int_t)p->text_keys, "monarch",
                     tiles);
}

static json_t *job_json(const struct bench_compared *c)
{
    json_t *rows = json_array(), *blocks = json_array();
    for (int i = 0; i < c->shapes->count; i++) {
        json_t *sizes = json_array();
        for (int k = 0; k < 8; k++)
            json_array_append_new(sizes, json_integer(c->shapes->rows[i].op.sizes[k]));
        json_array_append_new(rows,
                              json_pack("[i,o]", (int)c->shapes->rows[i].op.kind, sizes));
    }
    for (int i = 0; i < c->mode_count; i++)
        json_array_append_new(blocks, block_json(&c->modes[i], c->config));
    return json_pack("{s:s, s:s, s:i, s:f, s:o, s:o, s:{s:O, s:I, s:I}}", "device",
                     c->gpu ? "cuda" : "cpu", "dtype", c->dtype == DTYPE_BF16 ? "bf16" : "f32",
                     "threads", c->threads, "budget", c->budget_s, "rows", rows, "blocks", blocks,
                     "decoder", "layers", c->shapes->decoder, "h", (json_int_t)c->shapes->h, "w",
                     (json_int_t)c->shapes->w);
}

struct answer {
    struct bench_torch *torch;
    const struct bench_compared *compared;
};

static void take_line(void *context, const char *line)
{
    struct answer *a = context;
    int i;
    double seconds;
    if (sscanf(line, "row %d %lf", &i, &seconds) == 2 && i >= 0 && i < a->compared->shapes->count)
        a->compared->shapes->rows[i].torch_seconds = seconds;
    else if (sscanf(line, "pass %d %lf", &i, &seconds) == 2 && i >= 0 &&
             i < a->compared->mode_count)
        a->compared->modes[i].torch_pass = seconds;
    else if (sscanf(line, "decode %lf", &seconds) == 1)
        a->torch->decode = seconds;
    else
        sscanf(line, "version %31s", a->torch->version);
}

void bench_torch_run(struct bench_torch *t, const struct bench_compared *c)
{
    struct answer answer = {t, c};
    json_t *job = job_json(c);
    snprintf(t->why, sizeof t->why, "not compared: python3 has no torch%s",
             c->gpu ? " that can use the GPU" : " (package python3-torch)");
    int status;
    bench_python_run(c->model, "compare_torch.py", bench_torch_script, job, take_line, &answer, &status);
    json_decref(job);
}
