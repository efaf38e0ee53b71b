/* parting: a studio that is left while its terminal, behind a line with a delay, still owes it
 * answers. None of them may be typed into the shell. Run from the top folder. */
#define _GNU_SOURCE
#include "ui/studio/unanswered.h"
#include "vt_session.h"

/* DELAY_MS: each way. TRIES: a machine that is busy may hold up the answers for longer than the
 * studio waits; who does not wait at all has them typed every time. */
enum { KBIT = 20000, DELAY_MS = 40, TRIES = 5, END_MS = 30000 };

TEST(questions_and_answers)
{
    struct unanswered u = {0};
    static const char text[] = "\033[2J\033[c\033P0;1;0q#0;2;0;0;0!9~\033\\\033\033[5n\033[5;3Hc5n\033[5m";
    CHECK(unanswered_wait_ms(&u) == 0);
    unanswered_sent(&u, text, sizeof text - 1, 100);
    CHECK_MSG(u.count == 2 && u.sent_ms == 100, "%d", u.count);
    for (size_t i = 0; i < sizeof text - 1; i++) /* in whatever pieces it leaves */
        unanswered_sent(&u, text + i, 1, 200);
    CHECK_MSG(u.count == 4, "%d", u.count);
    CHECK(unanswered_wait_ms(&u) == 150);
    static const char *const answers[] = {"\033[?63;4c", "\033[0n", "\033[A", "\033P>|XTerm(379)\033\\",
                                          "\033[0n", "\033[?1;2c", "\033[0n"};
    static const int left[] = {3, 2, 2, 2, 1, 0, 0}; /* the last one was not asked for */
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        unanswered_heard(&u, answers[i], strlen(answers[i]), 300);
        CHECK_MSG(u.count == left[i], "%zu: %d", i, u.count);
    }
    unanswered_sent(&u, "\033[5n", 4, 1000);
    CHECK(unanswered_wait_ms(&u) == 350); /* twice the way there and back more */
    unanswered_heard(&u, "\033[0n", 4, 90000);
    unanswered_sent(&u, "\033[5n", 4, 90000);
    CHECK(unanswered_wait_ms(&u) == 1000);
}

/* Bytes that the shell would read, once all that was under way has come. */
static int typed_afterwards(struct vt_session *v)
{
    struct termios raw;
    int there = 0;
    for (int64_t end = dn_now_ms() + END_MS; v->line->late_count > 0 && dn_now_ms() < end;) {
        vt_line_arrive(v->line, v->master);
        usleep(5000);
    }
    CHECK(v->line->late_count == 0);
    tcgetattr(v->slave, &raw); /* its discipline tells of whole lines only */
    cfmakeraw(&raw);
    tcsetattr(v->slave, TCSANOW, &raw);
    ioctl(v->slave, FIONREAD, &there);
    return there;
}

static struct vt_session *start_studio(void)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", "--frames",
                         "81", "a red star over sand", NULL};
    struct vt_session *v = vt_start(30, 100, vt_program(), arguments);
    v->line = vt_line_new(KBIT, DELAY_MS);
    v->sixel = true;
    return v;
}

/* How many of TRIES ended with nothing typed; pictures: how many are seen before. */
static int leave_after(int pictures)
{
    int clean = 0;
    for (int i = 0; i < TRIES && !clean; i++) {
        struct vt_session *v = start_studio();
        while (v->bytes.length == 0 && !v->ended) /* before, the line discipline takes Ctrl-Q */
            vt_serve(v, 1);
        if (pictures) {
            CHECK(vt_wait(v, "engine ready", END_MS));
            vt_type(v, "\033OR"); /* F3, the player: a clip plays */
            for (int k = 0; k < 1000 && v->pictures < pictures; k++)
                vt_serve(v, 20);
            CHECK(v->pictures >= pictures);
        }
        if (write(v->master, "\021", 1) < 0) /* at once: answers are still on their way */
            perror("pty");
        CHECK(vt_end(v, END_MS) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
        CHECK(vt_restored(v));
        int typed = typed_afterwards(v);
        if (typed)
            fprintf(stderr, "%d bytes were typed\n", typed);
        clean += typed == 0;
        vt_free(v);
    }
    return clean;
}

TEST(left_at_once)
{
    CHECK(leave_after(0) > 0);
}

TEST(left_while_a_clip_plays)
{
    CHECK(vt_command("generate -m configs/demo --frames 81 'a red star'") == 0);
    CHECK(leave_after(8) > 0);
}

static void begin(void)
{
    vt_make_home();
    setenv("COLORTERM", "truecolor", 1);
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(questions_and_answers), T(begin), T(left_at_once), T(left_while_a_clip_plays), T(end))
