/* slow_line: the studio behind a line with a rate, a delay and much room for bytes under way, as SSH
 * has it. Pictures must become fewer, keys must not become slow. Run from the top folder. */
#define _GNU_SOURCE
#include <math.h>

#include "vt_session.h"

/* ROOM: bytes that the line takes before the program has to wait. */
enum { ROOM = 2 << 20, DELAYED = 1024 };

struct late {
    int64_t at_ms;
    char text[64];
};

struct line {
    struct vt_session *v;
    double bytes_per_ms, credit;
    int delay_ms; /* each way */
    struct strbuf under_way;
    size_t start;
    int64_t last_ms;
    struct late answers[DELAYED], keys[DELAYED]; /* on their way to the program */
    int answer_count, key_count;
    int pictures;
};

/* 150 ms is promised, on a quiet machine; sanitizers make everything some times slower */
#ifdef __SANITIZE_ADDRESS__
enum { SLACK_MS = 2000 };
#else
enum { SLACK_MS = 600 };
#endif

static void later(struct late *list, int *count, const char *text, int64_t at_ms)
{
    if (*count == DELAYED)
        return;
    list[*count].at_ms = at_ms;
    snprintf(list[(*count)++].text, sizeof list[0].text, "%s", text);
}

static void arrive(struct line *l, struct late *list, int *count, int64_t now)
{
    while (*count > 0 && list[0].at_ms <= now) {
        if (write(l->v->master, list[0].text, strlen(list[0].text)) < 0)
            return;
        memmove(list, list + 1, (size_t)--*count * sizeof *list);
    }
}

/* What the terminal gets now: questions in it are answered after the way back. Pictures themselves
 * are left out of the virtual terminal. */
static void deliver(struct line *l, const char *bytes, size_t size, int64_t now)
{
    for (const char *p = bytes; (p = memmem(p, size - (size_t)(p - bytes), "\033[5n", 4)); p += 4) {
        later(l->answers, &l->answer_count, "\033[0n", now + l->delay_ms);
        l->pictures++;
    }
    if (memmem(bytes, size, "\033[c", 3))
        later(l->answers, &l->answer_count, "\033P>|XTerm(379)\033\\\033[?63;4c", now + l->delay_ms);
    l->v->deaf = true;
    vt_take(l->v, bytes, size);
}

static void run_line(struct line *l, int ms)
{
    int64_t end = dn_now_ms() + ms;
    while (dn_now_ms() < end) {
        struct pollfd p = {.fd = l->v->master, .events = POLLIN};
        char bytes[65536];
        bool room = l->under_way.length - l->start < ROOM;
        if (poll(&p, room, 2) > 0 && room) {
            ssize_t n = read(l->v->master, bytes, sizeof bytes);
            if (n > 0)
                strbuf_append(&l->under_way, bytes, (size_t)n);
        }
        int64_t now = dn_now_ms();
        l->credit += (double)(now - l->last_ms) * l->bytes_per_ms;
        l->last_ms = now;
        size_t waiting = l->under_way.length - l->start;
        size_t size = l->credit < (double)waiting ? (size_t)l->credit : waiting;
        if (size > 0)
            deliver(l, l->under_way.data + l->start, size, now);
        l->start += size;
        l->credit = waiting == size ? 0 : l->credit - (double)size;
        arrive(l, l->answers, &l->answer_count, now);
        arrive(l, l->keys, &l->key_count, now);
    }
}

/* From the key to what it does being seen, ms; -1 = not within 5 s. */
static int key_to(struct line *l, const char *key, const char *text, bool there)
{
    int64_t start = dn_now_ms();
    later(l->keys, &l->key_count, key, start + l->delay_ms);
    while ((vt_find(l->v, text) >= 0) != there) {
        if (dn_now_ms() > start + 5000)
            return -1;
        run_line(l, 2);
    }
    /* what was written is still under way for the length of the line */
    return (int)(dn_now_ms() - start) + l->delay_ms;
}

static void play_over(int kbit, int delay_ms, bool expect_pictures)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", NULL};
    struct line l = {.v = vt_start(30, 100, vt_program(), arguments),
                     .bytes_per_ms = kbit / 8.0, .delay_ms = delay_ms, .last_ms = dn_now_ms()};
    run_line(&l, 1500);
    later(l.keys, &l.key_count, "\033OR", 0); /* F3, the player */
    run_line(&l, 4000); /* the quality finds its level */
    l.pictures = 0;
    int64_t start = dn_now_ms();
    int worst = 0, sum = 0;
    for (int i = 0; i < 6; i++) {
        run_line(&l, 400);
        int open = key_to(&l, i % 2 ? "i" : "L", i % 2 ? "Details" : i % 4 ? "loop" : "once", true);
        CHECK(open >= 0);
        worst = open > worst ? open : worst;
        sum += open;
        if (i % 2)
            key_to(&l, "i", "Details", false);
        else
            key_to(&l, "LL", "loop", true);
    }
    double seconds = (double)(dn_now_ms() - start) / 1e3;
    printf("%d kbit/s, %d ms there and back: %.1f pictures/s, key to effect %d ms, at worst %d\n", kbit,
           2 * delay_ms, l.pictures / seconds, sum / 6, worst);
    CHECK_MSG(worst <= 2 * delay_ms + SLACK_MS, "%d ms", worst);
    CHECK(!expect_pictures || l.pictures / seconds > 8);
    strbuf_done(&l.under_way);
    vt_free(l.v);
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
