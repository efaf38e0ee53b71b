/* tokenizer: the golden cases (ids computed by the sentencepiece library), and model files that
 * lie. tests/data/tokenizer holds two small models and their cases. */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/read_file.h"
#include "base/strbuf.h"
#include "model/tokenizer.h"

#define DATA "tests/data/tokenizer/"

enum { TEXT_LEN = 512 };

/* ---- golden ---- */

struct golden {
    struct tokenizer *tokenizer;
    json_t *root;
};

static bool golden_open(struct golden *g, const char *model, const char *cases, const char *json)
{
    struct dn_error err;
    char *bytes = NULL;
    size_t size = 0;
    *g = (struct golden){0};
    bool ok = dn_read_file(model, 1 << 20, &bytes, &size, &err) &&
              tokenizer_open_bytes(bytes, size, json, json ? strlen(json) : 0, model, &g->tokenizer,
                                   &err);
    free(bytes);
    if (ok && !(g->root = dn_json_load(cases, 1 << 20, &err)))
        ok = false;
    CHECK_MSG(ok, "%s", err.message);
    return ok;
}

static void golden_close(struct golden *g)
{
    tokenizer_close(g->tokenizer);
    json_decref(g->root);
}

/* "▁a▁cat" -> "a cat", as the cases have it */
static char *plain_spaces(const char *text)
{
    struct strbuf out = {0};
    for (const char *s = text; *s;) {
        bool space = strncmp(s, "\u2581", 3) == 0;
        if (space && s > text)
            strbuf_append(&out, " ", 1);
        if (!space)
            strbuf_append(&out, s, 1);
        s += space ? 3 : 1;
    }
    return strbuf_take(&out);
}

static void check_normalized(const struct golden *g, const char *name, const json_t *c,
                             const char *text)
{
    const char *want = json_string_value(json_object_get(c, "normalized"));
    struct strbuf out = {0};
    struct dn_error err;
    if (!want)
        return;
    CHECK_OK(tokenizer_normalize(g->tokenizer, text, strlen(text), &out, &err), err);
    char *got = plain_spaces(strbuf_text(&out));
    CHECK_MSG(strcmp(got, want) == 0, "%s: normalized is \"%s\"", name, got);
    free(got);
    strbuf_done(&out);
}

static void check_ids(const struct golden *g, const char *name, const char *text, int64_t text_len,
                      const json_t *want, const json_t *pieces)
{
    int32_t ids[TEXT_LEN], mask[TEXT_LEN];
    int64_t n_valid = 0;
    struct dn_error err;
    CHECK_OK(
        tokenizer_encode(g->tokenizer, text, strlen(text), text_len, ids, mask, &n_valid, &err),
        err);
    CHECK_MSG(n_valid == (int64_t)json_array_size(want), "%s: %lld tokens", name,
              (long long)n_valid);
    for (int64_t i = 0; i < text_len; i++) {
        int64_t id = i < n_valid ? json_integer_value(json_array_get(want, (size_t)i))
                                 : tokenizer_pad_id(g->tokenizer);
        const char *piece = json_string_value(json_array_get(pieces, (size_t)i));
        CHECK_MSG(ids[i] == id, "%s: token %lld is %d, not %lld", name, (long long)i, ids[i],
                  (long long)id);
        CHECK(mask[i] == (i < n_valid));
        CHECK_MSG(!piece || strcmp(piece, tokenizer_piece(g->tokenizer, ids[i])) == 0,
                  "%s: piece %lld is not %s", name, (long long)i, piece);
    }
}

