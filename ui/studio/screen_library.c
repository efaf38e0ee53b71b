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
#include "ui/studio/clip_window.h"
#include "ui/studio/library_edits.h"
#include "ui/studio/posters.h"

/* COUNT_MOST: more are not counted. CELL: columns and rows of a picture in the grid. */
enum { MARKS_MAX = 64, COUNT_MOST = 10000, CELL_COLS = 26, CELL_ROWS = 9 };

enum view { VIEW_LIST, VIEW_GRID, VIEW_TREE };

struct library {
    struct clip_window window;
    struct clip_query *query; /* NULL = all */
    struct editor search;
    bool searching;           /* text is typed there */
    char why[256];            /* the query is no query, "" = it is */
    enum view view;
    int64_t tree_of;
    int64_t marks[MARKS_MAX];
    int mark_count;
    int64_t matching;         /* clips that match, at most COUNT_MOST */
    int first;                /* first row shown */
    int rows, columns;        /* of the list or grid drawn last */
    struct rect area;
    bool loaded, stale;
    struct posters *posters;
    int64_t tags_of;          /* whose tags are these */
    char *tags;
    struct library_edits edits;
};

static struct library *get(struct studio *s)
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
    return l;
}

static void library_close(struct studio *s)
{
    struct library *l = get(s);
    clip_window_done(&l->window);
    clip_query_free(l->query);
    editor_done(&l->search);
    posters_free(l->posters);
    free(l->tags);
    free(l);
}

static struct editor *library_editor(struct studio *s)
{
    return get(s)->searching ? &get(s)->search : NULL;
}

/* --- reading --- */

static void load(struct studio *s, enum window_where where)
{
    struct library *l = get(s);
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
        ok = clip_window_load(&l->window, catalog, l->query, l->loaded ? where : WINDOW_NEWEST,
                              &err) &&
             catalog_count(catalog, l->query, COUNT_MOST, &l->matching, &err);
        l->loaded = true;
    }
    if (!ok)
        studio_tell_error(s, &err);
}

static void library_enter(struct studio *s)
{
    load(s, WINDOW_KEEP);
}

static void library_job(struct studio *s, const struct link_job *job)
{
    get(s)->stale = get(s)->stale || job->state != JOB_RUNNING || job->steps_done == 0;
}

/* Search as you type; what is no query yet leaves the list as it was. */
static void search_changed(struct studio *s)
{
    struct library *l = get(s);
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
    load(s, WINDOW_NEWEST);
    s->dirty = true;
}

static void library_tick(struct studio *s)
{
    struct library *l = get(s);
    if (l->search.changed)
        search_changed(s);
    if (l->stale && studio_main(s)->number == SCREEN_LIBRARY) {
        load(s, WINDOW_KEEP);
        s->dirty = true;
    }
}

static bool is_marked(const struct library *l, int64_t id)
{
    for (int i = 0; i < l->mark_count; i++)
        if (l->marks[i] == id)
            return true;
    return false;
}

/* --- drawing --- */

static void draw_search(struct studio *s, struct rect r)
{
    struct library *l = get(s);
    struct canvas *c = s->canvas;
    char words[96];
    snprintf(words, sizeof words, l->view == VIEW_TREE ? "tree of #%lld" : "%lld%s clip%s%s",
             (long long)(l->view == VIEW_TREE ? l->tree_of : l->matching),
             l->matching >= COUNT_MOST ? "+" : "", l->matching == 1 ? "" : "s",
             l->query && l->query->trash ? " in the trash" : "");
    if (l->mark_count)
        snprintf(words + strlen(words), sizeof words - strlen(words), ", %d marked", l->mark_count);
    const char *right = l->why[0] ? l->why : words;
    int width = canvas_width(c, right, strlen(right));
    width = width > r.cols / 2 ? r.cols / 2 : width;
    canvas_text(c, r.row, r.col + r.cols - width - 1, width, l->why[0] ? ROLE_WARN : ROLE_DIM, right);
    int col = r.col + 1 + canvas_text(c, r.row, r.col + 1, 6, l->searching ? ROLE_ACCENT : ROLE_KEY, "/");
    editor_draw(&l->search, c, (struct rect){r.row, col + 1, 1, r.col + r.cols - width - col - 4},
                l->searching, "fox  tag:best  rating>=4  status:failed  in:trash");
}

