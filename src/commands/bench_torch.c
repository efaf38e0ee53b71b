/* bench_torch: the same work in PyTorch, in a child process of python3. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "commands/bench.h"

extern char **environ;

enum { LIMIT_MS = 600 * 1000 };

static json_t *block_json(const struct bench_shapes *s, const struct transformer_config *c)
{
    const struct bench_pass *p = &s->pass;
    int64_t frame = p->rows * p->cols;
    json_t *tiles = json_null();
    for (int i = 0; i < s->count; i++) {
        const int64_t *a = s->rows[i].op.sizes;
        if (s->rows[i].op.kind == OP_BENCH_MONARCH)
            tiles = json_pack("[I,I,I,I]", (json_int_t)a[0], (json_int_t)a[1], (json_int_t)a[2],
                              (json_int_t)a[3]);
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "dim", (json_int_t)c->dim, "heads",
                     (json_int_t)c->heads, "ffn", (json_int_t)c->ffn_dim, "layers",
                     (json_int_t)c->layers, "tokens", (json_int_t)(p->frames * frame), "keys",
                     (json_int_t)(p->keys * frame), "text", (json_int_t)p->text_keys, "monarch",
                     tiles);
}

/* What the script is to do; the caller frees. */
static char *job_text(const struct bench_shapes *s, const struct transformer_config *c,
                      enum dtype dtype, int threads, double budget_s)
{
    json_t *rows = json_array();
    for (int i = 0; i < s->count; i++) {
        json_t *sizes = json_array();
        for (int k = 0; k < 8; k++)
            json_array_append_new(sizes, json_integer(s->rows[i].op.sizes[k]));
        json_array_append_new(rows, json_pack("[i,o]", (int)s->rows[i].op.kind, sizes));
    }
    json_t *job = json_pack(
        "{s:s, s:i, s:f, s:o, s:o, s:{s:O, s:I, s:I}}", "dtype",
        dtype == DTYPE_BF16 ? "bf16" : "f32", "threads", threads, "budget", budget_s, "rows", rows,
        "block", block_json(s, c), "decoder", "layers", s->decoder, "h",
        (json_int_t)(s->pass.rows * TRANSFORMER_PATCH), "w",
        (json_int_t)(s->pass.cols * TRANSFORMER_PATCH));
    char *text = json_dumps(job, JSON_COMPACT);
    json_decref(job);
    return text;
}

/* Starts `python -c script job`, its output into *out; its complaints are not shown. */
static bool start_python(const char *python, char *job, pid_t *pid, int *out)
{
    char *argv[] = {(char *)python, "-c", (char *)bench_torch_script, job, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    bool ok = posix_spawnp(pid, python, &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!ok)
        close(ends[0]);
    *out = ends[0];
    return ok;
}

/* One line of the script's output. */
static void take_line(struct bench_torch *t, struct bench_shapes *s, const char *line)
{
    int row;
    double seconds;
    if (sscanf(line, "row %d %lf", &row, &seconds) == 2 && row >= 0 && row < s->count)
        s->rows[row].torch_seconds = seconds;
    else if (sscanf(line, "version %31s", t->version) == 1)
        return;
    else if (sscanf(line, "pass %lf", &seconds) == 1)
        t->pass = seconds;
    else if (sscanf(line, "decode %lf", &seconds) == 1)
        t->decode = seconds;
}

/* Lines until the child closes its end, Ctrl-C, or the time is up. */
static void read_lines(struct bench_torch *t, struct bench_shapes *s, int fd)
{
    char line[256];
    size_t length = 0;
    int64_t deadline = dn_now_ms() + LIMIT_MS;
    struct pollfd input = {.fd = fd, .events = POLLIN};
    while (dn_now_ms() < deadline) {
        char ch;
        int ready = poll(&input, 1, (int)(deadline - dn_now_ms()));
        ssize_t n = ready > 0 ? read(fd, &ch, 1) : -1;
        if (n <= 0)
            return; /* its end, or a signal */
        if (ch != '\n' && length < sizeof line - 1) {
            line[length++] = ch;
            continue;
        }
        line[length] = '\0';
        take_line(t, s, line);
        length = 0;
    }
}

void bench_torch_run(struct bench_torch *t, struct bench_shapes *s,
                     const struct transformer_config *c, enum dtype dtype, int threads,
                     double budget_s)
{
    /* the system's python has Debian's torch even where another one comes first */
    static const char *const pythons[] = {"/usr/bin/python3", "python3"};
    char *job = job_text(s, c, dtype, threads, budget_s);
    snprintf(t->why, sizeof t->why, "not compared: python3 has no torch (package python3-torch)");
    for (size_t i = 0; job && i < sizeof pythons / sizeof pythons[0] && !t->version[0]; i++) {
        pid_t pid;
        int out, status;
        if (!start_python(pythons[i], job, &pid, &out))
            continue;
        read_lines(t, s, out);
        close(out);
        kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    free(job);
}
