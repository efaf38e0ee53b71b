/* safetensors: what is legal opens, what is not is refused with the rule's name; cut and mutated
 * files never do harm. */
#include "scratch.h"

#define VALID "tests/data/format/handmade_valid_small.safetensors"

/* A file of that header and data bytes of zeros. */
static const char *file_of(const char *header, size_t data)
{
    static uint8_t bytes[1 << 20];
    size_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    memset(bytes + 8 + length, 0, data);
    return scratch(bytes, 8 + length + data);
}

static const struct {
    const char *header;
    size_t data;
    int64_t tensors;
} legal[] = {
    {"{}", 0, 0},
    {"{}      ", 0, 0},
    {"{\"__metadata__\":{}}", 0, 0},
    {"{\"__metadata__\":{\"a\":\"\",\"b\":\"x\\ny\\u00e9\\ud83e\\udd8b\"}}", 0, 0},
    {"{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, 1},
    {"{\"e\":{\"dtype\":\"F64\",\"shape\":[3,0,2],\"data_offsets\":[0,0]}}", 0, 1},
    {"{ \"a\" : { \"shape\" : [ 2 ] ,\n\"dtype\":\"BF16\",\t\"data_offsets\":[ 0 , 4 ]} }  ", 4, 1},
    {"{\"b\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,2],\"data_offsets\":[1,3]},"
     "\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}",
     3, 2},
    {"{\"\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
};

TEST(legal_headers_open)
{
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++) {
        struct dn_error err;
        struct weights *w;
        CHECK_OK(weights_open(file_of(legal[i].header, legal[i].data), &w, &err), err);
        CHECK_MSG(w && weights_count(w) == legal[i].tensors, "%s", legal[i].header);
        if (w)
            touch_all(w);
        weights_close(w);
    }
}

/* A header of 123 bytes makes the file begin with '{', like a JSON file. */
TEST(a_length_that_looks_like_json)
{
    struct dn_error err;
    char header[124];
    memset(header, ' ', 123);
    memcpy(header, "{}", 2);
    header[123] = '\0';
    CHECK_OK(opens(file_of(header, 0), &err), err);
}

#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define NINE "[1,1,1,1,1,1,1,1,4]"

static const struct {
    const char *header;
    size_t data;
    const char *says; /* part of the message */
} illegal[] = {
    {"{", 0, "header of 1 bytes"},
    {" {}", 0, "start with {"},
    {"[]", 0, "start with {"},
    {"{}x", 0, "behind the last }"},
    {"{}\n", 0, "behind the last }"},
    {"{},{}", 0, "behind the last }"},
    {"{} ", 4, "belong to nothing"},
    {"{\"a\":1}", 0, "must be an object"},
    {"{\"a\":{}}", 0, "string was expected"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "needs dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, "occurs twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
     "unknown field"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],}}", 4, "string was expected"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", 4, "string was expected"},
    {TENSOR("\"f32\"", "[1]", "[0,4]"), 4, "does not know"},
    {TENSOR("\"C64\"", "[1]", "[0,8]"), 8, "does not know"},
    {TENSOR("\"F32\\u0000\"", "[1]", "[0,4]"), 4, "NUL"},
    {TENSOR("\"F32\"", "[1,]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[-1]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[+1]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[01]", "[0,4]"), 4, "leading zero"},
    {TENSOR("\"F32\"", "[1.0]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[1e0]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[true]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[[1]]", "[0,4]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[9007199254740992]", "[0,4]"), 4, "too large"},
    {TENSOR("\"F32\"", "[9007199254740991,9007199254740991]", "[0,4]"), 4, "too large"},
    {TENSOR("\"F32\"", "[9007199254740991,9007199254740991,0]", "[0,0]"), 0, "too large"},
    {TENSOR("\"F32\"", NINE, "[0,16]"), 16, "8 dimensions"},
    {TENSOR("\"F32\"", "[1]", "[0]"), 4, "two numbers"},
    {TENSOR("\"F32\"", "[1]", "[]"), 4, "whole number"},
    {TENSOR("\"F32\"", "[1]", "[4,8]"), 8, "unused bytes"},
    {TENSOR("\"F32\"", "[1]", "[0,5]"), 5, "need 4 bytes"},
    {TENSOR("\"F32\"", "[1]", "[0,3]"), 3, "need 4 bytes"},
    {TENSOR("\"F32\"", "[2]", "[0,8]"), 4, "cut short"},
    {TENSOR("\"F32\"", "[0]", "[0,4]"), 4, "need 0 bytes"},
    {TENSOR("\"F32\"", "[1]", "[0,4]"), 5, "belong to nothing"},
    {TENSOR("nul", "[1]", "[0,4]"), 4, "string was expected"},
    {"{\"a\x01\":1}", 0, "control character"},
    {"{\"a\\x\":1}", 0, "unknown escape"},
    {"{\"a\\u12\":1}", 0, "a bad \\u escape"},
    {"{\"\\ud800\":1}", 0, "lone surrogate"},
    {"{\"\\udc00\":1}", 0, "lone surrogate"},
    {"{\"\\ud800\\u0041\":1}", 0, "lone surrogate"},
    {"{\"\xc0\xaf\":1}", 0, "not UTF-8"},
    {"{\"\xed\xa0\x80\":1}", 0, "not UTF-8"},
    {"{\"\xf4\x90\x80\x80\":1}", 0, "not UTF-8"},
    {"{\"a\" 1}", 0, "colon"},
    {"{'a':1}", 0, "string was expected"},
    {"{/*x*/}", 0, "string was expected"},
    {"{\"__metadata__\":[]}", 0, "must be an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "string was expected"},
    {"{\"__metadata__\":{\"a\":null}}", 0, "string was expected"},
    {"{\"__metadata__\":{\"a\":{}}}", 0, "string was expected"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, "occurs twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "occurs twice"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, "two tensors"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
     1, "overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
     3, "unused bytes"},
};