static void draw_row(struct studio *s, const struct library *l, int index, int row, struct rect r)
{
    const struct clip *clip = &l->window.clips[index];
    struct canvas *c = s->canvas;
    bool here = index == l->window.at;
    enum role dim = here ? ROLE_SELECTED : ROLE_DIM, text = here ? ROLE_SELECTED : ROLE_TEXT;
    int col = r.col, end = r.col + r.cols;
    char date[32], length[32];
    if (here)
        canvas_fill(c, (struct rect){row, r.col, 1, r.cols}, ROLE_SELECTED);
    if (is_marked(l, clip->id))
        canvas_symbol(c, row, col, here ? ROLE_SELECTED : ROLE_ACCENT, SYMBOL_MARK);
    col += 2;
    if (l->window.depth) {
        for (int i = 1; i < l->window.depth[index] && i < 20; i++)
            col += 2;
        if (l->window.depth[index] > 0) {
            canvas_symbol(c, row, col, dim, SYMBOL_LAST);
            canvas_symbol(c, row, col + 1, dim, SYMBOL_LINE);
            col += 2;
        }
    }
    canvas_printf(c, row, col, 8, here ? ROLE_SELECTED : ROLE_KEY, "#%lld", (long long)clip->id);
    col += 8;
    if (r.cols >= 44)
        col += clip_draw_stars(s, row, col, clip->rating, here) + 1;
    if (clip->favourite)
        canvas_symbol(c, row, col, here ? ROLE_SELECTED : ROLE_BAD, SYMBOL_HEART);
    col += 2;
    if (r.cols >= 52) {
        clip_date_text(clip->created_ms, date, sizeof date);
        canvas_text(c, row, col, 10, dim, date);
        col += 11;
    }
    if (r.cols >= 66) {
        clip_length_text(clip, length, sizeof length);
        canvas_text(c, row, col, 7, dim, length);
        col += 8;
    }
    if (clip->status != JOB_DONE)
        col += canvas_text(c, row, col, 10, here ? ROLE_SELECTED : ROLE_WARN,
                           job_state_name(clip->status)) + 1;
    if (l->window.depth && clip->parent_chunk > 0)
        col += canvas_printf(c, row, col, 12, dim, "@%lld", (long long)clip->parent_chunk) + 1;
    canvas_text(c, row, col, end - col, text, clip->prompt);
}

static void fit(struct library *l)
{
    int line = l->window.at / l->columns;
    int lines = (l->window.count + l->columns - 1) / l->columns;
    l->first = line < l->first ? line : l->first;
    l->first = line >= l->first + l->rows ? line - l->rows + 1 : l->first;
    l->first = l->first > lines - l->rows ? lines - l->rows : l->first;
    l->first = l->first < 0 ? 0 : l->first;
}

static void draw_list(struct studio *s, struct rect r)
{
    struct library *l = get(s);
    l->rows = r.rows;
    l->columns = 1;
    fit(l);
    for (int i = 0; i < r.rows && l->first + i < l->window.count; i++)
        draw_row(s, l, l->first + i, r.row + i, r);
}

static void place_poster(struct studio *s, const struct clip *clip, int place, struct rect area)
{
    struct painter_picture picture = {.area = area, .frame = posters_get(get(s)->posters, clip),
                                      .clip = (uint64_t)clip->id};
    if (picture.frame && painter_way(s->painter))
        painter_place(s->painter, place, &picture);
    else
        canvas_text(s->canvas, area.row + area.rows / 2, area.col + 1, area.cols - 2, ROLE_DIM,
                    clip->status == JOB_DONE ? "" : job_state_name(clip->status));
}

static void draw_grid(struct studio *s, struct rect r)
{
    struct library *l = get(s);
    int cell_cols = r.cols / (r.cols / CELL_COLS), per_screen;
    l->columns = r.cols / cell_cols;
    l->rows = r.rows / CELL_ROWS > 0 ? r.rows / CELL_ROWS : 1;
    per_screen = l->columns * l->rows;
    per_screen = per_screen > PAINTER_PLACES ? PAINTER_PLACES : per_screen;
    int rows = r.rows / l->rows;
    fit(l);
    for (int i = 0; i < per_screen && l->first * l->columns + i < l->window.count; i++) {
        int index = l->first * l->columns + i;
        const struct clip *clip = &l->window.clips[index];
        struct rect cell = {r.row + i / l->columns * rows, r.col + i % l->columns * cell_cols, rows,
                            cell_cols};
        char title[64];
        snprintf(title, sizeof title, "%s#%lld%s", is_marked(l, clip->id) ? "+ " : "",
                 (long long)clip->id, clip->favourite ? " !" : "");
        canvas_box(s->canvas, cell, title, index == l->window.at);
        struct rect inside = canvas_inside(cell);
        canvas_text(s->canvas, inside.row + inside.rows - 1, inside.col, inside.cols, ROLE_DIM,
                    clip->prompt);
        inside.rows--;
        place_poster(s, clip, i, inside);
    }
}

