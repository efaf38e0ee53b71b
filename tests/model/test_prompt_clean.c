/* prompt_clean: the golden cases, and damage of each kind with the text it must become (computed
 * by ftfy 6.3.1 and Python's html module). */
#include "check.h"

#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/prompt_clean.h"

static void check_clean(const char *name, const char *text, size_t length, const char *want)
{
    struct strbuf out = {0};
    struct dn_error err;
    CHECK_OK(prompt_clean(text, length, &out, &err), err);
    CHECK_MSG(strcmp(strbuf_text(&out), want) == 0, "%s: got \"%s\", want \"%s\"", name,
              strbuf_text(&out), want);
    strbuf_done(&out);
}

static void run_golden(const char *path, size_t count)
{
    struct dn_error err;
    json_t *root = dn_json_load(path, 1 << 20, &err), *c;
    CHECK_MSG(root, "%s", err.message);
    json_t *cases = json_object_get(root, "cases");
    size_t i;
    CHECK(json_array_size(cases) == count);
    json_array_foreach(cases, i, c)
    {
        json_t *text = json_object_get(c, "text");
        check_clean(json_string_value(json_object_get(c, "name")), json_string_value(text),
                    json_string_length(text), json_string_value(json_object_get(c, "cleaned")));
    }
    json_decref(root);
}

TEST(golden)
{
    run_golden("tests/data/tokenizer/cases.json", 52);
    run_golden("tests/data/tokenizer/cases-plain-unk.json", 23);
}

struct damage {
    const char *text, *want;
};

static void check_all(const struct damage *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_clean(list[i].text, list[i].text, strlen(list[i].text), list[i].want);
}

#define CHECK_ALL(list) check_all(list, sizeof(list) / sizeof(list)[0])

TEST(mojibake)
{
    static const struct damage list[] = {
        {"caf\u00c3\u00a9 in M\u00c3\u00bcnchen", "caf\u00e9 in M\u00fcnchen"},
        {"\u00e2\u20ac\u0153quoted\u00e2\u20ac\302\235 and don\u00e2\u20ac\u2122t",
         "\"quoted\" and don't"},
        {"\u00c3 la carte", "\u00e0 la carte"},
        {"f\u00c3 cil", "f\u00e0 cil"},
        {"\u00c3 s vezes", "\u00e0s vezes"},
        {"voil\u00c3  le travail", "voil\u00e0 le travail"},
        {"s\u00c3\u00b3", "s\u00f3"},
        {"\u00e2\u0153\u201d No problems", "\u2714 No problems"},
        {"\u00e3\302\203\302\204 smile", "\u30c4 smile"},
        {"\u00d0\u0178\u00d1\u20ac\u00d0\u00b8\u00d0\u00b2\u00d0\u00b5\u00d1\u201a "
         "\u00d0\u00bc\u00d0\u00b8\u00d1\u20ac",
         "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440"},
        {"\u00c2\u00a1Hola\u00c2! \u00c2\u00a9 2020", "\u00a1Hola\u00c2! \u00a9 2020"},
        {"10 \u00c2\u00b0C outside", "10 \u00b0C outside"},
        {"The M\u00c3\u00a9lange \u00e2\u20ac\u201d \u00e2\u20ac\u0153like this \u00e2\u20ac\ufffd",
         "The M\u00e9lange \u2014 \"like this \ufffd"},
        {"\u0420\u045a\u0420\u0455\u0421\u0403\u0420\u0454\u0420\u0406\u0420\u00b0 "
         "\u0420\u0405\u0420\u0455\u0421\u2021\u0421\u040a\u0421\u040b",
         "\u041c\u043e\u0441\u043a\u0432\u0430 \u043d\u043e\u0447\u044c\u044e"},
        {"\u00c3\u00a2\u00e2\u201a\u00ac\u00c5\u201ctwice\u00c3\u00a2\u00e2\u201a\u00ac\302\235",
         "\"twice\""},
        {"\u00e4\u00b8\u00ad\u00e6\u2013\u2021", "\u4e2d\u6587"},
        {"\u00e0\u00a4\u00b9\u00e0\u00a4\u00bf\u00e0\u00a4\u00a8\u00e0\u00a5\302\215\u00e0\u00a4"
         "\u00a6\u00e0\u00a5\u20ac",
         "\u0939\u093f\u0928\u094d\u0926\u0940"},
        {"l\u2019\u00c3\u00a9t\u00c3\u00a9 et l\u2019\u00e9t\u00e9",
         "l'\u00e9t\u00e9 et l'\u00e9t\u00e9"},
        {"sch\u00c3\u00b6n", "sch\u00f6n"},
        {"do\u00c3\u00b1a \u00c3\u2018", "do\u00f1a \u00d1"},
        {"\u201a\u00c4\u00fatest\u201a\u00c4\u00f9", "\"test\""},
        {"\u251c\u2310t\u251c\u2310", "\u00e9t\u00e9"},
        {"\u00c4\302\215lov\u00c4\u203ak", "\u010dlov\u011bk"},
        {"\u00f0\u0178\u02dc\u20ac grin", "\U0001f600 grin"},
        {"\u00ed\u00a0\u00bd\u00ed\u00b8\302\200 twice", "\U0001f600 twice"},
        {"caf\u00c3\u00a9 \ufffd", "caf\u00e9 \ufffd"},
        {"snow\302\226white \302\205", "snow\u2013white \u2026"},
        {"\u00ce\u2018\u00ce\u00b8\u00ce\u00ae\u00ce\u00bd\u00ce\u00b1",
         "\u0391\u03b8\u03ae\u03bd\u03b1"},
        {"I\u00c3\u00b1t\u00c3\u00abrn\u00c3\u00a2ti\u00c3\u00b4n\u00c3 "
         "liz\u00c3\u00a6ti\u00c3\u00b8n",
         "I\u00f1t\u00ebrn\u00e2ti\u00f4n\u00e0 liz\u00e6ti\u00f8n"},
        {"\u00d8\u00a7\u00d9\u201e\u00d8\u00b3\u00d9\u201e\u00d8\u00a7\u00d9\u2026",
         "\u0627\u0644\u0633\u0644\u0627\u0645"},
        {"na\u00c3\u0192\u00c2\u00afve", "na\u00efve"},
        {"a \u00e2\u20ac\u00a6 b", "a \u2026 b"},
        {"\u00c3\u0192", "\u00c3"},
    };
    CHECK_ALL(list);
}

