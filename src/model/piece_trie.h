/* piece_trie: which pieces does a text start with?
 *
 * A radix tree in arrays: a node holds a run of bytes, its children lie side by side in the order
 * of their first bytes. At most two nodes a piece however long the pieces are. */
#ifndef DANAUS_MODEL_PIECE_TRIE_H
#define DANAUS_MODEL_PIECE_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/sentencepiece_model.h"

struct piece_trie;

/* Of the pieces of model (borrowed) whose type has its bit set in types (1 << SPM_NORMAL | ...).
 * Never fails; the caller frees. */
struct piece_trie *piece_trie_new(const struct spm_model *model, unsigned types);
void piece_trie_free(struct piece_trie *trie); /* NULL allowed */

struct piece_match {
    int32_t id;
    int32_t length; /* bytes */
};

/* Writes the pieces that text[0..length) starts with to out, shortest first; returns how many.
 * No two have the same length, so out[SPM_PIECE_MAX_BYTES] is always enough. */
size_t piece_trie_match(const struct piece_trie *trie, const char *text, size_t length,
                        struct piece_match *out);

#endif