static void draw_details(struct studio *s, struct rect box)
{
    struct library *l = get(s);
    const struct clip *clip = clip_window_chosen(&l->window);
    char title[32];
    if (!clip)
        return;
    snprintf(title, sizeof title, "#%lld", (long long)clip->id);
    canvas_box(s->canvas, box, title, false);
    if (l->tags_of != clip->id) {
        free(l->tags);
        l->tags = clip_tags_text(studio_catalog(s), clip->id);
        l->tags_of = clip->id;
    }
    struct rect r = canvas_inside(box);
    int picture = r.rows > 22 ? r.rows - 14 : r.rows > 16 ? r.rows - 10 : 0;
    if (picture > 0 && painter_way(s->painter))
        place_poster(s, clip, 0, (struct rect){r.row, r.col, picture, r.cols});
    else
        picture = 0;
    clip_draw_facts(s, (struct rect){r.row + picture, r.col + 1, r.rows - picture, r.cols - 2}, clip,
                    l->tags);
}

static void library_draw(struct studio *s, struct rect area)
{
    struct library *l = get(s);
    bool details = area.cols >= 96 && l->view != VIEW_GRID;
    int side = details ? area.cols >= 150 ? 64 : area.cols * 2 / 5 : 0;
    struct rect box = {area.row + 1, area.col, area.rows - 1, area.cols - side};
    static const char *const titles[] = {"Library", "Library  pictures", "Library  tree"};
    draw_search(s, area);
    if (details)
        draw_details(s, (struct rect){box.row, area.col + box.cols, box.rows, side});
    if (l->view == VIEW_GRID && painter_way(s->painter)) {
        l->area = box;
        draw_grid(s, box);
        return;
    }
    canvas_box(s->canvas, box, titles[l->view == VIEW_GRID ? VIEW_LIST : l->view], !l->searching);
    l->area = canvas_inside(box);
    draw_list(s, l->area);
    if (l->window.count == 0) {
        const char *text = !studio_catalog(s) ? "Nothing was made yet."
                           : l->query && editor_text(&l->search)[0] ? "No clip is like that."
                                                                    : "Nothing was made yet.";
        canvas_text(s->canvas, l->area.row + l->area.rows / 2,
                    l->area.col + (l->area.cols - (int)strlen(text)) / 2, l->area.cols, ROLE_DIM, text);
    }
}

/* --- moving --- */

static void move(struct studio *s, int by)
{
    struct library *l = get(s);
    struct dn_error err;
    struct catalog *catalog = studio_catalog(s);
    if (catalog && !clip_window_move(&l->window, catalog, l->query, by, &err))
        studio_tell_error(s, &err);
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    move(s, -get(s)->columns);
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    move(s, get(s)->columns);
}

static void do_left(struct studio *s, const char *argument)
{
    (void)argument;
    move(s, -1);
}

static void do_right(struct studio *s, const char *argument)
{
    (void)argument;
    move(s, 1);
}

static void do_page_up(struct studio *s, const char *argument)
{
    (void)argument;
    move(s, -get(s)->rows * get(s)->columns);
}

static void do_page_down(struct studio *s, const char *argument)
{
    (void)argument;
    move(s, get(s)->rows * get(s)->columns);
}

static void go_end(struct studio *s, enum window_where where)
{
    struct library *l = get(s);
    if (l->view == VIEW_TREE)
        l->window.at = where == WINDOW_NEWEST ? 0 : l->window.count - 1;
    else
        load(s, where);
}

static void do_first(struct studio *s, const char *argument)
{
    (void)argument;
    go_end(s, WINDOW_NEWEST);
}

static void do_last(struct studio *s, const char *argument)
{
    (void)argument;
    go_end(s, WINDOW_OLDEST);
}

/* --- searching --- */

static void do_search(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    if (argument) {
        editor_set(&l->search, argument);
        search_changed(s);
    } else {
        l->searching = true;
    }
}

static void do_search_done(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->searching = false;
}

/* Esc out of the text, and then out of the search. */
static void do_leave(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    (void)argument;
    if (l->searching) {
        l->searching = false;
    } else if (l->view == VIEW_TREE) {
        l->view = VIEW_LIST;
        load(s, WINDOW_NEWEST);
    } else if (editor_text(&l->search)[0]) {
        editor_set(&l->search, "");
        search_changed(s);
    } else {
        l->mark_count = 0;
    }
}

