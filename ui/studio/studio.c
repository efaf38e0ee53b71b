/* studio: see studio.h. The one event loop: keys, the engine, finished tasks, time; then drawing.
 *
 * Nothing is drawn while bytes still wait for the terminal: what is drawn next is the newest state,
 * never a backlog. Without events the loop sleeps; there is no regular wake-up. */
#define _GNU_SOURCE
#include "ui/studio/studio.h"

#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/catalog.h"
#include "ui/studio/studio_internal.h"
#include "ui/term_env.h"
#include "ui/tty.h"

/* BLOCKED_MS: between looks at what is due on the screen while the terminal takes nothing. REST_MS:
 * after which nothing more happens, more than the engine's screen has between its questions. */
enum { ANSWER_MS = 3000, BLOCKED_MS = 1000, REST_MS = 3000 };

/* Ends an open sequence (twice: of an ESC that was wrapped for tmux only half may have left); updates,
 * mouse, paste, colours, cursor, keypad, scroll region, and the other screen's content: all as before.
 * Also from the crash handler. */
static const char restore_bytes[] =
    "\033\\\033\\\033[?2026l\033[?1006l\033[?1002l\033[?1000l\033[?2004l\033[m\033[?25h\033[?1l\033>"
    "\033[r\033[?1049l";
static const char enter_bytes[] = "\033[?2004h";
static const char mouse_bytes[] = "\033[?1000h\033[?1002h\033[?1006h";

/* --- telling the user --- */

void studio_tell(struct studio *s, enum role role, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->notice, sizeof s->notice, fmt, ap);
    va_end(ap);
    s->notice_role = role;
    s->notice_until_ms = s->now_ms + NOTICE_MS;
    s->notice_job = 0;
    s->dirty = true;
}

void studio_tell_error(struct studio *s, const struct dn_error *err)
{
    char *text = dn_error_text(err);
    studio_tell(s, ROLE_BAD, "%s", text);
    free(text);
}

/* --- screens --- */

const struct screen *studio_top(const struct studio *s)
{
    return s->stack[s->depth - 1];
}

const struct screen *studio_main(const struct studio *s)
{
    return s->stack[0];
}

static void ensure_open(struct studio *s, const struct screen *screen)
{
    if (!s->state[screen->number] && screen->open)
        s->state[screen->number] = screen->open(s);
}

void studio_show(struct studio *s, enum screen_number number)
{
    while (s->depth > 1)
        studio_close_dialog(s);
    const struct screen *before = s->depth ? s->stack[0] : NULL, *screen = screen_table[number];
    if (before == screen)
        return;
    /* what was said on the other screen, but not just now, would hide this one's hints */
    if (s->notice_role != ROLE_BAD && s->notice_until_ms < s->now_ms + NOTICE_MS)
        s->notice[0] = '\0';
    if (before && before->leave)
        before->leave(s);
    ensure_open(s, screen);
    s->stack[0] = screen;
    s->depth = 1;
    s->chord = 0;
    s->dirty = true;
    if (screen->enter)
        screen->enter(s);
}

void studio_open_dialog(struct studio *s, enum screen_number number)
{
    const struct screen *screen = screen_table[number];
    if (s->depth == STACK_MAX || studio_top(s) == screen)
        return;
    ensure_open(s, screen);
    s->stack[s->depth++] = screen;
    s->dirty = true;
    if (screen->enter)
        screen->enter(s);
}

void studio_close_dialog(struct studio *s)
{
    if (s->depth < 2)
        return;
    const struct screen *screen = s->stack[--s->depth];
    if (screen->leave)
        screen->leave(s);
    s->dirty = true;
}

struct catalog *studio_catalog(struct studio *s)
{
    struct dn_error err;
    if (!s->catalog && catalog_exists(s->options->library) &&
        !catalog_open(s->options->library, CATALOG_READ, &s->catalog, &err))
        studio_tell_error(s, &err);
    return s->catalog;
}

/* --- what the engine tells --- */

static void notify(struct studio *s, const struct link_job *job)
{
    if (strcmp(s->options->config->notify, "bell") == 0)
        strbuf_append_text(&s->out, "\a");
    else if (strcmp(s->options->config->notify, "osc9") == 0)
        strbuf_printf(&s->out, "\033]9;danaus: clip %lld: %s\033\\", (long long)job->id,
                      job_state_name(job->state));
}

static void on_job(void *context, const struct link_job *job)
{
    struct studio *s = context;
    if (job->ended)
        notify(s, job);
    if (job->ended && job->id == s->notice_job)
        s->notice[0] = '\0'; /* it is on its way no more */
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (s->state[i] && screen_table[i]->job)
            screen_table[i]->job(s, job);
    s->dirty = true;
}

