/* dialog_labels: all collections, or all tags, with how many clips have each: open one, make,
 * rename and remove them, put the marked clips in and take them out. Clips stay whatever is done
 * here, and the library's undo takes it back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "store/catalog_labels.h"
#include "ui/studio/library.h"
#include "ui/studio/list_view.h"

/* The edits that make up each kind. */
static const struct {
    const char *title, *one, *key, *in, *out, *rename, *remove, *restore;
} kinds[] = {
    [LABEL_TAG] = {"Tags", "tag", "tag", "tag", "untag", "rename-tag", "forget-tag",
                   "remember-tag"},
    [LABEL_COLLECTION] = {"Collections", "collection", "collection", "collect", "uncollect",
                          "rename", "forget", "remember"},
};

struct labels {
    enum label_kind kind;
    struct label_list list;
    struct list_view view;
    bool stale;
    char *renamed; /* the label whose new name is asked for */
};

static struct labels *get(struct studio *s)
{
    return s->state[DIALOG_LABELS];
}

static void *labels_open_state(struct studio *s)
{
    (void)s;
    return dn_calloc(1, sizeof(struct labels));
}

static void labels_close(struct studio *s)
{
    struct labels *d = get(s);
    label_list_done(&d->list);
    free(d->renamed);
    free(d);
}

static void load(struct studio *s)
{
    struct labels *d = get(s);
    struct catalog *catalog = studio_catalog(s);
    struct dn_error err;
    label_list_done(&d->list);
    d->stale = false;
    if (!catalog)
        return;
    if (!(d->kind == LABEL_TAG ? catalog_list_tags(catalog, 0, &d->list, &err)
                               : catalog_list_collections(catalog, 0, &d->list, &err)))
        studio_tell_error(s, &err);
    s->dirty = true;
}

static void open_kind(struct studio *s, enum label_kind kind)
{
    studio_open_dialog(s, DIALOG_LABELS);
    get(s)->kind = kind;
    get(s)->view = (struct list_view){0};
    load(s);
}

void labels_do_collections(struct studio *s, const char *argument)
{
    (void)argument;
    open_kind(s, LABEL_COLLECTION);
}

void labels_do_tags(struct studio *s, const char *argument)
{
    (void)argument;
    open_kind(s, LABEL_TAG);
}

static void labels_edited(struct studio *s)
{
    get(s)->stale = true;
}

static void labels_tick(struct studio *s)
{
    if (get(s)->stale)
        load(s);
}

/* --- drawing --- */

/* What can be done with a label, and with the clips that are marked. */
static void draw_label_keys(struct studio *s, struct rect r)
{
    struct library_targets t = library_get_targets(s);
    char in[64], out[64];
    if (t.count == 1)
        snprintf(in, sizeof in, "put-in:put #%lld in", (long long)t.ids[0]);
    else
        snprintf(in, sizeof in, "put-in:put %d marked clips in", t.count);
    snprintf(out, sizeof out, "take-out:take %s out", t.count == 1 ? "it" : "them");
    const char *const one[] = {"open", "new", "rename", "remove", "undo",
                               get(s)->kind == LABEL_TAG ? "other:collections" : "other:tags", NULL};
    const char *const clips[] = {in, out, "leave:close", NULL};
    studio_draw_keys(s, DIALOG_LABELS, (struct rect){r.row, r.col, 1, r.cols}, one);
    studio_draw_keys(s, DIALOG_LABELS, (struct rect){r.row + 1, r.col, 1, r.cols}, t.count ? clips : clips + 2);
}

