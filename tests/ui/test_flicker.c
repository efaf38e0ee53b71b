/* flicker: all that the studio writes while a clip plays, read byte by byte as a terminal reads it: at
 * no moment is a part of the picture empty, or something that is neither the old nor the new one.
 * Run from the top folder. */
#define _GNU_SOURCE
#include "vt_picture.h"
#include "vt_session.h"

/* ANSWERS: one a piece, and most pictures have some. FIRST: by then there is a whole one. */
enum { PICTURES = 40, ANSWERS = 220, FIRST = 40, WAIT_MS = 60000 };

static struct vt_session *start(const char *graphics, bool nameless, char *prompt)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", (char *)graphics,
                         "--frames", "81", prompt, NULL};
    struct vt_session *v = vt_start(44, 120, vt_program(), arguments);
    v->sixel = true;
    v->nameless = nameless;
    v->ground = "\033[?2026;2$y"; /* it can wait with drawing until all is there */
    CHECK(vt_wait(v, "engine ready", 20000));
    return v;
}

static void wait_pictures(struct vt_session *v, int count)
{
    int64_t end = dn_now_ms() + WAIT_MS;
    while (v->pictures < count && dn_now_ms() < end)
        vt_serve(v, 5);
    CHECK_MSG(v->pictures >= count, "%d of %d pictures", v->pictures, count);
}

/* From byte start to byte end of what v wrote. */
static void judge(const struct vt_session *v, size_t start, size_t end, enum vt_way way)
{
    static const char *const names[] = {"sixels as they come", "whole sixels", "kitty", "half blocks"};
    struct vt_picture *p = vt_picture_new(v->rows, v->cols, way);
    for (size_t i = 0; i < start; i++)
        vt_picture_byte(p, v->bytes.data[i]);
    CHECK(vt_picture_arm(p));
    int cols = p->area.end_col - p->area.start_col, rows = p->area.end_row - p->area.start_row;
    for (size_t i = start; i < end; i++)
        vt_picture_byte(p, v->bytes.data[i]);
    printf("%s: %d pictures of %dx%d cells in %zu bytes: %d emptied, %d painted twice\n", names[way],
           p->pictures, cols, rows, end - start, p->emptied, p->repainted);
    CHECK(rows >= 20 && cols >= 60 && p->emptied == 0 && p->repainted == 0);
    CHECK(way == VT_BLOCKS || p->pictures >= PICTURES);
    vt_picture_free(p);
}

/* While it plays, the time beside it goes on and words change. */
static void play(const char *graphics, enum vt_way way)
{
    struct vt_session *v = start(graphics, way == VT_SIXEL_WHOLE, "a prompt");
    vt_type(v, "\033OR"); /* F3, the player */
    CHECK(vt_wait(v, "frame ", 20000));
    wait_pictures(v, v->pictures + FIRST);
    size_t first = v->bytes.length;
    wait_pictures(v, v->pictures + ANSWERS / 2);
    vt_type(v, "LLL");
    wait_pictures(v, v->pictures + ANSWERS / 2);
    judge(v, first, v->bytes.length, way);
    CHECK(vt_wrote(v, "\033[?2026h") && !vt_wrote(v, "\033[?2026h\033")); /* see probe_sync */
    vt_free(v);
}

TEST(sixels_that_stay)
{
    play("sixel", VT_SIXEL_KEEPS);
}

TEST(sixels_that_are_whole)
{
    play("sixel", VT_SIXEL_WHOLE);
}

TEST(two_numbers)
{
    play("kitty", VT_KITTY);
}

TEST(half_blocks)
{
    play("blocks", VT_BLOCKS);
}

/* Each chunk brings colours of its own, and at its end the clip begins anew. */
TEST(a_clip_that_grows)
{
    struct vt_session *v = start("sixel", false, "a blue star over sand");
    vt_type(v, "\r");
    CHECK(vt_wait(v, "#2", 20000));
    wait_pictures(v, v->pictures + FIRST);
    size_t first = v->bytes.length;
    CHECK(vt_wait(v, "is in the library", WAIT_MS));
    wait_pictures(v, v->pictures + ANSWERS / 2);
    judge(v, first, v->bytes.length, VT_SIXEL_KEEPS);
    vt_free(v);
}

/* xterm keeps the sixels of cells that are only erased and shows them again when it scrolls. */
TEST(a_picture_that_goes_is_written_over)
{
    struct vt_session *v = start("sixel", false, "a prompt");
    char spaces[61];
    int rows = 0;
    vt_type(v, "\033OR"); /* F3, the player */
    CHECK(vt_wait(v, "frame ", 20000));
    wait_pictures(v, v->pictures + FIRST);
    size_t from = v->bytes.length;
    vt_type(v, "\033OS"); /* F4, the queue */
    CHECK(vt_wait(v, "Nothing waits", 20000));
    snprintf(spaces, sizeof spaces, "%60s", "");
    for (const char *at = v->bytes.data + from; (at = strstr(at, spaces)); rows++)
        at += strspn(at, " ");
    CHECK_MSG(rows >= 20, "%d rows of spaces", rows);
    vt_free(v);
}

static void begin(void)
{
    vt_make_home();
    setenv("COLORTERM", "truecolor", 1);
    CHECK(vt_command("generate 'a red butterfly flying to the right over a meadow' -m configs/demo "
                     "--frames 33") == 0);
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(sixels_that_stay), T(sixels_that_are_whole), T(two_numbers), T(half_blocks),
      T(a_clip_that_grows), T(a_picture_that_goes_is_written_over), T(end))
