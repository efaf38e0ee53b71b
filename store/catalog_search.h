/* catalog_search: pages of clips in some order, found by words, letters and filters.
 *
 * Pages go by clip, not by counting rows, so every page costs the same and a clip that is added
 * meanwhile moves nothing. */
#ifndef DANAUS_STORE_CATALOG_SEARCH_H
#define DANAUS_STORE_CATALOG_SEARCH_H

#include "store/catalog_clips.h"
#include "store/clip_query.h"

/* Where the key is the same, newer clips come first by rating and longest, later by the others. */
enum clip_order {
    CLIPS_NEWEST, /* by number */
    CLIPS_OLDEST,
    CLIPS_BEST,   /* most stars first */
    CLIPS_LONGEST,
    CLIPS_SHORTEST,
    CLIPS_BY_PROMPT, /* a to z, by its first 40 characters */
};
enum { CLIP_ORDERS = CLIPS_BY_PROMPT + 1 };

/* "newest", "oldest", "rating", "longest", "shortest", "prompt" */
const char *clip_order_name(enum clip_order order);
bool clip_order_parse(const char *name, enum clip_order *out);

struct catalog_page {
    enum clip_order order;
    int64_t below; /* the page that follows the clip of this number; 0 = no bound */
    int64_t above; /* the page that precedes it; 0 = no bound; not both */
    bool with;     /* that clip too */
    bool bottom;   /* the last page (with below and above 0) */
    int limit;     /* 1..1000 clips */
};

/* The page's clips in order, without request and timings. query NULL = all. Fewer than limit: the
 * end was reached. In orders other than by number nothing lies below or above a clip that was
 * removed for good. The caller calls clip_list_done. */
bool catalog_search(struct catalog *catalog, const struct clip_query *query,
                    const struct catalog_page *page, struct clip_list *out, struct dn_error *err);

/* How many match, counting to at_most. */
bool catalog_count(struct catalog *catalog, const struct clip_query *query, int64_t at_most,
                   int64_t *out, struct dn_error *err);

#endif
