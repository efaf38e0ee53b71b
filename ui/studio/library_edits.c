/* library_edits: see library_edits.h */
#include "ui/studio/library_edits.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "ui/studio/clip_text.h"

static void edit_done(struct library_edit *edit)
{
    free(edit->value);
    free(edit->to);
}

void library_edits_done(struct library_edits *e)
{
    while (e->count > 0)
        edit_done(&e->undo[--e->count]);
}

void library_remember(struct library_edits *e, const struct link_edit *undo)
{
    if (e->count == LIBRARY_UNDO) {
        edit_done(&e->undo[0]);
        memmove(e->undo, e->undo + 1, (size_t)(--e->count) * sizeof e->undo[0]);
    }
    e->undo[e->count++] = (struct library_edit){
        e->group, undo->what, undo->clip, undo->number,
        undo->value ? dn_strdup(undo->value) : NULL, undo->to ? dn_strdup(undo->to) : NULL};
}

static void remember(struct library_edits *e, const char *what, int64_t clip, int64_t number)
{
    library_remember(e, &(struct link_edit){.what = what, .clip = clip, .number = number});
}

static bool any(struct studio *s, const struct library_targets *t)
{
    if (t->count == 0)
        studio_tell(s, ROLE_DIM, "there is no clip here");
    return t->count > 0;
}

/* The clip as the catalog has it now; false: told the user. The caller calls clip_done. */
static bool read_clip(struct studio *s, int64_t id, struct clip *out)
{
    struct catalog *catalog = studio_catalog(s);
    struct dn_error err;
    if (catalog && catalog_get_clip(catalog, id, out, &err))
        return true;
    if (catalog)
        studio_tell_error(s, &err);
    return false;
}

static void send(struct studio *s, const char *what, int64_t clip, const char *value, int64_t number)
{
    link_send_edit(s->link, &(struct link_edit){.what = what, .clip = clip, .value = value,
                                                 .number = number});
}

/* --- stars and hearts --- */

/* Sets stars (or the heart) of every target and keeps what was. */
static void set_number(struct studio *s, struct library_targets *t, const char *what, int number)
{
    bool heart = strcmp(what, "favourite") == 0;
    t->edits->group++;
    for (int i = 0; i < t->count; i++) {
        struct clip *shown = library_shown_clip(s, t->ids[i]), read = {0};
        struct clip *clip = shown ? shown : &read;
        if (!shown && !read_clip(s, t->ids[i], &read))
            return;
        remember(t->edits, what, clip->id, heart ? clip->favourite : clip->rating);
        if (heart)
            clip->favourite = number;
        else
            clip->rating = number;
        send(s, what, clip->id, NULL, number);
        clip_done(&read);
    }
}

void library_do_favourite(struct studio *s, const char *argument)
{
    struct library_targets t = library_get_targets(s);
    (void)argument;
    if (any(s, &t))
        set_number(s, &t, "favourite", !(t.chosen && t.chosen->favourite));
}

static void rate(struct studio *s, int by)
{
    struct library_targets t = library_get_targets(s);
    int stars = (t.chosen ? t.chosen->rating : 0) + by;
    if (any(s, &t))
        set_number(s, &t, "rate", stars < 0 ? 0 : stars > 5 ? 5 : stars);
}

void library_do_more_stars(struct studio *s, const char *argument)
{
    (void)argument;
    rate(s, 1);
}

void library_do_fewer_stars(struct studio *s, const char *argument)
{
    (void)argument;
    rate(s, -1);
}

/* --- words --- */

static bool has_word(const char *words, const char *word, size_t length)
{
    for (const char *p = words + strspn(words, " "); *p;) {
        size_t n = strcspn(p, " ");
        if (n == length && strncmp(p, word, n) == 0)
            return true;
        p += n + strspn(p + n, " ");
    }
    return false;
}

