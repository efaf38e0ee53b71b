/* Contact sheets without a terminal: what a grid stands for, labels, names, where the cells lie. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "check.h"
#include "config/option_value.h"
#include "store/catalog_labels.h"
#include "ui/studio/number_range.h"
#include "ui/studio/parameter_grid.h"
#include "ui/studio/prompt_grid.h"
#include "ui/studio/sheet.h"
#include "ui/studio/sheet_labels.h"

static void range_is(const char *text, const char *want)
{
    struct number_range range;
    struct strbuf got = {0};
    char number[64];
    if (number_range_parse(text, strlen(text), &range))
        for (int64_t i = 0; i < range.count; i++) {
            number_range_text(&range, i, number);
            strbuf_printf(&got, "%s%s", i ? " " : "", number);
        }
    CHECK_MSG(strcmp(strbuf_text(&got), want) == 0, "%s: %s", text, strbuf_text(&got));
    strbuf_done(&got);
}

TEST(ranges)
{
    range_is("1..4", "1 2 3 4");
    range_is("4..1", "4 3 2 1");
    range_is("0.5..2..0.5", "0.5 1.0 1.5 2.0");
    range_is("0..1..0.1", "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0");
    range_is("-1..1", "-1 0 1");
    range_is("7..7", "7");
    range_is("1..10..4", "1 5 9");
    static const char *const none[] = {"", "1", "1..", "..2", "1...3", "a..b", "1..2..0", "1..2..-1",
                                       "1..1000", "1..2..3..4", "1 ..2", "1e3..2", "nan..inf",
                                       "99999999999999999999..1", "0x1..0x3", "1.5.2"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct number_range range;
        CHECK_MSG(!number_range_parse(none[i], strlen(none[i]), &range), "%s", none[i]);
    }
}

TEST(ranges_in_prompts)
{
    struct prompt_grid grid;
    struct dn_error err;
    CHECK_OK(prompt_grid_expand("{1..2} {a|b} {x}", &grid, &err), err);
    CHECK(grid.count == 4);
    CHECK_STR(grid.prompts[0], "1 a {x}");
    CHECK_STR(grid.prompts[3], "2 b {x}");
    prompt_grid_done(&grid);
    CHECK(!prompt_grid_expand("{1..20}{1..20}", &grid, &err));
    static const char *const texts[] = {"plain", "a {b|c} \\ d", "{1..3}", "{x}", "\\", "{a|b"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) { /* and back to just this text */
        char *quoted = prompt_grid_quote(texts[i]);
        CHECK_OK(prompt_grid_expand(quoted, &grid, &err), err);
        CHECK(grid.count == 1);
        CHECK_STR(grid.prompts[0], texts[i]);
        prompt_grid_done(&grid);
        free(quoted);
    }
}

/* Every combination as "guidance/seed/sampler/negative". */
static void grid_is(const char *text, const char *want)
{
    struct parameter_grid grid;
    struct strbuf got = {0};
    struct dn_error err;
    CHECK_OK(parameter_grid_parse(text, &grid, &err), err);
    for (size_t i = 0; i < parameter_grid_size(&grid); i++) {
        struct request r;
        request_init(&r);
        CHECK(option_set(option_find(option_rows, option_count, "negative"), &r, "-", (char[256]){0}));
        r.seed = 0;
        parameter_grid_apply(&grid, i, &r);
        strbuf_printf(&got, "%s%g/%d/%s/%s", i ? " " : "", r.guidance, (int)r.seed, r.sampler,
                      r.negative);
        request_done(&r);
    }
    CHECK_STR(strbuf_text(&got), want);
    strbuf_done(&got);
    parameter_grid_done(&grid);
}

