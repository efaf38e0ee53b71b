/* settings_pane: the settings of the next clip as a list, drawn from the option table. */
#ifndef DANAUS_UI_STUDIO_SETTINGS_PANE_H
#define DANAUS_UI_STUDIO_SETTINGS_PANE_H

#include "config/request.h"
#include "ui/studio/canvas.h"
#include "ui/studio/editor.h"

enum seed_mode { SEED_RANDOM, SEED_FIXED, SEED_NEXT };

struct settings_pane {
    struct request *request; /* borrowed */
    enum seed_mode seed_mode;
    int at, first;           /* row chosen, first one shown */
    bool editing;
    struct editor value;
};

void settings_pane_draw(struct settings_pane *p, struct canvas *c, struct rect area, bool focused);
void settings_pane_move(struct settings_pane *p, int by);
/* The next or the previous value of the chosen row. */
bool settings_pane_change(struct settings_pane *p, int by, struct dn_error *err);
/* Types a value: begins, or takes it when editing. False: it is none, and is still being edited. */
bool settings_pane_edit(struct settings_pane *p, struct dn_error *err);
/* Sets the option called name from "NAME VALUE", as `:set` does. */
bool settings_pane_set(struct settings_pane *p, const char *text, struct dn_error *err);
bool settings_pane_is_at(const struct settings_pane *p, const char *name);
/* A click on a row of the area drawn last; true: it was chosen already. */
bool settings_pane_click(struct settings_pane *p, struct rect area, int row);
/* What the chosen option means, and its range; the caller frees. */
char *settings_pane_help(const struct settings_pane *p);
const char *seed_mode_name(enum seed_mode mode);

#endif
