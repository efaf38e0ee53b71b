/* base/json: limits, strictness and the path in the error of a member. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "check.h"

static struct dn_error error;

static void refused(const char *text, const char *message)
{
    memset(&error, 0, sizeof error);
    json_t *json = dn_json_parse(text, strlen(text), 100, "c.json", &error);
    CHECK_MSG(!json, "%s was taken", text);
    CHECK_STR(error.message, message);
    json_decref(json);
}

TEST(strict)
{
    char deep[80] = "";
    refused("", "c.json is not valid JSON: line 1 column 0: '[' or '{' expected near end of file");
    refused("{\"a\": 1, \"a\": 2}",
            "c.json is not valid JSON: line 1 column 12: duplicate object key near '\"a\"'");
    refused("{\"a\": NaN}", "c.json is not valid JSON: line 1 column 9: invalid token near 'NaN'");
    refused("[1,]", "c.json is not valid JSON: line 1 column 4: unexpected token near ']'");
    refused("[] []", "c.json is not valid JSON: line 1 column 4: end of file expected near '['");
    refused("[\"\xFF\"]", "c.json is not valid JSON: line 1 column 2: unable to decode byte 0xff "
                          "near '\"'");
    refused("[\"\\u0000\"]", "c.json is not valid JSON: line 1 column 9: \\u0000 is not allowed "
                             "without JSON_ALLOW_NUL near '\"\\u0000\"'");
    refused("[9223372036854775808]",
            "c.json is not valid JSON: line 1 column 20: too big integer near "
            "'9223372036854775808'");
    memset(deep, '[', 33);
    refused(deep, "c.json: nested more than 32 deep at byte 32");
    char big[102];
    memset(big, ' ', 101);
    big[101] = '\0';
    refused(big, "c.json is too large: 101 bytes, at most 100");
}

TEST(brackets_in_strings_do_not_nest)
{
    const char *text = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[\"]";
    json_t *json = dn_json_parse(text, strlen(text), 1000, "c.json", &error);
    CHECK(json);
    json_decref(json);
}

TEST(members)
{
    const char *text = "{\"i\": 5, \"d\": 2.5, \"b\": true, \"s\": \"x\", \"a\": [1], \"o\": {}}";
    json_t *json = dn_json_parse(text, strlen(text), 1000, "c.json", &error), *child = NULL;
    struct dn_json_member m = {.object = json, .where = "c.json", .required = true};
    int64_t i = 0;
    double d = 0;
    bool b = false;
    const char *s = "";
#define AT(name) (m.key = name, m)
    CHECK(dn_json_get_int(AT("i"), 1, 5, &i, &error) && i == 5);
    CHECK(dn_json_get_double(AT("d"), 0, 3, &d, &error) && d == 2.5);
    CHECK(dn_json_get_double(AT("i"), 0, 9, &d, &error) && d == 5);
    CHECK(dn_json_get_bool(AT("b"), &b, &error) && b);
    CHECK(dn_json_get_string(AT("s"), &s, &error) && !strcmp(s, "x"));
    CHECK(dn_json_get_array(AT("a"), &child, &error) && json_array_size(child) == 1);
    CHECK(dn_json_get_object(AT("o"), &child, &error) && json_object_size(child) == 0);

    CHECK(!dn_json_get_int(AT("i"), 1, 4, &i, &error));
    CHECK_STR(error.message, "c.json.i must be a whole number 1 to 4");
    CHECK(!dn_json_get_int(AT("d"), 1, 4, &i, &error));
    CHECK(!dn_json_get_double(AT("d"), 3, 1e6, &d, &error));
    CHECK_STR(error.message, "c.json.d must be a number 3 to 1000000");
    CHECK(!dn_json_get_bool(AT("i"), &b, &error));
    CHECK_STR(error.message, "c.json.i must be true or false");
    CHECK(!dn_json_get_string(AT("a"), &s, &error));
    CHECK_STR(error.message, "c.json.a must be a string");
    CHECK(!dn_json_get_array(AT("o"), &child, &error));
    CHECK_STR(error.message, "c.json.o must be a list");
    CHECK(!dn_json_get_object(AT("a"), &child, &error));
    CHECK_STR(error.message, "c.json.a must be an object");
    CHECK(!dn_json_get_int(AT("z"), 0, 1, &i, &error));
    CHECK_STR(error.message, "c.json.z is missing");
    CHECK(i == 5 && d == 5);
    m.required = false;
    CHECK(dn_json_get_int(AT("z"), 0, 1, &i, &error) && i == 5);
    json_decref(json);
}

TEST(known_keys)
{
    static const char *const known[] = {"a", "b", NULL};
    json_t *json = json_pack("{s:i, s:i}", "a", 1, "zz", 2);
    CHECK(!dn_json_known_keys(json, "c.json", known, &error));
    CHECK_STR(error.message, "c.json.zz is not a known key");
    json_object_del(json, "zz");
    CHECK(dn_json_known_keys(json, "c.json", known, &error));
    json_decref(json);
}

TEST(files)
{
    CHECK(!dn_json_load("no/such.json", 10, &error));
    CHECK_STR(error.message, "cannot open no/such.json: No such file or directory");
    CHECK(!dn_json_load("/proc/self/fd", 10, &error));
}

TESTS(T(strict), T(brackets_in_strings_do_not_nest), T(members), T(known_keys), T(files))