static void run_cases(const char *model, const char *cases, const char *json, bool fallback,
                      size_t want_cases)
{
    struct golden g;
    size_t i;
    json_t *c;
    if (!golden_open(&g, model, cases, json))
        return;
    json_t *list = json_object_get(g.root, "cases");
    CHECK(json_array_size(list) == want_cases);
    CHECK(tokenizer_byte_fallback(g.tokenizer) == fallback);
    json_array_foreach(list, i, c)
    {
        const char *name = json_string_value(json_object_get(c, "name"));
        const char *text = json_string_value(json_object_get(c, "cleaned"));
        int64_t text_len = json_integer_value(json_object_get(c, "text_len"));
        const json_t *other = fallback ? NULL : json_object_get(c, "ids_without_byte_fallback");
        check_normalized(&g, name, c, text);
        check_ids(&g, name, text, text_len, other ? other : json_object_get(c, "ids"),
                  other ? NULL : json_object_get(c, "pieces"));
    }
    golden_close(&g);
}

TEST(golden_byte_fallback)
{
    run_cases(DATA "spiece.model", DATA "cases.json", NULL, true, 52);
}

TEST(golden_plain_unk)
{
    run_cases(DATA "plain-unk.model", DATA "cases-plain-unk.json", NULL, false, 23);
}

TEST(golden_json_without_byte_fallback)
{
    run_cases(DATA "spiece.model", DATA "cases.json",
              "{\"model\": {\"type\": \"Unigram\", \"byte_fallback\": false, "
              "\"x\": {\"byte_fallback\": true}}, \"y\": {\"byte_fallback\": true}}",
              false, 52);
}

TEST(golden_json_with_byte_fallback)
{
    run_cases(DATA "spiece.model", DATA "cases.json",
              "{\"x\": [{\"model\": {\"byte_fallback\": false}}, \"\\\"{\"], \"model\": "
              "{\"vocab\": [[\"{\", -1.5e3], [\"\\u0000\", 0]], \"type\": \"Unigram\", "
              "\"byte_fallback\": true}}",
              true, 52);
}

TEST(padded_example)
{
    struct golden g;
    if (!golden_open(&g, DATA "spiece.model", DATA "cases.json", NULL))
        return;
    json_t *example = json_object_get(g.root, "padded_example");
    json_t *texts = json_object_get(example, "texts");
    int64_t text_len = json_integer_value(json_object_get(example, "text_len"));
    for (size_t i = 0; i < json_array_size(texts); i++) {
        int32_t ids[TEXT_LEN], mask[TEXT_LEN];
        int64_t n_valid;
        struct dn_error err;
        const char *text = json_string_value(json_array_get(texts, i));
        CHECK_OK(
            tokenizer_encode(g.tokenizer, text, strlen(text), text_len, ids, mask, &n_valid, &err),
            err);
        for (int64_t k = 0; k < text_len; k++) {
            json_t *want_ids = json_array_get(json_object_get(example, "ids"), i);
            json_t *want_mask = json_array_get(json_object_get(example, "mask"), i);
            CHECK(ids[k] == json_integer_value(json_array_get(want_ids, (size_t)k)));
            CHECK(mask[k] == json_integer_value(json_array_get(want_mask, (size_t)k)));
        }
    }
    CHECK(tokenizer_vocab_size(g.tokenizer) == 1200);
    CHECK(tokenizer_pad_id(g.tokenizer) == 0 && tokenizer_eos_id(g.tokenizer) == 1);
    CHECK(tokenizer_unk_id(g.tokenizer) == 3 && tokenizer_byte_fallback(g.tokenizer));
    CHECK_STR(tokenizer_piece(g.tokenizer, 4), "<0x00>");
    CHECK(tokenizer_piece(g.tokenizer, 1200) == NULL && !tokenizer_piece(g.tokenizer, -1));
    golden_close(&g);
}

/* ---- models made here ---- */

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

static void put_varint(struct strbuf *s, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        strbuf_append(s, &(char){(char)(value | 0x80)}, 1);
    strbuf_append(s, &(char){(char)value}, 1);
}

static void put_number(struct strbuf *s, uint32_t field, uint64_t value)
{
    put_varint(s, field << 3);
    put_varint(s, value);
}

static void put_bytes(struct strbuf *s, uint32_t field, const void *bytes, size_t length)
{
    put_varint(s, field << 3 | 2);
    put_varint(s, length);
    strbuf_append(s, bytes, length);
}

