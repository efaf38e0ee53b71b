/* screen_library: everything ever made: found while typing, looked at as a list, as pictures or as
 * a tree of branches, rated, tagged, put away. */
#define _GNU_SOURCE
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/kept.h"
#include "ui/studio/library.h"

struct library *library_get(struct studio *s)
{
    return s->state[SCREEN_LIBRARY];
}

static void *library_open(struct studio *s)
{
    struct library *l = dn_calloc(1, sizeof *l);
    l->search.one_line = true;
    l->search.max = 1000;
    l->posters = posters_new(s);
    l->columns = 1;
    l->stale = true;
    char *sort = kept_get("library.sort"), *view = kept_get("library.view");
    if (sort)
        clip_order_parse(sort, &l->window.order);
    l->view = view && strcmp(view, "pictures") == 0 ? VIEW_GRID : VIEW_LIST;
    free(sort);
    free(view);
    return l;
}

static void library_close(struct studio *s)
{
    struct library *l = library_get(s);
    clip_window_done(&l->window);
    clip_query_free(l->query);
    editor_done(&l->search);
    posters_free(l->posters);
    library_edits_done(&l->edits);
    free(l->tags);
    free(l);
}

static struct editor *library_editor(struct studio *s)
{
    return library_get(s)->searching ? &library_get(s)->search : NULL;
}

/* --- reading --- */

void library_load(struct studio *s, enum window_where where)
{
    struct library *l = library_get(s);
    struct catalog *catalog = studio_catalog(s);
    struct dn_error err;
    bool ok;
    l->stale = false;
    l->tags_of = 0;
    if (!catalog)
        return;
    if (l->view == VIEW_TREE) {
        ok = clip_window_load_tree(&l->window, catalog, l->tree_of, &err);
    } else {
        ok = clip_window_load(&l->window, catalog, l->query, l->loaded ? where : WINDOW_TOP,
                              &err) &&
             catalog_count(catalog, l->query, LIBRARY_COUNT_MOST, &l->matching, &err);
        l->loaded = true;
    }
    if (!ok)
        studio_tell_error(s, &err);
}

static void library_enter(struct studio *s)
{
    library_load(s, WINDOW_KEEP);
}

static void library_job(struct studio *s, const struct link_job *job)
{
    library_get(s)->stale = library_get(s)->stale || job->state != JOB_RUNNING || job->steps_done == 0;
}

/* Search as you type; what is no query yet leaves the list as it was. */
void library_search_changed(struct studio *s)
{
    struct library *l = library_get(s);
    struct clip_query *query;
    struct dn_error err;
    l->search.changed = false;
    l->why[0] = '\0';
    if (!clip_query_parse(editor_text(&l->search), &query, &err)) {
        snprintf(l->why, sizeof l->why, "%.250s", err.message);
        return;
    }
    clip_query_free(l->query);
    l->query = query;
    l->view = l->view == VIEW_TREE ? VIEW_LIST : l->view;
    library_load(s, WINDOW_TOP);
    s->dirty = true;
}

static void library_tick(struct studio *s)
{
    struct library *l = library_get(s);
    if (l->search.changed)
        library_search_changed(s);
    if (l->stale && studio_main(s)->number == SCREEN_LIBRARY) {
        library_load(s, WINDOW_KEEP);
        s->dirty = true;
    }
}

bool library_is_marked(const struct library *l, int64_t id)
{
    for (int i = 0; i < l->mark_count; i++)
        if (l->marks[i] == id)
            return true;
    return false;
}

const struct clip *library_chosen(struct studio *s)
{
    const struct clip *clip = clip_window_chosen(&library_get(s)->window);
    if (!clip)
        studio_tell(s, ROLE_DIM, "there is no clip here");
    return clip;
}

/* --- mouse --- */

/* Which of the clips in sight that is, -1 = none. */
static int cell_at(const struct library *l, int row, int col)
{
    for (int i = 0; i < l->rows * l->columns; i++) {
        struct rect r = library_cell(l, i);
        if (row >= r.row && row < r.row + r.rows && col >= r.col && col < r.col + r.cols)
            return i;
    }
    return -1;
}

static void library_click(struct studio *s, const struct input_event *event)
{
    struct library *l = library_get(s);
    if (!event->pressed || event->moved)
        return;
    if (event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN) {
        library_go(s, (event->button == BUTTON_WHEEL_UP ? -3 : 3) * l->columns);
        return;
    }
    if (event->row == l->area.row - (l->view == VIEW_GRID ? 1 : 2)) {
        l->searching = true;
        return;
    }
    int cell = cell_at(l, event->row, event->col);
    if (cell < 0)
        return;
    int index = l->first * l->columns + cell;
    if (index < l->window.count && index == l->window.at)
        library_do_play(s, NULL);
    else if (index < l->window.count)
        l->window.at = index;
    l->searching = false;
}

static void library_rest(struct studio *s)
{
    posters_shrink(library_get(s)->posters);
}

static const char *const *library_hint(struct studio *s)
{
    static const char *const list[] = {"play", "search", "mark", "recall", "help", "compare",
                                       "export", "remix", "trash", "sort", "view", "tree", NULL};
    static const char *const text[] = {"search-done:to the clips", "leave", "help", NULL};
    return library_get(s)->searching ? text : list;
}

