/* library: what the files of the library's screen share. Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_LIBRARY_H
#define DANAUS_UI_STUDIO_LIBRARY_H

#include "ui/studio/clip_window.h"
#include "ui/studio/library_edits.h"
#include "ui/studio/posters.h"

/* LIBRARY_COUNT_MOST: more clips are not counted. */
enum { LIBRARY_MARKS = 64, LIBRARY_COUNT_MOST = 10000 };

enum view { VIEW_LIST, VIEW_GRID, VIEW_TREE };

struct library {
    struct clip_window window;
    struct clip_query *query; /* NULL = all */
    struct editor search;
    bool searching;           /* text is typed there */
    char why[256];            /* the query is no query, "" = it is */
    enum view view;
    int64_t tree_of;
    int64_t marks[LIBRARY_MARKS];
    int mark_count;
    int64_t matching;         /* clips that match, at most LIBRARY_COUNT_MOST */
    int first;                /* first row shown */
    int rows, columns;        /* of the list or grid drawn last */
    struct rect area;
    bool loaded, stale;
    struct posters *posters;
    int64_t tags_of;          /* whose tags are these */
    char *tags;
    struct library_edits edits;
};

struct library *library_get(struct studio *s);
/* Reads the clips anew; errors are told the user. */
void library_load(struct studio *s, enum window_where where);
/* Search as you type; what is no query yet leaves the list as it was. */
void library_search_changed(struct studio *s);
bool library_is_marked(const struct library *l, int64_t id);
/* The clip that keys mean; NULL: there is none, and the user was told. */
const struct clip *library_chosen(struct studio *s);
void library_draw(struct studio *s, struct rect area);
/* Where number i of what is in sight is, as it was drawn last: a row of the list, a cell of the grid. */
struct rect library_cell(const struct library *l, int i);

/* library_move.c */
void library_go(struct studio *s, int by);
void library_do_up(struct studio *s, const char *argument);
void library_do_down(struct studio *s, const char *argument);
void library_do_left(struct studio *s, const char *argument);
void library_do_right(struct studio *s, const char *argument);
void library_do_page_up(struct studio *s, const char *argument);
void library_do_page_down(struct studio *s, const char *argument);
void library_do_first(struct studio *s, const char *argument);
void library_do_last(struct studio *s, const char *argument);
void library_do_search(struct studio *s, const char *argument);
void library_do_search_done(struct studio *s, const char *argument);
void library_do_leave(struct studio *s, const char *argument);
void library_do_trash_view(struct studio *s, const char *argument);
void library_do_view(struct studio *s, const char *argument);
void library_do_sort(struct studio *s, const char *argument);
void library_do_sort_back(struct studio *s, const char *argument);
void library_do_tree(struct studio *s, const char *argument);

/* library_clips.c */
void library_do_play(struct studio *s, const char *argument);
void library_do_mark(struct studio *s, const char *argument);
void library_do_recall_all(struct studio *s, const char *argument);
void library_do_remix(struct studio *s, const char *argument);
void library_do_recall_prompt(struct studio *s, const char *argument);
void library_do_copy_prompt(struct studio *s, const char *argument);
void library_do_repeat(struct studio *s, const char *argument);
void library_do_vary(struct studio *s, const char *argument);
void library_do_compare(struct studio *s, const char *argument);
void library_do_export(struct studio *s, const char *argument);

/* dialog_labels.c */
void labels_do_collections(struct studio *s, const char *argument);
void labels_do_tags(struct studio *s, const char *argument);

#endif