static void put_piece(struct strbuf *s, const char *text, size_t length, float score, int type)
{
    struct strbuf piece = {0};
    put_bytes(&piece, 1, text, length);
    put_varint(&piece, 2 << 3 | 5);
    strbuf_append(&piece, &score, 4);
    put_number(&piece, 3, (uint64_t)type);
    put_bytes(s, 1, piece.data, piece.length);
    strbuf_done(&piece);
}

static void put_text_piece(struct strbuf *s, const char *text, float score, int type)
{
    put_piece(s, text, strlen(text), score, type);
}

/* <pad> </s> <unk> a b ab ▁ : enough to be a model */
static struct strbuf small_model(void)
{
    struct strbuf s = {0};
    put_text_piece(&s, "<pad>", 0, CONTROL);
    put_text_piece(&s, "</s>", 0, CONTROL);
    put_text_piece(&s, "<unk>", 0, UNKNOWN);
    put_text_piece(&s, "a", -2, NORMAL);
    put_text_piece(&s, "b", -2, NORMAL);
    put_text_piece(&s, "ab", -3, NORMAL);
    put_text_piece(&s, "\u2581", -1, NORMAL);
    return s;
}

/* Opens s, frees it; the error's text lands in message. */
static struct tokenizer *open_strbuf(struct strbuf *s, char message[1024])
{
    struct dn_error err = {0};
    struct tokenizer *t = NULL;
    bool ok = tokenizer_open_bytes(strbuf_text(s), s->length, NULL, 0, "m", &t, &err);
    snprintf(message, 1024, "%s", ok ? "" : err.message);
    CHECK(ok == (t != NULL));
    strbuf_done(s);
    return t;
}

static void check_refused(struct strbuf *s, const char *part)
{
    char message[1024];
    struct tokenizer *t = open_strbuf(s, message);
    CHECK_MSG(!t, "accepted, should say \"%s\"", part);
    CHECK_MSG(strstr(message, part), "says \"%s\", not \"%s\"", message, part);
    CHECK_MSG(!strchr(message, '\n'), "more than one line: %s", message);
    tokenizer_close(t);
}

static void check_encodes(struct strbuf *s, const char *text, size_t length, int64_t count,
                          const int32_t *want)
{
    char message[1024];
    int32_t ids[64], mask[64];
    int64_t n_valid;
    struct dn_error err;
    struct tokenizer *t = open_strbuf(s, message);
    CHECK_MSG(t, "%s", message);
    if (!t)
        return;
    CHECK_OK(tokenizer_encode(t, text, length, 64, ids, mask, &n_valid, &err), err);
    CHECK_MSG(n_valid == count + 1, "%lld tokens", (long long)n_valid);
    for (int64_t i = 0; i < count; i++)
        CHECK_MSG(ids[i] == want[i], "token %lld is %d", (long long)i, ids[i]);
    tokenizer_close(t);
}

TEST(best_path_and_ties)
{
    struct strbuf s = small_model();
    check_encodes(&s, "abba", 4, 4, (const int32_t[]){6, 5, 4, 3});
    s = small_model(); /* unknown characters, one <unk> a run */
    check_encodes(&s, "axyb", 4, 4, (const int32_t[]){6, 3, 2, 4});
    s = small_model();
    check_encodes(&s, "", 0, 0, NULL);
    s = small_model(); /* a b and ab cost the same: the path whose last piece starts first */
    put_text_piece(&s, "ba", -4, NORMAL);
    check_encodes(&s, "ba", 2, 2, (const int32_t[]){6, 7});
    s = small_model();
    put_text_piece(&s, "bbb", 0, UNUSED);
    check_encodes(&s, "bbb", 3, 4, (const int32_t[]){6, 4, 4, 4});
    s = small_model(); /* user-defined: taken whole, though a and b are better */
    put_text_piece(&s, "bab", -50, USER_DEFINED);
    check_encodes(&s, "xbab", 4, 3, (const int32_t[]){6, 2, 7});
}

