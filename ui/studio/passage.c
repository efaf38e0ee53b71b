/* passage: see passage.h */
#include "ui/studio/passage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "ui/graphics/tmux.h"
#include "ui/studio/studio_internal.h"

/* Between looks: MOVING_MS while pictures move, STILL_MS while they stand, SHUT_MS when they go another
 * way. OLD_MS: what was seen longer ago is not relied on. REPEAT_MS: between pictures that are sent
 * again on suspicion. DRAWN: bytes that tmux sends for no redraw of a pane. */
enum { MOVING_MS = 500, STILL_MS = 1000, SHUT_MS = 5000, OLD_MS = 2000, REPEAT_MS = 2000 };
enum { DRAWN = 1024 };

/* What a thread works on. */
struct look {
    struct studio *studio;
    char tty[TMUX_TEXT_MAX], version[TMUX_TEXT_MAX];
    struct tmux_facts facts;
};

static bool is_on(const struct passage *p)
{
    return p->way == TMUX_OPEN || p->way == TMUX_HIDDEN;
}

static bool is_far(const struct studio *s)
{
    return strcmp(s->options->config->passthrough, "on") == 0;
}

/* What the painter may do now. */
static void tell_painter(struct studio *s)
{
    const struct passage *p = &s->passage;
    bool fresh = p->looked_ms && s->now_ms < p->looked_ms + OLD_MS && !p->moved;
    struct painter_passage passage = {.on = is_on(p),
                                      .open = p->way == TMUX_OPEN && fresh,
                                      .known = !p->moved,
                                      .row = p->facts.row,
                                      .col = p->facts.col};
    memcpy(passage.tty, p->facts.tty, sizeof passage.tty);
    painter_set_passage(s->painter, &passage);
}

static void redraw(void *data)
{
    tmux_redraw(((struct look *)data)->tty);
}

static void redrawn(void *data, bool dropped)
{
    struct look *look = data;
    if (!dropped)
        painter_forget(look->studio->painter);
    free(look);
}

/* What was under way when the pane moved may have come out elsewhere. */
static void wipe(struct studio *s, const struct tmux_facts *facts)
{
    struct look *look = dn_calloc(1, sizeof *look);
    look->studio = s;
    memcpy(look->tty, facts->tty, sizeof look->tty);
    tasks_add(s->tasks, LANE_TMUX, (struct task){redraw, redrawn, look});
}

/* Only when the answer will come to us: elsewhere it would be typed. */
static void ask_sixel(struct studio *s)
{
    struct passage *p = &s->passage;
    static const char question[] = "\033[c";
    if (!p->facts.answers || p->asked_pid == p->facts.pid)
        return;
    p->asked_pid = p->facts.pid;
    p->answer = TMUX_SIXEL_UNKNOWN;
    tmux_wrap(&s->out, question, sizeof question - 1);
}

/* Has tmux thrown away what we sent, or drawn more than that? It can be told when nothing was under
 * way while it was asked; else the next time. */
static void compare_bytes(struct studio *s, bool same)
{
    struct passage *p = &s->passage;
    struct passage_bytes now = {p->facts.written, painter_passed(s->painter), s->flushed};
    if (same && now.passed != p->passed)
        return;
    int64_t written = now.written - p->bytes.written, passed = now.passed - p->bytes.passed;
    int64_t text = now.left - p->bytes.left - passed;
    text = text > 0 ? text : 0;
    p->torn = p->torn || (same && (written < passed || written > passed + 2 * text + DRAWN));
    p->bytes = now;
}

/* Only what is wished for counts as what the terminal has. */
static void heed_wish(struct studio *s)
{
    const char *wish = s->options->config->graphics;
    struct tmux_facts *f = &s->passage.facts;
    f->placeholders = f->placeholders && strcmp(wish, "sixel") != 0;
    f->sixel = strcmp(wish, "kitty") == 0 ? TMUX_SIXEL_NO : f->sixel;
}

/* A tmux with sixel of its own needs its passthrough for a kitty only. */
static bool may_pass(const struct studio *s)
{
    const struct passage *p = &s->passage;
    return strcmp(s->options->config->passthrough, "off") != 0 &&
           (!p->native || p->facts.placeholders);
}

