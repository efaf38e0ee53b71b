/* client_start: see client_start.h */
#define _GNU_SOURCE
#include "engine/client_start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* The engine's end of the pipe through which it says that it is ready. */
enum { READY_FD = 3 };

/* In the grandchild: nothing of the caller's is kept: no terminal, session, directory, descriptors,
 * blocked signals. Only calls that are safe after a fork of a program with threads. */
static void become_engine(const struct engine_paths *paths, int ready)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    int null = open("/dev/null", O_RDWR);
    if (chdir("/") != 0 || null < 0)
        _exit(127);
    ready = fcntl(ready, F_DUPFD, 10);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    dup2(ready, READY_FD);
    close_range(READY_FD + 1, ~0u, 0);
    char *argv[] = {"danaus", "engine", "serve", "--ready", "--library", paths->library, NULL};
    execv("/proc/self/exe", argv);
    static const char text[] = "the danaus program cannot be executed again\n";
    ssize_t ignored = write(READY_FD, text, sizeof text - 1);
    (void)ignored;
    _exit(127);
}

static bool spawn(const struct engine_paths *paths, int pipe_fd[2], struct dn_error *err)
{
    pid_t child = fork();
    if (child < 0)
        return dn_fail(err, DN_E_IO, "cannot start the engine: %s", strerror(errno));
    if (child == 0) {
        setsid();
        pid_t grandchild = fork();
        if (grandchild == 0)
            become_engine(paths, pipe_fd[1]);
        _exit(grandchild < 0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 || dn_fail(err, DN_E_IO, "cannot start the engine: no more processes");
}

/* Reads "ready\n", or the words of an engine that cannot start. */
static bool wait_ready(int fd, int timeout_ms, struct dn_error *err)
{
    char text[1200];
    size_t length = 0;
    int64_t end = dn_now_ms() + timeout_ms;
    while (length < sizeof text - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - dn_now_ms();
        int n = poll(&p, 1, left < 0 ? 0 : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return dn_fail(err, DN_E_IO, "the engine did not start within %d s", timeout_ms / 1000);
        ssize_t got = read(fd, text + length, sizeof text - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
        if (text[length - 1] == '\n')
            break;
    }
    text[length] = '\0';
    if (strcmp(text, "ready\n") == 0)
        return true;
    if (length && text[length - 1] == '\n')
        text[length - 1] = '\0';
    return dn_fail(err, DN_E_IO, "the engine does not start: %s",
                   length ? text : "it ended without a word, see its log");
}

bool client_start_engine(const struct engine_paths *paths, int timeout_ms, struct dn_error *err)
{
    int pipe_fd[2];
    fflush(NULL); /* nothing buffered may be written twice */
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return dn_fail(err, DN_E_IO, "cannot start the engine: %s", strerror(errno));
    bool ok = spawn(paths, pipe_fd, err);
    close(pipe_fd[1]);
    ok = ok && wait_ready(pipe_fd[0], timeout_ms, err);
    close(pipe_fd[0]);
    return ok;
}