TEST(parameter_grids)
{
    struct parameter_grid grid;
    struct dn_error err;
    CHECK_OK(parameter_grid_parse("  ", &grid, &err), err);
    CHECK(parameter_grid_size(&grid) == 1 && !parameter_grid_has(&grid, "seed"));
    grid_is("sampler=euler guidance=1,3 seed=7..8", "1/7/euler/- 1/8/euler/- 3/7/euler/- 3/8/euler/-");
    grid_is("sampler=euler guidance=2 negative={rain, snow|a crowd}",
            "2/0/euler/rain, snow 2/0/euler/a crowd");
    CHECK_OK(parameter_grid_parse("seed=1..8", &grid, &err), err);
    CHECK(parameter_grid_has(&grid, "seed") && parameter_grid_size(&grid) == 8);
    parameter_grid_done(&grid);
    static const char *const bad[][2] = {
        {"xyzzy=1", "xyzzy is no setting"},   {"prompt=a,b", "prompt is no setting"},
        {"output=a,b", "output is no setting"}, {"count=1,2", "count is no setting"},
        {"guidance", "no values"},            {"guidance=", "no values"},
        {"steps=0", "steps"},                 {"seed=1..200 steps=1,2", "more than 256"},
        {"sampler=a,,b", "sampler"},          {"=1", "is no setting"},
        {"size=7x7", "size"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_MSG(!parameter_grid_parse(bad[i][0], &grid, &err) && strstr(err.message, bad[i][1]),
                  "%s: %s", bad[i][0], err.message);
}

static void labels_are(const struct clip *clips, size_t count, const char *want)
{
    char **labels = sheet_labels(clips, count);
    struct strbuf got = {0};
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&got, "%s%s", i ? "|" : "", labels[i]);
        free(labels[i]);
    }
    CHECK_STR(strbuf_text(&got), want);
    strbuf_done(&got);
    free(labels);
}

TEST(labels_say_what_differs)
{
    const struct clip words[] = {
        {.prompt = "a red fox in snow, running", .request_json = "{\"seed\":5}", .seed = 5},
        {.prompt = "a blue fox in tall grass, running", .request_json = "{\"seed\":5}", .seed = 5},
        {.prompt = "a fox in snow, running", .request_json = "{\"seed\":5}", .seed = 5}};
    labels_are(words, 3, "red, snow|blue, tall grass|snow");
    labels_are(words, 1, "seed 5");
    const struct clip settings[] = {
        {.prompt = "a", .request_json = "{\"seed\":5,\"steps\":20,\"image\":\"/x/one.png\"}"},
        {.prompt = "a", .request_json = "{\"seed\":6,\"steps\":20,\"image\":\"/y/two.png\"}"},
        {.prompt = "a", .request_json = "{\"seed\":6,\"steps\":30}"}};
    labels_are(settings, 3,
               "seed 5, steps 20, image one.png|seed 6, steps 20, image two.png|"
               "seed 6, steps 30, image none");
    const struct clip odd[] = {{.prompt = "", .request_json = "no json", .seed = 1},
                               {.prompt = "b", .request_json = "", .seed = 2},
                               {.prompt = "b b", .request_json = "[]", .seed = 3}};
    labels_are(odd, 3, "-|b|b b");
    labels_are(NULL, 0, "");
    static const char *const less[][2] = {{"red, seed 5", "red,5"},
                                          {"seed 123456", "123456"},
                                          {"seed 9223372036854775807, steps 4", "..5807,steps 4"},
                                          {"a seed of doubt", "a seed of doubt"},
                                          {"birdseed 5", "birdseed 5"}, {"", ""}};
    for (size_t i = 0; i < sizeof less / sizeof less[0]; i++) {
        char *got = sheet_label_short(less[i][0]);
        CHECK_STR(got, less[i][1]);
        free(got);
    }
}

static void add(struct catalog *catalog, const char *collection)
{
    const struct clip clip = {.prompt = "p", .noise = "philox", .model = "m", .request_json = "{}"};
    struct dn_error err;
    int64_t id;
    CHECK_OK(catalog_add_clip(catalog, &clip, &id, &err), err);
    CHECK_OK(catalog_collect(catalog, collection, id, &err), err);
}

