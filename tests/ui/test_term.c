/* term: a clip is played on a pseudo terminal whose other end is the test. */
#define _GNU_SOURCE
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "check.h"
#include "ui/term.h"

enum { FRAMES = 6, W = 8, H = 6 };

/* How the other end behaves. */
struct terminal {
    const char *answers;  /* to the questions; NULL = silent */
    bool acknowledges;    /* answers CSI 5 n */
    const char *wish;
    const char *keys;     /* typed after the first frame */
    int kill_with;        /* sent after the first frame */
    const char *name;     /* TERM */
};

struct outcome {
    struct strbuf bytes; /* all that the program wrote */
    int status;          /* of waitpid */
    bool restored;       /* the tty is as it was */
    double seconds;
    int frames;          /* pictures begun (cursor restored, less the one at the end) */
};

static void child(const struct terminal *t)
{
    struct dn_error err;
    uint8_t *rgb = dn_calloc(FRAMES, W * H * 3);
    for (int i = 0; i < FRAMES * W * H * 3; i++)
        rgb[i] = (uint8_t)(i * 7);
    struct term_clip clip = {rgb, FRAMES, W, H, 50, 1};
    struct term_played played;
    setenv("TERM", t->name ? t->name : "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("NO_COLOR");
    unsetenv("COLORTERM");
    bool ok = term_play_frames(&clip, t->wish, &played, &err);
    _exit(ok ? (int)played.shown : 100);
}

static int count_text(const struct strbuf *s, const char *text)
{
    int count = 0;
    for (const char *p = strbuf_text(s); (p = strstr(p, text)); p += strlen(text))
        count++;
    return count;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void type(int master, const char *text)
{
    if (write(master, text, strlen(text)) < 0)
        perror("pty");
}

/* Plays the terminal's part until the program has ended. */
static void serve(int master, pid_t pid, const struct terminal *t, struct outcome *out)
{
    bool answered = false, typed = false;
    int acknowledged = 0;
    double end = seconds_now() + 10;
    while (waitpid(pid, &out->status, WNOHANG) == 0 && seconds_now() < end) {
        struct pollfd p = {.fd = master, .events = POLLIN};
        char bytes[4096];
        if (poll(&p, 1, 20) <= 0)
            continue;
        ssize_t n = read(master, bytes, sizeof bytes);
        if (n <= 0)
            continue;
        strbuf_append(&out->bytes, bytes, (size_t)n);
        if (!answered && t->answers && count_text(&out->bytes, "\033[c")) {
            type(master, t->answers);
            answered = true;
        }
        for (; t->acknowledges && acknowledged < count_text(&out->bytes, "\033[5n"); acknowledged++)
            type(master, "\033[0n");
        if (!typed && count_text(&out->bytes, "\033[5n")) {
            typed = true;
            type(master, t->keys ? t->keys : "");
            if (t->kill_with)
                kill(pid, t->kill_with);
        }
    }
}

static struct outcome play_on(const struct terminal *t)
{
    struct outcome out = {0};
    struct termios before, after;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int master, slave;
    double start = seconds_now();
    if (openpty(&master, &slave, NULL, NULL, &size) != 0) {
        perror("openpty");
        abort();
    }
    tcgetattr(slave, &before);
    pid_t pid = fork();
    if (pid == 0) {
        close(master);
        login_tty(slave);
        child(t);
    }
    serve(master, pid, t, &out);
    struct pollfd p = {.fd = master, .events = POLLIN};
    char bytes[4096];
    ssize_t n;
    while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN) &&
           (n = read(master, bytes, sizeof bytes)) > 0)
        strbuf_append(&out.bytes, bytes, (size_t)n);
    tcgetattr(slave, &after);
    out.restored = before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
                   before.c_oflag == after.c_oflag && before.c_cflag == after.c_cflag &&
                   memcmp(before.c_cc, after.c_cc, sizeof before.c_cc) == 0;
    out.seconds = seconds_now() - start;
    out.frames = count_text(&out.bytes, "\0338") - 1;
    close(master);
    close(slave);
    return out;
}

static const char xterm_answers[] = "\033P>|XTerm(379)\033\\\033[?1;3;0S\033[?1;2c";

