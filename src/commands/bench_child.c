/* bench_child: other programs that bench asks: python3 for comparisons, nvidia-smi for the GPU. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/bench.h"
#include "commands/command.h"

extern char **environ;

enum { LIMIT_MS = 900 * 1000, END_MS = 5000 };

/* Starts argv, its output into *out; its complaints are shown where BENCH_STDERR is set. */
static bool start(char *const argv[], pid_t *pid, int *out)
{
    posix_spawn_file_actions_t actions;
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!getenv("DANAUS_BENCH_STDERR"))
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    bool ok = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!ok)
        close(ends[0]);
    *out = ends[0];
    return ok;
}

/* Lines until the child closes its end, Ctrl-C, or the time is up; how many. */
static int64_t read_lines(int fd, bench_line_fn *take, void *context)
{
    char line[512];
    size_t length = 0;
    int64_t deadline = dn_now_ms() + LIMIT_MS, count = 0;
    struct pollfd input = {.fd = fd, .events = POLLIN};
    while (dn_now_ms() < deadline) {
        char ch;
        int ready = poll(&input, 1, (int)(deadline - dn_now_ms()));
        ssize_t n = ready > 0 ? read(fd, &ch, 1) : -1;
        if (n <= 0)
            return count; /* its end, or a signal */
        if (ch != '\n' && length < sizeof line - 1) {
            line[length++] = ch;
            continue;
        }
        line[length] = '\0';
        take(context, line);
        length = 0;
        count++;
    }
    return count;
}

/* The child's status as of waitpid; it gets some seconds to end after its last word. */
static int end(pid_t pid)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    int status = 0;
    for (int i = 0; i < END_MS / 20; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
        nanosleep(&pause, NULL);
    }
    kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* True: the child said something. */
static bool ask(char *const argv[], bench_line_fn *take, void *context, int *status)
{
    pid_t pid;
    int out;
    if (!start(argv, &pid, &out))
        return false;
    int64_t lines = read_lines(out, take, context);
    close(out);
    if (*command_stop())
        kill(pid, SIGTERM);
    *status = end(pid);
    return lines > 0;
}

/* Triton reads the source of its kernels, so a script must be a file. */
static bool write_script(const char *path, const char *script)
{
    FILE *f = fopen(path, "w");
    bool ok = f && fputs(script, f) >= 0;
    return f && fclose(f) == 0 && ok;
}

bool bench_python_run(const struct bench_model *m, const char *name, const char *script,
                      const json_t *job, bench_line_fn *take, void *context, int *status)
{
    /* the system's python has Debian's torch even where another one comes first */
    static const char *const pythons[] = {"/usr/bin/python3", "python3"};
    char *path = bench_model_file(m, name), *text = json_dumps(job, JSON_COMPACT);
    bool done = false;
    for (size_t i = 0; text && !done && i < sizeof pythons / sizeof pythons[0]; i++) {
        char *const argv[] = {(char *)pythons[i], path, text, NULL};
        done = write_script(path, script) && ask(argv, take, context, status);
    }
    unlink(path);
    free(path);
    free(text);
    return done;
}

static void take_gpu(void *context, const char *line)
{
    struct bench_gpu *gpu = context;
    const char *comma = strrchr(line, ',');
    if (gpu->name[0] || !comma)
        return;
    snprintf(gpu->name, sizeof gpu->name, "%.*s", (int)(comma - line), line);
    gpu->used = (int64_t)strtoll(comma + 1, NULL, 10) << 20;
}

void bench_gpu_ask(struct bench_gpu *gpu)
{
    char *const argv[] = {(char *)"nvidia-smi", (char *)"--query-gpu=name,memory.used",
                          (char *)"--format=csv,noheader,nounits", NULL};
    int status;
    *gpu = (struct bench_gpu){.name = ""};
    ask(argv, take_gpu, gpu, &status);
}
