/* tmux: see tmux.h */
#define _GNU_SOURCE
#include "ui/graphics/tmux.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { ANSWER_MS = 2000 };

bool tmux_is_around(const struct probe *probe)
{
    return strncmp(probe->version, "tmux ", 5) == 0 && getenv("TMUX") && getenv("TMUX_PANE");
}

/* Without a shell: nothing in the environment is taken apart. */
static bool start(char *const argv[], int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    bool ok = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return ok;
}

/* Reads until the end or the deadline, what fits. */
static void read_answer(int fd, char *out, size_t size)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    int64_t deadline = dn_now_ms() + ANSWER_MS;
    size_t length = 0;
    for (int64_t left = ANSWER_MS; left > 0 && length + 1 < size; left = deadline - dn_now_ms()) {
        ssize_t n = poll(&input, 1, (int)left) > 0 ? read(fd, out + length, size - 1 - length) : 0;
        if (n <= 0 && input.revents)
            break;
        length += n > 0 ? (size_t)n : 0;
    }
    out[length] = '\0';
}

bool tmux_passes(void)
{
    char answer[16] = "";
    char *argv[] = {"tmux", "show-options", "-Apvt", getenv("TMUX_PANE"), "allow-passthrough",
                    NULL};
    int ends[2];
    pid_t pid;
    if (!argv[3] || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool started = start(argv, ends[1], &pid);
    close(ends[1]);
    if (started) {
        read_answer(ends[0], answer, sizeof answer);
        kill(pid, SIGKILL); /* it has said all, or hangs */
        waitpid(pid, NULL, 0);
    }
    close(ends[0]);
    return strcmp(answer, "on\n") == 0 || strcmp(answer, "all\n") == 0;
}

void tmux_wrap(struct strbuf *out, const char *bytes, size_t size)
{
    strbuf_append_text(out, "\033Ptmux;");
    for (size_t i = 0; i < size; i++)
        strbuf_append(out, bytes[i] == '\033' ? "\033\033" : bytes + i, bytes[i] == '\033' ? 2 : 1);
    strbuf_append_text(out, "\033\\");
}