static void do_trash_view(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    (void)argument;
    editor_set(&l->search, l->query && l->query->trash ? "" : "in:trash");
    search_changed(s);
}

static void do_view(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    bool was_tree = l->view == VIEW_TREE;
    (void)argument;
    if (!painter_way(s->painter)) {
        studio_tell(s, ROLE_WARN, "this terminal shows no pictures");
        return;
    }
    l->view = l->view == VIEW_GRID ? VIEW_LIST : VIEW_GRID;
    l->first = 0;
    if (was_tree)
        load(s, WINDOW_NEWEST);
}

static const struct clip *chosen(struct studio *s)
{
    const struct clip *clip = clip_window_chosen(&get(s)->window);
    if (!clip)
        studio_tell(s, ROLE_DIM, "there is no clip here");
    return clip;
}

static void do_tree(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    const struct clip *clip = chosen(s);
    (void)argument;
    if (!clip)
        return;
    l->tree_of = clip->id;
    l->view = l->view == VIEW_TREE ? VIEW_LIST : VIEW_TREE;
    l->first = 0;
    load(s, WINDOW_NEWEST);
}

/* --- clips --- */

static void do_play(struct studio *s, const char *argument)
{
    const struct clip *clip = chosen(s);
    (void)argument;
    if (clip)
        player_open(s, clip->id);
}

static void do_mark(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    const struct clip *clip = chosen(s);
    (void)argument;
    if (!clip)
        return;
    if (is_marked(l, clip->id)) {
        for (int i = 0; i < l->mark_count; i++)
            if (l->marks[i] == clip->id)
                l->marks[i] = l->marks[--l->mark_count];
    } else if (l->mark_count == MARKS_MAX) {
        studio_tell(s, ROLE_WARN, "no more than %d clips can be marked", MARKS_MAX);
        return;
    } else {
        l->marks[l->mark_count++] = clip->id;
    }
    move(s, 1);
}

static void recall(struct studio *s, enum recall what)
{
    const struct clip *clip = chosen(s);
    if (clip)
        studio_recall(s, clip->id, what);
}

static void do_recall_all(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_ALL);
}

static void do_remix(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_BUT_SEED);
}

static void do_recall_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    recall(s, RECALL_PROMPT);
}

static void again(struct studio *s, bool new_seed, const char *relation)
{
    const struct clip *clip = chosen(s);
    char *json = clip ? studio_request_of(s, clip->id, NULL, new_seed) : NULL;
    if (json)
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json,
                                                          .parent = clip->id, .relation = relation,
                                                          .tag = 1});
    free(json);
}

static void do_repeat(struct studio *s, const char *argument)
{
    (void)argument;
    again(s, false, "redo");
}

static void do_vary(struct studio *s, const char *argument)
{
    (void)argument;
    again(s, true, "vary");
}

static void do_compare(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    const struct clip *clip = chosen(s);
    (void)argument;
    if (l->mark_count == 2)
        player_compare(s, l->marks[0], l->marks[1]);
    else if (l->mark_count == 1 && clip && clip->id != l->marks[0])
        player_compare(s, l->marks[0], clip->id);
    else if (l->mark_count == 0 && clip && clip->parent_id)
        player_compare(s, clip->parent_id, clip->id);
    else
        studio_tell(s, ROLE_WARN, "mark two clips with Space, or choose one that has a parent");
}

static void do_export(struct studio *s, const char *argument)
{
    struct library *l = get(s);
    const struct clip *clip = chosen(s);
    (void)argument;
    if (l->mark_count)
        export_open(s, l->marks, l->mark_count);
    else if (clip)
        export_open(s, &clip->id, 1);
}

/* --- mouse --- */

static void library_click(struct studio *s, const struct input_event *event)
{
    struct library *l = get(s);
    int row = event->row - l->area.row, col = event->col - l->area.col;
    if (!event->pressed || event->moved)
        return;
    if (event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN) {
        move(s, (event->button == BUTTON_WHEEL_UP ? -3 : 3) * l->columns);
        return;
    }
    if (event->row == l->area.row - (l->view == VIEW_GRID ? 1 : 2)) {
        l->searching = true;
        return;
    }
    if (row < 0 || col < 0 || row >= l->area.rows || col >= l->area.cols || l->rows < 1)
        return;
    int per_row = l->columns > 1 ? l->area.rows / l->rows : 1;
    int index = (l->first + row / per_row) * l->columns + col / (l->area.cols / l->columns);
    if (index < l->window.count && index == l->window.at)
        do_play(s, NULL);
    else if (index < l->window.count)
        l->window.at = index;
    l->searching = false;
}

