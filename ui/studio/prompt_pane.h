/* prompt_pane: the prompt that is being typed, the prompts of before, and the draft that survives
 * everything. */
#ifndef DANAUS_UI_STUDIO_PROMPT_PANE_H
#define DANAUS_UI_STUDIO_PROMPT_PANE_H

#include "ui/studio/editor.h"
#include "ui/studio/history.h"

struct prompt_pane {
    struct editor editor;
    struct history history;
    size_t history_at;  /* history.count: what is being typed */
    char *typed;        /* that, while walking through the history */
    int64_t save_at_ms; /* of the draft, 0 = it is saved */
};

/* text NULL: the draft of the last time. */
void prompt_pane_open(struct prompt_pane *p, const char *text);
/* Saves the draft if that is due. False: err; all is freed either way. */
bool prompt_pane_close(struct prompt_pane *p, struct dn_error *err);

const char *prompt_pane_text(const struct prompt_pane *p);
void prompt_pane_set(struct prompt_pane *p, const char *text);
/* The prompt was made: it belongs to the history from now on. */
bool prompt_pane_used(struct prompt_pane *p, struct dn_error *err);

/* A line up or down; from the first and the last one into the history. */
void prompt_pane_up(struct prompt_pane *p, const struct canvas *c);
void prompt_pane_down(struct prompt_pane *p, const struct canvas *c);
/* The newest earlier prompt that has wanted in it (NULL: what stands left of the cursor); again: an
 * older one. False: there is none. */
bool prompt_pane_search(struct prompt_pane *p, const char *wanted);
/* Empties it; editor_yank brings it back. False: it was empty. */
bool prompt_pane_clear(struct prompt_pane *p);

/* Saves the draft a second after the last change. */
bool prompt_pane_tick(struct prompt_pane *p, int64_t now_ms, struct dn_error *err);
int64_t prompt_pane_due(const struct prompt_pane *p, int64_t now_ms); /* -1 = not */

#endif
