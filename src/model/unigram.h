/* unigram: the most probable way to write a text in pieces. */
#ifndef DANAUS_MODEL_UNIGRAM_H
#define DANAUS_MODEL_UNIGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "model/sentencepiece_model.h"

struct piece_trie;

struct unigram {
    const struct spm_model *model;
    const struct piece_trie *trie; /* every piece that may be found in text */
    float unknown_score;
    float best_score; /* of all normal pieces, at least a hair above 0 */
};

/* Borrows both. */
void unigram_init(struct unigram *u, const struct spm_model *model, const struct piece_trie *trie);

struct unigram_segment {
    int32_t id; /* the model's unk_id for a character that no piece covers */
    uint32_t start, length;
};

/* Splits text[0..length), valid UTF-8 below 4 GiB, into *segments (the caller frees); returns how
 * many. Time: length x the pieces that start at a place. */
size_t unigram_split(const struct unigram *u, const char *text, size_t length,
                     struct unigram_segment **segments);

#endif
