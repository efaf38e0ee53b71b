/* catalog_search: pages of clips, newest first, found by words, letters and filters.
 *
 * Pages go by number, not by counting rows, so every page costs the same and a clip that is added
 * meanwhile moves nothing. */
#ifndef DANAUS_STORE_CATALOG_SEARCH_H
#define DANAUS_STORE_CATALOG_SEARCH_H

#include "store/catalog_clips.h"
#include "store/clip_query.h"

struct catalog_page {
    int64_t before; /* the page that follows the clip of this number (older); 0 = no bound */
    int64_t after;  /* the page that precedes it (newer); 0 = no bound; not both */
    bool oldest;    /* the last page (with before and after 0) */
    int limit;      /* 1..1000 clips */
};

/* The page's clips, newest first, without request and timings. query NULL = all. Fewer than limit:
 * the end was reached. The caller calls clip_list_done. */
bool catalog_search(struct catalog *catalog, const struct clip_query *query,
                    const struct catalog_page *page, struct clip_list *out, struct dn_error *err);

/* How many match, counting to at_most. */
bool catalog_count(struct catalog *catalog, const struct clip_query *query, int64_t at_most,
                   int64_t *out, struct dn_error *err);

#endif
