/* verify_tokenizer: cases of text -> cleaned -> pieces -> ids, in JSON, for the SentencePiece model
 * that the file's description begins with. Everything is exact. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify.h"
#include "commands/verify_tensors.h"
#include "model/prompt_clean.h"
#include "model/tokenizer.h"

#define MAX_JSON_BYTES (64u << 20)

static enum verify_claim claim(const struct verify_file *file)
{
    static const char *const beside[] = {"spiece.model", "tokenizer.json",
                                         "special_tokens_map.json", "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
        if (strcmp(file->name, beside[i]) == 0)
            return VERIFY_SUPPORT;
    if (strcmp(file->folder, "tokenizer") != 0 || !dn_ends_with(file->name, ".json"))
        return VERIFY_NOT_MINE;
    json_t *json = dn_json_load(file->path, MAX_JSON_BYTES, NULL);
    bool mine = json_is_array(json_object_get(json, "cases"));
    json_decref(json);
    return mine ? VERIFY_RUN : VERIFY_NOT_MINE;
}

/* The model of a file of cases: "PATH/spiece.model: ..." at the beginning of its description, else
 * the public place. The caller frees. */
static char *model_path(const struct verify_file *file, const json_t *json)
{
    static const char *const name = "spiece.model";
    const char *description = json_string_value(json_object_get(json, "description"));
    const char *end = description ? strstr(description, name) : NULL;
    char *path = NULL;
    if (end && description[0] != '/' && end - description < 200) {
        char *relative = dn_strndup(description, (size_t)(end - description) + strlen(name));
        if (!strstr(relative, ".."))
            path = verify_sibling(file->path, relative);
        free(relative);
    }
    if (path && access(path, R_OK) == 0)
        return path;
    free(path);
    return verify_sibling(file->path, "google/umt5-xxl/spiece.model");
}

static void row(struct verify_run *run, const char *name, const char *aspect, bool equal)
{
    char what[160];
    snprintf(what, sizeof what, "%s %s", name, aspect);
    verify_exact(run, what, equal);
}

/* Does buffer hold the JSON string want? Absent strings agree. */
static bool same_text(const struct strbuf *got, const json_t *want)
{
    return !want || (json_string_length(want) == got->length &&
                     memcmp(json_string_value(want), strbuf_text(got), got->length) == 0);
}

/* The same for normalised text: the tokenizer writes spaces as U+2581, one of them in front. */
static bool same_normalized(const struct strbuf *got, const json_t *want)
{
    static const char space[] = "\342\226\201";
    struct strbuf both[2] = {{0}};
    const char *texts[2] = {strbuf_text(got), json_string_value(want)};
    for (int i = 0; want && i < 2; i++)
        for (const char *p = texts[i]; p && *p;) {
            bool mark = strncmp(p, space, 3) == 0;
            bool front = i == 0 && p == texts[0];
            if (!(mark && front))
                strbuf_append(&both[i], mark ? " " : p, 1);
            p += mark ? 3 : 1;
        }
    bool same = strcmp(strbuf_text(&both[0]), strbuf_text(&both[1])) == 0;
    strbuf_done(&both[0]);
    strbuf_done(&both[1]);
    return same;
}

static bool same_ids(const int32_t *ids, int64_t count, const json_t *want)
{
    bool same = (int64_t)json_array_size(want) == count;
    for (int64_t i = 0; same && i < count; i++)
        same = json_integer_value(json_array_get(want, (size_t)i)) == ids[i];
    return same;
}

/* The pieces listed for reading are the text's first ones, whatever the ids were cut to. */
static bool same_pieces(const struct tokenizer *t, const int32_t *ids, int64_t count,
                        const json_t *want)
{
    bool same = true;
    for (int64_t i = 0; same && i < count && i < (int64_t)json_array_size(want); i++) {
        const char *piece = tokenizer_piece(t, ids[i]);
        const char *wanted = json_string_value(json_array_get(want, (size_t)i));
        if (ids[i] == tokenizer_eos_id(t) || ids[i] == tokenizer_unk_id(t))
            continue;
        same = piece && wanted && strcmp(piece, wanted) == 0;
    }
    return same;
}