/* The facts are new ones. */
static void judge(struct studio *s, const struct tmux_facts *before)
{
    struct passage *p = &s->passage;
    const char *why;
    enum tmux_way way = p->way;
    bool same = before->pid == p->facts.pid, was_on = is_on(p);
    if (p->facts.pid == p->asked_pid && p->facts.sixel == TMUX_SIXEL_UNKNOWN)
        p->facts.sixel = p->answer;
    bool had_sixel = p->own_sixel;
    heed_wish(s);
    p->own_sixel = p->native && (p->facts.terminals ? tmux_facts_own_sixel(&p->facts) : had_sixel);
    p->way = p->native && !may_pass(s) ? TMUX_SHUT : tmux_facts_judge(&p->facts, is_far(s), &why);
    bool went = p->facts.row != before->row || p->facts.col != before->col;
    bool moved = p->moved || !same || (went && !p->facts.placeholders);
    bool grew =
        p->facts.cell_width != before->cell_width || p->facts.cell_height != before->cell_height;
    p->moved = false;
    if (p->way == TMUX_ASK)
        ask_sixel(s);
    compare_bytes(s, same);
    if (was_on && before->terminals && !before->placeholders && (moved || !is_on(p)) &&
        painter_has_pictures(s->painter))
        wipe(s, before);
    if (is_on(p) != was_on || (is_on(p) && grew) || p->own_sixel != had_sixel) {
        studio_take_caps(s);
    } else if (is_on(p) && (moved || way != p->way)) {
        painter_forget(s->painter);
        p->torn = false;
    } else if (p->torn && s->now_ms >= p->repeated_ms + REPEAT_MS) {
        painter_repeat(s->painter);
        p->torn = false;
        p->repeated_ms = s->now_ms;
    }
}

static void look(void *data)
{
    struct look *l = data;
    tmux_look(&l->facts, l->tty, l->version);
}

static void looked(void *data, bool dropped)
{
    struct look *l = data;
    struct studio *s = l->studio;
    struct passage *p = &s->passage;
    if (!dropped) {
        struct tmux_facts before = p->facts;
        p->looking = false;
        if (!p->again && p->around) {
            p->looked_ms = s->now_ms;
            p->facts = l->facts;
            judge(s, &before);
        }
        p->again = false;
    }
    free(l);
}

static void start_look(struct studio *s)
{
    struct look *l = dn_calloc(1, sizeof *l);
    l->studio = s;
    if (ttyname_r(STDIN_FILENO, l->tty, sizeof l->tty) != 0)
        l->tty[0] = '\0';
    memcpy(l->version, s->probe.version, sizeof l->version);
    s->passage.looking = true;
    s->passage.passed = painter_is_idle(s->painter) ? painter_passed(s->painter) : -1;
    tasks_add(s->tasks, LANE_TMUX, (struct task){look, looked, l});
}

void passage_begin(struct studio *s)
{
    const struct studio_config *c = s->options->config;
    bool wished = strcmp(c->graphics, "blocks") != 0 && strcmp(c->graphics, "none") != 0;
    s->passage.native = s->probe.sixel;
    s->passage.around = wished && tmux_is_around(&s->probe) &&
                        (s->probe.sixel ? strcmp(c->graphics, "sixel") != 0
                                        : strcmp(c->passthrough, "off") != 0);
}

void passage_move(struct studio *s)
{
    s->passage.moved = s->passage.around;
    if (s->passage.answer == TMUX_SIXEL_UNKNOWN)
        s->passage.asked_pid = 0; /* the question may have been lost */
    s->passage.again = s->passage.looking;
    tell_painter(s);
}

void passage_tick(struct studio *s)
{
    int64_t due = passage_due(s);
    if (due >= 0 && s->now_ms >= due)
        start_look(s);
    if (s->passage.around)
        tell_painter(s);
}

int64_t passage_due(const struct studio *s)
{
    const struct passage *p = &s->passage;
    if (!p->around || p->looking)
        return -1;
    if (!p->looked_ms || p->moved)
        return s->now_ms;
    if (!painter_has_pictures(s->painter))
        return -1;
    bool asks = p->way == TMUX_ASK && p->asked_pid != p->facts.pid;
    bool moves = asks || s->now_ms < painter_sent_ms(s->painter) + STILL_MS;
    return p->looked_ms + (!is_on(p) && !asks ? SHUT_MS : moves ? MOVING_MS : STILL_MS);
}

bool passage_answer(struct studio *s, const struct input_event *event)
{
    struct passage *p = &s->passage;
    struct probe answer = {0};
    if (!p->around)
        return false;
    probe_feed(&answer, event->text, event->length);
    if (answer.done && p->asked_pid) {
        p->answer = answer.sixel ? TMUX_SIXEL_YES : TMUX_SIXEL_NO;
        p->looked_ms = 0; /* at once */
    }
    return answer.done;
}

void passage_caps(const struct studio *s, struct graphics_caps *caps)
{
    const struct passage *p = &s->passage;
    if (is_on(p))
        tmux_caps(&p->facts, caps);
    else if (p->around)
        caps->sixel = p->own_sixel;
}