static void on_frames(void *context, const struct link_frames *frames)
{
    struct studio *s = context;
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (s->state[i] && screen_table[i]->frames)
            screen_table[i]->frames(s, frames);
    s->dirty = true;
}

static void on_queued(void *context, int64_t job, int tag)
{
    struct studio *s = context;
    if (tag == QUEUED_QUIETLY)
        return;
    studio_tell(s, ROLE_GOOD,
                tag == QUEUED_WAITS ? "clip %lld is queued" : "clip %lld is on its way",
                (long long)job);
    s->notice_job = job;
}

/* Counted from 1, as everywhere on the screen. */
static void on_steered(void *context, int64_t job, int64_t chunk, int64_t frame)
{
    studio_tell(context, ROLE_GOOD, "#%lld goes on with it from chunk %lld, frame %lld",
                (long long)job, (long long)chunk + 1, (long long)frame + 1);
}

static void on_edited(void *context)
{
    struct studio *s = context;
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (s->state[i] && screen_table[i]->edited)
            screen_table[i]->edited(s);
    s->dirty = true;
}

static void on_trouble(void *context, const char *text)
{
    studio_tell(context, ROLE_BAD, "%s", text);
}

static void on_refused(void *context, const char *collection, const struct dn_error *why)
{
    sheet_refused(context, collection, why);
}

static void on_changed(void *context)
{
    ((struct studio *)context)->dirty = true;
}

/* --- the terminal --- */

void studio_take_caps(struct studio *s)
{
    struct tty_size size;
    struct graphics_caps caps = {0};
    tty_get_size(&size);
    struct probe_window window = {size.cols, size.rows, size.width_px, size.height_px};
    probe_caps(&s->probe, &window, &caps);
    caps.utf8 = canvas_is_utf8(s->canvas);
    caps.colours = term_text_colours(&s->probe);
    passage_caps(s, &caps);
    /* tmux without sixel of its own shows no pictures, whatever is wished */
    bool shut = s->passage.around && !caps.tmux && !caps.sixel;
    painter_set_caps(s->painter, &caps, shut ? "auto" : s->options->config->graphics);
    canvas_damage(s->canvas, 0, 1); /* see ask_terminal */
    s->answer_by_ms = 0;
    s->dirty = true;
}

static void on_answer(struct studio *s, const struct input_event *event)
{
    bool was_done = s->probe.done, light;
    if (passage_answer(s, event))
        return;
    probe_feed(&s->probe, event->text, event->length);
    if (s->probe.acknowledged != s->acknowledged) {
        if (painter_acknowledge(s->painter, s->probe.acknowledged - s->acknowledged, s->now_ms))
            s->dirty = true;
        s->acknowledged = s->probe.acknowledged;
    }
    if (probe_background(event->text, event->length, &light) && s->canvas) {
        canvas_set_light(s->canvas, light);
        s->dirty = true;
    }
    if (s->probe.done && !was_done) {
        passage_begin(s);
        studio_take_caps(s);
    }
}

static void on_input(void *context, const struct input_event *event)
{
    struct studio *s = context;
    if (event->kind == INPUT_ANSWER)
        unanswered_heard(&s->unanswered, event->text, event->length, s->now_ms);
    if (s->parting)
        return;
    if (event->kind == INPUT_ANSWER)
        on_answer(s, event);
    else if (event->kind != INPUT_FOCUS)
        keys_take(s, event);
}

static void ask_terminal(struct studio *s)
{
    if (!term_may_ask()) {
        studio_take_caps(s);
        return;
    }
    /* the background first: the fence must be the last question */
    strbuf_append_text(&s->out, probe_background_question());
    /* libvterm before 0.2 (a terminal inside vim or Neovim) shows kitty's question as text: on the
     * first row, which studio_take_caps has drawn anew */
    strbuf_append_text(&s->out, "\0337\033[H");
    strbuf_append_text(&s->out, probe_questions(term_is_multiplexer()));
    strbuf_append_text(&s->out, "\0338");
    s->answer_by_ms = s->now_ms + ANSWER_MS;
}

static void resize(struct studio *s)
{
    struct tty_size size;
    if (!tty_get_size(&size))
        return;
    canvas_resize(s->canvas, size.rows, size.cols);
    passage_move(s);
    studio_take_caps(s);
    s->forget = s->dirty = true;
}

/* What has not left yet is not for the terminal that there is now. Of a sequence that has left in
 * part, restore_bytes begins with the end. */
static void drop_output(struct studio *s)
{
    s->out.length = s->out_start = 0;
    painter_interrupt(s->painter);
}

