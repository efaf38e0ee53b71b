/* clip_window: the part of a long list of clips round the chosen one. Pages are fetched by number as
 * the choice moves, and forgotten behind it, so a million clips cost as much as a hundred. */
#ifndef DANAUS_UI_STUDIO_CLIP_WINDOW_H
#define DANAUS_UI_STUDIO_CLIP_WINDOW_H

#include "store/catalog_search.h"

enum { WINDOW_PAGE = 100, WINDOW_MOST = 500 };

struct clip_window {
    enum clip_order order; /* set by the owner before loading */
    struct clip *clips;  /* [count], in that order */
    int *depth;          /* [count] of a tree, else NULL */
    int count;
    int at;              /* the chosen one; 0 when there is none */
    bool at_top, at_bottom; /* nothing lies above or below what is here */
};

/* The page at the start, at the end, or (keep) the same clips read again with the same choice. */
enum window_where { WINDOW_TOP, WINDOW_BOTTOM, WINDOW_KEEP };
bool clip_window_load(struct clip_window *w, struct catalog *catalog, const struct clip_query *query,
                      enum window_where where, struct dn_error *err);
/* Moves the choice, fetching what comes into reach. */
bool clip_window_move(struct clip_window *w, struct catalog *catalog, const struct clip_query *query,
                      int by, struct dn_error *err);
/* The tree that clip id belongs to: its first ancestor, then everything made from it, at most
 * WINDOW_MOST. */
bool clip_window_load_tree(struct clip_window *w, struct catalog *catalog, int64_t id,
                           struct dn_error *err);
const struct clip *clip_window_chosen(const struct clip_window *w); /* NULL = the list is empty */
void clip_window_done(struct clip_window *w);

#endif
