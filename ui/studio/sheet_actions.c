/* sheet_actions: what is done with the clips of a contact sheet: one is picked and gone on from, the
 * others are let go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/studio/clipboard.h"
#include "ui/studio/recall_file.h"
#include "ui/studio/sheet_screen.h"

static struct clip *chosen(struct studio *s)
{
    struct clip *clip = sheet_chosen(&sheet_screen_of(s)->sheet);
    if (!clip)
        studio_tell(s, ROLE_DIM, "there is no clip here");
    return clip;
}

static bool is_unfinished(enum job_state state)
{
    return state == JOB_QUEUED || state == JOB_PAUSED || state == JOB_RUNNING;
}

static void edit(struct studio *s, const char *what, int64_t clip, int64_t number)
{
    link_send_edit(s->link, &(struct link_edit){.what = what, .clip = clip, .number = number});
}

/* --- going on from one --- */

void sheet_do_play(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    enum job_state state = clip ? sheet_state_of(s, clip) : JOB_DONE;
    (void)argument;
    if (state != JOB_DONE && state != JOB_CANCELLED)
        studio_tell(s, ROLE_WARN, "#%lld is %s: there is nothing to play yet", (long long)clip->id,
                    job_state_name(state));
    else if (clip)
        player_open(s, clip->id);
}

static void recall(struct studio *s, enum recall what)
{
    const struct clip *clip = chosen(s);
    if (clip)
        studio_recall(s, clip->id, what);
}

void sheet_do_recall(struct studio *s, const char *argument)
{
    if (argument)
        recall_file_command(s, argument);
    else
        recall(s, RECALL_ALL);
}

void sheet_do_remix(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_BUT_SEED);
}

void sheet_do_recall_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_PROMPT);
}

void sheet_do_copy_prompt(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    (void)argument;
    if (clip)
        clipboard_copy(s, clip->prompt);
}

/* The new clip belongs to the sheet of the one that it comes from. */
static void send(struct studio *s, const struct clip *from, const char *prompt, bool new_seed,
                 int64_t chunk, const char *relation)
{
    char *json = studio_request_of(s, from->id, prompt, new_seed);
    if (json)
        link_send_enqueue(s->link,
                          &(struct link_enqueue){.request_json = json,
                                                 .parent = from->id,
                                                 .parent_chunk = chunk,
                                                 .relation = relation,
                                                 .collection = sheet_screen_of(s)->sheet.name,
                                                 .tag = QUEUED_WAITS});
    free(json);
}

static void branch(struct studio *s, int64_t chunk, const char *prompt)
{
    const struct clip *clip = chosen(s);
    if (clip)
        send(s, clip, prompt, false, chunk, "branch");
}

void sheet_do_branch(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    long kept = argument ? strtol(argument, NULL, 10) : 1;
    char title[160];
    if (!clip)
        return;
    if (sheet_state_of(s, clip) != JOB_DONE || kept < 1 || kept >= clip->chunks) {
        studio_tell(s, ROLE_WARN, "a branch keeps 1 chunk or more of a clip that is made, not all: "
                    "#%lld has %lld", (long long)clip->id, (long long)clip->chunks);
        return;
    }
    snprintf(title, sizeof title, "Branch of #%lld: keeps chunks 1 to %ld of %lld, then",
             (long long)clip->id, kept, (long long)clip->chunks);
    studio_ask_text(s, &(struct text_question){.title = title, .text = clip->prompt,
                                               .empty = "what happens instead", .run = branch,
                                               .data = kept});
}

void sheet_do_vary(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    (void)argument;
    if (clip)
        send(s, clip, NULL, true, 0, "vary");
}

void sheet_do_export(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    (void)argument;
    if (clip)
        export_open(s, &clip->id, 1);
}

