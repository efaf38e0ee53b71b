/* tokenizer: see tokenizer.h */
#include "model/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/read_file.h"
#include "model/piece_trie.h"
#include "model/sentencepiece_model.h"
#include "model/sentencepiece_normalize.h"
#include "model/tokenizer_json.h"
#include "model/unigram.h"

enum { JSON_MAX_BYTES = 64 << 20 };

struct tokenizer {
    char *bytes; /* the model file */
    struct spm_model model;
    struct piece_trie *verbatim; /* user-defined pieces, for the normaliser */
    struct piece_trie *pieces;   /* all that is found in text */
    struct spm_normalizer normalizer;
    struct unigram unigram;
    bool byte_fallback;
};

static bool read_json(const char *json, size_t size, const char *what, bool *byte_fallback,
                      struct dn_error *err)
{
    struct tokenizer_json facts;
    if (!tokenizer_json_read(json, size, what, &facts, err))
        return dn_error_hint(err, "download it again, or remove it: spiece.model is enough");
    if (!facts.is_unigram)
        return dn_fail(err, DN_E_MODEL, "%s: its model is not Unigram, but spiece.model's is",
                       what);
    *byte_fallback = facts.byte_fallback;
    return true;
}

/* Takes bytes over. byte_fallback: NULL = as the model says. */
static bool build(char *bytes, size_t size, const char *what, const bool *byte_fallback,
                  struct tokenizer **out, struct dn_error *err)
{
    struct tokenizer *t = dn_calloc(1, sizeof *t);
    t->bytes = bytes;
    if (!spm_model_read(bytes, size, what, &t->model, err))
        goto out;
    if (t->model.eos_id < 0 || t->model.pad_id < 0) {
        dn_fail(err, DN_E_MODEL, "%s: has no control piece for the %s", what,
                t->model.eos_id < 0 ? "end of a text" : "padding");
        goto out;
    }
    t->byte_fallback = t->model.byte_fallback && (!byte_fallback || *byte_fallback);
    unsigned types = 1u << SPM_NORMAL | 1u << SPM_USER_DEFINED;
    if (t->model.byte_fallback && !t->byte_fallback)
        types |= 1u << SPM_BYTE; /* <0x41> is then a piece like any other */
    t->verbatim = piece_trie_new(&t->model, 1u << SPM_USER_DEFINED);
    t->pieces = piece_trie_new(&t->model, types);
    if (!spm_normalizer_init(&t->normalizer, &t->model, t->verbatim, what, err))
        goto out;
    unigram_init(&t->unigram, &t->model, t->pieces);
    *out = t;
    return true;
out:
    tokenizer_close(t);
    return false;
}

bool tokenizer_open_bytes(const char *model, size_t model_size, const char *json, size_t json_size,
                          const char *what, struct tokenizer **out, struct dn_error *err)
{
    bool fallback;
    if (json && !read_json(json, json_size, "tokenizer.json", &fallback, err))
        return false;
    char *copy = dn_malloc(model_size + 1);
    if (model_size)
        memcpy(copy, model, model_size);
    copy[model_size] = '\0';
    return build(copy, model_size, what, json ? &fallback : NULL, out, err);
}

/* tokenizer.json in the folder of path; the caller frees. */
static char *json_path_beside(const char *path)
{
    const char *slash = strrchr(path, '/');
    return dn_asprintf("%.*stokenizer.json", slash ? (int)(slash + 1 - path) : 0, path);
}

bool tokenizer_open(const char *spiece_path, struct tokenizer **out, struct dn_error *err)
{
    char *bytes = NULL, *json = NULL, *json_path = json_path_beside(spiece_path);
    size_t size, json_size;
    bool fallback, has_json = access(json_path, F_OK) == 0;
    bool ok = dn_read_file(spiece_path, SPM_FILE_MAX_BYTES, &bytes, &size, err);
    if (ok && has_json)
        ok = dn_read_file(json_path, JSON_MAX_BYTES, &json, &json_size, err) &&
             read_json(json, json_size, json_path, &fallback, err);
    if (ok)
        ok = build(bytes, size, spiece_path, has_json ? &fallback : NULL, out, err);
    else
        free(bytes);
    free(json);
    free(json_path);
    return ok;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    piece_trie_free(t->pieces);
    piece_trie_free(t->verbatim);
    spm_model_done(&t->model);
    free(t->bytes);
    free(t);
}

int64_t tokenizer_vocab_size(const struct tokenizer *t)
{
    return t->model.count;
}

int32_t tokenizer_pad_id(const struct tokenizer *t)
{
    return t->model.pad_id;
}

int32_t tokenizer_eos_id(const struct tokenizer *t)
{
    return t->model.eos_id;
}

int32_t tokenizer_unk_id(const struct tokenizer *t)
{
    return t->model.unk_id;
}

bool tokenizer_byte_fallback(const struct tokenizer *t)
{
    return t->byte_fallback;
}

const char *tokenizer_piece(const struct tokenizer *t, int64_t id)
{
    return id >= 0 && id < t->model.count ? t->bytes + t->model.pieces[id].offset : NULL;
}

bool tokenizer_normalize(const struct tokenizer *t, const char *text, size_t length,
                         struct strbuf *out, struct dn_error *err)
{
    if (length > TOKENIZER_TEXT_MAX_BYTES)
        return dn_fail(err, DN_E_ARG, "the prompt has %zu bytes, at most %d are taken", length,
                       (int)TOKENIZER_TEXT_MAX_BYTES);
    return spm_normalize(&t->normalizer, text, length, TOKENIZER_TEXT_MAX_BYTES, out, err);
}

/* Ids of the segments, at most room: unknown characters become their bytes, or one <unk> a run. */
static int64_t write_ids(const struct tokenizer *t, const char *text,
                         const struct unigram_segment *segments, size_t count, int64_t room,
                         int32_t *ids)
{
    int64_t n = 0;
    for (size_t i = 0; i < count && n < room; i++) {
        const struct unigram_segment *s = &segments[i];
        bool unknown = s->id == t->model.unk_id;
        if (!unknown || !t->byte_fallback) {
            if (!unknown || i == 0 || segments[i - 1].id != s->id)
                ids[n++] = s->id;
            continue;
        }
        for (uint32_t k = 0; k < s->length && n < room; k++)
            ids[n++] = t->model.byte_ids[(unsigned char)text[s->start + k]];
    }
    return n;
}

bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t length, int64_t text_len,
                      int32_t *ids, int32_t *mask, int64_t *n_valid, struct dn_error *err)
{
    if (text_len < 1 || text_len > TOKENIZER_TEXT_LEN_MAX)
        return dn_fail(err, DN_E_ARG, "a text of %lld tokens, must be 1 to %d", (long long)text_len,
                       (int)TOKENIZER_TEXT_LEN_MAX);
    struct strbuf normalized = {0};
    if (!tokenizer_normalize(t, text, length, &normalized, err)) {
        strbuf_done(&normalized);
        return false;
    }
    struct unigram_segment *segments = NULL;
    size_t count =
        unigram_split(&t->unigram, strbuf_text(&normalized), normalized.length, &segments);
    int64_t n = write_ids(t, strbuf_text(&normalized), segments, count, text_len - 1, ids);
    free(segments);
    strbuf_done(&normalized);
    ids[n++] = t->model.eos_id;
    *n_valid = n;
    for (int64_t i = 0; i < text_len; i++) {
        mask[i] = i < n;
        if (i >= n)
            ids[i] = t->model.pad_id;
    }
    return true;
}