static void library_edited(struct studio *s)
{
    library_get(s)->stale = true;
}

struct clip *library_shown_clip(struct studio *s, int64_t id)
{
    struct clip_window *w = &library_get(s)->window;
    for (int i = 0; i < w->count; i++)
        if (w->clips[i].id == id)
            return &w->clips[i];
    return NULL;
}

struct library_targets library_get_targets(struct studio *s)
{
    struct library *l = library_get(s);
    struct library_targets t = {.edits = &l->edits, .chosen = clip_window_chosen(&l->window),
                                .count = l->mark_count, .in_trash = l->query && l->query->trash};
    static_assert(sizeof t.ids >= sizeof l->marks, "the marked clips are targets");
    memcpy(t.ids, l->marks, (size_t)l->mark_count * sizeof t.ids[0]);
    if (t.count == 0 && t.chosen)
        t.ids[t.count++] = t.chosen->id;
    return t;
}

static const struct action library_actions[] = {
    {"play", "Enter", WHERE_LIST, NULL, "play it", library_do_play},
    {"search", "/", WHERE_LIST, "[WORDS]", "find while typing; tag:x rating>=4 before:7d in:trash",
     library_do_search},
    {"search-done", "Enter Down Tab", WHERE_TEXT, NULL, "to the clips that were found",
     library_do_search_done},
    {"leave", "Esc Ctrl-C", WHERE_ANY, NULL, "out of the search, the tree, the marks",
     library_do_leave},
    {"up", "Up k", WHERE_LIST, NULL, "up", library_do_up},
    {"down", "Down j", WHERE_LIST, NULL, "down", library_do_down},
    {"left", "Left h", WHERE_LIST, NULL, "left", library_do_left},
    {"right", "Right l", WHERE_LIST, NULL, "right", library_do_right},
    {"page-up", "PgUp Ctrl-U", WHERE_LIST, NULL, "a page up", library_do_page_up},
    {"page-down", "PgDn Ctrl-D", WHERE_LIST, NULL, "a page down", library_do_page_down},
    {"first", "g Home", WHERE_LIST, NULL, "the first clip", library_do_first},
    {"last", "G End", WHERE_LIST, NULL, "the last clip", library_do_last},
    {"mark", "Space", WHERE_LIST, NULL, "mark it for compare, export, tags, trash", library_do_mark},
    {"recall", "e", WHERE_LIST, "[FILE]", "prompt, settings and seed into the studio", library_do_recall_all},
    {"remix", "r", WHERE_LIST, NULL, "the same without the seed", library_do_remix},
    {"recall-prompt", "p", WHERE_LIST, NULL, "only the prompt", library_do_recall_prompt},
    {"copy-prompt", "y", WHERE_LIST, NULL, "copy the prompt, for Ctrl-Y", library_do_copy_prompt},
    {"repeat", "R", WHERE_LIST, NULL, "make exactly this again", library_do_repeat},
    {"vary", "V", WHERE_LIST, NULL, "make it with a new seed", library_do_vary},
    {"compare", "c", WHERE_LIST, NULL, "two to four marked clips at once, or it and its parent",
     library_do_compare},
    {"export", "o", WHERE_LIST, NULL, "the marked clips, or this one, as files", library_do_export},
    {"view", "v", WHERE_LIST, NULL, "list or pictures", library_do_view},
    {"sort", "s", WHERE_LIST, "[ORDER]", "newest, oldest, rating, longest, shortest, prompt",
     library_do_sort},
    {"sort-back", "S", WHERE_LIST, NULL, "the order before", library_do_sort_back},
    {"tree", "T", WHERE_LIST, NULL, "the tree of branches it belongs to", library_do_tree},
    {"show-trash", "D", WHERE_LIST, NULL, "what is in the trash, or back", library_do_trash_view},
    {"favourite", "f", WHERE_LIST, NULL, "a heart, or none", library_do_favourite},
    {"more-stars", "+ =", WHERE_LIST, NULL, "a star more", library_do_more_stars},
    {"fewer-stars", "-", WHERE_LIST, NULL, "a star less", library_do_fewer_stars},
    {"collections", "C", WHERE_LIST, NULL, "all collections, and what the marked clips are in",
     labels_do_collections},
    {"all-tags", "B", WHERE_LIST, NULL, "all tags", labels_do_tags},
    {"tags", "t", WHERE_LIST, "[WORDS]", "its tags; marked clips get them too", library_do_tags},
    {"note", "N", WHERE_LIST, NULL, "a note", library_do_note},
    {"trash", "d Delete", WHERE_LIST, NULL, "into the trash; in the trash: back", library_do_trash},
    {"undo", "u", WHERE_LIST, NULL, "take back stars, hearts, words, collections, trash", library_do_undo},
    {0},
};

const struct screen screen_library_entry = {
    .number = SCREEN_LIBRARY,
    .name = "library",
    .title = "Library",
    .actions = library_actions,
    .open = library_open,
    .close = library_close,
    .enter = library_enter,
    .draw = library_draw,
    .editor = library_editor,
    .click = library_click,
    .job = library_job,
    .edited = library_edited,
    .tick = library_tick,
    .rest = library_rest,
    .hint = library_hint,
};
