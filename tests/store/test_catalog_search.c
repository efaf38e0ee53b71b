/* Finding clips: what is typed, what is found, page after page. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <time.h>

#include "catalog_fixture.h"
#include "check.h"
#include "store/catalog_jobs.h"
#include "store/catalog_labels.h"
#include "store/catalog_search.h"

static struct dn_error err;

static const char *const prompts[] = {
    /* 1 */ "a red fox over the snow",
    /* 2 */ "A butterfly, flying to the right over green grass",
    /* 3 */ "the fox is red; butter on bread",
    /* 4 */ "café at night, Überraschung",
    /* 5 */ "it's \"quoted\" AND (odd) OR near* 100%_x",
    /* 6 */ "a blue fox, a red snow",
};
enum { CLIPS = sizeof prompts / sizeof prompts[0] };

static struct catalog *filled(void)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    for (int i = 0; i < CLIPS; i++) {
        struct clip in = fixture_clip(prompts[i], (uint64_t)i + 1);
        int64_t id;
        in.rating = i;
        in.frames = 21 + 20 * i;
        in.created_ms = 1764000000000 + i * 86400000LL; /* 24 November 2025 and on */
        in.favourite = i == 2;
        in.parent_id = i == 3 ? 1 : 0;
        in.origin = i == 3 ? CLIP_BRANCH : CLIP_GENERATE;
        in.model = i % 2 ? "wan-14b" : "wan-1.3b";
        CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
        CHECK(id == i + 1);
    }
    CHECK_OK(catalog_set_notes(c, 2, "for the zebra film", &err), err);
    CHECK_OK(catalog_add_tag(c, 1, "best", &err), err);
    CHECK_OK(catalog_add_tag(c, 6, "Best", &err), err);
    CHECK_OK(catalog_collect(c, "two words", 6, &err), err);
    return c;
}

/* The numbers found, newest first: "6 3 1"; an error's message when there is one. */
static const char *find(struct catalog *c, const char *text)
{
    static char out[2048];
    struct clip_query *q;
    struct clip_list list;
    struct catalog_page page = {.limit = 100};
    int64_t count = -1;
    if (!clip_query_parse(text, &q, &err) || !catalog_search(c, q, &page, &list, &err)) {
        snprintf(out, sizeof out, "error: %s", err.message);
        return out;
    }
    out[0] = '\0';
    for (size_t i = 0; i < list.count; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%d", i ? " " : "",
                 (int)list.items[i].id);
    CHECK_OK(catalog_count(c, q, 1000, &count, &err), err);
    CHECK_MSG(count == (int64_t)list.count, "\"%s\" counts %lld", text, (long long)count);
    clip_list_done(&list);
    clip_query_free(q);
    return out;
}

#define FINDS(text, want)                                                                          \
    do {                                                                                           \
        const char *got_ = find(c, text);                                                          \
        CHECK_MSG(strcmp(got_, want) == 0, "%s: got \"%s\", want \"%s\"", text, got_, want);       \
    } while (0)

TEST(words_beginnings_and_letters)
{
    struct catalog *c = filled();
    FINDS("", "6 5 4 3 2 1");
    FINDS("fox", "6 3 1");
    FINDS("FOX", "6 3 1");
    FINDS("fo", "");
    FINDS("red fox", "6 3 1");
    FINDS("\"red fox\"", "1");
    FINDS("butter*", "3 2");
    FINDS("butter", "3");
    FINDS("\"green gra\"*", "2");
    FINDS("*tterf*", "2");
    FINDS("*TTERF", "2");
    FINDS("*\"d fo\"", "1");
    FINDS("*tter fox", "3");
    FINDS("*tter *bread*", "3");
    FINDS("fox -snow", "3");
    FINDS("-fox", "5 4 2");
    FINDS("-fox -butter*", "5 4");
    FINDS("fox -\"red snow\" -blue", "3 1");
    FINDS("zebra", "2"); /* a note */
    FINDS("cafe", "4");
    FINDS("überraschung", "4");
    FINDS("*rrasch", "4");
    FINDS("absent", "");
    FINDS("*absent*", "");
    catalog_close(c);
    fixture_clear();
}