TEST(every_way_to_draw)
{
    static const struct {
        const char *answers, *sign;
    } ways[] = {
        {xterm_answers, "\342\226\200"},
        {"\033[?63;1;2;4;6c", "\033P"},
        {"\033_Gi=31;OK\033\\\033[?62;c", "\033_Ga=T"},
        {"\033[?2026;2$y\033[?62;4;22c", "\033[?2026h\r\0338\033P"},
    };
    for (int i = 0; i < 4; i++) {
        struct outcome out = play_on(&(struct terminal){.answers = ways[i].answers,
                                                        .acknowledges = true});
        CHECK(WIFEXITED(out.status) && out.restored);
        CHECK_MSG(WEXITSTATUS(out.status) >= 2 && out.frames == WEXITSTATUS(out.status) &&
                      out.frames <= FRAMES, "%d frames, status %d", out.frames, out.status);
        CHECK(count_text(&out.bytes, ways[i].sign) >= out.frames);
        CHECK(count_text(&out.bytes, "\033[?25l") == 1 && count_text(&out.bytes, "\033[?25h") == 1);
        strbuf_done(&out.bytes);
    }
}

/* No answer at all: given up within 3 s, and nothing drawn. */
TEST(silent_terminals)
{
    struct outcome out = play_on(&(struct terminal){0});
    CHECK(WIFEXITED(out.status) && WEXITSTATUS(out.status) == 0 && out.restored);
    CHECK(out.seconds > 2.5 && out.seconds < 4 && count_text(&out.bytes, "\0337") == 0);
    strbuf_done(&out.bytes);
    /* answers, but never says that a frame is drawn: two frames, then stop */
    out = play_on(&(struct terminal){.answers = xterm_answers});
    CHECK(WIFEXITED(out.status) && WEXITSTATUS(out.status) == 2 && out.restored);
    CHECK(out.seconds < 6);
    strbuf_done(&out.bytes);
}

TEST(terminals_that_must_not_be_asked)
{
    static const char *const names[] = {"dumb", "linux", ""};
    for (int i = 0; i < 3; i++) {
        struct outcome out = play_on(&(struct terminal){.name = names[i]});
        CHECK(WIFEXITED(out.status) && out.bytes.length == 0 && out.restored);
        strbuf_done(&out.bytes);
    }
    struct outcome out = play_on(&(struct terminal){.wish = "none"});
    CHECK(WIFEXITED(out.status) && out.bytes.length == 0 && out.restored);
    strbuf_done(&out.bytes);
}

/* tmux takes kitty's question for the title of its pane. */
TEST(multiplexers_keep_their_titles)
{
    static const char *const names[] = {"xterm-256color", "tmux-256color", "screen.xterm-256color"};
    for (int i = 0; i < 3; i++) {
        struct outcome out = play_on(&(struct terminal){.name = names[i], .answers = "\033[?62;4c",
                                                        .acknowledges = true});
        CHECK(WIFEXITED(out.status) && out.frames > 0 && count_text(&out.bytes, "\033[>0q") == 1);
        CHECK_MSG(count_text(&out.bytes, "\033_") == (i == 0), "%s", names[i]);
        strbuf_done(&out.bytes);
    }
}

TEST(ended_early)
{
    static const char *const keys[] = {"q", "\003"};
    for (int i = 0; i < 2; i++) {
        struct outcome out = play_on(&(struct terminal){.answers = xterm_answers,
                                                        .keys = keys[i]});
        CHECK(WIFEXITED(out.status) && WEXITSTATUS(out.status) <= 2 && out.restored);
        CHECK(out.seconds < 1.5 && count_text(&out.bytes, "\033[?25h") == 1);
        strbuf_done(&out.bytes);
    }
}

/* Signals take their usual effect, after the terminal is as it was. */
TEST(signals_restore_the_terminal)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT};
    for (int i = 0; i < 6; i++) {
        struct outcome out = play_on(&(struct terminal){.answers = xterm_answers,
                                                        .kill_with = signals[i]});
        CHECK_MSG(WIFSIGNALED(out.status) && WTERMSIG(out.status) == signals[i], "signal %d: %x",
                  signals[i], (unsigned)out.status);
        CHECK(out.restored && count_text(&out.bytes, "\033[?25h") == 1);
        strbuf_done(&out.bytes);
    }
}

TESTS(T(every_way_to_draw), T(silent_terminals), T(terminals_that_must_not_be_asked),
      T(multiplexers_keep_their_titles), T(ended_early),
      T(signals_restore_the_terminal))