static bool run_case(struct verify_run *run, const struct tokenizer *t, const json_t *item,
                     const char *name, struct dn_error *err)
{
    const json_t *text = json_object_get(item, "text"), *want_ids = json_object_get(item, "ids");
    const int64_t text_len = json_integer_value(json_object_get(item, "text_len"));
    struct strbuf cleaned = {0}, normalized = {0};
    int32_t ids[TOKENIZER_TEXT_LEN_MAX], mask[TOKENIZER_TEXT_LEN_MAX];
    int64_t n = 0;
    bool ok = json_is_string(text) && json_is_array(want_ids) && text_len >= 1 &&
              text_len <= TOKENIZER_TEXT_LEN_MAX;
    if (!ok)
        return dn_fail(err, DN_E_FORMAT, "%s: text, text_len and ids are needed", name);
    ok = prompt_clean(json_string_value(text), json_string_length(text), &cleaned, err) &&
         tokenizer_normalize(t, strbuf_text(&cleaned), cleaned.length, &normalized, err) &&
         tokenizer_encode(t, strbuf_text(&cleaned), cleaned.length, text_len, ids, mask, &n, err);
    if (ok) {
        bool same_mask = true;
        for (int64_t i = 0; i < text_len; i++)
            same_mask = same_mask && mask[i] == (i < n) &&
                        (i < n || ids[i] == tokenizer_pad_id(t));
        row(run, name, "cleaned", same_text(&cleaned, json_object_get(item, "cleaned")));
        row(run, name, "normalized",
            same_normalized(&normalized, json_object_get(item, "normalized")));
        row(run, name, "ids", same_ids(ids, n, want_ids));
        row(run, name, "pieces", same_pieces(t, ids, n, json_object_get(item, "pieces")));
        row(run, name, "mask and padding",
            same_mask && n == json_integer_value(json_object_get(item, "n_valid")));
    }
    strbuf_done(&cleaned);
    strbuf_done(&normalized);
    return ok;
}

/* texts -> rows of ids and mask, padded as the encoder gets them. */
static bool run_padded(struct verify_run *run, const struct tokenizer *t, const json_t *example,
                       struct dn_error *err)
{
    const json_t *texts = json_object_get(example, "texts");
    const int64_t text_len = json_integer_value(json_object_get(example, "text_len"));
    if (!example)
        return true;
    if (text_len < 1 || text_len > TOKENIZER_TEXT_LEN_MAX)
        return dn_fail(err, DN_E_FORMAT, "padded_example: text_len is out of range");
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        struct strbuf cleaned = {0};
        int32_t ids[TOKENIZER_TEXT_LEN_MAX], mask[TOKENIZER_TEXT_LEN_MAX];
        int64_t n = 0;
        char name[64];
        bool ok = json_is_string(text) &&
                  prompt_clean(json_string_value(text), json_string_length(text), &cleaned, err) &&
                  tokenizer_encode(t, strbuf_text(&cleaned), cleaned.length, text_len, ids, mask,
                                   &n, err);
        strbuf_done(&cleaned);
        if (!ok)
            return false;
        snprintf(name, sizeof name, "padded_example %zu", i);
        row(run, name, "ids",
            same_ids(ids, text_len, json_array_get(json_object_get(example, "ids"), i)));
        row(run, name, "mask",
            same_ids(mask, text_len, json_array_get(json_object_get(example, "mask"), i)));
    }
    return true;
}

/* What the file says of the model itself. */
static void run_facts(struct verify_run *run, const struct tokenizer *t, const json_t *json)
{
    const struct {
        const char *key;
        int64_t got;
    } facts[] = {
        {"pad_id", tokenizer_pad_id(t)},
        {"eos_id", tokenizer_eos_id(t)},
        {"unk_id", tokenizer_unk_id(t)},
        {"vocab_size", tokenizer_vocab_size(t)},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        const json_t *want = json_object_get(json, facts[i].key);
        if (json_is_integer(want))
            row(run, "model", facts[i].key, json_integer_value(want) == facts[i].got);
    }
    const json_t *fallback = json_object_get(json, "byte_fallback");
    if (json_is_boolean(fallback))
        row(run, "model", "byte_fallback",
            json_is_true(fallback) == tokenizer_byte_fallback(t));
}

static void run_file(struct verify_run *run, const struct verify_file *file)
{
    struct dn_error err;
    struct tokenizer *t = NULL;
    json_t *json = dn_json_load(file->path, MAX_JSON_BYTES, &err);
    char *path = json ? model_path(file, json) : NULL;
    if (!json || !tokenizer_open(path, &t, &err)) {
        verify_error(run, "", &err);
    } else {
        const json_t *cases = json_object_get(json, "cases");
        run_facts(run, t, json);
        for (size_t i = 0; i < json_array_size(cases); i++) {
            const json_t *item = json_array_get(cases, i);
            const char *name = json_string_value(json_object_get(item, "name"));
            if (!run_case(run, t, item, name ? name : "", &err))
                verify_error(run, name ? name : "", &err);
        }
        if (!run_padded(run, t, json_object_get(json, "padded_example"), &err))
            verify_error(run, "padded_example", &err);
    }
    tokenizer_close(t);
    json_decref(json);
    free(path);
}

const struct verify_kind verify_tokenizer_entry = {
    .name = "tokenizer", .claim = claim, .run = run_file};
