/* prompt_pane: see prompt_pane.h */
#define _GNU_SOURCE
#include "ui/studio/prompt_pane.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { DRAFT_MS = 1000 };

void prompt_pane_open(struct prompt_pane *p, const char *text)
{
    char *draft = text ? dn_strdup(text) : history_load_draft();
    history_load(&p->history);
    p->history_at = p->history.count;
    editor_set(&p->editor, draft);
    p->editor.changed = false;
    free(draft);
}

static bool save_draft(struct prompt_pane *p, struct dn_error *err)
{
    p->save_at_ms = 0;
    return history_save_draft(prompt_pane_text(p), err);
}

bool prompt_pane_close(struct prompt_pane *p, struct dn_error *err)
{
    bool ok = (!p->save_at_ms && !p->editor.changed) || save_draft(p, err);
    editor_done(&p->editor);
    history_done(&p->history);
    free(p->typed);
    p->typed = NULL;
    return ok;
}

const char *prompt_pane_text(const struct prompt_pane *p)
{
    return editor_text(&p->editor);
}

void prompt_pane_set(struct prompt_pane *p, const char *text)
{
    editor_change(&p->editor, text);
}

bool prompt_pane_used(struct prompt_pane *p, struct dn_error *err)
{
    bool ok = history_add(&p->history, prompt_pane_text(p), err);
    p->history_at = p->history.count;
    return ok;
}

/* --- history --- */

static void show(struct prompt_pane *p, size_t at)
{
    if (p->history_at == p->history.count) {
        free(p->typed);
        p->typed = dn_strdup(prompt_pane_text(p));
    }
    p->history_at = at;
    editor_change(&p->editor, at < p->history.count ? p->history.prompts[at] : p->typed);
}

void prompt_pane_up(struct prompt_pane *p, const struct canvas *c)
{
    if (!editor_move(&p->editor, c, MOVE_UP) && p->history_at > 0)
        show(p, p->history_at - 1);
}

void prompt_pane_down(struct prompt_pane *p, const struct canvas *c)
{
    if (!editor_move(&p->editor, c, MOVE_DOWN) && p->history_at < p->history.count)
        show(p, p->history_at + 1);
}

bool prompt_pane_search(struct prompt_pane *p, const char *wanted)
{
    size_t cursor = p->editor.cursor;
    char *text = wanted ? dn_strdup(wanted) : dn_strndup(prompt_pane_text(p), cursor);
    bool found = false;
    for (size_t i = p->history_at; i-- > 0 && !found;) {
        const char *prompt = p->history.prompts[i];
        if (!strcasestr(prompt, text) || strcmp(prompt, prompt_pane_text(p)) == 0)
            continue;
        show(p, i);
        if (!wanted && strncasecmp(prompt, text, cursor) == 0)
            p->editor.cursor = cursor;
        found = true;
    }
    free(text);
    return found;
}

bool prompt_pane_clear(struct prompt_pane *p)
{
    size_t length = p->editor.text.length;
    p->editor.killed.length = 0;
    strbuf_append(&p->editor.killed, prompt_pane_text(p), length);
    prompt_pane_set(p, "");
    return length > 0;
}

/* --- time --- */

bool prompt_pane_tick(struct prompt_pane *p, int64_t now_ms, struct dn_error *err)
{
    if (p->editor.changed) {
        p->editor.changed = false;
        p->save_at_ms = now_ms + DRAFT_MS;
    }
    return !p->save_at_ms || now_ms < p->save_at_ms || save_draft(p, err);
}

int64_t prompt_pane_due(const struct prompt_pane *p, int64_t now_ms)
{
    return p->editor.changed ? now_ms : p->save_at_ms ? p->save_at_ms : -1;
}