/* Equal sums, told apart by rounding alone; ids from sentencepiece 0.2.0. */
TEST(ties_by_rounding)
{
    static const struct {
        const char *text;
        int32_t ids[12]; /* 0 ends it */
    } cases[] = {
        {"0bbb x<", {267, 742, 1049, 459, 267, 1050, 64, 1}},
        {"4xxbbb41 xxx", {267, 1132, 1050, 1050, 1049, 459, 1132, 1141, 267, 1050, 1050, 1050}},
        {"aabb bbb", {261, 396, 1049, 404, 1049, 1}},
    };
    struct tokenizer *t = NULL;
    struct dn_error err;
    CHECK_OK(tokenizer_open(DATA "spiece.model", &t, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t ids[64], mask[64];
        int64_t n_valid;
        CHECK_OK(tokenizer_encode(t, cases[i].text, strlen(cases[i].text), 64, ids, mask, &n_valid,
                                  &err),
                 err);
        for (int k = 0; k < 12 && cases[i].ids[k]; k++)
            CHECK_MSG(ids[k] == cases[i].ids[k], "%s: token %d is %d", cases[i].text, k, ids[k]);
    }
    tokenizer_close(t);
}

TEST(odd_but_legal)
{
    struct strbuf s = small_model();
    put_piece(&s, "a\0b", 3, -1, NORMAL); /* a NUL is data */
    check_encodes(&s, "a\0b", 3, 2, (const int32_t[]){6, 7});
    s = small_model(); /* unknown fields, one of each type */
    put_number(&s, 4000, UINT64_MAX);
    put_bytes(&s, 4001, "xyz", 3);
    strbuf_append(&s, "\xC5\xFA\x01zzzz\xC1\xFA\x01zzzzzzzz", 18);
    check_encodes(&s, "ab", 2, 2, (const int32_t[]){6, 5});
    s = small_model(); /* bytes that are not UTF-8: U+FFFD each, here one run of <unk> */
    check_encodes(&s, "a\xFF\xC3", 3, 3, (const int32_t[]){6, 3, 2});
    s = small_model();
    put_bytes(&s, 3, "\x18\x00", 2); /* no dummy prefix */
    check_encodes(&s, "ab", 2, 1, (const int32_t[]){5});
}

TEST(wire_format_lies)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *part;
    } lies[] = {
        {"", 0, "no pieces"},
        {"\x00", 1, "impossible number"},
        {"\x0B", 1, "unknown type"}, /* a group */
        {"\x0F", 1, "unknown type"},
        {"\x0A", 1, "cut off"},
        {"\x0A\x05"
         "ab",
         4, "longer than what holds it"},
        {"\x0A\xFF\xFF\xFF\xFF\x0F", 6, "longer than what holds it"},
        {"\x0A\xFF\xFF\xFF\xFF\xFF\x01", 7, "too long"},
        {"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 11, "too long"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "too long"},
        {"\xFF\xFF\xFF\xFF\x7F\x00", 6, "impossible number"},
        {"\x08\x01", 2, "wrong type"},
        {"\x0A\x02\x08\x01", 4, "wrong type"},
        {"\x0A\x03\x0A\x7F"
         "a",
         5, "longer than what holds it"},
        {"\x0A\x04\x15"
         "abc",
         6, "cut off"},
        {"\x12\x02\x18", 3, "longer than what holds it"},
        {"<!DOCTYPE html><html>", 21, "m: byte"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "m: byte"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct strbuf s = {0};
        strbuf_append(&s, lies[i].bytes, lies[i].length);
        check_refused(&s, lies[i].part);
    }
}

TEST(pieces_lie)
{
    char long_piece[1025];
    memset(long_piece, 'x', sizeof long_piece);
    static const struct {
        const char *text;
        float score;
        int type;
        const char *part;
    } lies[] = {
        {"a", -1, NORMAL, "pieces 3 and 7 are the same"},
        {"<pad>", -1, NORMAL, "pieces 0 and 7 are the same"},
        {"", -1, NORMAL, "a piece is empty"},
        {"\xC3", -1, NORMAL, "not UTF-8"},
        {"\xED\xA0\x80", -1, NORMAL, "not UTF-8"},
        {"x", NAN, NORMAL, "not a finite number"},
        {"x", INFINITY, NORMAL, "not a finite number"},
        {"x", -1, 0, "no known type"},
        {"x", -1, 7, "no known type"},
        {"x", -1, UNKNOWN, "two pieces are the unknown piece"},
        {"<0x41>", -1, BYTE, "byte fallback is off but 1 of 256"},
        {"<0x4g>", -1, BYTE, "is no byte"},
        {"<0x4a>", -1, BYTE, "is no byte"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct strbuf s = small_model();
        put_text_piece(&s, lies[i].text, lies[i].score, lies[i].type);
        check_refused(&s, lies[i].part);
    }
    struct strbuf s = small_model();
    put_piece(&s, long_piece, 1025, -1, NORMAL);
    check_refused(&s, "longer than 1024 bytes");
    s = small_model();
    put_piece(&s, long_piece, 1024, -1, NORMAL);
    check_encodes(&s, "ab", 2, 2, (const int32_t[]){6, 5});
}

TEST(model_lies)
{
    struct strbuf s = {0};
    put_text_piece(&s, "a", -1, NORMAL);
    check_refused(&s, "no piece is the unknown piece");
    put_text_piece(&s, "<unk>", 0, UNKNOWN);
    check_refused(&s, "no control piece for the end");
    put_text_piece(&s, "<unk>", 0, UNKNOWN);
    put_text_piece(&s, "</s>", 0, CONTROL);
    check_refused(&s, "no control piece for the padding");
    static const struct {
        uint32_t field;
        uint64_t value;
        const char *part;
    } lies[] = {
        {3, 2, "only unigram"},
        {3, UINT64_MAX, "only unigram"},
        {40, 7, "unk_id is 7"},
        {42, 1 << 30, "eos_id is"},
        {43, UINT64_MAX - 1, "pad_id is -2"},
        {35, 1, "byte fallback is on but 0 of 256"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct strbuf trainer = {0};
        put_number(&trainer, lies[i].field, lies[i].value);
        s = small_model();
        put_bytes(&s, 2, trainer.data, trainer.length);
        strbuf_done(&trainer);
        check_refused(&s, lies[i].part);
    }
}

/* A model with the character map [size][units ...][strings]. */
static struct strbuf map_model(uint32_t size, const uint32_t *units, size_t count,
                               const char *strings, size_t strings_length)
{
    struct strbuf s = small_model(), map = {0}, normalizer = {0};
    strbuf_append(&map, &size, 4);
    for (size_t i = 0; i < count; i++)
        strbuf_append(&map, &units[i], 4);
    strbuf_append(&map, strings, strings_length);
    put_bytes(&normalizer, 2, map.data, map.length);
    put_bytes(&s, 3, normalizer.data, normalizer.length);
    strbuf_done(&map);
    strbuf_done(&normalizer);
    return s;
}

TEST(character_map)
{
    /* a double array with one rule, 'x' -> strings[0]: root at 0 with offset 1; 'x' leads to unit
     * 1 ^ 'x', labelled 'x', with a leaf at offset 0x80 from it */
    uint32_t units[256] = {0};
    size_t x = 1 ^ 'x', leaf = x ^ 0x80;
    units[0] = 1 << 10;
    units[x] = 'x' | 1 << 8 | 0x80 << 10;
    units[leaf] = 1u << 31;
    struct strbuf s = map_model(1024, units, 256, "ab\0", 3);
    check_encodes(&s, "axb", 3, 4, (const int32_t[]){6, 3, 5, 4});

    s = map_model(0, units, 256, "ab\0", 3);
    check_refused(&s, "impossible size");
    s = map_model(1020, units, 256, "ab\0", 3);
    check_refused(&s, "impossible size");
    s = map_model(2048, units, 256, "ab\0", 3);
    check_refused(&s, "impossible size");
    s = map_model(UINT32_MAX, units, 256, "ab\0", 3);
    check_refused(&s, "impossible size");
    s = map_model(1024, units, 256, "", 0);
    check_refused(&s, "impossible size");
    s = map_model(1024, units, 256, "ab", 2);
    check_refused(&s, "is broken");
    s = map_model(1024, units, 256, "\xFF\0", 2);
    check_refused(&s, "is broken");
    units[leaf] = 1u << 31 | 3;
    s = map_model(1024, units, 256, "ab\0", 3);
    check_refused(&s, "is broken");
    units[leaf] = 1u << 31;
    char long_text[70] = {0};
    memset(long_text, 'a', 65);
    s = map_model(1024, units, 256, long_text, 66);
    check_refused(&s, "is broken");
    units[x] = 'x' | 1 << 8 | 0x100 << 10; /* out of the array */
    s = map_model(1024, units, 256, "ab\0", 3);
    check_refused(&s, "is broken");
    units[x] = 'x' | 1 << 8 | 1 << 9 | 1 << 10;
    s = map_model(1024, units, 256, "ab\0", 3);
    check_refused(&s, "is broken");
    units[x] = 'x' | 1 << 8; /* its value is no value: itself */
    s = map_model(1024, units, 256, "ab\0", 3);
    check_refused(&s, "is broken");
    units[x] = 'x'; /* a dead end */
    s = map_model(1024, units, 256, "ab\0", 3);
    check_refused(&s, "is broken");
}

TEST(cut_anywhere)
{
    struct strbuf whole = small_model();
    char message[1024];
    for (size_t n = 0; n < whole.length; n++) {
        struct strbuf s = {0};
        strbuf_append(&s, whole.data, n);
        struct tokenizer *t = open_strbuf(&s, message);
        CHECK_MSG(t || message[0], "no error at length %zu", n);
        tokenizer_close(t);
    }
    strbuf_done(&whole);
}

TEST(json_lies)
{
    static const struct {
        const char *json, *part;
    } lies[] = {
        {"", "not whole JSON"},
        {"[]", "not whole JSON"},
        {"{", "not whole JSON"},
        {"{\"a", "not whole JSON"},
        {"{\"a\\", "not whole JSON"},
        {"{]", "not whole JSON"},
        {"{}}", "not whole JSON"},
        {"{}", "no \"model\""},
        {"{\"a\": {\"model\": {}}}", "no \"model\""},
        {"{\"model\": 3}", "no \"model\""},
        {"{\"model\": {\"type\": \"BPE\"}}", "not Unigram"},
        {"{[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "not whole JSON"},
    };
    struct strbuf s = small_model();
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct tokenizer *t = NULL;
        struct dn_error err;
        CHECK(!tokenizer_open_bytes(s.data, s.length, lies[i].json, strlen(lies[i].json), "m", &t,
                                    &err));
        CHECK_MSG(strstr(err.message, lies[i].part), "says \"%s\", not \"%s\"", err.message,
                  lies[i].part);
    }
    strbuf_done(&s);
}

static void write_text(const char *path, const char *bytes, size_t length)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, length, f) == length);
    if (f)
        fclose(f);
}