TEST(illegal_headers_are_refused)
{
    for (size_t i = 0; i < sizeof illegal / sizeof illegal[0]; i++) {
        struct dn_error err;
        CHECK_MSG(!opens(file_of(illegal[i].header, illegal[i].data), &err), "%s opens",
                  illegal[i].header);
        CHECK_MSG(strstr(err.message, illegal[i].says), "%s: \"%s\", want \"%s\"",
                  illegal[i].header, err.message, illegal[i].says);
    }
}

/* Sizes that nobody can hold must not be believed. */
TEST(limits)
{
    struct dn_error err;
    char *header = dn_malloc(1 << 20);
    size_t used = (size_t)sprintf(header, "{\"");
    memset(header + used, 'n', 1025);
    strcpy(header + used + 1025, "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}");
    CHECK(!opens(file_of(header, 1), &err) && strstr(err.message, "too long"));
    memmove(header + used, header + used + 1, strlen(header + used));
    CHECK_OK(opens(file_of(header, 1), &err), err);
    memset(header, '[', 40000);
    header[0] = '{';
    memcpy(header + 1, "\"a\":", 4);
    header[40000] = '\0';
    CHECK(!opens(file_of(header, 0), &err) && strstr(err.message, "must be an object"));
    used = (size_t)sprintf(header, "{\"__metadata__\":{");
    for (int i = 0; i < 5000; i++)
        used += (size_t)sprintf(header + used, "%s\"%d\":\"\"", i ? "," : "", i);
    strcpy(header + used, "}}");
    CHECK(!opens(file_of(header, 0), &err) && strstr(err.message, "metadata"));
    free(header);
}

TEST(cuts)
{
    check_cuts(VALID, 168, 0);
    check_cuts("tests/data/format/base.safetensors", 64, 500);
}

TEST(flips)
{
    check_flips(VALID, 1000);
    check_flips("tests/data/format/base.safetensors", 200);
}

TEST(metadata)
{
    struct dn_error err;
    struct weights *w;
    const char *key, *value;
    CHECK_OK(weights_open(file_of(legal[3].header, 0), &w, &err), err);
    CHECK(weights_metadata_count(w) == 2);
    weights_metadata_at(w, 1, &key, &value);
    CHECK_STR(key, "b");
    CHECK_STR(value, "x\ny\303\251\360\237\246\213");
    CHECK_STR(weights_metadata(w, "a"), "");
    CHECK(weights_metadata(w, "c") == NULL);
    weights_close(w);
}

TESTS(T(legal_headers_open), T(a_length_that_looks_like_json), T(illegal_headers_are_refused),
      T(limits), T(cuts), T(flips), T(metadata))
