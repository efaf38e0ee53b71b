/* unigram: see unigram.h. Viterbi: best_score(end) = max over pieces of best_score(start) + score,
 * one pass from left to right, starts only where a character starts. Source: Kudo 2018 (Subword
 * Regularization).
 *
 * Ties ("b bb" or "bb b") hang on the last bit, and ids must agree: scores are kept in float but
 * compared in double before rounding, as the sentencepiece library did up to 0.2.1. From 0.2.3 on
 * it compares in float and scores user-defined pieces otherwise. */
#include "model/unigram.h"

#include <float.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/piece_trie.h"

/* What an unknown character costs beyond the worst piece. */
static const float unknown_penalty = 10.0f;

/* The best way to end at a byte. */
struct path_end {
    float score;
    int32_t id;
    int64_t start; /* -1 = no way yet */
};

void unigram_init(struct unigram *u, const struct spm_model *model, const struct piece_trie *trie)
{
    float low = FLT_MAX, high = FLT_MIN;
    for (int64_t i = 0; i < model->count; i++) {
        if (model->pieces[i].type != SPM_NORMAL)
            continue;
        float score = model->pieces[i].score;
        low = score < low ? score : low;
        high = score > high ? score : high;
    }
    *u = (struct unigram){model, trie, low - unknown_penalty, high};
}

/* A user-defined piece nearly always wins over what it is made of. */
static double piece_score(const struct unigram *u, struct piece_match match)
{
    const struct spm_piece *piece = &u->model->pieces[match.id];
    if (piece->type == SPM_USER_DEFINED)
        return (double)((float)match.length * u->best_score) - 0.1;
    return piece->score;
}

static void offer(struct path_end *end, int64_t start, int32_t id, double score)
{
    if (end->start < 0 || score > (double)end->score)
        *end = (struct path_end){(float)score, id, start};
}

static void walk_back(const struct path_end *ends, size_t length, struct unigram_segment *out,
                      size_t count)
{
    for (size_t at = length; at > 0; at = (size_t)ends[at].start) {
        const struct path_end *end = &ends[at];
        out[--count] = (struct unigram_segment){.id = end->id,
                                                .start = (uint32_t)end->start,
                                                .length = (uint32_t)(at - (size_t)end->start)};
    }
}

size_t unigram_split(const struct unigram *u, const char *text, size_t length,
                     struct unigram_segment **segments)
{
    struct piece_match matches[SPM_PIECE_MAX_BYTES];
    struct path_end *ends = dn_calloc(length + 1, sizeof ends[0]);
    for (size_t i = 1; i <= length; i++)
        ends[i].start = -1;
    for (size_t at = 0, step; at < length; at += step) {
        uint32_t c;
        step = dn_utf8_decode(text + at, length - at, &c);
        if (step == 0)
            step = 1; /* cannot happen in valid text */
        size_t found = piece_trie_match(u->trie, text + at, length - at, matches);
        bool covered = false;
        for (size_t i = 0; i < found; i++) {
            size_t bytes = (size_t)matches[i].length;
            offer(&ends[at + bytes], (int64_t)at, matches[i].id,
                  piece_score(u, matches[i]) + (double)ends[at].score);
            covered = covered || bytes == step;
        }
        if (!covered)
            offer(&ends[at + step], (int64_t)at, u->model->unk_id,
                  (double)(u->unknown_score + ends[at].score));
    }
    size_t count = 0;
    for (size_t at = length; at > 0; at = (size_t)ends[at].start)
        count++;
    *segments = dn_calloc(count, sizeof **segments);
    walk_back(ends, length, *segments, count);
    free(ends);
    return count;
}