TEST(files)
{
    char folder[] = "/tmp/danaus-tokenizer-XXXXXX";
    struct tokenizer *t = NULL;
    struct dn_error err;
    CHECK_OK(tokenizer_open(DATA "spiece.model", &t, &err), err);
    CHECK(tokenizer_byte_fallback(t)); /* no tokenizer.json beside it */
    tokenizer_close(t);
    CHECK(!tokenizer_open(DATA, &t, &err));
    CHECK(!tokenizer_open("/no/such/spiece.model", &t, &err) && err.code == DN_E_IO);
    CHECK(!tokenizer_open("/dev/zero", &t, &err));

    CHECK(mkdtemp(folder) != NULL);
    char *model = dn_asprintf("%s/spiece.model", folder);
    char *json = dn_asprintf("%s/tokenizer.json", folder);
    char *bytes = NULL;
    size_t size = 0;
    CHECK_OK(dn_read_file(DATA "spiece.model", 1 << 20, &bytes, &size, &err), err);
    write_text(model, bytes, size);
    write_text(json, "{\"model\": {\"type\": \"Unigram\"}}", 30);
    CHECK_OK(tokenizer_open(model, &t, &err), err);
    CHECK(!tokenizer_byte_fallback(t));
    tokenizer_close(t);
    write_text(json, "{\"model\": {\"type\":", 18);
    CHECK(!tokenizer_open(model, &t, &err) && strstr(err.message, "tokenizer.json"));
    unlink(json);
    unlink(model);
    rmdir(folder);
    free(bytes);
    free(model);
    free(json);
}

