/* term: see term.h
 *
 * Flow control: each frame is followed by a question (CSI 5 n) that the terminal answers when it
 * has drawn it; at most two are unanswered. Late frames are skipped by the clock, so a slow line
 * shows fewer frames but never lags behind. */
#define _GNU_SOURCE
#include "ui/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "ui/graphics/graphics.h"
#include "ui/graphics/probe.h"

enum { ANSWER_MS = 3000, DRAWN_MS = 2000, FRAMES_OUT = 2, SAMPLES = 12 };

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
enum { STOPS = 4, CRASHES = 5 };

/* Ends a sequence that may be open, updates again, colours back, cursor on. */
static const char restore_bytes[] = "\033\\\033[?2026l\033[m\033[?25h";

static struct termios saved; /* the tty as we found it; read by the crash handler */
static volatile sig_atomic_t stop_signal;

struct term {
    struct sigaction old_stops[STOPS], old_crashes[CRASHES];
    struct probe probe;
    bool hung_up;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_stop(int signal)
{
    stop_signal = signal;
}

/* Only what is allowed in a handler: write, tcsetattr, raise. */
static void on_crash(int signal)
{
    if (write(STDOUT_FILENO, restore_bytes, sizeof restore_bytes - 1) < 0)
        stop_signal = signal;
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    raise(signal); /* SA_RESETHAND: now the usual effect */
}

static bool enter(struct term *term)
{
    if (tcgetattr(STDIN_FILENO, &saved) != 0)
        return false;
    stop_signal = 0;
    struct sigaction stop = {.sa_handler = on_stop};
    struct sigaction crash = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    for (int i = 0; i < STOPS; i++)
        sigaction(stop_signals[i], &stop, &term->old_stops[i]);
    for (int i = 0; i < CRASHES; i++)
        sigaction(crash_signals[i], &crash, &term->old_crashes[i]);
    struct termios raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* Puts the tty back; a signal that came meanwhile then takes its usual effect. */
static void leave(struct term *term)
{
    /* answers that were not read must not be typed into the shell */
    tcflush(STDIN_FILENO, TCIFLUSH);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    for (int i = 0; i < STOPS; i++)
        sigaction(stop_signals[i], &term->old_stops[i], NULL);
    for (int i = 0; i < CRASHES; i++)
        sigaction(crash_signals[i], &term->old_crashes[i], NULL);
    if (stop_signal)
        raise(stop_signal);
}

static bool wants_to_end(const struct term *term)
{
    return stop_signal || term->hung_up || term->probe.key == 'q' || term->probe.key == 3;
}

/* Reads answers for at most timeout_ms; returns earlier when something came. */
static void listen_for(struct term *term, int64_t timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, timeout_ms > 0 ? (int)timeout_ms : 0) <= 0)
        return;
    char bytes[512];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n > 0)
        probe_feed(&term->probe, bytes, (size_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        term->hung_up = true;
}

static void send_bytes(struct term *term, const char *bytes, size_t size)
{
    while (size > 0 && !term->hung_up) {
        ssize_t n = write(STDOUT_FILENO, bytes, size);
        if (n >= 0) {
            bytes += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&output, 1, 100);
        } else if (errno != EINTR) {
            term->hung_up = true;
        }
        if (stop_signal)
            return;
    }
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static bool is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = environment(names[i]);
        if (value[0])
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

/* Colours of text; NO_COLOR asks for none (no-color.org). */
static int text_colours(const struct probe *probe)
{
    const char *colorterm = environment("COLORTERM");
    if (environment("NO_COLOR")[0])
        return 0;
    if (strcmp(colorterm, "truecolor") == 0 || strcmp(colorterm, "24bit") == 0 || probe->kitty ||
        strncmp(probe->version, "foot", 4) == 0 || strncmp(probe->version, "XTerm", 5) == 0)
        return 1 << 24;
    return strstr(environment("TERM"), "256color") || probe->version[0] ? 256 : 0;
}

static bool may_ask(void)
{
    const char *name = environment("TERM");
    return name[0] && strcmp(name, "dumb") != 0 && strcmp(name, "linux") != 0;
}

/* Asks the terminal what it can do; false when it must not be asked or does not answer. */
static bool ask(struct term *term, struct graphics_caps *caps)
{
    if (!may_ask())
        return false;
    const char *questions = probe_questions();
    send_bytes(term, questions, strlen(questions));
    int64_t deadline = now_ms() + ANSWER_MS;
    while (!term->probe.done && !wants_to_end(term) && now_ms() < deadline)
        listen_for(term, deadline - now_ms());
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    struct probe_window window = {size.ws_col, size.ws_row, size.ws_xpixel, size.ws_ypixel};
    probe_caps(&term->probe, &window, caps);
    caps->utf8 = is_utf8();
    caps->colours = text_colours(&term->probe);
    return term->probe.done && !wants_to_end(term);
}

/* Sends one frame and its question. */
static bool show(struct term *term, struct graphics *g, const uint8_t *rgb, struct dn_error *err)
{
    struct strbuf out = {0};
    if (g->caps.sync)
        strbuf_append_text(&out, "\033[?2026h");
    strbuf_append_text(&out, "\0338"); /* where the picture begins */
    bool ok = graphics_encode(g, rgb, &out, err);
    if (g->caps.sync)
        strbuf_append_text(&out, "\033[?2026l");
    strbuf_append_text(&out, probe_acknowledge());
    if (ok)
        send_bytes(term, out.data, out.length);
    strbuf_done(&out);
    return ok;
}

/* Waits until at most most frames are unanswered; false when the terminal has gone silent. */
static bool wait_drawn(struct term *term, int64_t sent, int64_t most)
{
    int64_t deadline = now_ms() + DRAWN_MS;
    while (sent - term->probe.acknowledged > most && !wants_to_end(term)) {
        if (now_ms() >= deadline)
            return false;
        listen_for(term, deadline - now_ms());
    }
    return true;
}

static bool animate(struct term *term, struct graphics *g, const struct term_clip *clip,
                    int64_t *sent, struct dn_error *err)
{
    int64_t frame_bytes = (int64_t)clip->width * clip->height * 3;
    int64_t start = now_ms();
    bool ok = true;
    term->probe.acknowledged = 0;
    for (int64_t frame = 0; ok && frame < clip->frames && !wants_to_end(term);) {
        if (!wait_drawn(term, *sent, FRAMES_OUT - 1))
            break;
        ok = show(term, g, clip->rgb24 + frame * frame_bytes, err);
        ++*sent;
        /* the next one that is not late already, but the last one is always shown */
        int64_t due = (now_ms() - start) * clip->fps_num / (1000 * (int64_t)clip->fps_den) + 1;
        int64_t last = clip->frames - 1;
        int64_t next = due > frame + 1 ? due : frame + 1;
        frame = frame < last && next > last ? last : next;
        int64_t at = start + frame * 1000 * clip->fps_den / clip->fps_num;
        while (ok && now_ms() < at && frame < clip->frames && !wants_to_end(term))
            listen_for(term, at - now_ms());
    }
    wait_drawn(term, *sent, 0);
    return ok;
}

/* Frames spread over the clip, for choosing colours. The caller frees. */
static uint8_t *take_samples(const struct term_clip *clip, int64_t *count)
{
    int64_t frame_bytes = (int64_t)clip->width * clip->height * 3;
    *count = clip->frames < SAMPLES ? clip->frames : SAMPLES;
    uint8_t *samples = dn_malloc((size_t)(*count * frame_bytes));
    for (int64_t i = 0; i < *count; i++)
        memcpy(samples + i * frame_bytes, clip->rgb24 + i * clip->frames / *count * frame_bytes,
               (size_t)frame_bytes);
    return samples;
}

/* Makes room below the cursor and remembers where it begins, plays, and goes below it. */
static bool play(struct term *term, struct graphics *g, const struct term_clip *clip,
                 struct term_played *played, struct dn_error *err)
{
    struct strbuf out = {0};
    strbuf_append_text(&out, "\r\033[?25l");
    for (int i = 0; i <= g->rows; i++)
        strbuf_append_text(&out, "\n");
    strbuf_printf(&out, "\033[%dA\0337", g->rows + 1);
    send_bytes(term, out.data, out.length);
    bool ok = animate(term, g, clip, &played->shown, err);
    strbuf_done(&out);
    strbuf_printf(&out, "\0338\033[%dB\r", g->rows);
    strbuf_append_text(&out, restore_bytes);
    if (write(STDOUT_FILENO, out.data, out.length) < 0)
        term->hung_up = true;
    strbuf_done(&out);
    played->graphics = g->entry->name;
    return ok;
}

static bool is_foreground_tty(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool term_play_frames(const struct term_clip *clip, const char *wish, struct term_played *played,
                      struct dn_error *err)
{
    struct term_played nobody;
    played = played ? played : &nobody;
    *played = (struct term_played){0};
    if (wish && !graphics_is_wish(wish))
        return dn_fail(err, DN_E_ARG, "no way to draw is called %s", wish);
    if ((wish && strcmp(wish, "none") == 0) || clip->frames < 1 || clip->fps_num < 1 ||
        clip->fps_den < 1 || !is_foreground_tty())
        return true;
    struct term term = {0};
    struct graphics_caps caps = {0};
    struct graphics *g = NULL;
    bool ok = true;
    if (enter(&term) && ask(&term, &caps)) {
        int64_t count = 0;
        uint8_t *samples = take_samples(clip, &count);
        g = graphics_open_wish(wish, &caps, clip->width, clip->height, samples, count);
        free(samples);
        if (g)
            ok = play(&term, g, clip, played, err);
    }
    leave(&term);
    graphics_close(g);
    return ok;
}

bool term_ask(struct term_facts *facts)
{
    *facts = (struct term_facts){0};
    if (!is_foreground_tty())
        return false;
    struct term term = {0};
    struct graphics_caps caps = {0};
    if (enter(&term) && ask(&term, &caps)) {
        const struct graphics_entry *way = graphics_choose("auto", &caps);
        *facts = (struct term_facts){caps.cols, caps.rows, caps.colours, way ? way->name : NULL, ""};
        memcpy(facts->version, term.probe.version, sizeof facts->version);
    }
    leave(&term);
    return true;
}
