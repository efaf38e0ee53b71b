/* catalog_leader: which index gives a search its clips' numbers, in order; internal to
 * catalog_search.c, which says why this is chosen here and not by SQLite. */
#ifndef DANAUS_STORE_CATALOG_LEADER_H
#define DANAUS_STORE_CATALOG_LEADER_H

#include "store/catalog_internal.h"
#include "store/clip_query.h"

enum { LEADER_VALUES = 64, MAX_VALUES = 256 };

/* SQL under construction. Values are numbered, so that a text may be used again. */
struct builder {
    struct strbuf sql;
    struct value values[MAX_VALUES];
    size_t count;
    char *kept[MAX_VALUES]; /* texts made here */
    size_t kept_count;
};
/* The number of a value that is bound. */
int builder_value(struct builder *b, struct value value);
/* Appends sql, in which each ? becomes that value. */
void builder_add(struct builder *b, const char *sql, struct value value);
char *builder_keep(struct builder *b, char *text); /* the builder's from now on */
void builder_done(struct builder *b);

/* " [NOT] ..." of clip c. */
void builder_filter(struct builder *b, const struct clip_filter *f);

struct leader {
    enum {
        LEAD_ALL,   /* what is in the library, or the trash */
        LEAD_WORDS, /* a full-text table */
        LEAD_INDEX, /* a filter's own index, in order */
        LEAD_RANGE, /* the same, not in order: few */
        LEAD_MERGE, /* an index for each of few values, merged */
    } kind;
    int filter;    /* that holds by itself */
    int64_t count; /* clips that it gives, at most LEADER_ENOUGH + 1 */
    /* of LEAD_MERGE: an arm each */
    const char *index;
    char column[48]; /* "c.sampler COLLATE NOCASE" */
    struct value values[LEADER_VALUES];
    int value_count;
    char *texts[LEADER_VALUES]; /* where values are texts */
};
enum { LEADER_ENOUGH = 20000, LEADER_FEW = 2000 };

/* The filter that should lead when there are no words, and how many clips it gives. */
bool leader_choose(struct catalog *c, const struct clip_query *q, struct leader *out,
                   struct dn_error *err);
/* "(SELECT id FROM ...)" with a ?, of LEAD_INDEX and LEAD_RANGE. */
char *leader_from(const struct clip_filter *f);
void leader_done(struct leader *leader);

#endif