TEST(nothing_typed_is_an_operator)
{
    struct catalog *c = filled();
    FINDS("AND", "5");
    FINDS("it's", "5");
    FINDS("(odd)", "5");
    FINDS("it's\"quoted", "5");
    FINDS("near", "5");
    FINDS("*100%_*", "5");
    FINDS("*%%%*", "");
    FINDS("prompt", "");
    FINDS("\"quoted\"", "5");
    FINDS("fox'; DROP TABLE clips; --x", "");
    FINDS("{prompt}", "");
    FINDS("^fox", "6 3 1");
    FINDS("fox+red", ""); /* a phrase: these words in this order */
    catalog_close(c);
    fixture_clear();
}

TEST(filters)
{
    struct catalog *c = filled();
    FINDS("tag:best", "6 1");
    FINDS("fox tag:BEST", "6 1");
    FINDS("-tag:best", "5 4 3 2");
    FINDS("tag:none", "");
    FINDS("tag:best frames>100000", ""); /* a filter that holds for no value, beside another */
    FINDS("fox tag:best model:absent", "");
    FINDS("-fox -tag:best width:1 seed<100", "");
    FINDS("collection:\"two words\"", "6");
    FINDS("rating:4", "5");
    FINDS("rating>=4", "6 5");
    FINDS("rating<=1 fox", "1");
    FINDS("rating>1 rating<4", "4 3");
    FINDS("rating>9 tag:best fox", ""); /* no value is that high */
    FINDS("tag:best rating>9", "");
    FINDS("-rating>=1", "1");
    FINDS("favourite:yes", "3");
    FINDS("favourite:no fox", "6 1");
    FINDS("seed:4", "4");
    FINDS("seed>4", "6 5");
    FINDS("parent:1", "4");
    FINDS("-parent:1", "6 5 3 2 1");
    FINDS("origin:branch", "4");
    FINDS("status:done fox", "6 3 1");
    FINDS("status:failed", "");
    FINDS("model:14b", "6 4 2");
    FINDS("model:WAN-1.3b fox", "3 1");
    FINDS("model:%", "");
    FINDS("sampler:self_forcing seed:2", "2");
    FINDS("attention:monarch", "");
    FINDS("frames>81 width:832 height<=480", "6 5");
    FINDS("tag:best rating>=4 *snow*", "6");
    FINDS("*snow* *fox* tag:best", "6 1");
    FINDS("-fox tag:best", "");
    FINDS("in:trash", "");
    FINDS("after:1m", "");
    FINDS("before:1h", "6 5 4 3 2 1");
    char text[64];
    time_t when = 1764000000 + 3 * 86400;
    struct tm day;
    localtime_r(&when, &day);
    strftime(text, sizeof text, "after:%Y-%m-%d", &day);
    FINDS(text, "6 5 4");
    strftime(text, sizeof text, "fox before:%Y-%m-%d", &day);
    FINDS(text, "3 1");
    catalog_close(c);
    fixture_clear();
}

TEST(what_cannot_be_searched_for_is_said)
{
    static const char *const bad[] = {
        "ab*", "*ab*", "\"open", "--", "nokey:x", "rating:x", "rating:-1", "tag:", "tag>x",
        "favourite:maybe", "status:odd", "origin:odd", "before:2026-02-31", "before:yesterday",
        "after:2026-1-1", "in:attic", "-in:trash", "-*letters*", "...", "\xff", "*", "seed:",
        "\"it's\"* s*",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct clip_query *q = NULL;
        err = (struct dn_error){0};
        CHECK_MSG(!clip_query_parse(bad[i], &q, &err) && err.code == DN_E_ARG && !q, "\"%s\"",
                  bad[i]);
    }
    struct clip_query *q = NULL;
    char many[512] = "";
    for (int i = 0; i < 17; i++)
        strcat(many, "rating:1 ");
    CHECK(!clip_query_parse(many, &q, &err));
    char *lengthy = malloc(5001);
    memset(lengthy, 'a', 5000);
    lengthy[5000] = '\0';
    CHECK(!clip_query_parse(lengthy, &q, &err));
    free(lengthy);
    CHECK_OK(clip_query_parse(NULL, &q, &err), err);
    clip_query_free(q);
}

