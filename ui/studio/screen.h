/* screen: one full screen of the studio, or a dialog over it. Each is a file screen_NAME.c or
 * dialog_NAME.c that exports one const entry, listed in screen_table.c. */
#ifndef DANAUS_UI_STUDIO_SCREEN_H
#define DANAUS_UI_STUDIO_SCREEN_H

#include "ui/studio/action.h"
#include "ui/studio/canvas.h"
#include "ui/studio/editor.h"
#include "ui/studio/input.h"
#include "ui/studio/keymap.h"
#include "ui/studio/link.h"

enum screen_number {
    SCREEN_STUDIO,
    SCREEN_LIBRARY,
    SCREEN_PLAYER,
    SCREEN_QUEUE,
    SCREEN_ENGINE,
    SCREEN_SHEET,
    SCREEN_FULL_COUNT, /* the others are dialogs */
    DIALOG_HELP = SCREEN_FULL_COUNT,
    DIALOG_COMMAND,
    DIALOG_ASK,
    DIALOG_TEXT,
    DIALOG_EXPORT,
    DIALOG_RECALL,
    DIALOG_LABELS,
    SCREEN_COUNT
};

struct screen {
    enum screen_number number;
    const char *name;  /* also of the action that shows it */
    const char *title; /* in the top bar */
    const struct action *actions;
    bool small; /* a dialog that leaves the pictures below it alone */
    void *(*open)(struct studio *s); /* its state */
    void (*close)(struct studio *s);
    void (*enter)(struct studio *s); /* it is shown now; may be NULL, as all below */
    void (*leave)(struct studio *s); /* another one is, or a dialog is over it and small is not set */
    void (*draw)(struct studio *s, struct rect area);
    /* The text that is typed into now, NULL = none. */
    struct editor *(*editor)(struct studio *s);
    /* What was pasted, where text is typed. True: it is taken care of; else it is typed. */
    bool (*paste)(struct studio *s, const char *text, size_t length);
    void (*click)(struct studio *s, const struct input_event *event); /* the mouse */
    void (*job)(struct studio *s, const struct link_job *job);  /* a job has changed */
    void (*frames)(struct studio *s, const struct link_frames *frames);
    void (*edited)(struct studio *s);                           /* the catalog has changed */
    void (*tick)(struct studio *s);                             /* after anything happened */
    int64_t (*due)(struct studio *s); /* when tick wants to be called, ms, -1 = not */
    void (*rest)(struct studio *s);   /* nothing happens: what is kept to be quick may go */
    /* NULL-terminated actions for the bottom line; "make:queue" is make, shown as queue */
    const char *const *(*hint)(struct studio *s);
};

extern const struct screen *const screen_table[SCREEN_COUNT];
extern const struct action global_actions[], editor_actions[];
/* Every table of actions, as the key map wants them. The main thread's. */
const struct key_context *key_contexts(void);

#endif
