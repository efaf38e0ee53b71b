/* tty: see tty.h */
#define _GNU_SOURCE
#include "ui/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
static const int event_signals[] = {SIGWINCH, SIGTSTP, SIGPIPE};
enum { STOPS = 4, CRASHES = 5, EVENTS = 3 };

static struct termios saved; /* the tty as we found it; read by the crash handler */
static struct termios raw;
static const char *restore_bytes;
static struct sigaction old_stops[STOPS], old_crashes[CRASHES], old_events[EVENTS];
static volatile sig_atomic_t stop_signal, resized, suspended;
static bool has_events;
static int event_pipe[2] = {-1, -1};
static int output_fd = STDOUT_FILENO;
static char crash_stack[64 * 1024]; /* a stack that overflowed cannot carry the handler */

static void note(int signal)
{
    int before = errno;
    stop_signal = signal == SIGWINCH || signal == SIGTSTP || signal == SIGPIPE ? stop_signal : signal;
    resized = resized || signal == SIGWINCH;
    suspended = suspended || signal == SIGTSTP;
    if (event_pipe[1] >= 0 && write(event_pipe[1], "", 1) < 0)
        errno = before; /* the pipe is full: the loop will wake up anyway */
    errno = before;
}

/* Only what is allowed in a handler: write, tcsetattr, raise. */
static void on_crash(int signal)
{
    if (write(STDOUT_FILENO, restore_bytes, strlen(restore_bytes)) < 0)
        stop_signal = signal;
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    raise(signal); /* SA_RESETHAND: now the usual effect */
}

bool tty_is_foreground(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool tty_enter(const char *restore)
{
    if (tcgetattr(STDIN_FILENO, &saved) != 0)
        return false;
    restore_bytes = restore;
    stop_signal = resized = suspended = 0;
    stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
    sigaltstack(&stack, NULL);
    struct sigaction stop = {.sa_handler = note};
    struct sigaction crash = {.sa_handler = on_crash, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
    for (int i = 0; i < STOPS; i++)
        sigaction(stop_signals[i], &stop, &old_stops[i]);
    for (int i = 0; i < CRASHES; i++)
        sigaction(crash_signals[i], &crash, &old_crashes[i]);
    raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void end_events(void)
{
    for (int i = 0; has_events && i < EVENTS; i++)
        sigaction(event_signals[i], &old_events[i], NULL);
    for (int i = 0; i < 2; i++)
        if (event_pipe[i] >= 0)
            close(event_pipe[i]);
    event_pipe[0] = event_pipe[1] = -1;
    if (output_fd != STDOUT_FILENO)
        close(output_fd);
    output_fd = STDOUT_FILENO;
    has_events = false;
}

void tty_leave(void)
{
    /* answers that were not read must not be typed into the shell */
    tcflush(STDIN_FILENO, TCIFLUSH);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    end_events();
    for (int i = 0; i < STOPS; i++)
        sigaction(stop_signals[i], &old_stops[i], NULL);
    for (int i = 0; i < CRASHES; i++)
        sigaction(crash_signals[i], &old_crashes[i], NULL);
    if (stop_signal)
        raise(stop_signal);
}

int tty_stop_signal(void)
{
    return stop_signal;
}

bool tty_be_events(void)
{
    /* A description of its own: O_NONBLOCK on the shell's would outlive us. */
    const char *name = ttyname(STDOUT_FILENO);
    output_fd = name ? open(name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (output_fd < 0)
        output_fd = STDOUT_FILENO; /* writes may then wait */
    if (pipe2(event_pipe, O_NONBLOCK | O_CLOEXEC) != 0) {
        end_events();
        return false;
    }
    has_events = true;
    struct sigaction action = {.sa_handler = note};
    for (int i = 0; i < EVENTS; i++)
        sigaction(event_signals[i], &action, &old_events[i]);
    return true;
}

int tty_event_fd(void)
{
    return event_pipe[0];
}

void tty_clear_events(void)
{
    char bytes[64];
    while (read(event_pipe[0], bytes, sizeof bytes) > 0)
        ;
}

bool tty_take_resize(void)
{
    bool was = resized;
    resized = 0;
    return was;
}

bool tty_take_suspend(void)
{
    bool was = suspended;
    suspended = 0;
    return was;
}

/* Answers that were not read must not be typed into what has the terminal next. */
static void give_back(void)
{
    tty_write_last(restore_bytes, strlen(restore_bytes));
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
}

void tty_suspend(void)
{
    struct sigaction ours, usual = {.sa_handler = SIG_DFL};
    give_back();
    sigaction(SIGTSTP, &usual, &ours);
    kill(0, SIGTSTP); /* the whole job, as the terminal driver does */
    sigaction(SIGTSTP, &ours, NULL);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    suspended = 0;
    resized = 1;
}

bool tty_run(char *const argv[], int *status)
{
    int wait_status = 0;
    give_back();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < STOPS; i++)
            signal(stop_signals[i], SIG_DFL);
        for (int i = 0; i < EVENTS; i++)
            signal(event_signals[i], SIG_DFL);
        execvp(argv[0], argv);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
        ;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    *status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    resized = 1;
    return child > 0;
}

bool tty_get_size(struct tty_size *size)
{
    struct winsize w = {0};
    bool ok = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 && w.ws_row > 0;
    *size = (struct tty_size){w.ws_col, w.ws_row, w.ws_xpixel, w.ws_ypixel};
    return ok;
}

int tty_read(char *bytes, size_t size)
{
    ssize_t n = read(STDIN_FILENO, bytes, size);
    if (n > 0)
        return (int)n;
    return n == 0 || (errno != EINTR && errno != EAGAIN) ? -1 : 0;
}

long tty_write_some(const char *bytes, size_t size)
{
    ssize_t n = write(output_fd, bytes, size);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

int tty_output_fd(void)
{
    return output_fd;
}

static bool write_all(const char *bytes, size_t size, bool stops)
{
    int waits = 0; /* of 0.1 s in a row: a terminal that takes nothing must not hold us */
    while (size > 0 && waits < 30) {
        long n = tty_write_some(bytes, size);
        if (n < 0)
            return false;
        bytes += n;
        size -= (size_t)n;
        waits = n > 0 ? 0 : waits + 1;
        if (size > 0 && n == 0) {
            struct pollfd output = {.fd = output_fd, .events = POLLOUT};
            poll(&output, 1, 100);
            if (stop_signal && stops)
                return true;
        }
    }
    return true;
}

bool tty_write_all(const char *bytes, size_t size)
{
    return write_all(bytes, size, true);
}

bool tty_write_last(const char *bytes, size_t size)
{
    return write_all(bytes, size, false);
}
