/* slow_line: the studio behind a line with a rate, a delay and much room for bytes under way, as SSH
 * has it. Pictures must become fewer, keys must not become slow. Run from the top folder. */
#define _GNU_SOURCE
#include <math.h>

#include "vt_session.h"

/* 150 ms is promised, on a quiet machine; sanitizers make everything some times slower */
#ifdef __SANITIZE_ADDRESS__
enum { SLACK_MS = 2000 };
#else
enum { SLACK_MS = 600 };
#endif

/* From the key to what it does being seen, ms; -1 = not within 5 s. */
static int key_to(struct vt_session *v, const char *key, const char *text, bool there)
{
    int64_t start = dn_now_ms();
    vt_line_send(v->line, key, strlen(key));
    while ((vt_find(v, text) >= 0) != there) {
        if (dn_now_ms() > start + 5000)
            return -1;
        vt_serve(v, 2);
    }
    /* what was written is still under way for the length of the line */
    return (int)(dn_now_ms() - start) + v->line->delay_ms;
}

static void play_over(int kbit, int delay_ms, bool expect_pictures)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", NULL};
    struct vt_session *v = vt_start(30, 100, vt_program(), arguments);
    v->line = vt_line_new(kbit, delay_ms);
    v->sixel = true;
    vt_serve(v, 1500);
    vt_type(v, "\033OR"); /* F3, the player */
    vt_serve(v, 4000); /* the quality finds its level */
    v->pictures = 0;
    int64_t start = dn_now_ms();
    int worst = 0, sum = 0;
    for (int i = 0; i < 6; i++) {
        vt_serve(v, 400);
        int open = key_to(v, i % 2 ? "i" : "L", i % 2 ? "Details" : i % 4 ? "loop" : "once", true);
        CHECK(open >= 0);
        worst = open > worst ? open : worst;
        sum += open;
        if (i % 2)
            key_to(v, "i", "Details", false);
        else
            key_to(v, "LL", "loop", true);
    }
    double seconds = (double)(dn_now_ms() - start) / 1e3;
    printf("%d kbit/s, %d ms there and back: %.1f pictures/s, key to effect %d ms, at worst %d\n", kbit,
           2 * delay_ms, v->pictures / seconds, sum / 6, worst);
    CHECK_MSG(worst <= 2 * delay_ms + SLACK_MS, "%d ms", worst);
    CHECK(!expect_pictures || v->pictures / seconds > 8);
    vt_free(v);
}

TEST(twenty_megabit)
{
    play_over(20000, 20, true);
}

TEST(two_megabit)
{
    play_over(2000, 20, true);
}

TEST(a_quarter_megabit)
{
    play_over(256, 40, false);
}

static void begin(void)
{
    vt_make_home();
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("COLORTERM", "truecolor", 1);
    unsetenv("NO_COLOR");
    char command[256];
    snprintf(command, sizeof command, "generate 'a blue star over sand' -m configs/demo --frames 41 -o %s/x.mp4",
             vt_home);
    CHECK(vt_command(command) == 0);
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(twenty_megabit), T(two_megabit), T(a_quarter_megabit), T(end))