void studio_hear_out(struct studio *s)
{
    int64_t end = dn_now_ms() + unanswered_wait_ms(&s->unanswered);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char bytes[4096];
    s->parting = true;
    while (s->unanswered.count > 0 && !s->hung_up && (s->now_ms = dn_now_ms()) < end) {
        if (poll(&input, 1, (int)(end - s->now_ms)) <= 0)
            continue;
        int n = tty_read(bytes, sizeof bytes);
        s->hung_up = n < 0;
        if (n > 0)
            input_feed(&s->input, bytes, (size_t)n);
    }
    s->parting = false;
    s->unanswered.count = 0; /* what has not come by now is lost */
}

void studio_reenter(struct studio *s)
{
    drop_output(s);
    strbuf_append_text(&s->out, enter_bytes);
    if (s->options->config->mouse)
        strbuf_append_text(&s->out, mouse_bytes);
    strbuf_append_text(&s->out, "\033[?1049h");
    if (!canvas_cursor_shown(s->canvas)) /* restore_bytes has shown it */
        strbuf_append_text(&s->out, "\033[?25l");
    resize(s);
    if (!s->probe.done)
        ask_terminal(s); /* what was asked before may have been lost */
}

static void suspend(struct studio *s)
{
    studio_hear_out(s);
    tty_suspend();
    studio_reenter(s);
}

static void draw(struct studio *s)
{
    if (s->forget) {
        canvas_damage_all(s->canvas);
        painter_forget(s->painter);
        s->forget = false;
    }
    s->dirty = false;
    canvas_begin(s->canvas);
    painter_begin(s->painter, s->now_ms);
    studio_draw_screens(s);
    painter_end(s->painter, &s->out);
    canvas_end(s->canvas, &s->out);
}

static void flush(struct studio *s)
{
    while (s->out_start < s->out.length) {
        long n = tty_write_some(s->out.data + s->out_start, s->out.length - s->out_start);
        s->hung_up = s->hung_up || n < 0;
        if (n <= 0)
            return;
        unanswered_sent(&s->unanswered, s->out.data + s->out_start, (size_t)n, s->now_ms);
        s->out_start += (size_t)n;
        s->flushed += n;
    }
    s->out.length = s->out_start = 0;
}

/* --- the loop --- */

