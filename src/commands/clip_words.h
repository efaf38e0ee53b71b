/* clip_words: how a command line names clips, and how commands reach the catalog. */
#ifndef DANAUS_COMMANDS_CLIP_WORDS_H
#define DANAUS_COMMANDS_CLIP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/catalog_clips.h"

struct clip_word {
    int64_t clip;
    int64_t chunk; /* behind an @, -1 = none */
};

/* The catalog of the user's library, for reading. False with a hint when there is none yet. The
 * caller closes. */
bool library_read(struct catalog **out, struct dn_error *err);

/* "17", "#17" or "last" (the newest outside the trash), with @CHUNK behind it where with_chunk. The
 * clip itself is not looked up. */
bool clip_word_read(struct catalog *catalog, const char *word, bool with_chunk,
                    struct clip_word *out, struct dn_error *err);

#endif
