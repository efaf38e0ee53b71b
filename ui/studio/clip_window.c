/* clip_window: see clip_window.h */
#include "ui/studio/clip_window.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void drop(struct clip_window *w, int from, int count)
{
    if (count == 0) /* there may be no memory yet */
        return;
    for (int i = from; i < from + count; i++)
        clip_done(&w->clips[i]);
    memmove(w->clips + from, w->clips + from + count,
            (size_t)(w->count - from - count) * sizeof *w->clips);
    w->count -= count;
}

void clip_window_done(struct clip_window *w)
{
    drop(w, 0, w->count);
    free(w->clips);
    free(w->depth);
    *w = (struct clip_window){.order = w->order};
}

/* Takes the list's clips over, before or behind those that are here. */
static void add(struct clip_window *w, struct clip_list *list, bool before)
{
    int more = (int)list->count;
    w->clips = dn_realloc(w->clips, (size_t)(w->count + more) + 1, sizeof *w->clips);
    if (before)
        memmove(w->clips + more, w->clips, (size_t)w->count * sizeof *w->clips);
    if (more)
        memcpy(w->clips + (before ? 0 : w->count), list->items, (size_t)more * sizeof *w->clips);
    w->count += more;
    w->at += before ? more : 0;
    free(list->items);
}

static bool fetch_below(struct clip_window *w, struct catalog *catalog,
                        const struct clip_query *query, struct dn_error *err)
{
    struct catalog_page page = {.order = w->order,
                                .limit = WINDOW_PAGE,
                                .below = w->count ? w->clips[w->count - 1].id : 0};
    struct clip_list list = {0};
    if (!catalog_search(catalog, query, &page, &list, err))
        return false;
    w->at_bottom = list.count < WINDOW_PAGE;
    add(w, &list, false);
    int much = w->count - WINDOW_MOST;
    much = much > w->at ? w->at : much;
    if (much > 0) {
        drop(w, 0, much);
        w->at -= much;
        w->at_top = false;
    }
    return true;
}

static bool fetch_above(struct clip_window *w, struct catalog *catalog,
                        const struct clip_query *query, struct dn_error *err)
{
    struct catalog_page page = {.order = w->order, .limit = WINDOW_PAGE, .above = w->clips[0].id};
    struct clip_list list = {0};
    if (!catalog_search(catalog, query, &page, &list, err))
        return false;
    w->at_top = list.count < WINDOW_PAGE;
    add(w, &list, true);
    int much = w->count - WINDOW_MOST;
    if (much > 0 && w->at < w->count - much) {
        drop(w, w->count - much, much);
        w->at_bottom = false;
    }
    return true;
}

/* The clip, or what is where it was. */
static void choose(struct clip_window *w, int64_t id, int at)
{
    w->at = at < w->count ? at : w->count > 0 ? w->count - 1 : 0;
    for (int i = 0; i < w->count; i++)
        w->at = w->clips[i].id == id ? i : w->at;
}

bool clip_window_load(struct clip_window *w, struct catalog *catalog, const struct clip_query *query,
                      enum window_where where, struct dn_error *err)
{
    struct catalog_page page = {.order = w->order, .limit = WINDOW_PAGE,
                                .bottom = where == WINDOW_BOTTOM};
    struct clip_list list = {0};
    int64_t chosen = w->count ? w->clips[w->at].id : 0;
    bool keep = where == WINDOW_KEEP && w->count > 0 && !w->depth;
    int at = keep ? w->at : 0;
    bool first = !keep || (w->at_top && at == 0), top = where != WINDOW_BOTTOM;
    if (keep) {
        page.below = w->at_top ? 0 : w->clips[0].id;
        page.with = true;
        page.limit = w->count + WINDOW_PAGE > 1000 ? 1000 : w->count + WINDOW_PAGE;
        top = w->at_top;
    }
    if (!catalog_search(catalog, query, &page, &list, err))
        return false;
    if (keep && list.count == 0 && !top) { /* the first one is gone for good */
        clip_list_done(&list);
        return clip_window_load(w, catalog, query, WINDOW_TOP, err);
    }
    clip_window_done(w);
    w->at_bottom = where == WINDOW_BOTTOM || (int)list.count < page.limit;
    w->at_top = top || (where == WINDOW_BOTTOM && (int)list.count < page.limit);
    add(w, &list, false);
    w->at = where == WINDOW_BOTTOM && w->count ? w->count - 1 : 0;
    if (!first)
        choose(w, chosen, at);
    return true;
}

bool clip_window_move(struct clip_window *w, struct catalog *catalog, const struct clip_query *query,
                      int by, struct dn_error *err)
{
    bool ok = true;
    while (ok && !w->depth && by > 0 && w->at + by >= w->count && !w->at_bottom)
        ok = fetch_below(w, catalog, query, err);
    while (ok && !w->depth && by < 0 && w->at + by < 0 && !w->at_top && w->count)
        ok = fetch_above(w, catalog, query, err);
    w->at += by;
    w->at = w->at >= w->count ? w->count - 1 : w->at;
    w->at = w->at < 0 ? 0 : w->at;
    return ok;
}

/* --- the tree --- */

static bool add_with_children(struct clip_window *w, struct catalog *catalog, struct clip *clip,
                              int depth, struct dn_error *err)
{
    int64_t id = clip->id;
    w->clips = dn_realloc(w->clips, (size_t)w->count + 1, sizeof *w->clips);
    w->depth = dn_realloc(w->depth, (size_t)w->count + 1, sizeof *w->depth);
    w->depth[w->count] = depth;
    w->clips[w->count++] = *clip;
    *clip = (struct clip){0};
    struct clip_list list = {0};
    if (depth >= 64)
        return true;
    if (!catalog_children(catalog, id, 0, WINDOW_MOST, &list, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < list.count && w->count < WINDOW_MOST; i++)
        ok = add_with_children(w, catalog, &list.items[i], depth + 1, err);
    clip_list_done(&list);
    return ok;
}

bool clip_window_load_tree(struct clip_window *w, struct catalog *catalog, int64_t id,
                           struct dn_error *err)
{
    struct clip clip;
    int64_t chosen = id;
    if (!catalog_get_clip(catalog, id, &clip, err))
        return false;
    for (int i = 0; clip.parent_id && i < 1000; i++) {
        struct clip parent;
        if (!catalog_get_clip(catalog, clip.parent_id, &parent, err))
            break; /* it was removed for good: this one is the first that is left */
        clip_done(&clip);
        clip = parent;
    }
    clip_window_done(w);
    bool ok = add_with_children(w, catalog, &clip, 0, err);
    w->at_top = w->at_bottom = true;
    for (int i = 0; i < w->count; i++)
        w->at = w->clips[i].id == chosen ? i : w->at;
    return ok;
}

const struct clip *clip_window_chosen(const struct clip_window *w)
{
    return w->count ? &w->clips[w->at] : NULL;
}
