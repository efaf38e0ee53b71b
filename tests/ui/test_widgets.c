/* The studio's parts that need no terminal: editor, prompt grid, playback, clips in a long list. */
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "check.h"
#include "ui/studio/canvas.h"
#include "ui/studio/editor.h"
#include "ui/studio/frame.h"
#include "ui/studio/machine_facts.h"
#include "ui/studio/prompt_grid.h"

static struct canvas *canvas;

static void begin(void)
{
    struct dn_error err;
    setlocale(LC_ALL, "C.UTF-8");
    CHECK_OK(canvas_open("xterm-256color", true, true, &canvas, &err), err);
    canvas_resize(canvas, 24, 80);
}

static void end(void)
{
    struct strbuf out = {0};
    canvas_close(canvas, &out);
    CHECK(strstr(strbuf_text(&out), "\033[?1049l"));
    strbuf_done(&out);
}

TEST(facts_of_the_machine)
{
    char dir[] = "/tmp/danaus-hwmon-XXXXXX", path[128];
    static const char *const files[][2] = {{"hwmon0/name", "acpitz"}, {"hwmon0/temp1_input", "99000"},
                                           {"hwmon1/name", "k10temp"}, {"hwmon1/temp1_input", "61250"}};
    CHECK(mkdtemp(dir));
    CHECK(machine_temperature(dir) == 0);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/hwmon%d", dir, i / 2);
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
        FILE *f = fopen(path, "w");
        fprintf(f, "%s\n", files[i][1]);
        fclose(f);
    }
    CHECK(machine_temperature(dir) == 61.25); /* the processor's, not another sensor's */
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, i < 4 ? "%s/%s" : "%s/hwmon%s", dir, i < 4 ? files[i][0] : i > 4 ? "1" : "0");
        remove(path);
    }
    CHECK(remove(dir) == 0);
    CHECK(machine_process_memory(getpid()) > 100000 && machine_process_memory(0) == 0);
}

/* A player's box with a picture in it, or a list's box that ends two rows further down. */
static void draw_box_screen(bool picture, struct strbuf *out)
{
    canvas_begin(canvas);
    canvas_box(canvas, (struct rect){picture ? 1 : 2, 0, picture ? 20 : 21, 80}, "Box", true);
    for (int row = 3; !picture && row < 18; row++)
        canvas_printf(canvas, row, 2, 70, ROLE_TEXT, "clip %d", row);
    if (picture)
        canvas_claim(canvas, (struct rect){3, 10, 16, 60});
    if (picture)
        canvas_text(canvas, 22, 1, 70, ROLE_DIM, "frame 1/81");
    out->length = 0;
    canvas_end(canvas, out);
}

/* A picture's last row is made blank where it is, before rows around it take it elsewhere. */
TEST(pictures_are_blank_before_rows_scroll)
{
    struct strbuf out = {0};
    draw_box_screen(true, &out);
    draw_box_screen(false, &out);
    CHECK(strstr(strbuf_text(&out), "r\033[1;1H"));
    draw_box_screen(true, &out);
    canvas_blank(canvas, (struct rect){3, 10, 16, 60});
    draw_box_screen(false, &out);
    const char *text = strbuf_text(&out), *scrolled = strstr(text, "r\033[1;1H");
    const char *blank = strstr(text, "\033[19d\033[60X");
    CHECK(blank && scrolled && blank < scrolled && strstr(scrolled, "clip 17"));
    strbuf_done(&out);
}

