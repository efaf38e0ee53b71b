/* tmux_facts: tmux's answers read, and what follows from them. */
#include "check.h"
#include "ui/graphics/tmux_facts.h"

#define PANE "pane 1 @1 40 1 0 1 0 /dev/pts/3\n"
#define TERMINAL "terminal @1 77 0 160 40 9 19 5000 0 0 on bottom root /dev/pts/2 "

static struct tmux_facts read_facts(const char *answer, const char *version)
{
    struct tmux_facts facts;
    CHECK_MSG(tmux_facts_read(&facts, answer, "/dev/pts/3", version), "%s", answer);
    return facts;
}

static enum tmux_way way_of(const char *answer, const char *version)
{
    const char *why;
    struct tmux_facts facts = read_facts(answer, version);
    enum tmux_way way = tmux_facts_judge(&facts, false, &why);
    CHECK_MSG((way == TMUX_SHUT) == (why[0] != '\0'), "%s: %s", answer, why);
    return way;
}

TEST(what_tmux_says)
{
    struct tmux_facts f =
        read_facts(PANE TERMINAL "(256,RGB,sixel) XTerm(379) with blanks\n", "tmux 3.4");
    CHECK(f.ours && f.shown && f.answers && f.terminals == 1 && f.row == 1 && f.col == 40);
    CHECK(f.passthrough == TMUX_PASSES_ON && f.sixel == TMUX_SIXEL_YES && !f.cut);
    CHECK(f.pid == 77 && f.written == 5000 && f.cell_width == 9 && f.cell_height == 19);
    CHECK_STR(f.tty, "/dev/pts/2");
    CHECK_STR(f.name, "XTerm(379) with blanks");
    /* lines of the status on top push us down */
    f = read_facts(PANE "terminal @1 77 0 160 40 9 19 5000 0 0 3 top root /dev/pts/2 () \n",
                   "tmux 3.3a");
    CHECK(f.row == 4 && f.sixel == TMUX_SIXEL_UNKNOWN && f.name[0] == '\0');
    f = read_facts(PANE "terminal @1 77 0 160 40 9 19 5000 0 0 off top root /dev/pts/2 () \n",
                   "tmux 3.3a");
    CHECK(f.row == 1);
    /* 3.4 has asked the terminal itself */
    f = read_facts(PANE TERMINAL "(256,RGB) XTerm(379)\n", "tmux 3.4");
    CHECK(f.sixel == TMUX_SIXEL_NO);
    f = read_facts(PANE TERMINAL "(nosixel,sixels) foot(1.13.1)\n", "tmux 3.3");
    CHECK(f.sixel == TMUX_SIXEL_YES && !f.placeholders);
    /* what a tmux with sixel of its own may draw: not with one terminal without */
    CHECK(tmux_facts_own_sixel(&f));
    f = read_facts(PANE TERMINAL "(sixel) \n" TERMINAL "() kitty(0.41.1)\n", "tmux 3.8");
    CHECK(!tmux_facts_own_sixel(&f));
    f = read_facts(PANE TERMINAL "(256) kitty(0.41.1)\n", "tmux 3.8");
    CHECK(!tmux_facts_own_sixel(&f));
    f = read_facts(PANE, "tmux 3.8");
    CHECK(!tmux_facts_own_sixel(&f));
    CHECK(read_facts(PANE TERMINAL "() kitty(0.28.0)\n", "tmux 3.3a").placeholders);
    CHECK(read_facts(PANE TERMINAL "() kitty(1.0.0)\n", "tmux 3.4").placeholders);
    CHECK(!read_facts(PANE TERMINAL "() kitty(0.26.5)\n", "tmux 3.4").placeholders);
    CHECK(!read_facts(PANE TERMINAL "() kitty\n", "tmux 3.4").placeholders);
}

