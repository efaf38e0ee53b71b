/* bench_monarchrt: the public MonarchRT on the same GPU, from a checkout of it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "commands/bench.h"

struct answer {
    struct bench_rival *rival;
    const struct bench_compared *compared;
};

static struct bench_mode *find_mode(const struct bench_compared *c, const char *name)
{
    for (int i = 0; i < c->mode_count; i++)
        if (strcmp(c->modes[i].name, name) == 0)
            return &c->modes[i];
    return NULL;
}

__attribute__((format(printf, 2, 3))) static void add_note(struct bench_rival *rival,
                                                           const char *format, ...)
{
    size_t used = strlen(rival->notes), left = sizeof rival->notes - used;
    va_list list;
    if (left < 4)
        return;
    va_start(list, format);
    int n = snprintf(rival->notes + used, left, "  ");
    vsnprintf(rival->notes + used + n, left - (size_t)n, format, list);
    va_end(list);
    used = strlen(rival->notes);
    snprintf(rival->notes + used, sizeof rival->notes - used, "\n");
}

static void take_line(void *context, const char *line)
{
    struct answer *a = context;
    char name[32];
    double s[3];
    struct bench_mode *mode;
    if (sscanf(line, "kernel %31s %lf %lf", name, &s[0], &s[1]) == 3) {
        if ((mode = find_mode(a->compared, name)))
            memcpy(mode->rival_kernel, s, 2 * sizeof *s);
    } else if (sscanf(line, "pipeline %31s %lf %lf %lf", name, &s[0], &s[1], &s[2]) == 4) {
        if ((mode = find_mode(a->compared, name)))
            memcpy(mode->rival_clip, s, sizeof s);
    } else if (strncmp(line, "note ", 5) == 0) {
        add_note(a->rival, "%s", line + 5);
    }
}

/* Modes that its kernels have too: h tiles of whole rows, one frame each. */
static json_t *heights(const struct bench_compared *c)
{
    json_t *list = json_array();
    for (int i = 0; i < c->mode_count; i++) {
        const struct attention_choice *a = &c->modes[i].attention;
        if (a->kind == ATTENTION_MONARCH && a->f_tied == 1 && a->w_reduce == 1 &&
            a->num_iters == 1)
            json_array_append_new(list, json_integer(a->h_reduce));
    }
    return list;
}

void bench_monarchrt_run(struct bench_rival *rival, const struct bench_compared *c,
                         const char *checkout, bool all_configs, int64_t clips)
{
    const struct bench_pass *p = &c->modes[0].pass;
    struct answer answer = {rival, c};
    char *kernels = dn_asprintf("%s/wan/modules/monarch_attn.py", checkout);
    if (access(kernels, R_OK) != 0) {
        snprintf(rival->why, sizeof rival->why, "not compared: no checkout of MonarchRT there");
        free(kernels);
        return;
    }
    free(kernels);
    char *whole = realpath(checkout, NULL);
    json_t *job = json_pack(
        "{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "path", whole ? whole : checkout,
        "configs", all_configs ? "all" : "short", "h", heights(c), "q", (json_int_t)p->frames, "k",
        (json_int_t)p->keys, "rows", (json_int_t)p->rows, "cols", (json_int_t)p->cols, "heads",
        (json_int_t)c->config->heads, "d", (json_int_t)transformer_head_dim(c->config), "clips",
        (json_int_t)clips);
    int status = 0;
    if (!bench_python_run(c->model, "compare_monarchrt.py", bench_monarchrt_script, job, take_line,
                          &answer, &status))
        snprintf(rival->why, sizeof rival->why, "not compared: it did not run (%s)",
                 c->gpu ? "DANAUS_BENCH_STDERR=1 shows why" : "it needs a GPU");
    else if (status != 0)
        add_note(rival, "it ended early, with %s %d", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    free(whole);
    json_decref(job);
}
