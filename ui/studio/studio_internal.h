/* studio_internal: what the studio's screens share. Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_STUDIO_INTERNAL_H
#define DANAUS_UI_STUDIO_STUDIO_INTERNAL_H

#include "store/catalog_clips.h"
#include "ui/graphics/probe.h"
#include "ui/studio/painter.h"
#include "ui/studio/passage.h"
#include "ui/studio/screen.h"
#include "ui/studio/studio.h"
#include "ui/studio/unanswered.h"

enum { STACK_MAX = 8, NOTICE_MS = 6000, MIN_COLS = 60, MIN_ROWS = 16 };

struct studio {
    const struct studio_options *options;
    struct settings *settings;
    struct canvas *canvas;
    struct painter *painter;
    struct tasks *tasks;
    struct link *link;
    struct catalog *catalog;   /* read only; NULL until there is one */
    int64_t catalog_changes;
    struct probe probe;
    struct input input;
    struct strbuf out;         /* bytes that wait for the terminal */
    size_t out_start;
    int64_t flushed;           /* bytes that have left */
    struct passage passage;    /* to tmux's terminal */

    const struct screen *stack[STACK_MAX]; /* [0] a full screen, dialogs above it */
    int depth;
    void *state[SCREEN_COUNT];
    uint32_t chord;            /* the first of two keys, 0 = none */

    char notice[512];          /* one line for the user */
    enum role notice_role;
    int64_t notice_until_ms;
    int64_t notice_job;        /* whose end makes it old, 0 = none's */
    int64_t now_ms;
    bool dirty;                /* something is to be drawn */
    bool forget;               /* the terminal shows who knows what */
    bool ending, hung_up;
    int64_t answer_by_ms;      /* when the probe gives up, 0 = has */
    int64_t rest_at_ms;        /* when memory is given back unless something happens, 0 = it was */
    int acknowledged;
    struct unanswered unanswered; /* of what was asked of the terminal */
    bool parting;              /* only its answers count any more */
};

/* --- studio_draw.c: for the screens --- */

/* The first key of each action of names, which ends with NULL, and what it does: its name, or what stands
 * behind a colon in "make:queue". Those that do not fit are left out. */
void studio_draw_keys(struct studio *s, enum screen_number screen, struct rect line,
                      const char *const *names);
/* The box of a dialog, empty. */
void studio_draw_dialog(struct studio *s, struct rect box, const char *title);

/* --- studio.c: for the screens --- */

void studio_show(struct studio *s, enum screen_number number);
void studio_open_dialog(struct studio *s, enum screen_number number);
void studio_close_dialog(struct studio *s);
const struct screen *studio_top(const struct studio *s);
const struct screen *studio_main(const struct studio *s);
/* What is told when the engine has taken a clip: the tag of link_send_enqueue. */
enum queued_words { QUEUED_AT_ONCE, QUEUED_WAITS, QUEUED_QUIETLY };
/* A line for the user until the next one, or NOTICE_MS. */
void studio_tell(struct studio *s, enum role role, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void studio_tell_error(struct studio *s, const struct dn_error *err);
/* The action called name of what is shown on top, of the text that is typed, or of everywhere, with its
 * argument. */
bool studio_run_command(struct studio *s, const char *line);
/* The catalog if it can be opened by now. */
struct catalog *studio_catalog(struct studio *s);
/* The text with a yes or no behind it; yes runs run with data. */
void studio_ask(struct studio *s, const char *question, void (*run)(struct studio *s, int64_t data),
                int64_t data);

/* dialog_text.c: asks for text and hands it to run. Strings are copied. */
struct text_question {
    const char *title, *text; /* text: what stands there already, NULL = nothing */
    const char *empty;        /* shown while nothing does; must stay valid */
    bool one_line;
    void (*run)(struct studio *s, int64_t data, const char *text);
    int64_t data;
};
void studio_ask_text(struct studio *s, const struct text_question *question);

/* What the terminal can do is known, or known otherwise. */
void studio_take_caps(struct studio *s);
/* Before somebody else has the terminal: waits a moment for the answers that it owes us, which were
 * typed there else. Keys that come meanwhile are lost. */
void studio_hear_out(struct studio *s);
/* The terminal is ours again after somebody else had it. */
void studio_reenter(struct studio *s);
/* outside_editor.c: text as $VISUAL or $EDITOR leaves it; NULL: err. The caller frees. */
char *studio_edit_outside(struct studio *s, const char *text, struct dn_error *err);

/* studio_draw.c, studio_keys.c: for the loop. */
void studio_draw_screens(struct studio *s);
void keys_take(struct studio *s, const struct input_event *event);
/* Where the name of a full screen stands in the top bar. */
void studio_bar_name(const struct studio *s, int number, int *col, int *cols);
/* Inside this area full screens are drawn; false: the window is too small. */
bool studio_area(const struct studio *s, struct rect *area);

/* --- what screens do for each other --- */

/* recall.c: takes over what a clip was made from. */
enum recall { RECALL_ALL, RECALL_BUT_SEED, RECALL_PROMPT };
const char *recall_name(enum recall what); /* "everything but the seed" */
void studio_recall(struct studio *s, int64_t clip, enum recall what);
/* The request that a clip was made from, as JSON with some values replaced; NULL: told the user. */
char *studio_request_of(struct studio *s, int64_t clip, const char *prompt, bool new_seed);
/* screen_studio.c: prompt and settings become those of r, and the studio is shown. */
void studio_take_request(struct studio *s, const struct request *r, enum recall what);
/* screen_sheet.c: the contact sheet of that name (see sheet_names.h), or number. */
void sheet_show(struct studio *s, const char *name);
void sheet_show_number(struct studio *s, int64_t number);
/* The engine did not take a clip that was to belong to a collection. */
void sheet_refused(struct studio *s, const char *collection, const struct dn_error *why);
/* screen_player.c */
void player_open(struct studio *s, int64_t clip);
void player_compare(struct studio *s, const int64_t *clips, int count); /* at most four */
/* dialog_export.c: count clips, at most 64; frames first to last of each, last -1 = to the end */
struct export_range {
    int64_t first, last;
};
void export_open(struct studio *s, const int64_t *clips, int count);
void export_open_range(struct studio *s, const int64_t *clips, int count, struct export_range range);

#endif