static void labels_draw(struct studio *s, struct rect area)
{
    struct labels *d = get(s);
    struct canvas *c = s->canvas;
    int cols = area.cols - 6 > 70 ? 70 : area.cols - 6, rows = (int)d->list.count + 6;
    rows = rows < 9 ? 9 : rows > 24 ? 24 : rows;
    rows = rows > area.rows - 2 ? area.rows - 2 : rows;
    struct rect box = {area.row + (area.rows - rows) / 2, area.col + (area.cols - cols) / 2, rows,
                       cols};
    char title[64], count[32];
    snprintf(title, sizeof title, "%s  %zu", kinds[d->kind].title, d->list.count);
    studio_draw_dialog(s, box, title);
    list_view_fit(&d->view, (int)d->list.count, rows - 5);
    for (int i = 0; i < d->view.rows && d->view.first + i < (int)d->list.count; i++) {
        const struct label *label = &d->list.items[d->view.first + i];
        bool here = d->view.first + i == d->view.at;
        int row = box.row + 1 + i;
        if (here)
            canvas_fill(c, (struct rect){row, box.col + 1, 1, cols - 2}, ROLE_SELECTED);
        snprintf(count, sizeof count, "%lld clip%s", (long long)label->clips,
                 label->clips == 1 ? "" : "s");
        int width = (int)strlen(count);
        canvas_text(c, row, box.col + 3, cols - width - 8, here ? ROLE_SELECTED : ROLE_TEXT,
                    label->name);
        canvas_text(c, row, box.col + cols - width - 3, width, here ? ROLE_SELECTED : ROLE_DIM,
                    count);
    }
    if (d->list.count == 0)
        canvas_printf(c, box.row + 2, box.col + 3, cols - 6, ROLE_DIM, "There is no %s yet.",
                      kinds[d->kind].one);
    draw_label_keys(s, (struct rect){box.row + rows - 3, box.col + 3, 2, cols - 6});
}

/* --- doing --- */

static const struct label *chosen(struct studio *s)
{
    struct labels *d = get(s);
    if (d->view.at >= 0 && d->view.at < (int)d->list.count)
        return &d->list.items[d->view.at];
    studio_tell(s, ROLE_DIM, "there is no %s here", kinds[d->kind].one);
    return NULL;
}

/* One edit, with what takes it back. */
static void edit(struct studio *s, const struct link_edit *edit, const struct link_edit *undo)
{
    library_remember(library_get_targets(s).edits, undo);
    link_send_edit(s->link, edit);
}

static bool has_label(struct studio *s, int64_t clip, const char *name)
{
    struct label_list list = {0};
    struct catalog *catalog = studio_catalog(s);
    struct dn_error err;
    bool found = false;
    if (catalog &&
        (get(s)->kind == LABEL_TAG ? catalog_list_tags(catalog, clip, &list, &err)
                                   : catalog_list_collections(catalog, clip, &list, &err)))
        for (size_t i = 0; i < list.count; i++)
            found = found || strcasecmp(list.items[i].name, name) == 0;
    label_list_done(&list);
    return found;
}

/* The marked clips, or the chosen one; those that are (not) in it already are left alone. */
static void put(struct studio *s, const char *name, bool in)
{
    struct library_targets t = library_get_targets(s);
    enum label_kind kind = get(s)->kind;
    int changed = 0;
    for (int i = 0; i < t.count; i++) {
        if (has_label(s, t.ids[i], name) == in)
            continue;
        edit(s,
             &(struct link_edit){
                 .what = in ? kinds[kind].in : kinds[kind].out, .clip = t.ids[i], .value = name},
             &(struct link_edit){
                 .what = in ? kinds[kind].out : kinds[kind].in, .clip = t.ids[i], .value = name});
        changed++;
    }
    studio_tell(s, ROLE_TEXT, in ? "%d clip%s put into %s" : "%d clip%s taken out of %s", changed,
                changed == 1 ? "" : "s", name);
}

static void do_put_in(struct studio *s, const char *argument)
{
    const struct label *label = argument ? NULL : chosen(s);
    library_get_targets(s).edits->group++;
    if (label || argument)
        put(s, argument ? argument : label->name, true);
}

static void do_take_out(struct studio *s, const char *argument)
{
    const struct label *label = chosen(s);
    (void)argument;
    library_get_targets(s).edits->group++;
    if (label)
        put(s, label->name, false);
}

/* What is in it, in the library. */
static void do_open(struct studio *s, const char *argument)
{
    const struct label *label = chosen(s);
    (void)argument;
    if (!label)
        return;
    char *query = dn_asprintf("%s:\"%s\"", kinds[get(s)->kind].key, label->name);
    studio_close_dialog(s);
    library_do_search(s, query);
    free(query);
}

/* A name that another one has; the user is told. */
static bool is_taken(struct studio *s, const char *name, const char *except)
{
    struct labels *d = get(s);
    for (size_t i = 0; i < d->list.count; i++)
        if (strcasecmp(d->list.items[i].name, name) == 0 &&
            (!except || strcasecmp(except, name) != 0)) {
            studio_tell(s, ROLE_WARN, "there is a %s %s already", kinds[d->kind].one, name);
            return true;
        }
    return false;
}

