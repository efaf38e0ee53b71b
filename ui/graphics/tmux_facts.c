/* tmux_facts: see tmux_facts.h */
#include "ui/graphics/tmux_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/graphics/probe.h"

/* Fields between blanks, the one that may have blanks in it last. */
const char tmux_pane_format[] =
    "pane #{allow-passthrough} #{window_id} #{pane_left} #{pane_top} #{pane_in_mode} "
    "#{pane_active} #{window_zoomed_flag} #{pane_tty}";
const char tmux_terminal_format[] =
    "terminal #{window_id} #{client_pid} #{?client_control_mode,1,0} #{client_width} "
    "#{client_height} #{?client_cell_width,#{client_cell_width},0} "
    "#{?client_cell_height,#{client_cell_height},0} #{client_written} #{?window_bigger,1,0} "
    "#{?client_prefix,1,0} #{status} #{status-position} #{client_key_table} "
    "#{?client_tty,#{client_tty},-} (#{client_termfeatures}) #{client_termtype}";

struct pane {
    char passes[8], window[16], tty[TMUX_TEXT_MAX];
    int left, top, in_mode, active, zoomed;
};

static bool read_pane(const char *line, struct pane *p)
{
    return sscanf(line, "pane %7s %15s %d %d %d %d %d %63s", p->passes, p->window, &p->left,
                  &p->top, &p->in_mode, &p->active, &p->zoomed, p->tty) == 8 &&
           p->left >= 0 && p->left < 10000 && p->top >= 0 && p->top < 10000;
}

/* Is word among those that commas divide? */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

/* From 3.4 on tmux reads the terminal's answer to DA1 itself. */
static enum tmux_sixel known_sixel(const char *features, const char *name, const char *version)
{
    if (has_word(features, "sixel") || strncmp(name, "foot(", 5) == 0)
        return TMUX_SIXEL_YES;
    return strncmp(version, "tmux 3.3", 8) == 0 ? TMUX_SIXEL_UNKNOWN : TMUX_SIXEL_NO;
}

/* kitty has them since 0.28. */
static bool knows_placeholders(const char *name)
{
    int major, minor;
    return sscanf(name, "kitty(%d.%d", &major, &minor) == 2 && (major > 0 || minor >= 28);
}

/* Rows of the status line: "on", "off" or how many. */
static int status_rows(const char *status)
{
    return strcmp(status, "on") == 0 ? 1 : atoi(status);
}

/* One terminal. False: the line cannot be read. */
static bool read_terminal(struct tmux_facts *f, const char *line, const struct pane *pane,
                          const char *version)
{
    char window[16], control[8], status[8], position[8], table[32], features[256] = "";
    int cols, rows, width, height, bigger, prefix, end = 0;
    char tty[TMUX_TEXT_MAX];
    long pid;
    int64_t written;
    if (sscanf(line, "terminal %15s %ld %7s %d %d %d %d %" SCNd64 " %d %d %7s %7s %31s %63s (%n",
               window, &pid, control, &cols, &rows, &width, &height, &written, &bigger, &prefix,
               status, position, table, tty, &end) != 14 ||
        end == 0)
        return false;
    if (strcmp(window, pane->window) != 0 || strcmp(control, "1") == 0)
        return true; /* it shows another window, or is a program */
    const char *close = strstr(line + end, ") ");
    if (!close || (size_t)(close - line - end) >= sizeof features)
        return false;
    memcpy(features, line + end, (size_t)(close - line - end));
    f->terminals++;
    f->pid = pid;
    f->cols = cols;
    f->rows = rows;
    /* 640x480 is what some ssh servers say of every terminal */
    bool faked = cols > 0 && rows > 0 && width == 640 / cols && height == 480 / rows;
    bool told = probe_is_cell(width, height) && !faked;
    f->cell_width = told ? width : 0;
    f->cell_height = told ? height : 0;
    f->written = written;
    f->cut = bigger;
    f->answers = !prefix && strcmp(table, "root") == 0;
    f->col = pane->left;
    f->row = pane->top + (strcmp(position, "top") == 0 ? status_rows(status) : 0);
    snprintf(f->tty, sizeof f->tty, "%s", tty);
    snprintf(f->name, sizeof f->name, "%s", close + 2);
    f->sixel = known_sixel(features, f->name, version);
    f->sixels += f->sixel == TMUX_SIXEL_YES;
    f->placeholders = knows_placeholders(f->name);
    return true;
}

bool tmux_facts_read(struct tmux_facts *facts, const char *answer, const char *tty,
                     const char *version)
{
    struct pane pane = {0};
    char line[1024];
    bool ok = false;
    *facts = (struct tmux_facts){0};
    for (const char *p = answer; *p;) {
        size_t n = strcspn(p, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), p);
        if (!(p == answer ? read_pane(line, &pane) : read_terminal(facts, line, &pane, version)))
            return false;
        ok = true;
        p += n + (p[n] == '\n');
    }
    facts->ours = strcmp(pane.tty, tty) == 0;
    facts->passthrough = strcmp(pane.passes, "all") == 0  ? TMUX_PASSES_ALL
                         : strcmp(pane.passes, "on") == 0 ? TMUX_PASSES_ON
                         : strcmp(pane.passes, "1") == 0  ? TMUX_PASSES_ON /* 3.3 */
                                                          : TMUX_PASSES_OFF;
    facts->shown = !pane.in_mode && (pane.active || !pane.zoomed);
    facts->answers = facts->answers && pane.active && facts->shown;
    return ok;
}

bool tmux_facts_own_sixel(const struct tmux_facts *f)
{
    return f->terminals > 0 && f->sixels == f->terminals;
}

enum tmux_way tmux_facts_judge(const struct tmux_facts *f, bool far, const char **why)
{
    static const char off[] =
        "allow-passthrough is off; in ~/.tmux.conf: set -g allow-passthrough on";
    static const char all[] =
        "allow-passthrough all would draw over other windows; in ~/.tmux.conf: "
        "set -g allow-passthrough on";
    const bool cells = f->terminals && f->placeholders; /* tmux itself knows where they belong */
    const struct {
        bool true_now;
        const char *why;
    } reasons[] = {
        {!f->ours, "this is not a pane's own terminal"},
        {f->passthrough == TMUX_PASSES_OFF, off},
        {f->passthrough == TMUX_PASSES_ALL && !cells, all},
        {f->terminals > 1, "more than one terminal shows this window"},
        {f->terminals && f->sixel == TMUX_SIXEL_NO && !cells,
         "tmux's terminal has no sixel, and is no kitty of 0.28 or later"},
        {f->terminals && f->remote && !far,
         "tmux's terminal is at the other end of SSH, where too many bytes would not be noticed; "
         "passthrough: on sends them all the same"},
        {f->cut && !cells, "the window is larger than tmux's terminal"},
        {f->terminals && f->cell_width == 0, "tmux's terminal does not tell the size of its cells"},
    };
    *why = "";
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].true_now) {
            *why = reasons[i].why;
            return TMUX_SHUT;
        }
    if (f->terminals && f->sixel == TMUX_SIXEL_UNKNOWN && !cells)
        return TMUX_ASK;
    return f->terminals && f->shown ? TMUX_OPEN : TMUX_HIDDEN;
}