TEST(meant_as_written)
{
    static const struct damage list[] = {
        {"Z\u00fcrich, na\u00efve fa\u00e7ade, S\u00e3o Paulo",
         "Z\u00fcrich, na\u00efve fa\u00e7ade, S\u00e3o Paulo"},
        {"PARCE QUE SUR LEURS PLAQUES IL Y MARQU\u00c9\u2026",
         "PARCE QUE SUR LEURS PLAQUES IL Y MARQU\u00c9\u2026"},
        {"100 \u00b5m, 5\u00d710\u00b2 m\u00b2", "100 \u00b5m, 5\u00d710\u00b2 m\u00b2"},
        {"\u0152uvre d\u2019art", "\u0152uvre d'art"},
        {"\u00a9 2024 \u00ae \u2122", "\u00a9 2024 \u00ae \u2122"},
        {"\u00bfQu\u00e9? \u00a1S\u00ed!", "\u00bfQu\u00e9? \u00a1S\u00ed!"},
        {"\u00c5ngstr\u00f6m \u00c5", "\u00c5ngstr\u00f6m \u00c5"},
        {"\u201c\u00a9 X\u201d", "\"\u00a9 X\""},
        {"(\u256f\u00b0\u25a1\u00b0)\u256f\ufe35 \u253b\u2501\u253b",
         "(\u256f\u00b0\u25a1\u00b0)\u256f\ufe35 \u253b\u2501\u253b"},
        {"\u00af\\_(\u30c4)_/\u00af", "\u00af\\_(\u30c4)_/\u00af"},
        {"\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
         "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440"},
        {"price: 5\u20ac\u201310\u20ac", "price: 5\u20ac\u201310\u20ac"},
        {"\u00d6\u00d6\u00d6", "\u00d6\u00d6\u00d6"},
        {"\u00c3", "\u00c3"},
        {"l'\u00c2me", "l'\u00c2me"},
        {"\u0391\u03b8\u03ae\u03bd\u03b1", "\u0391\u03b8\u03ae\u03bd\u03b1"},
        {"\u250c\u2500\u2500\u2510", "\u250c\u2500\u2500\u2510"},
        {"\u0159 \u017e \u016f", "\u0159 \u017e \u016f"},
        {"\u00b0C", "\u00b0C"},
        {"42 \u00a7 3", "42 \u00a7 3"},
    };
    CHECK_ALL(list);
}

TEST(characters)
{
    static const struct damage list[] = {
        {"\ufb01ne \ufb02u\ufb00y o\ufb03ce", "fine fluffy office"},
        {"\uff21\uff22\uff23\u3000\uff11\uff12\uff13\uff01", "ABC 123!"},
        {"\uff71\uff86\uff92 \uff76\uff9e \uff8a\uff9f", "\u30a2\u30cb\u30e1 \u30ac \u30d1"},
        {"\u2018a\u2019 \u201cb\u201d \u201ac\u201e \u201bd\u201f", "'a' \"b\" 'c\" 'd\""},
        {"\u0133 \u01c4 \u0149 \ufb05", "ij D\u017d 'n \u017ft"},
        {"e\u0301 A\u030a", "\u00e9 \u00c5"},
        {"\033[31mred\033[0m", "red"},
        {"\033[1;2Hx\033[?25l", "x[?25l"},
        {"bell\007 \013 \014", "bell"},
        {"a\u2028b\u2029c\r\nd\re\302\205f", "a b c d e\u2026f"},
        {"\ufeffbom\ufeff", "bom"},
        {"a\u206ab\ufff9c\ufffcd", "abcd"},
        {"zero\u200bwidth\u200d", "zero\u200bwidth\u200d"},
        {"  \u3000 a \u00a0 \u2003 b \t\n ", "a b"},
        {"\uffe5\uffe6\uffe0", "\u00a5\u20a9\u00a2"},
        {"\uffa1\uffa2", "\u1100\u1101"},
        {"\u1100\u1161", "\uac00"},
        {"x\033[31", "x[31"},
        {"\033\001[31mz", "[31mz"},
        {"\uff5f\uff60", "\u2985\u2986"},
        {"\u2126 \u212b", "\u03a9 \u00c5"},
    };
    CHECK_ALL(list);
}

