/* library_clips: what is done with clips of the library that does not change them: played, marked,
 * compared, made again, exported. */
#include <stdlib.h>

#include "ui/studio/clipboard.h"
#include "ui/studio/library.h"
#include "ui/studio/recall_file.h"

void library_do_play(struct studio *s, const char *argument)
{
    const struct clip *clip = library_chosen(s);
    (void)argument;
    if (clip)
        player_open(s, clip->id);
}

void library_do_mark(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    const struct clip *clip = library_chosen(s);
    (void)argument;
    if (!clip)
        return;
    if (library_is_marked(l, clip->id)) {
        for (int i = 0; i < l->mark_count; i++)
            if (l->marks[i] == clip->id)
                l->marks[i] = l->marks[--l->mark_count];
    } else if (l->mark_count == LIBRARY_MARKS) {
        studio_tell(s, ROLE_WARN, "no more than %d clips can be marked", LIBRARY_MARKS);
        return;
    } else {
        l->marks[l->mark_count++] = clip->id;
    }
    library_go(s, 1);
}

static void recall(struct studio *s, enum recall what)
{
    const struct clip *clip = library_chosen(s);
    if (clip)
        studio_recall(s, clip->id, what);
}

void library_do_recall_all(struct studio *s, const char *argument)
{
    if (argument)
        recall_file_command(s, argument);
    else
        recall(s, RECALL_ALL);
}

void library_do_remix(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_BUT_SEED);
}

void library_do_recall_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_PROMPT);
}

void library_do_copy_prompt(struct studio *s, const char *argument)
{
    const struct clip *clip = library_chosen(s);
    (void)argument;
    if (clip)
        clipboard_copy(s, clip->prompt);
}

static void again(struct studio *s, bool new_seed, const char *relation)
{
    const struct clip *clip = library_chosen(s);
    char *json = clip ? studio_request_of(s, clip->id, NULL, new_seed) : NULL;
    if (json)
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json,
                                                          .parent = clip->id, .relation = relation,
                                                          .tag = 1});
    free(json);
}

void library_do_repeat(struct studio *s, const char *argument)
{
    (void)argument;
    again(s, false, "redo");
}

void library_do_vary(struct studio *s, const char *argument)
{
    (void)argument;
    again(s, true, "vary");
}

void library_do_compare(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    const struct clip *clip = library_chosen(s);
    (void)argument;
    if (l->mark_count >= 2 && l->mark_count <= 4)
        player_compare(s, l->marks, l->mark_count);
    else if (l->mark_count == 1 && clip && clip->id != l->marks[0])
        player_compare(s, (int64_t[]){l->marks[0], clip->id}, 2);
    else if (l->mark_count == 0 && clip && clip->parent_id)
        player_compare(s, (int64_t[]){clip->parent_id, clip->id}, 2);
    else
        studio_tell(s, ROLE_WARN, l->mark_count > 4 ? "at most four clips can be compared"
                                  : "mark two to four clips with Space, or choose one with a parent");
}

void library_do_export(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    const struct clip *clip = library_chosen(s);
    (void)argument;
    if (l->mark_count)
        export_open(s, l->marks, l->mark_count);
    else if (clip)
        export_open(s, &clip->id, 1);
}
