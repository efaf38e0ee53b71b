/* library_move: moving about in the library: up and down, searching, from one view to another. */
#include "ui/studio/kept.h"
#include "ui/studio/library.h"

void library_go(struct studio *s, int by)
{
    struct library *l = library_get(s);
    struct dn_error err;
    struct catalog *catalog = studio_catalog(s);
    if (catalog && !clip_window_move(&l->window, catalog, l->query, by, &err))
        studio_tell_error(s, &err);
}

void library_do_up(struct studio *s, const char *argument)
{
    (void)argument;
    library_go(s, -library_get(s)->columns);
}

void library_do_down(struct studio *s, const char *argument)
{
    (void)argument;
    library_go(s, library_get(s)->columns);
}

void library_do_left(struct studio *s, const char *argument)
{
    (void)argument;
    library_go(s, -1);
}

void library_do_right(struct studio *s, const char *argument)
{
    (void)argument;
    library_go(s, 1);
}

void library_do_page_up(struct studio *s, const char *argument)
{
    (void)argument;
    library_go(s, -library_get(s)->rows * library_get(s)->columns);
}

void library_do_page_down(struct studio *s, const char *argument)
{
    (void)argument;
    library_go(s, library_get(s)->rows * library_get(s)->columns);
}

static void go_end(struct studio *s, enum window_where where)
{
    struct library *l = library_get(s);
    if (l->view == VIEW_TREE)
        l->window.at = where == WINDOW_TOP ? 0 : l->window.count - 1;
    else
        library_load(s, where);
}

void library_do_first(struct studio *s, const char *argument)
{
    (void)argument;
    go_end(s, WINDOW_TOP);
}

void library_do_last(struct studio *s, const char *argument)
{
    (void)argument;
    go_end(s, WINDOW_BOTTOM);
}

/* --- searching --- */

void library_do_search(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    if (argument) {
        editor_set(&l->search, argument);
        library_search_changed(s);
    } else {
        l->searching = true;
    }
}

void library_do_search_done(struct studio *s, const char *argument)
{
    (void)argument;
    library_get(s)->searching = false;
}

/* Esc out of the text, and then out of the search. */
void library_do_leave(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    (void)argument;
    if (l->searching) {
        l->searching = false;
    } else if (l->view == VIEW_TREE) {
        l->view = VIEW_LIST;
        library_load(s, WINDOW_TOP);
    } else if (editor_text(&l->search)[0]) {
        editor_set(&l->search, "");
        library_search_changed(s);
    } else {
        l->mark_count = 0;
    }
}

void library_do_trash_view(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    (void)argument;
    editor_set(&l->search, l->query && l->query->trash ? "" : "in:trash");
    library_search_changed(s);
}

static void keep(struct studio *s, const char *name, const char *value)
{
    struct dn_error err;
    if (!kept_set(name, value, &err))
        studio_tell_error(s, &err);
}

void library_do_view(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    bool was_tree = l->view == VIEW_TREE;
    (void)argument;
    if (!painter_way(s->painter)) {
        studio_tell(s, ROLE_WARN, "this terminal shows no pictures");
        return;
    }
    l->view = l->view == VIEW_GRID ? VIEW_LIST : VIEW_GRID;
    l->first = 0;
    keep(s, "library.view", l->view == VIEW_GRID ? "pictures" : "list");
    if (was_tree)
        library_load(s, WINDOW_TOP);
}

/* From the top: that is what one sorts for. */
static void sort(struct studio *s, enum clip_order order)
{
    struct library *l = library_get(s);
    l->window.order = order;
    keep(s, "library.sort", clip_order_name(order));
    l->first = 0;
    if (l->view == VIEW_TREE)
        l->view = VIEW_LIST;
    library_load(s, WINDOW_TOP);
}

void library_do_sort(struct studio *s, const char *argument)
{
    enum clip_order order = (library_get(s)->window.order + 1) % CLIP_ORDERS;
    if (argument && !clip_order_parse(argument, &order))
        studio_tell(s, ROLE_BAD, "sort by newest, oldest, rating, longest, shortest or prompt");
    else
        sort(s, order);
}

void library_do_sort_back(struct studio *s, const char *argument)
{
    (void)argument;
    sort(s, (library_get(s)->window.order + CLIP_ORDERS - 1) % CLIP_ORDERS);
}

void library_do_tree(struct studio *s, const char *argument)
{
    struct library *l = library_get(s);
    const struct clip *clip = library_chosen(s);
    (void)argument;
    if (!clip)
        return;
    l->tree_of = clip->id;
    l->view = l->view == VIEW_TREE ? VIEW_LIST : VIEW_TREE;
    l->first = 0;
    library_load(s, WINDOW_TOP);
}