TEST(html)
{
    static const struct damage list[] = {
        {"a &amp; b", "a & b"},
        {"&lt;b&gt;", "<b>"},
        {"<b>&amp;</b>", "<b>&</b>"},
        {"&amp;amp;amp; x", "& x"},
        {"AT&T", "AT&T"},
        {"&notit; &not", "\u00acit; \u00ac"},
        {"&EACUTE;&eacute;", "\u00c9\u00e9"},
        {"STRA&SZLIG;E", "STRASSE"},
        {"&GTDOT;", ">DOT;"},
        {"&#39;&#x27;&#X27", "'''"},
        {"&#0; &#x110000; &#xD800;", "\ufffd \ufffd \ufffd"},
        {"&#128; &#x85; &#129;", "\u20ac \u2026 \302\201"},
        {"&#1; &#31; &#xFFFE;x", "x"},
        {"&#59;", ";"},
        {"&;&#;&#x;", "&;&#;&#x;"},
        {"&CounterClockwiseContourIntegral; &CounterClockwiseContourIntegral",
         "\u2233 &CounterClockwiseContourIntegral"},
        {"&NotEqualTilde;", "\u2242\u0338"},
        {"&fjlig; &FJLIG;", "fj FJ"},
        {"one\n<two> &amp;amp;amp;lt;\nthree &amp;amp;amp;amp;",
         "one <two> &amp;lt; three &amp;amp;"},
        {"&nbsp;x&nbsp", "x"},
        {"&ampersand &copy2024 &copy;", "&ersand \u00a92024 \u00a9"},
        {"&frac12 &frac12; &FRAC12;", "\u00bd \u00bd \u00bd"},
        {"&napos; &NAPOS;", "'n 'N"},
        {"&a&b;&c", "&a&b;&c"},
        {"&amp", "&"},
        {"&#99999999999999999999;", "\ufffd"},
        {"&#32;&#10;x", "x"},
    };
    CHECK_ALL(list);
}

TEST(bytes_that_are_no_text)
{
    check_clean("NUL", "a\0b", 3, "ab");
    check_clean("a run of bad bytes", "a \xFF\xFE\xC3 b", 7, "a \xEF\xBF\xBD b");
    check_clean("two runs",
                "\xFF"
                "a\xFF",
                3,
                "\xEF\xBF\xBD"
                "a\xEF\xBF\xBD");
    check_clean("surrogates", "x \xED\xA0\xBD\xED\xB8\x80 y", 10, "x \U0001F600 y");
    check_clean("half a pair", "x \xED\xA0\xBD y", 7, "x \xEF\xBF\xBD y");
    check_clean("nothing", "", 0, "");
    check_clean("not even an address", NULL, 0, "");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

TEST(long_prompts)
{
    static const struct {
        const char *head, *filler;
    } prompts[] = {
        {"&", "amp;"},
        {"", "\u00c3\u00a9 "},
        {"", "\u00e2\u20ac\u2122"},
        {"", "&lt;\n"},
        {"", "\x1b[1"},
        {"", "e\u0301"},
        {"", "\u00c3\u0192\u00c6\u2019"},
        {"", "\u732b "},
        {"", "a sunny day by the sea, "},
        {"\u00e9\u20ac", "\u00c2\u00a0"},
        {"", "&#x26;"},
        {"", "\u0432\u0402\u2122"},
    };
    for (size_t i = 0; i < sizeof prompts / sizeof prompts[0]; i++) {
        struct strbuf text = {0}, out = {0};
        struct dn_error err;
        strbuf_append_text(&text, prompts[i].head);
        while (text.length + strlen(prompts[i].filler) <= PROMPT_MAX_BYTES)
            strbuf_append_text(&text, prompts[i].filler);
        double start = seconds();
        CHECK_OK(prompt_clean(text.data, text.length, &out, &err), err);
        CHECK_MSG(seconds() - start < 1.0, "prompt %zu took %.2f s", i, seconds() - start);
        strbuf_append_text(&text, "0123456789");
        CHECK(!prompt_clean(text.data, PROMPT_MAX_BYTES + 1, &out, &err) && err.code == DN_E_ARG);
        strbuf_done(&text);
        strbuf_done(&out);
    }
}

TESTS(T(golden), T(mojibake), T(meant_as_written), T(characters), T(html),
      T(bytes_that_are_no_text), T(long_prompts))
