/* term: see term.h
 *
 * Flow control: each frame is followed by a question (CSI 5 n) that the terminal answers when it
 * has drawn it; at most two are unanswered. Late frames are skipped by the clock, so a slow line
 * shows fewer frames but never lags behind. */
#include "ui/term.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "ui/graphics/graphics.h"
#include "ui/graphics/probe.h"
#include "ui/graphics/tmux.h"
#include "ui/term_env.h"
#include "ui/tty.h"

enum { ANSWER_MS = 3000, DRAWN_MS = 2000, FRAMES_OUT = 2, SAMPLES = 12 };

/* Ends a sequence that may be open, updates again, colours back, cursor on. */
static const char restore_bytes[] = "\033\\\033[?2026l\033[m\033[?25h";

struct term {
    struct probe probe;
    bool hung_up;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool wants_to_end(const struct term *term)
{
    return tty_stop_signal() || term->hung_up || term->probe.key == 'q' || term->probe.key == 3;
}

/* Reads answers for at most timeout_ms; returns earlier when something came. */
static void listen_for(struct term *term, int64_t timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, timeout_ms > 0 ? (int)timeout_ms : 0) <= 0)
        return;
    char bytes[512];
    int n = tty_read(bytes, sizeof bytes);
    if (n > 0)
        probe_feed(&term->probe, bytes, (size_t)n);
    term->hung_up = term->hung_up || n < 0;
}

static void send_bytes(struct term *term, const char *bytes, size_t size)
{
    term->hung_up = term->hung_up || !tty_write_all(bytes, size);
}

/* Asks the terminal what it can do; false when it must not be asked or does not answer. */
static bool ask(struct term *term, struct graphics_caps *caps)
{
    if (!term_may_ask())
        return false;
    const char *questions = probe_questions(term_is_multiplexer());
    send_bytes(term, questions, strlen(questions));
    int64_t deadline = now_ms() + ANSWER_MS;
    while (!term->probe.done && !wants_to_end(term) && now_ms() < deadline)
        listen_for(term, deadline - now_ms());
    struct tty_size size;
    tty_get_size(&size);
    struct probe_window window = {size.cols, size.rows, size.width_px, size.height_px};
    probe_caps(&term->probe, &window, caps);
    if (caps->sixel && tmux_is_around(&term->probe))
        caps->sixel = tmux_own_sixel();
    caps->utf8 = term_is_utf8();
    caps->colours = term_text_colours(&term->probe);
    return term->probe.done && !wants_to_end(term);
}

/* Sends one frame and its question. */
static bool show(struct term *term, struct graphics *g, const uint8_t *rgb, struct dn_error *err)
{
    struct strbuf out = {0};
    if (g->caps.sync)
        strbuf_append_text(&out, probe_sync());
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
    send_bytes(term, out.data, out.length);
    strbuf_done(&out);
    played->graphics = g->entry->name;
    return ok;
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
        clip->fps_den < 1 || !tty_is_foreground())
        return true;
    struct term term = {0};
    struct graphics_caps caps = {0};
    struct graphics *g = NULL;
    bool ok = true;
    if (tty_enter(restore_bytes) && ask(&term, &caps)) {
        int64_t count = 0;
        uint8_t *samples = take_samples(clip, &count);
        g = graphics_open_wish(wish, &caps, clip->width, clip->height, samples, count);
        free(samples);
        if (g)
            ok = play(&term, g, clip, played, err);
    }
    tty_leave();
    graphics_close(g);
    return ok;
}

/* Whether tmux's terminal has sixel, as it says itself. */
static enum tmux_sixel ask_through(struct term *term)
{
    static const char question[] = "\033[c";
    struct strbuf out = {0};
    term->probe = (struct probe){0};
    tmux_wrap(&out, question, sizeof question - 1);
    send_bytes(term, out.data, out.length);
    strbuf_done(&out);
    int64_t deadline = now_ms() + ANSWER_MS;
    while (!term->probe.done && !wants_to_end(term) && now_ms() < deadline)
        listen_for(term, deadline - now_ms());
    return !term->probe.done ? TMUX_SIXEL_UNKNOWN : term->probe.sixel ? TMUX_SIXEL_YES : TMUX_SIXEL_NO;
}

/* What the studio would find (see ui/studio/passage.h). */
static void look_through(struct term *term, struct term_facts *facts)
{
    struct tmux_facts tmux;
    char tty[TMUX_TEXT_MAX];
    if (ttyname_r(STDIN_FILENO, tty, sizeof tty) != 0 || !tmux_look(&tmux, tty, facts->version)) {
        facts->shut = "tmux does not answer, or is older than 3.3";
        return;
    }
    enum tmux_way way = tmux_facts_judge(&tmux, false, &facts->shut);
    if (way == TMUX_ASK && tmux.answers) {
        tmux.sixel = ask_through(term);
        way = tmux_facts_judge(&tmux, false, &facts->shut);
    }
    facts->passed = way != TMUX_OPEN ? NULL : tmux.placeholders ? "kitty" : "sixel";
    if (facts->passed)
        facts->shut = NULL;
    else if (way == TMUX_ASK)
        facts->shut = "tmux's terminal does not say whether it has sixel";
    else if (way == TMUX_HIDDEN)
        facts->shut = "no terminal shows this pane now";
}

bool term_ask(struct term_facts *facts)
{
    *facts = (struct term_facts){0};
    if (!tty_is_foreground())
        return false;
    struct term term = {0};
    struct graphics_caps caps = {0};
    if (tty_enter(restore_bytes) && ask(&term, &caps)) {
        const struct graphics_entry *way = graphics_choose("auto", &caps);
        *facts = (struct term_facts){.cols = caps.cols, .rows = caps.rows, .colours = caps.colours,
                                     .graphics = way ? way->name : NULL};
        memcpy(facts->version, term.probe.version, sizeof facts->version);
        if (tmux_is_around(&term.probe) && !caps.sixel)
            look_through(&term, facts);
    }
    tty_leave();
    return true;
}