TEST(widths_of_outside_text)
{
    static const struct {
        const char *text;
        int width;
    } rows[] = {{"abc", 3}, {"\xe4\xb8\xad\xe6\x96\x87", 4}, {"e\xcc\x81", 1}, {"\xcc\x81", 1},
                {"\033[31m", 8}, {"a\xe2\x80\xae", 9}, {"\xff", 4}, {"\t", 2}, {"", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_MSG(canvas_width(canvas, rows[i].text, strlen(rows[i].text)) == rows[i].width,
                  "%zu: %d", i, canvas_width(canvas, rows[i].text, strlen(rows[i].text)));
    /* never more columns than were given, whatever comes; what is cut says so */
    for (int cols = 0; cols < 12; cols++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            int used = canvas_text(canvas, 3, 5, cols, ROLE_TEXT, rows[i].text);
            CHECK(used <= cols && (used >= rows[i].width || used >= cols - 1));
        }
    struct strbuf many = {0};
    strbuf_append_text(&many, "x");
    for (int i = 0; i < 1000; i++)
        strbuf_append_text(&many, "\xcc\x81");
    CHECK(canvas_text(canvas, 3, 5, 10, ROLE_TEXT, many.data) == 1);
    strbuf_done(&many);
}

TEST(editor_goes_by_graphemes)
{
    struct editor e = {0};
    /* a letter with a mark, a flag of two letters, a family of three joined, a tone */
    const char *text = "e\xcc\x81\xf0\x9f\x87\xab\xf0\x9f\x87\xb7\xf0\x9f\x91\xa8\xe2\x80\x8d"
                       "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbdz";
    editor_set(&e, text);
    int steps = 0;
    for (; editor_move(&e, canvas, MOVE_LEFT) && steps < 50; steps++)
        ;
    CHECK_MSG(steps == 5, "%d", steps);
    editor_move(&e, canvas, MOVE_RIGHT);
    CHECK(e.cursor == 3);
    editor_move(&e, canvas, MOVE_LAST);
    for (int i = 0; i < 2; i++)
        editor_delete(&e, canvas, MOVE_LEFT, false);
    CHECK(strlen(editor_text(&e)) == 3 + 8 + 18); /* the tone went with its hand */
    editor_done(&e);
}

TEST(editor_cuts_words_and_lines)
{
    struct editor e = {0};
    editor_set(&e, "one two, three\nfour");
    editor_delete(&e, canvas, MOVE_WORD_LEFT, true);
    CHECK_STR(editor_text(&e), "one two, three\n");
    editor_yank(&e);
    CHECK_STR(editor_text(&e), "one two, three\nfour");
    editor_move(&e, canvas, MOVE_UP);
    CHECK(e.cursor == 4);
    editor_delete(&e, canvas, MOVE_END, true);
    CHECK_STR(editor_text(&e), "one \nfour");
    editor_delete(&e, canvas, MOVE_END, true); /* at the end: the newline */
    CHECK_STR(editor_text(&e), "one four");
    editor_delete(&e, canvas, MOVE_HOME, true);
    CHECK_STR(editor_text(&e), "four");
    CHECK(!editor_move(&e, canvas, MOVE_UP));
    editor_insert(&e, "a\x07\xc2\x9b\xff" "b\033c", 8);
    CHECK_STR(editor_text(&e), "abcfour"); /* control characters are left out */
    e.one_line = true;
    editor_insert(&e, "\n", 1);
    CHECK_STR(editor_text(&e), "abc four");
    e.max = 10;
    editor_insert(&e, "123456", 6);
    CHECK(strlen(editor_text(&e)) == 10);
    editor_done(&e);
}

static void type(struct editor *e, const char *text)
{
    for (; *text; text++)
        editor_insert_char(e, (unsigned char)*text);
}

/* Word by word of what was typed; cuts, pastes and whole texts each at once; never without bounds. */
TEST(editor_takes_changes_back)
{
    struct editor e = {0};
    editor_set(&e, "start");
    CHECK(!editor_undo(&e)); /* what it began with is no change */
    type(&e, " of two words");
    e.changed = false;
    editor_undo(&e);
    CHECK_STR(editor_text(&e), "start of two ");
    CHECK(e.changed && e.cursor == 13);
    editor_undo(&e);
    CHECK_STR(editor_text(&e), "start of ");
    editor_move(&e, canvas, MOVE_FIRST);
    type(&e, "x");
    editor_delete(&e, canvas, MOVE_WORD_RIGHT, true);
    editor_insert(&e, "pasted text", 11);
    editor_change(&e, "another");
    static const char *const back[] = {"xpasted text of ", "x of ", "xstart of ", "start of ", "start ",
                                       "start"};
    for (size_t i = 0; i < sizeof back / sizeof back[0]; i++) {
        CHECK(editor_undo(&e));
        CHECK_STR(editor_text(&e), back[i]);
    }
    CHECK(!editor_undo(&e));
    char *big = dn_calloc(60001, 1);
    memset(big, 'a', 60000);
    for (int i = 0; i < 500; i++)
        editor_change(&e, i % 2 ? big : "b");
    CHECK(e.undo.count <= EDITOR_UNDO_STEPS && e.undo.bytes <= EDITOR_UNDO_BYTES);
    CHECK(!editor_insert(&e, big, 60000) && strlen(editor_text(&e)) == 65536);
    free(big);
    editor_done(&e);
}

/* Up and down go by the lines that are seen. */
TEST(editor_wraps)
{
    struct editor e = {0};
    editor_set(&e, "aaaa bbbb cccc dddd");
    canvas_begin(canvas);
    editor_draw(&e, canvas, (struct rect){0, 0, 4, 11}, true, NULL); /* 10 columns: two words */
    editor_move(&e, canvas, MOVE_UP);
    CHECK_MSG(e.cursor == 9, "%zu", e.cursor);
    CHECK(!editor_move(&e, canvas, MOVE_UP));
    editor_click(&e, canvas, 1, 5);
    CHECK_MSG(e.cursor == 15, "%zu", e.cursor);
    editor_done(&e);
}

static void grid_is(const char *text, const char *want)
{
    struct prompt_grid grid;
    struct strbuf got = {0};
    struct dn_error err;
    CHECK_OK(prompt_grid_expand(text, &grid, &err), err);
    for (size_t i = 0; i < grid.count; i++)
        strbuf_printf(&got, "%s%s", i ? "/" : "", grid.prompts[i]);
    CHECK_STR(strbuf_text(&got), want);
    strbuf_done(&got);
    prompt_grid_done(&grid);
}

TEST(prompt_grids)
{
    grid_is("plain", "plain");
    grid_is("a {red|blue} fox", "a red fox/a blue fox");
    grid_is("{a|b}{1|2}", "a1/a2/b1/b2");
    grid_is("{a{b|c}|d}", "ab/ac/d");
    grid_is("{a|}x", "ax/x");
    grid_is("{no bar} {", "{no bar} {");
    grid_is("\\{a|b\\} \\\\", "{a|b} \\");
    grid_is("", "");
    grid_is("{a|{b|c}{1..2}} { {x|y}",
            "a { x/a { y/b1 { x/b1 { y/b2 { x/b2 { y/c1 { x/c1 { y/c2 { x/c2 { y");
    struct prompt_grid grid;
    struct dn_error err;
    CHECK(!prompt_grid_expand("{a|b}{a|b}{a|b}{a|b}{a|b}{a|b}{a|b}{a|b}{a|b}", &grid, &err));
}

/* As long a prompt as there may be: parts that come again, then a tail. */
static char *long_prompt(const char *part, const char *tail)
{
    struct strbuf out = {0};
    size_t times = 65536 / (strlen(part) + strlen(tail));
    for (size_t i = 0; i < times; i++)
        strbuf_append_text(&out, part);
    for (size_t i = 0; i < times; i++)
        strbuf_append_text(&out, tail);
    return strbuf_take(&out);
}

/* Braces by the ten thousand take one walk: a walk for each took seconds, and a copy for each
 * gigabytes. count 0: too many. */
TEST(prompt_grids_of_many_braces)
{
    static const struct {
        const char *part, *tail;
        size_t count;
    } rows[] = {{"{", "", 1},   {"{", "}", 1},    {"}{", "", 1},    {"{3..3}", "", 1},
                {"{a|}", "", 0}, {"{a|", "}", 0}, {"{1..9}", "", 0}, {"{a|", "", 1}};
    clock_t start = clock();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = long_prompt(rows[i].part, rows[i].tail);
        struct prompt_grid grid;
        struct dn_error err;
        bool ok = prompt_grid_expand(text, &grid, &err);
        CHECK(grid.count == rows[i].count && ok == (grid.count > 0));
        CHECK(prompt_grid_count(text) == (ok ? grid.count : PROMPT_GRID_MAX + 1));
        char *quoted = prompt_grid_quote(text);
        CHECK(prompt_grid_count(quoted) == 1);
        free(quoted);
        prompt_grid_done(&grid);
        free(text);
    }
    CHECK(clock() - start < CLOCKS_PER_SEC); /* the processor's time; it takes 0.02 s of it */
}

static struct playback clip_of(int frames)
{
    struct playback p = {.fps = 10, .speed = 1};
    for (int i = 0; i < frames; i++)
        playback_put(&p, i, frame_new(2, 2), 0);
    return p;
}

TEST(playback_keeps_time)
{
    struct playback p = clip_of(10);
    playback_start(&p, 1000);
    CHECK(playback_due(&p) == 1100 && !playback_tick(&p, 1099) && p.at == 0);
    CHECK(playback_tick(&p, 1100) && p.at == 1);
    CHECK(playback_tick(&p, 1450) && p.at == 4 && playback_due(&p) == 1500); /* late ones are skipped */
    CHECK(playback_tick(&p, 9999) && p.at == 5); /* time was not ours: no jump */
    p.loop = LOOP_OFF;
    playback_seek(&p, 8, 10000);
    CHECK(playback_tick(&p, 10100) && p.at == 9 && p.playing);
    CHECK(!playback_tick(&p, 10200) && !p.playing && playback_due(&p) == -1);
    p.loop = LOOP_BACK_AND_FORTH;
    playback_start(&p, 10200);
    CHECK(playback_tick(&p, 10300) && p.at == 8);
    playback_clear(&p);
}

/* While it grows it waits at the end, without waking anybody, and does not jump afterwards. */
TEST(playback_waits_for_more)
{
    struct playback p = clip_of(3);
    p.growing = true;
    playback_start(&p, 0);
    playback_tick(&p, 100);
    playback_tick(&p, 200);
    CHECK(p.at == 2 && playback_due(&p) == -1 && !playback_tick(&p, 300));
    for (int i = 3; i < 9; i++)
        playback_put(&p, i, frame_new(2, 2), 5000);
    CHECK(playback_due(&p) == 5000 && playback_tick(&p, 5000) && p.at == 3);
    CHECK(playback_tick(&p, 5100) && p.at == 4);
    playback_clear(&p);
}

TESTS(T(begin), T(facts_of_the_machine), T(pictures_are_blank_before_rows_scroll),
      T(widths_of_outside_text), T(editor_goes_by_graphemes),
      T(editor_cuts_words_and_lines), T(editor_takes_changes_back), T(editor_wraps), T(prompt_grids), T(prompt_grids_of_many_braces), T(playback_keeps_time),
      T(playback_waits_for_more), T(end))