/* ---- limits and speed ---- */

TEST(limits)
{
    struct tokenizer *t = NULL;
    struct dn_error err;
    int32_t ids[4096], mask[4096];
    int64_t n_valid;
    CHECK_OK(tokenizer_open(DATA "spiece.model", &t, &err), err);
    CHECK(!tokenizer_encode(t, "a", 1, 0, ids, mask, &n_valid, &err));
    CHECK(!tokenizer_encode(t, "a", 1, 4097, ids, mask, &n_valid, &err));
    CHECK_OK(tokenizer_encode(t, "a", 1, 4096, ids, mask, &n_valid, &err), err);
    CHECK_OK(tokenizer_encode(t, "a", 1, 1, ids, mask, &n_valid, &err), err);
    CHECK(n_valid == 1 && ids[0] == tokenizer_eos_id(t));
    size_t size = TOKENIZER_TEXT_MAX_BYTES + 1;
    char *text = dn_malloc(size);
    memset(text, 'a', size);
    CHECK(!tokenizer_encode(t, text, size, 512, ids, mask, &n_valid, &err));
    for (size_t i = 0; i + 3 <= size; i += 3) /* U+FDFA becomes 33 bytes */
        memcpy(text + i, "\xEF\xB7\xBA", 3);
    CHECK(!tokenizer_encode(t, text, 65535, 512, ids, mask, &n_valid, &err));
    CHECK(strstr(err.message, "too long") != NULL);
    CHECK_OK(tokenizer_encode(t, text, 3, 512, ids, mask, &n_valid, &err), err);
    free(text);
    tokenizer_close(t);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

TEST(a_long_prompt_is_quick)
{
#ifdef __SANITIZE_ADDRESS__
    const double limit = 1.0;
#else
    const double limit = 0.05;
#endif
    static const char *const fillers[] = {"a slow tracking shot of a lighthouse, ", "a",
                                          "\u96e8\u306e\u8857 ", "\U0001F680", "\xFF"};
    struct tokenizer *t = NULL;
    struct dn_error err;
    int32_t ids[512], mask[512];
    int64_t n_valid;
    CHECK_OK(tokenizer_open(DATA "spiece.model", &t, &err), err);
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++) {
        struct strbuf text = {0};
        while (text.length + strlen(fillers[i]) <= 65536)
            strbuf_append_text(&text, fillers[i]);
        double best = 1e9;
        for (int k = 0; k < 3; k++) {
            double start = seconds();
            CHECK_OK(tokenizer_encode(t, text.data, text.length, 512, ids, mask, &n_valid, &err),
                     err);
            double took = seconds() - start;
            best = took < best ? took : best;
        }
        CHECK_MSG(best < limit, "filler %zu: %.0f ms", i, best * 1e3);
        CHECK(n_valid == 512 && ids[511] == tokenizer_eos_id(t));
        strbuf_done(&text);
    }
    tokenizer_close(t);
}

TESTS(T(golden_byte_fallback), T(golden_plain_unk), T(golden_json_without_byte_fallback),
      T(golden_json_with_byte_fallback), T(padded_example), T(best_path_and_ties),
      T(ties_by_rounding), T(odd_but_legal), T(wire_format_lies), T(pieces_lie), T(model_lies),
      T(character_map), T(cut_anywhere), T(json_lies), T(files), T(limits),
      T(a_long_prompt_is_quick))