TEST(names_and_clips_of_sheets)
{
    char folder[] = "/tmp/danaus-sheet-XXXXXX", name[SHEET_NAME_SIZE], line[64];
    struct catalog *catalog;
    struct dn_error err;
    struct sheet_name_list list;
    CHECK(mkdtemp(folder));
    CHECK_OK(catalog_open(folder, CATALOG_WRITE, &catalog, &err), err);
    CHECK(sheet_names_new(NULL, "x", name, &err));
    CHECK_STR(name, "sheet 1: x");
    static const char *const collections[] = {"sheet 9: nine", "sheet 10: ten", "best", "sheet x: y",
                                              "sheet 9: nine", "sheet -4: minus", "sheet 12"};
    for (size_t i = 0; i < sizeof collections / sizeof collections[0]; i++)
        add(catalog, collections[i]);
    CHECK_OK(sheet_names_list(catalog, &list, &err), err);
    CHECK(list.count == 2 && list.items[0].number == 9 && list.items[0].clips == 2);
    CHECK_STR(list.items[1].name, "sheet 10: ten");
    CHECK_STR(sheet_name_words(list.items[1].name), "ten");
    sheet_names_done(&list);
    /* as much as fits, of whole characters, and nothing that controls */
    struct strbuf prompt = {0};
    strbuf_append_text(&prompt, "a\033[31m\n\xff{b|c} ");
    for (int i = 0; i < 100; i++)
        strbuf_append_text(&prompt, "\xe4\xb8\xad");
    CHECK_OK(sheet_names_new(catalog, strbuf_text(&prompt), name, &err), err);
    CHECK(strncmp(name, "sheet 11: a [31m  {b|c} \xe4", 25) == 0 && strlen(name) > 95);
    add(catalog, name);
    strbuf_done(&prompt);
    struct sheet sheet = {0};
    sheet_choose(&sheet, "sheet 9: nine");
    CHECK_OK(sheet_load(&sheet, catalog, &err), err);
    CHECK(sheet.count == 2 && sheet.clips[0].id == 1 && sheet.clips[1].id == 5);
    sheet.at = 1;
    add(catalog, "sheet 9: nine");
    CHECK_OK(sheet_load(&sheet, catalog, &err), err);
    CHECK(sheet.count == 3 && sheet_chosen(&sheet)->id == 5 && !sheet_find(&sheet, 2));
    sheet_done(&sheet);
    catalog_close(catalog);
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    CHECK(system(line) == 0);
}

/* Whatever the window: every cell lies in it, there are as many as there can be pictures, and when
 * they are shown all, then as large as they can be. */
TEST(cells_lie_inside)
{
    for (int rows = 1; rows < 70; rows += 3)
        for (int cols = 1; cols < 220; cols += 7)
            for (size_t count = 0; count < 300; count = count * 3 + 1) {
                struct rect area = {1, 0, rows, cols};
                struct sheet_layout l = sheet_layout_for(count, area, 3.5, 0, 32);
                CHECK_MSG(l.columns >= 1 && l.rows >= 1 && l.columns * l.rows <= 32 &&
                              l.columns * l.cell_cols <= cols && l.rows * l.cell_rows <= rows,
                          "%zu in %dx%d: %dx%d of %dx%d", count, cols, rows, l.columns, l.rows,
                          l.cell_cols, l.cell_rows);
            }
    struct sheet_layout l = sheet_layout_for(6, (struct rect){1, 0, 20, 79}, 3.5, 0, 32);
    CHECK(l.columns == 3 && l.rows == 2 && l.cell_rows == 10);
    l = sheet_layout_for(12, (struct rect){1, 0, 56, 199}, 3.5, 4, 32);
    CHECK(l.columns == 4 && l.rows == 3); /* four seeds of each prompt: a column each */
    l = sheet_layout_for(24, (struct rect){1, 0, 57, 199}, 3.33, 4, 32);
    CHECK(l.columns == 4 && l.rows == 6);
    CHECK(sheet_layout_for(24, (struct rect){1, 0, 57, 199}, 3.33, 0, 32).columns == 5);
    l = sheet_layout_for(200, (struct rect){1, 0, 20, 79}, 3.5, 0, 32);
    CHECK_MSG(l.columns * l.rows >= 8 && l.cell_cols >= 15, "%dx%d", l.columns, l.rows);
}

TESTS(T(ranges), T(ranges_in_prompts), T(parameter_grids), T(labels_say_what_differs),
      T(names_and_clips_of_sheets), T(cells_lie_inside))