TEST(what_follows)
{
    static const struct {
        const char *answer, *version;
        enum tmux_way way;
    } cases[] = {
        {PANE TERMINAL "(sixel) XTerm(379)\n", "tmux 3.4", TMUX_OPEN},
        {PANE TERMINAL "() XTerm(379)\n", "tmux 3.3a", TMUX_ASK},
        {PANE TERMINAL "() XTerm(379)\n", "tmux 3.4", TMUX_SHUT},
        /* kitty with placeholders, where tmux need not tell where we are; an older one */
        {PANE TERMINAL "() kitty(0.41.1)\n", "tmux 3.3a", TMUX_OPEN},
        {PANE TERMINAL "() kitty(0.41.1)\n", "tmux 3.5a", TMUX_OPEN},
        {"pane all @1 0 0 0 1 0 /dev/pts/3\n" TERMINAL "() kitty(0.41.1)\n", "tmux 3.4", TMUX_OPEN},
        {"pane off @1 0 0 0 1 0 /dev/pts/3\n" TERMINAL "() kitty(0.41.1)\n", "tmux 3.4", TMUX_SHUT},
        {PANE TERMINAL "() kitty(0.26.5)\n", "tmux 3.4", TMUX_SHUT},
        {PANE TERMINAL "() kitty(0.41.1)\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_SHUT},
        {"pane 0 @1 0 0 0 1 0 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_SHUT},
        {"pane off @1 0 0 0 1 0 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_SHUT},
        {"pane on @1 0 0 0 1 0 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_OPEN},
        {"pane all @1 0 0 0 1 0 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_SHUT},
        /* a terminal that was started from a pane; copy mode; another pane is zoomed; ours is */
        {"pane 1 @1 0 0 0 1 0 /dev/pts/9\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_SHUT},
        {"pane 1 @1 0 0 1 1 0 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_HIDDEN},
        {"pane 1 @1 0 0 0 0 1 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_HIDDEN},
        {"pane 1 @1 0 0 0 1 1 /dev/pts/3\n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_OPEN},
        /* nobody looks; at another window; only a program does */
        {PANE, "tmux 3.4", TMUX_HIDDEN},
        {PANE "terminal @2 77 0 160 40 9 19 5000 0 0 on top root /dev/pts/2 () \n", "tmux 3.4",
         TMUX_HIDDEN},
        {PANE "terminal @1 77 1 160 40 0 0 5000 0 0 on top root - () \n", "tmux 3.4", TMUX_HIDDEN},
        /* two look; the window is larger; no cells; cells of a made-up size; odd ones */
        {PANE TERMINAL "(sixel) \n" TERMINAL "(sixel) \n", "tmux 3.4", TMUX_SHUT},
        {PANE "terminal @1 77 0 80 24 9 19 5 1 0 on top root /dev/pts/2 (sixel) \n", "tmux 3.4",
         TMUX_SHUT},
        {PANE "terminal @1 77 0 80 24 0 0 5 0 0 on top root /dev/pts/2 (sixel) \n", "tmux 3.4",
         TMUX_SHUT},
        {PANE "terminal @1 77 0 80 24 8 20 5 0 0 on top root /dev/pts/2 (sixel) \n", "tmux 3.4",
         TMUX_SHUT},
        {PANE "terminal @1 77 0 80 24 3 200 5 0 0 on top root /dev/pts/2 (sixel) \n", "tmux 3.4",
         TMUX_SHUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_MSG(way_of(cases[i].answer, cases[i].version) == cases[i].way, "case %zu", i);
    const char *why;
    struct tmux_facts f = read_facts(PANE TERMINAL "(sixel) \n", "tmux 3.4");
    f.remote = true;
    CHECK(tmux_facts_judge(&f, false, &why) == TMUX_SHUT && strstr(why, "passthrough: on"));
    CHECK(tmux_facts_judge(&f, true, &why) == TMUX_OPEN);
}

/* An answer would be typed elsewhere: behind a prefix key, in another pane, in a mode. */
TEST(whether_answers_reach_us)
{
    static const char *const answers[] = {
        PANE "terminal @1 77 0 160 40 9 19 5000 0 1 on top root /dev/pts/2 () \n",
        PANE "terminal @1 77 0 160 40 9 19 5000 0 0 on top prefix /dev/pts/2 () \n",
        "pane 1 @1 40 1 0 0 0 /dev/pts/3\n" TERMINAL "() \n",
        "pane 1 @1 40 1 1 1 0 /dev/pts/3\n" TERMINAL "() \n",
        PANE,
    };
    for (int i = 0; i < 5; i++)
        CHECK_MSG(!read_facts(answers[i], "tmux 3.3a").answers, "%s", answers[i]);
    CHECK(read_facts(PANE TERMINAL "() \n", "tmux 3.3a").answers);
}

/* An older tmux has no allow-passthrough; what is cut off or made up is no answer. */
TEST(what_is_no_answer)
{
    static const char whole[] = PANE TERMINAL "(sixel) XTerm\n";
    static const char *const others[] = {
        "",
        "\n",
        "no server running\n",
        "pane  @1 40 1 0 1 0 /dev/pts/3\n",
        "pane 1 @1 -4 1 0 1 0 /dev/pts/3\n",
        "pane 1 @1 40 99999 0 1 0 /dev/pts/3\n",
        TERMINAL "(sixel) XTerm\n",
        PANE "terminal @1 x\n",
        PANE TERMINAL "(sixel\n",
        PANE "terminal @1111111111111111111 77 0 160 40 9 19 5 0 0 on top root x () \n",
    };
    struct tmux_facts facts;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK_MSG(!tmux_facts_read(&facts, others[i], "/dev/pts/3", "tmux 3.4"), "%s", others[i]);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char text[sizeof whole] = "";
        const char *why;
        memcpy(text, whole, n);
        bool read = tmux_facts_read(&facts, text, "/dev/pts/3", "tmux 3.4");
        bool ends =
            n >= sizeof whole - 1 - strlen("XTerm\n") || n == strlen(PANE) || n == strlen(PANE) - 1;
        CHECK_MSG(!read || ends || tmux_facts_judge(&facts, true, &why) != TMUX_OPEN, "%zu", n);
    }
}

TESTS(T(what_tmux_says), T(what_follows), T(whether_answers_reach_us), T(what_is_no_answer))