static double seconds_of(const struct clip *c)
{
    return c->fps > 0 ? (double)c->frames / c->fps : 0;
}

static enum clip_order sorted_by; /* by in_order */

/* As the orders are described. */
static int in_order(const void *x, const void *y)
{
    const struct clip *a = x, *b = y;
    int newer = (a->id < b->id) - (a->id > b->id), by = 0;
    switch (sorted_by) {
    case CLIPS_NEWEST:
        return newer;
    case CLIPS_OLDEST:
        return -newer;
    case CLIPS_BEST:
        by = b->rating - a->rating;
        return by ? by : newer;
    case CLIPS_LONGEST:
        by = (seconds_of(a) < seconds_of(b)) - (seconds_of(a) > seconds_of(b));
        return by ? by : newer;
    case CLIPS_SHORTEST:
        by = (seconds_of(a) > seconds_of(b)) - (seconds_of(a) < seconds_of(b));
        return by ? by : -newer;
    case CLIPS_BY_PROMPT:
        by = strncasecmp(a->prompt, b->prompt, 40);
        return by ? by : -newer;
    }
    return 0;
}

/* Walks through all pages one way and back the other way. */
static void walk_in(struct catalog *c, const char *text, int expected, enum clip_order order)
{
    enum { LIMIT = 7 };
    struct clip_query *q;
    struct clip_list list, all;
    int n = 0;
    CHECK_OK(clip_query_parse(text, &q, &err), err);
    struct catalog_page page = {.limit = 1000};
    CHECK_OK(catalog_search(c, q, &page, &all, &err), err);
    CHECK_MSG((int)all.count == expected, "%s: %zu of %d", text, all.count, expected);
    sorted_by = order;
    qsort(all.items, all.count, sizeof *all.items, in_order);
    page = (struct catalog_page){.limit = LIMIT, .order = order};
    do {
        CHECK_OK(catalog_search(c, q, &page, &list, &err), err);
        for (size_t i = 0; i < list.count && n < expected; i++, n++)
            CHECK_MSG(list.items[i].id == all.items[n].id, "%s %s: %d. is %d, not %d", text,
                      clip_order_name(order), n, (int)list.items[i].id, (int)all.items[n].id);
        page.below = n ? all.items[n - 1].id : 0;
        clip_list_done(&list);
    } while (n % LIMIT == 0 && n < expected);
    page = (struct catalog_page){.limit = LIMIT, .order = order, .bottom = true};
    for (int at = n; at > 0;) {
        CHECK_OK(catalog_search(c, q, &page, &list, &err), err);
        CHECK((int)list.count == (at < LIMIT ? at : LIMIT));
        at -= (int)list.count;
        for (size_t i = 0; i < list.count; i++)
            CHECK(list.items[i].id == all.items[at + (int)i].id);
        page = (struct catalog_page){.limit = LIMIT, .order = order, .above = all.items[at].id};
        clip_list_done(&list);
    }
    CHECK_OK(catalog_search(c, q, &page, &list, &err), err);
    CHECK(list.count == 0);
    clip_list_done(&list);
    page = (struct catalog_page){.limit = 2, .order = order, .below = all.items[n / 2].id, .with = true};
    CHECK_OK(catalog_search(c, q, &page, &list, &err), err);
    CHECK(list.count == 2 && list.items[0].id == all.items[n / 2].id &&
          list.items[1].id == all.items[n / 2 + 1].id);
    clip_list_done(&list);
    clip_list_done(&all);
    clip_query_free(q);
}