/* Sends what (tag, untag) for each word of words that is not among others; undo takes it back. */
static void send_words(struct studio *s, const char *what, const char *undo, int64_t clip,
                       const char *words, const char *others)
{
    struct library_edits *edits = library_get_targets(s).edits;
    for (const char *p = words + strspn(words, " "); *p;) {
        size_t n = strcspn(p, " ");
        if (!has_word(others, p, n)) {
            char *word = dn_strndup(p, n);
            library_remember(edits, &(struct link_edit){.what = undo, .clip = clip, .value = word});
            send(s, what, clip, word, 0);
            free(word);
        }
        p += n + strspn(p + n, " ");
    }
}

/* One clip gets exactly these tags; several get them in addition to theirs. */
static void take_tags(struct studio *s, int64_t several, const char *text)
{
    struct library_targets t = library_get_targets(s);
    struct catalog *catalog = studio_catalog(s);
    t.edits->group++;
    for (int i = 0; catalog && i < t.count; i++) {
        char *before = clip_tags_text(catalog, t.ids[i]);
        send_words(s, "tag", "untag", t.ids[i], text, before);
        if (!several)
            send_words(s, "untag", "tag", t.ids[i], before, text);
        free(before);
    }
}

void library_do_tags(struct studio *s, const char *argument)
{
    struct library_targets t = library_get_targets(s);
    struct catalog *catalog = studio_catalog(s);
    if (!any(s, &t) || !catalog)
        return;
    if (argument) {
        take_tags(s, 1, argument);
        return;
    }
    char *tags = t.count == 1 ? clip_tags_text(catalog, t.ids[0]) : dn_strdup("");
    studio_ask_text(s, &(struct text_question){
                           .title = t.count == 1 ? "Tags" : "Tags for the marked clips",
                           .text = tags, .empty = "words with spaces between", .one_line = true,
                           .run = take_tags, .data = t.count > 1});
    free(tags);
}

static void take_note(struct studio *s, int64_t id, const char *text)
{
    struct library_edits *edits = library_get_targets(s).edits;
    struct clip clip;
    if (!read_clip(s, id, &clip))
        return;
    edits->group++;
    library_remember(edits, &(struct link_edit){.what = "note", .clip = id, .value = clip.notes});
    clip_done(&clip);
    send(s, "note", id, text, 0);
}

void library_do_note(struct studio *s, const char *argument)
{
    struct library_targets t = library_get_targets(s);
    struct clip clip;
    (void)argument;
    if (!any(s, &t) || !t.chosen || !read_clip(s, t.chosen->id, &clip))
        return;
    studio_ask_text(s, &(struct text_question){.title = "Note", .text = clip.notes,
                                               .empty = "what is to be remembered of it",
                                               .run = take_note, .data = clip.id});
    clip_done(&clip);
}

/* --- the trash --- */

void library_do_trash(struct studio *s, const char *argument)
{
    struct library_targets t = library_get_targets(s);
    (void)argument;
    if (!any(s, &t))
        return;
    t.edits->group++;
    for (int i = 0; i < t.count; i++) {
        remember(t.edits, t.in_trash ? "trash" : "restore", t.ids[i], 0);
        send(s, t.in_trash ? "restore" : "trash", t.ids[i], NULL, 0);
    }
    if (t.in_trash)
        studio_tell(s, ROLE_GOOD, "back in the library");
    else if (t.count == 1)
        studio_tell(s, ROLE_TEXT, "#%lld is in the trash; u takes it back", (long long)t.ids[0]);
    else
        studio_tell(s, ROLE_TEXT, "%d clips are in the trash; u takes them back", t.count);
}

void library_do_undo(struct studio *s, const char *argument)
{
    struct library_edits *e = library_get_targets(s).edits;
    int group = e->count ? e->undo[e->count - 1].group : 0, done = 0;
    (void)argument;
    for (; e->count > 0 && e->undo[e->count - 1].group == group; done++) {
        struct library_edit *edit = &e->undo[--e->count];
        link_send_edit(s->link, &(struct link_edit){edit->what, edit->clip, edit->value,
                                                    edit->number, edit->to});
        edit_done(edit);
    }
    studio_tell(s, ROLE_TEXT, done ? "taken back" : "there is nothing to take back");
}