static void take_new(struct studio *s, int64_t data, const char *text)
{
    (void)data;
    library_get_targets(s).edits->group++;
    if (get(s)->kind == LABEL_TAG) { /* a tag is there as long as a clip has it */
        put(s, text, true);
        return;
    }
    if (is_taken(s, text, NULL))
        return;
    edit(s, &(struct link_edit){.what = "make", .value = text},
         &(struct link_edit){.what = "forget", .value = text});
    if (library_get(s)->mark_count)
        put(s, text, true);
}

static void do_new(struct studio *s, const char *argument)
{
    if (argument)
        take_new(s, 0, argument);
    else
        studio_ask_text(s, &(struct text_question){
                               .title = get(s)->kind == LABEL_TAG
                                            ? "New tag, for the marked clips or the chosen one"
                                            : "New collection; the marked clips go into it",
                               .empty = "its name",
                               .one_line = true,
                               .run = take_new});
}

static void take_name(struct studio *s, int64_t data, const char *text)
{
    struct labels *d = get(s);
    const char *rename = kinds[d->kind].rename;
    (void)data;
    if (!d->renamed || strcmp(d->renamed, text) == 0 || is_taken(s, text, d->renamed))
        return;
    library_get_targets(s).edits->group++;
    edit(s, &(struct link_edit){.what = rename, .value = d->renamed, .to = text},
         &(struct link_edit){.what = rename, .value = text, .to = d->renamed});
}

static void do_rename(struct studio *s, const char *argument)
{
    struct labels *d = get(s);
    const struct label *label = chosen(s);
    if (!label)
        return;
    free(d->renamed);
    d->renamed = dn_strdup(label->name);
    if (argument)
        take_name(s, 0, argument);
    else
        studio_ask_text(s, &(struct text_question){.title = "Another name",
                                                   .text = label->name,
                                                   .one_line = true,
                                                   .run = take_name});
}

static void do_remove(struct studio *s, const char *argument)
{
    const struct label *label = chosen(s);
    enum label_kind kind = get(s)->kind;
    (void)argument;
    if (!label)
        return;
    library_get_targets(s).edits->group++;
    edit(s, &(struct link_edit){.what = kinds[kind].remove, .value = label->name},
         &(struct link_edit){.what = kinds[kind].restore, .value = label->name});
    studio_tell(s, ROLE_TEXT, "%s is gone, its clips are not; u takes it back", label->name);
}

static void do_other(struct studio *s, const char *argument)
{
    (void)argument;
    open_kind(s, get(s)->kind == LABEL_TAG ? LABEL_COLLECTION : LABEL_TAG);
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->view.at -= get(s)->view.at > 0;
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->view.at += get(s)->view.at + 1 < (int)get(s)->list.count;
}

static void do_leave(struct studio *s, const char *argument)
{
    (void)argument;
    studio_close_dialog(s);
}

static const struct action labels_actions[] = {
    {"open", "Enter", WHERE_ANY, NULL, "the clips in it", do_open},
    {"put-in", "a", WHERE_ANY, NULL, "the marked clips, or the chosen one", do_put_in},
    {"take-out", "x", WHERE_ANY, NULL, "the same clips", do_take_out},
    {"new", "n", WHERE_ANY, "[NAME]", "another one, with the marked clips", do_new},
    {"rename", "r", WHERE_ANY, "[NAME]", "give it another name", do_rename},
    {"remove", "d Delete", WHERE_ANY, NULL, "remove it; its clips stay", do_remove},
    {"undo", "u", WHERE_ANY, NULL, "take the last change back", library_do_undo},
    {"other", "Tab", WHERE_ANY, NULL, "from collections to tags and back", do_other},
    {"up", "Up k", WHERE_ANY, NULL, "the one above", do_up},
    {"down", "Down j", WHERE_ANY, NULL, "the one below", do_down},
    {"leave", "Esc q Ctrl-C", WHERE_ANY, NULL, "close it", do_leave},
    {0},
};

const struct screen dialog_labels_entry = {
    .number = DIALOG_LABELS,
    .name = "labels",
    .title = "Collections and tags",
    .actions = labels_actions,
    .open = labels_open_state,
    .close = labels_close,
    .draw = labels_draw,
    .edited = labels_edited,
    .tick = labels_tick,
};
