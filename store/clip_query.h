/* clip_query: what a person types to find clips, understood.
 *
 *   fox             the word, in prompt or notes; upper and lower case and accents do not matter
 *   "red fox"       these words in this order
 *   butter*         words that begin so, 3 letters at least
 *   *tterf*         these letters anywhere, 3 at least (*"d fo" with a space)
 *   -snow           not the word (also -"...", -butter*)
 *   tag:NAME  collection:NAME  model:NAME  sampler:NAME  attention:NAME  backend:NAME
 *   origin:branch   status:failed   seed:42   parent:17
 *   rating:4  rating>=4  rating<3   favourite:yes   frames>=81  width:832  height:480
 *   before:2026-11-25  after:2026-11-25  (local days; after: counts that day, before: does not)
 *   before:7d  after:12h                 (ago: m h d w)
 *   in:trash                             (instead of the library)
 * Everything must hold; -tag:NAME and the like must not. model: is a part of the name. A value with
 * spaces stands in quotes: tag:"a b". An unknown key is an error. */
#ifndef DANAUS_STORE_CLIP_QUERY_H
#define DANAUS_STORE_CLIP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum clip_field {
    FIELD_TAG,
    FIELD_COLLECTION,
    FIELD_MODEL,
    FIELD_SAMPLER,
    FIELD_ATTENTION,
    FIELD_BACKEND,
    FIELD_ORIGIN,
    FIELD_STATUS,
    FIELD_SEED,
    FIELD_PARENT,
    FIELD_RATING,
    FIELD_FAVOURITE,
    FIELD_FRAMES,
    FIELD_WIDTH,
    FIELD_HEIGHT,
    FIELD_CREATED, /* before: and after: */
};

enum clip_compare { COMPARE_EQUAL, COMPARE_LESS, COMPARE_AT_MOST, COMPARE_MORE, COMPARE_AT_LEAST };

struct clip_filter {
    enum clip_field field;
    bool negate;               /* must not hold */
    enum clip_compare compare; /* of text fields always COMPARE_EQUAL */
    char *text;     /* of text fields (tag to status), else NULL */
    int64_t number; /* of the others; created in ms */
};

struct clip_query {
    char *words;     /* FTS5 expression for clip_words, NULL = none asked for */
    char *not_words; /* the same for what must not match */
    char *parts;     /* for clip_parts (substrings) */
    struct clip_filter *filters;
    size_t filter_count;
    bool trash; /* look in the trash */
};

/* text NULL or "" finds everything. DN_E_ARG with what is wrong. The caller frees. */
bool clip_query_parse(const char *text, struct clip_query **out, struct dn_error *err);
void clip_query_free(struct clip_query *query); /* NULL allowed */

#endif
