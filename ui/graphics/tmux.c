/* tmux: see tmux.h */
#define _GNU_SOURCE
#include "ui/graphics/tmux.h"

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

/* What tmux prints: out, of size bytes. */
static void run(char *const argv[], char *out, size_t size)
{
    int ends[2];
    pid_t pid;
    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    bool started = start(argv, ends[1], &pid);
    close(ends[1]);
    if (started) {
        read_answer(ends[0], out, size);
        kill(pid, SIGKILL); /* it has said all, or hangs */
        waitpid(pid, NULL, 0);
    }
    close(ends[0]);
}

/* ssh's server sets the variable for what it starts. Who may not look does not know. */
static bool is_remote(long pid)
{
    char path[64], *entry = NULL;
    size_t capacity = 0;
    snprintf(path, sizeof path, "/proc/%ld/environ", pid);
    FILE *f = fopen(path, "re");
    bool remote = !f;
    while (!remote && getdelim(&entry, &capacity, '\0', f) > 0)
        remote = strncmp(entry, "SSH_CONNECTION=", 15) == 0;
    free(entry);
    if (f)
        fclose(f);
    return remote;
}

bool tmux_look(struct tmux_facts *facts, const char *tty, const char *version)
{
    char answer[8192], *pane = getenv("TMUX_PANE");
    char *argv[] = {"tmux", "display-message", "-pt", pane, (char *)tmux_pane_format, ";",
                    "list-clients", "-F", (char *)tmux_terminal_format, NULL};
    *facts = (struct tmux_facts){0};
    if (!pane)
        return false;
    run(argv, answer, sizeof answer);
    bool ok = tmux_facts_read(facts, answer, tty, version);
    facts->remote = ok && facts->terminals && is_remote(facts->pid);
    return ok;
}

bool tmux_own_sixel(void)
{
    struct tmux_facts facts;
    return tmux_look(&facts, "", "tmux 3.4") && tmux_facts_own_sixel(&facts);
}

bool tmux_passes(void)
{
    struct tmux_facts facts;
    return tmux_look(&facts, "", "") && facts.passthrough != TMUX_PASSES_OFF;
}

void tmux_redraw(const char *tty)
{
    char nothing[64];
    run((char *[]){"tmux", "refresh-client", "-t", (char *)tty, NULL}, nothing, sizeof nothing);
}

bool tmux_has_room(const char *tty)
{
    struct pollfd output = {.fd = open(tty, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC),
                            .events = POLLOUT};
    if (output.fd < 0)
        return false;
    bool room = poll(&output, 1, 0) > 0 && (output.revents & POLLOUT);
    close(output.fd);
    return room;
}

void tmux_wrap(struct strbuf *out, const char *bytes, size_t size)
{
    strbuf_append_text(out, "\033Ptmux;");
    for (size_t i = 0; i < size; i++)
        strbuf_append(out, bytes[i] == '\033' ? "\033\033" : bytes + i, bytes[i] == '\033' ? 2 : 1);
    strbuf_append_text(out, "\033\\");
}

void tmux_caps(const struct tmux_facts *facts, struct graphics_caps *caps)
{
    bool xterm = strncmp(facts->name, "XTerm", 5) == 0;
    caps->tmux = true;
    caps->kitty = facts->placeholders;
    caps->sixel = !facts->placeholders;
    caps->sync = false;        /* would be tmux's, which has nothing to hold back */
    caps->sixel_keeps = false; /* what tmux drops must not be built on */
    caps->registers = 256;
    caps->sixel_width = caps->sixel_height = xterm ? 1000 : 0; /* see probe_caps */
    caps->cell_width = facts->cell_width;
    caps->cell_height = facts->cell_height;
}
