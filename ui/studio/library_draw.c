/* library_draw: the library on the screen: the search, a list, pictures or a tree, and details. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/studio/clip_text.h"
#include "ui/studio/library.h"

/* Columns and rows of a picture in the grid, and of a larger one in a large window. */
enum { CELL_COLS = 26, CELL_ROWS = 9, LARGE_COLS = 39, LARGE_ROWS = 14 };

static const char *order_text(const struct library *l)
{
    static const char *const texts[CLIP_ORDERS] = {
        [CLIPS_NEWEST] = "newest first",     [CLIPS_OLDEST] = "oldest first",
        [CLIPS_BEST] = "best first",         [CLIPS_LONGEST] = "longest first",
        [CLIPS_SHORTEST] = "shortest first", [CLIPS_BY_PROMPT] = "by prompt"};
    return texts[l->window.order];
}

static void draw_search(struct studio *s, struct rect r)
{
    struct library *l = library_get(s);
    struct canvas *c = s->canvas;
    char words[96];
    snprintf(words, sizeof words, l->view == VIEW_TREE ? "tree of #%lld" : "%lld%s clip%s%s",
             (long long)(l->view == VIEW_TREE ? l->tree_of : l->matching),
             l->matching >= LIBRARY_COUNT_MOST ? "+" : "", l->matching == 1 ? "" : "s",
             l->query && l->query->trash ? " in the trash" : "");
    if (l->view == VIEW_GRID)
        snprintf(words + strlen(words), sizeof words - strlen(words), ", %s", order_text(l));
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

/* Does another clip at that depth of the tree follow before one above it? */
static bool goes_on(const struct clip_window *w, int index, int depth)
{
    for (int i = index + 1; i < w->count && w->depth[i] >= depth; i++)
        if (w->depth[i] == depth)
            return true;
    return false;
}

/* The lines that lead to a clip of the tree, before its prompt; returns the columns used. */
static int draw_branch(struct canvas *c, const struct clip_window *w, int index, int row, int col,
                       enum role role)
{
    enum { STEP = 3, DEEPEST = 12 };
    int depth = !w->depth ? 0 : w->depth[index] < DEEPEST ? w->depth[index] : DEEPEST;
    for (int i = 1; i <= depth; i++) {
        bool more = goes_on(w, index, i), own = i == depth;
        if (own || more)
            canvas_symbol(c, row, col + (i - 1) * STEP, role,
                          !own ? SYMBOL_BESIDE : more ? SYMBOL_BRANCH : SYMBOL_LAST);
        if (own)
            canvas_symbol(c, row, col + (i - 1) * STEP + 1, role, SYMBOL_LINE);
    }
    return depth * STEP;
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
    if (library_is_marked(l, clip->id))
        canvas_symbol(c, row, col, here ? ROLE_SELECTED : ROLE_ACCENT, SYMBOL_MARK);
    col += 2;
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
        canvas_printf(c, row, col, 7, dim, "%7s", length);
        col += 8;
    }
    if (clip->status != JOB_DONE)
        col += canvas_text(c, row, col, 10, here ? ROLE_SELECTED : ROLE_WARN,
                           job_state_name(clip->status)) + 1;
    col += draw_branch(c, &l->window, index, row, col, dim);
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
    struct library *l = library_get(s);
    l->rows = r.rows;
    l->columns = 1;
    fit(l);
    for (int i = 0; i < r.rows && l->first + i < l->window.count; i++)
        draw_row(s, l, l->first + i, r.row + i, r);
}

static void place_poster(struct studio *s, const struct clip *clip, int place, struct rect area)
{
    struct painter_picture picture = {.area = area, .frame = posters_get(library_get(s)->posters, clip),
                                      .clip = (uint64_t)clip->id};
    if (picture.frame && painter_way(s->painter))
        painter_place(s->painter, place, &picture);
    else
        canvas_text(s->canvas, area.row + area.rows / 2, area.col + 1, area.cols - 2, ROLE_DIM,
                    clip->status == JOB_DONE ? "" : job_state_name(clip->status));
}

struct rect library_cell(const struct library *l, int i)
{
    struct rect r = l->area;
    int row = i / l->columns, col = i % l->columns;
    int top = row * r.rows / l->rows, left = col * r.cols / l->columns;
    return (struct rect){r.row + top, r.col + left, (row + 1) * r.rows / l->rows - top,
                         (col + 1) * r.cols / l->columns - left};
}

static void draw_grid(struct studio *s, struct rect r)
{
    struct library *l = library_get(s);
    bool large = r.cols >= 3 * LARGE_COLS && r.rows >= 2 * LARGE_ROWS;
    int least = large ? LARGE_ROWS : CELL_ROWS, per_screen;
    l->columns = r.cols / (large ? LARGE_COLS : CELL_COLS);
    l->rows = r.rows / least > 0 ? r.rows / least : 1;
    per_screen = l->columns * l->rows;
    per_screen = per_screen > PAINTER_PLACES ? PAINTER_PLACES : per_screen;
    fit(l);
    for (int i = 0; i < per_screen && l->first * l->columns + i < l->window.count; i++) {
        int index = l->first * l->columns + i;
        const struct clip *clip = &l->window.clips[index];
        struct rect cell = library_cell(l, i);
        char title[64];
        bool marked = library_is_marked(l, clip->id);
        snprintf(title, sizeof title, "%s%s#%lld%s%s",
                 marked ? canvas_symbol_text(s->canvas, SYMBOL_MARK) : "", marked ? " " : "",
                 (long long)clip->id, clip->favourite ? " " : "",
                 clip->favourite ? canvas_symbol_text(s->canvas, SYMBOL_HEART) : "");
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
    struct library *l = library_get(s);
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
    if (clip->width > 0 && picture > 0) { /* a cell is taken to be twice as high as wide */
        int most = (int)(r.cols * clip->height / clip->width / 2) + 1;
        picture = picture > most ? most : picture;
    }
    if (picture > 0 && painter_way(s->painter))
        place_poster(s, clip, 0, (struct rect){r.row, r.col, picture, r.cols});
    else
        picture = 0;
    clip_draw_facts(s, (struct rect){r.row + picture, r.col + 1, r.rows - picture, r.cols - 2}, clip,
                    l->tags);
}

void library_draw(struct studio *s, struct rect area)
{
    struct library *l = library_get(s);
    bool details = area.cols >= 96 && l->view != VIEW_GRID;
    int side = details ? area.cols >= 150 ? 64 : area.cols * 2 / 5 : 0;
    struct rect box = {area.row + 1, area.col, area.rows - 1, area.cols - side};
    char title[64];
    snprintf(title, sizeof title, "Library  %s", l->view == VIEW_TREE ? "tree" : order_text(l));
    draw_search(s, area);
    if (details)
        draw_details(s, (struct rect){box.row, area.col + box.cols, box.rows, side});
    if (l->view == VIEW_GRID && painter_way(s->painter)) {
        l->area = box;
        draw_grid(s, box);
        return;
    }
    canvas_box(s->canvas, box, title, !l->searching);
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