static void walk(struct catalog *c, const char *text, int expected)
{
    for (int order = 0; order < CLIP_ORDERS; order++)
        walk_in(c, text, expected, (enum clip_order)order);
}

static bool listed(struct catalog *c, enum label_kind kind, const char *name, int64_t clips)
{
    struct label_list list;
    bool found = false;
    CHECK_OK(kind == LABEL_TAG ? catalog_list_tags(c, 0, &list, &err)
                               : catalog_list_collections(c, 0, &list, &err), err);
    for (size_t i = 0; i < list.count; i++)
        found = found || (strcmp(list.items[i].name, name) == 0 && list.items[i].clips == clips);
    label_list_done(&list);
    return found;
}

/* A removed label is nowhere seen and comes back with its clips, unless its name was taken. */
TEST(labels_are_renamed_removed_restored)
{
    struct catalog *c = filled();
    for (int kind = LABEL_TAG; kind <= LABEL_COLLECTION; kind++) {
        const char *name = kind == LABEL_TAG ? "best" : "two words", *other = "other";
        const char *query = kind == LABEL_TAG ? "tag:best" : "collection:\"two words\"";
        const char *query_other = kind == LABEL_TAG ? "tag:other" : "collection:other";
        const char *ids = kind == LABEL_TAG ? "6 1" : "6";
        int64_t count = kind == LABEL_TAG ? 2 : 1;
        enum label_kind k = (enum label_kind)kind;
        CHECK(listed(c, k, name, count));
        CHECK_OK(catalog_remove_label(c, k, name, &err), err);
        CHECK(!listed(c, k, name, count));
        FINDS(query, "");
        CHECK(!catalog_remove_label(c, k, name, &err) && err.code == DN_E_ARG);
        CHECK_OK(catalog_restore_label(c, k, name, &err), err);
        CHECK(!catalog_restore_label(c, k, name, &err) && err.code == DN_E_ARG);
        FINDS(query, ids);
        CHECK_OK(catalog_rename_label(c, k, name, other, &err), err);
        FINDS(query, "");
        FINDS(query_other, ids);
        CHECK(!catalog_rename_label(c, k, name, "x", &err) && err.code == DN_E_ARG);
        CHECK(!catalog_rename_label(c, k, other, "", &err) && err.code == DN_E_ARG);
        CHECK_OK(catalog_rename_label(c, k, other, "OTHER", &err), err); /* only the case */
        CHECK_OK(catalog_rename_label(c, k, "other", name, &err), err);
        /* another one takes the name of a removed one, which is then gone for good */
        CHECK_OK(catalog_remove_label(c, k, name, &err), err);
        CHECK_OK(k == LABEL_TAG ? catalog_add_tag(c, 3, name, &err)
                                : catalog_collect(c, name, 3, &err), err);
        FINDS(query, "3");
        CHECK_OK(k == LABEL_TAG ? catalog_add_tag(c, 2, other, &err)
                                : catalog_make_collection(c, other, &err), err);
        CHECK(!catalog_rename_label(c, k, name, other, &err) && err.code == DN_E_EXISTS);
        CHECK_OK(catalog_remove_label(c, k, other, &err), err);
        CHECK_OK(catalog_rename_label(c, k, name, other, &err), err);
        FINDS(query_other, "3");
        CHECK(!catalog_restore_label(c, k, name, &err));
    }
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(pages_both_ways)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    CHECK_OK(catalog_begin(c, &err), err);
    for (int i = 1; i <= 300; i++) {
        char prompt[64];
        snprintf(prompt, sizeof prompt, "%s %d%s%s", i % 2 ? "clip" : "Clip", i / 3, i % 3 ? "" : " fox",
                 i % 5 ? "" : " snow");
        struct clip in = fixture_clip(prompt, (uint64_t)i);
        int64_t id;
        in.rating = i % 6;
        in.frames = 1 + 4 * (i % 7);
        in.fps = i % 11 ? 8 * (1 + i % 2) : 0; /* a still */
        CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
        if (i % 10 == 0)
            CHECK_OK(catalog_add_tag(c, id, "ten", &err), err);
    }
    CHECK_OK(catalog_commit(c, &err), err);
    walk(c, "", 300);
    walk(c, "fox", 100);
    walk(c, "fox snow", 20);
    walk(c, "*fox*", 100);
    walk(c, "fox *snow*", 20);
    walk(c, "tag:ten", 30);
    walk(c, "tag:ten fox", 10);
    walk(c, "rating>=4", 100);
    walk(c, "-fox", 200);
    walk(c, "clip* -fox", 200);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(changed_text_is_found_by_its_new_words)
{
    struct catalog *c = filled();
    CHECK_OK(catalog_set_notes(c, 2, "for the giraffe film", &err), err);
    FINDS("zebra", "");
    FINDS("giraffe", "2");
    FINDS("*iraff*", "2");
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(tags_and_collections)
{
    struct catalog *c = filled();
    struct label_list list;
    CHECK_OK(catalog_add_tag(c, 6, "sky", &err), err);
    CHECK_OK(catalog_add_tag(c, 6, "sky", &err), err);
    CHECK_OK(catalog_list_tags(c, 0, &list, &err), err);
    CHECK(list.count == 2 && list.items[0].clips == 2 && list.items[1].clips == 1);
    CHECK_STR(list.items[0].name, "best");
    CHECK_STR(list.items[1].name, "sky");
    label_list_done(&list);
    CHECK_OK(catalog_remove_tag(c, 6, "SKY", &err), err);
    CHECK_OK(catalog_remove_tag(c, 6, "sky", &err), err);
    CHECK_OK(catalog_list_tags(c, 6, &list, &err), err);
    CHECK(list.count == 1);
    label_list_done(&list);
    CHECK_OK(catalog_list_tags(c, 0, &list, &err), err);
    CHECK(list.count == 1); /* a tag without clips is gone */
    label_list_done(&list);
    CHECK(!catalog_add_tag(c, 6, "two words", &err) && err.code == DN_E_ARG);
    CHECK(!catalog_add_tag(c, 6, "", &err) && !catalog_add_tag(c, 6, "a\033b", &err));
    CHECK(!catalog_add_tag(c, 77, "sky", &err) && err.code == DN_E_ARG);
    CHECK_OK(catalog_uncollect(c, "two words", 6, &err), err);
    CHECK_OK(catalog_list_collections(c, 0, &list, &err), err);
    CHECK(list.count == 1 && list.items[0].clips == 0);
    label_list_done(&list);
    CHECK_OK(catalog_remove_label(c, LABEL_COLLECTION, "Two Words", &err), err);
    CHECK(!catalog_remove_label(c, LABEL_COLLECTION, "two words", &err) && err.code == DN_E_ARG);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(children)
{
    struct catalog *c = filled();
    struct clip_list list;
    CHECK_OK(catalog_children(c, 1, 0, 10, &list, &err), err);
    CHECK(list.count == 1 && list.items[0].id == 4 && list.items[0].parent_id == 1);
    clip_list_done(&list);
    CHECK_OK(catalog_children(c, 0, 2, 2, &list, &err), err);
    CHECK(list.count == 2 && list.items[0].id == 3 && list.items[1].id == 5);
    clip_list_done(&list);
    catalog_close(c);
    fixture_clear();
}

TESTS(T(words_beginnings_and_letters), T(nothing_typed_is_an_operator), T(filters),
      T(what_cannot_be_searched_for_is_said), T(labels_are_renamed_removed_restored),
      T(pages_both_ways),
      T(changed_text_is_found_by_its_new_words), T(tags_and_collections), T(children))
