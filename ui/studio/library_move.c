/* library_move: moving about in the library: up and down, searching, from one view to another. */
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
        l->window.at = where == WINDOW_NEWEST ? 0 : l->window.count - 1;
    else
        library_load(s, where);
}

void library_do_first(struct studio *s, const char *argument)
{
    (void)argument;
    go_end(s, WINDOW_NEWEST);
}

void library_do_last(struct studio *s, const char *argument)
{
    (void)argument;
    go_end(s, WINDOW_OLDEST);
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
        library_load(s, WINDOW_NEWEST);
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
    if (was_tree)
        library_load(s, WINDOW_NEWEST);
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
    library_load(s, WINDOW_NEWEST);
}