static int64_t earliest(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* When something of the screen is due, -1 = never. While bytes wait for the terminal nothing can be
 * drawn: pictures wait too, and clips play for nobody. */
static int64_t screen_due(struct studio *s, int64_t now_ms)
{
    bool blocked = s->out.length > 0;
    int64_t due = blocked ? -1 : earliest(painter_due(s->painter), passage_due(s));
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (s->state[i] && screen_table[i]->due)
            due = earliest(due, screen_table[i]->due(s));
    return blocked && due >= 0 && due < now_ms + BLOCKED_MS ? now_ms + BLOCKED_MS : due;
}

/* When something is due that no file descriptor will tell, -1 = never. */
static int64_t next_due(struct studio *s, int64_t now_ms)
{
    int64_t due = earliest(screen_due(s, now_ms), link_due(s->link));
    if (s->notice[0])
        due = earliest(due, s->notice_until_ms);
    if (s->answer_by_ms)
        due = earliest(due, s->answer_by_ms);
    if (s->rest_at_ms)
        due = earliest(due, s->rest_at_ms);
    return due;
}

static void wait_for_something(struct studio *s, bool *tty_ready)
{
    struct pollfd fds[5] = {{.fd = 0, .events = POLLIN},
                            {.fd = tty_event_fd(), .events = POLLIN},
                            {.fd = tasks_fd(s->tasks), .events = POLLIN},
                            {.fd = link_fd(s->link), .events = POLLIN},
                            {.fd = s->out.length ? tty_output_fd() : -1, .events = POLLOUT}};
    int64_t now = dn_now_ms(), due = next_due(s, now);
    int wait = due < 0 ? -1 : due <= now ? 0 : due - now > 60000 ? 60000 : (int)(due - now);
    /* what waited until the terminal had taken all it was sent */
    if (s->out.length == 0 && (s->dirty || painter_has_work(s->painter)))
        wait = 0;
    int key_wait = input_wait_ms(&s->input);
    if (key_wait >= 0 && (wait < 0 || key_wait < wait))
        wait = key_wait;
    int n = poll(fds, 5, wait);
    s->now_ms = dn_now_ms();
    bool looked = n == 1 && fds[2].revents && s->passage.looking; /* nothing happens by that */
    if (n > 0 && !looked)
        s->rest_at_ms = s->now_ms + REST_MS;
    *tty_ready = n > 0 && fds[0].revents;
    if (n == 0 && key_wait >= 0 && key_wait == wait)
        input_timeout(&s->input);
    if (n > 0 && fds[1].revents)
        tty_clear_events();
    if (n > 0 && fds[3].revents)
        link_read(s->link, s->now_ms);
    if (n > 0 && fds[2].revents)
        tasks_collect(s->tasks);
}

static void take_signals(struct studio *s)
{
    if (tty_take_suspend())
        suspend(s);
    if (tty_take_resize())
        resize(s);
    s->ending = s->ending || tty_stop_signal() || s->hung_up;
}

/* Once after whatever happened: a studio that is left open for days is small. */
static void rest(struct studio *s)
{
    s->rest_at_ms = 0;
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (s->state[i] && screen_table[i]->rest)
            screen_table[i]->rest(s);
    if (s->catalog)
        catalog_release_memory(s->catalog);
    malloc_trim(0);
}

static void tick(struct studio *s)
{
    link_tick(s->link, s->now_ms);
    passage_tick(s);
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (s->state[i] && screen_table[i]->tick)
            screen_table[i]->tick(s);
    if (s->notice[0] && s->now_ms >= s->notice_until_ms) {
        s->notice[0] = '\0';
        s->dirty = true;
    }
    if (s->answer_by_ms && s->now_ms >= s->answer_by_ms)
        studio_take_caps(s); /* it will not answer: what can be known without */
    if (s->rest_at_ms && s->now_ms >= s->rest_at_ms)
        rest(s);
}

static void loop(struct studio *s)
{
    while (!s->ending) {
        bool tty_ready;
        char bytes[4096];
        wait_for_something(s, &tty_ready);
        if (tty_ready) {
            int n = tty_read(bytes, sizeof bytes);
            s->hung_up = s->hung_up || n < 0;
            if (n > 0)
                input_feed(&s->input, bytes, (size_t)n);
        }
        take_signals(s);
        tick(s);
        if (s->out.length == 0) {
            if (s->dirty)
                draw(s);
            s->dirty = painter_pump(s->painter, s->now_ms, &s->out);
        }
        flush(s);
    }
}

/* --- from start to end --- */

static bool open_terminal(struct studio *s, struct dn_error *err)
{
    struct tty_size size;
    if (!tty_is_foreground() || !tty_enter(restore_bytes))
        return dn_fail(err, DN_E_ARG, "the studio needs a terminal");
    if (!canvas_open(getenv("TERM"), term_is_utf8(), !term_no_color(), &s->canvas, err)) {
        tty_leave();
        return false;
    }
    tty_be_events();
    if (tty_get_size(&size))
        canvas_resize(s->canvas, size.rows, size.cols);
    return true;
}

static void close_terminal(struct studio *s)
{
    drop_output(s);
    studio_hear_out(s);
    strbuf_append_text(&s->out, "\033\\\033\\");
    painter_free(s->painter, &s->out);
    canvas_close(s->canvas, &s->out);
    strbuf_append_text(&s->out, restore_bytes);
    if (!s->hung_up)
        tty_write_last(s->out.data, s->out.length);
    tty_leave();
}

static void start(struct studio *s)
{
    struct link_sink sink = {.context = s, .job = on_job, .frames = on_frames, .queued = on_queued,
                             .steered = on_steered, .edited = on_edited, .trouble = on_trouble,
                             .refused = on_refused,
                             .changed = on_changed};
    s->now_ms = dn_now_ms();
    s->tasks = tasks_new();
    s->painter = painter_new(s->tasks, s->canvas);
    s->link = link_new(s->tasks, s->options->library, &sink);
    s->input = (struct input){.sink = on_input, .context = s};
    strbuf_append_text(&s->out, enter_bytes);
    if (s->options->config->mouse)
        strbuf_append_text(&s->out, mouse_bytes);
    ensure_open(s, screen_table[SCREEN_ENGINE]); /* it counts frames from the start */
    studio_show(s, SCREEN_STUDIO);
    draw(s); /* first of all something to see */
    flush(s);
    ask_terminal(s);
    flush(s);
}

static void finish(struct studio *s)
{
    /* what was typed is saved before a signal may end us in tty_leave() */
    for (int i = SCREEN_COUNT - 1; i >= 0; i--)
        if (s->state[i] && screen_table[i]->close)
            screen_table[i]->close(s);
    close_terminal(s);
    link_free(s->link);
    tasks_free(s->tasks);
    catalog_close(s->catalog);
    input_done(&s->input);
    strbuf_done(&s->out);
}

bool studio_run(const struct studio_options *options, struct dn_error *err)
{
    struct studio *s = dn_calloc(1, sizeof *s);
    s->options = options;
    s->settings = options->settings;
    bool ok = open_terminal(s, err);
    if (ok) {
        start(s);
        loop(s);
        finish(s);
    }
    free(s);
    return ok;
}