static void library_hint(struct studio *s, const char **names)
{
    static const char *const list[] = {"play", "search", "mark", "remix", "recall", "compare",
                                       "export", "trash", "view", "tree", "help", NULL};
    static const char *const text[] = {"search-done", "leave", "help", NULL};
    const char *const *from = get(s)->searching ? text : list;
    for (int i = 0; from[i]; i++)
        names[i] = from[i];
}

static void library_edited(struct studio *s)
{
    get(s)->stale = true;
}

struct clip *library_shown_clip(struct studio *s, int64_t id)
{
    struct clip_window *w = &get(s)->window;
    for (int i = 0; i < w->count; i++)
        if (w->clips[i].id == id)
            return &w->clips[i];
    return NULL;
}

struct library_targets library_get_targets(struct studio *s)
{
    struct library *l = get(s);
    struct library_targets t = {.edits = &l->edits, .chosen = clip_window_chosen(&l->window),
                                .count = l->mark_count, .in_trash = l->query && l->query->trash};
    static_assert(sizeof t.ids >= sizeof l->marks, "the marked clips are targets");
    memcpy(t.ids, l->marks, (size_t)l->mark_count * sizeof t.ids[0]);
    if (t.count == 0 && t.chosen)
        t.ids[t.count++] = t.chosen->id;
    return t;
}

static const struct action library_actions[] = {
    {"play", "Enter", WHERE_LIST, NULL, "play it", do_play},
    {"search", "/", WHERE_LIST, "[WORDS]", "find while typing; tag:x rating>=4 before:7d in:trash",
     do_search},
    {"search-done", "Enter Down Tab", WHERE_TEXT, NULL, "to the clips that were found",
     do_search_done},
    {"leave", "Esc Ctrl-C", WHERE_ANY, NULL, "out of the search, the tree, the marks", do_leave},
    {"up", "Up k", WHERE_LIST, NULL, "up", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "down", do_down},
    {"left", "Left h", WHERE_LIST, NULL, "left", do_left},
    {"right", "Right l", WHERE_LIST, NULL, "right", do_right},
    {"page-up", "PgUp Ctrl-U", WHERE_LIST, NULL, "a page up", do_page_up},
    {"page-down", "PgDn Ctrl-D", WHERE_LIST, NULL, "a page down", do_page_down},
    {"newest", "g Home", WHERE_LIST, NULL, "the newest clip", do_first},
    {"oldest", "G End", WHERE_LIST, NULL, "the oldest clip", do_last},
    {"mark", "Space", WHERE_LIST, NULL, "mark it for compare, export, tags, trash", do_mark},
    {"recall", "e", WHERE_LIST, NULL, "prompt, settings and seed into the studio", do_recall_all},
    {"remix", "r", WHERE_LIST, NULL, "the same without the seed", do_remix},
    {"recall-prompt", "p", WHERE_LIST, NULL, "only the prompt", do_recall_prompt},
    {"repeat", "R", WHERE_LIST, NULL, "make exactly this again", do_repeat},
    {"vary", "V", WHERE_LIST, NULL, "make it with a new seed", do_vary},
    {"compare", "c", WHERE_LIST, NULL, "two marked clips side by side, or it and its parent",
     do_compare},
    {"export", "o", WHERE_LIST, NULL, "the marked clips, or this one, as files", do_export},
    {"view", "v", WHERE_LIST, NULL, "list or pictures", do_view},
    {"tree", "T", WHERE_LIST, NULL, "the tree of branches it belongs to", do_tree},
    {"show-trash", "D", WHERE_LIST, NULL, "what is in the trash, or back", do_trash_view},
    {"favourite", "f", WHERE_LIST, NULL, "a heart, or none", library_do_favourite},
    {"more-stars", "+ =", WHERE_LIST, NULL, "a star more", library_do_more_stars},
    {"fewer-stars", "-", WHERE_LIST, NULL, "a star less", library_do_fewer_stars},
    {"tags", "t", WHERE_LIST, "[WORDS]", "its tags; marked clips get them too", library_do_tags},
    {"note", "N", WHERE_LIST, NULL, "a note", library_do_note},
    {"trash", "d Delete", WHERE_LIST, NULL, "into the trash; in the trash: back", library_do_trash},
    {"undo", "u", WHERE_LIST, NULL, "take back stars, hearts and trash", library_do_undo},
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
    .hint = library_hint,
};