void sheet_do_export_all(struct studio *s, const char *argument)
{
    const struct sheet *sheet = &sheet_screen_of(s)->sheet;
    int64_t ids[64];
    int count = 0;
    (void)argument;
    for (size_t i = 0; i < sheet->count && count < 64; i++)
        if (sheet_state_of(s, &sheet->clips[i]) == JOB_DONE)
            ids[count++] = sheet->clips[i].id;
    if (count)
        export_open(s, ids, count);
    else
        studio_tell(s, ROLE_DIM, sheet->name[0] ? "no clip of the sheet is made yet"
                                                : "there is no sheet yet");
}

/* --- hearts and stars --- */

void sheet_do_favourite(struct studio *s, const char *argument)
{
    struct clip *clip = chosen(s);
    (void)argument;
    if (!clip)
        return;
    clip->favourite = !clip->favourite; /* at once: the engine's word comes later */
    edit(s, "favourite", clip->id, clip->favourite);
}

static void rate(struct studio *s, int by)
{
    struct clip *clip = chosen(s);
    if (!clip || clip->rating + by < 0 || clip->rating + by > 5)
        return;
    clip->rating += by;
    edit(s, "rate", clip->id, clip->rating);
}

void sheet_do_more_stars(struct studio *s, const char *argument)
{
    (void)argument;
    rate(s, 1);
}

void sheet_do_fewer_stars(struct studio *s, const char *argument)
{
    (void)argument;
    rate(s, -1);
}

/* --- letting go --- */

static void trash(struct studio *s, int64_t id)
{
    struct sheet_screen *v = sheet_screen_of(s);
    if (v->undo_count == SHEET_UNDO)
        memmove(v->undo, v->undo + 1, (size_t)--v->undo_count * sizeof v->undo[0]);
    v->undo[v->undo_count++] = id;
    edit(s, "trash", id, 0);
}

/* What waits or runs is stopped first: the engine puts nothing into the trash that is being made. */
void sheet_do_drop(struct studio *s, const char *argument)
{
    struct sheet_screen *v = sheet_screen_of(s);
    const struct clip *clip = chosen(s);
    (void)argument;
    if (!clip)
        return;
    if (!is_unfinished(sheet_state_of(s, clip))) {
        trash(s, clip->id);
    } else if (v->dropping_count < SHEET_DROPPING) {
        v->dropping[v->dropping_count++] = clip->id;
        link_send_order(s->link, ORDER_CANCEL, clip->id);
    }
    studio_tell(s, ROLE_TEXT, "#%lld is dropped; u takes it back", (long long)clip->id);
}

void sheet_job_ended(struct studio *s, int64_t id)
{
    struct sheet_screen *v = sheet_screen_of(s);
    for (int i = 0; i < v->dropping_count; i++)
        if (v->dropping[i] == id) {
            v->dropping[i] = v->dropping[--v->dropping_count];
            trash(s, id);
            return;
        }
}

void sheet_do_undo(struct studio *s, const char *argument)
{
    struct sheet_screen *v = sheet_screen_of(s);
    (void)argument;
    if (v->undo_count == 0) {
        studio_tell(s, ROLE_TEXT, "there is nothing to take back");
        return;
    }
    int64_t id = v->undo[--v->undo_count];
    edit(s, "restore", id, 0);
    studio_tell(s, ROLE_TEXT, "#%lld is back", (long long)id);
}

void sheet_do_cancel_rest(struct studio *s, const char *argument)
{
    const struct sheet *sheet = &sheet_screen_of(s)->sheet;
    int count = 0;
    (void)argument;
    /* the last ones first: none of those that wait is begun meanwhile */
    for (size_t i = sheet->count; i-- > 0;)
        if (is_unfinished(sheet_state_of(s, &sheet->clips[i]))) {
            link_send_order(s->link, ORDER_CANCEL, sheet->clips[i].id);
            count++;
        }
    if (count)
        studio_tell(s, ROLE_TEXT, "%d %s cancelled; R queues one again", count,
                    count == 1 ? "clip is" : "clips are");
    else
        studio_tell(s, ROLE_DIM, "nothing of this sheet waits or runs");
}

void sheet_do_retry(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    (void)argument;
    if (clip)
        link_send_order(s->link, ORDER_RETRY, clip->id);
}
