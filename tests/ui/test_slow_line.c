/* slow_line: the studio behind a line with a rate, a delay and much room for bytes under way, as SSH
 * has it. Pictures must become fewer, keys must not become slow. Run from the top folder. */
#define _GNU_SOURCE
#include <math.h>

#include "natural_pattern.h"
#include "store/media_encode.h"
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

/* Pictures, by their first pieces. */
static int sixels_after(const struct vt_session *v, size_t start)
{
    static const char first[] = "\033P0;1;0q";
    const char *p = v->bytes.data + start, *end = v->bytes.data + v->bytes.length;
    int count = 0;
    for (; (p = memmem(p, (size_t)(end - p), first, strlen(first))); p++)
        count++;
    return count;
}

/* A pause: the picture comes once more, in as many pixels as the window has room for, and nothing
 * after it; a key does not wait for it, and when the clip plays on there are pictures of it again. */
static void pause_sharpens(struct vt_session *v, int most_ms)
{
    static const char large[] = "\"1;1;832;480";
    size_t before = v->bytes.length, end = before;
    vt_type(v, " ");
    int open = key_to(v, "i", "Details", true);
    CHECK_MSG(open >= 0 && open <= most_ms, "%d ms", open);
    key_to(v, "i", "Details", false);
    for (int i = 0; i < 2000 && !memmem(v->bytes.data + before, v->bytes.length - before, large,
                                        strlen(large)); i++)
        vt_serve(v, 20);
    CHECK(memmem(v->bytes.data + before, v->bytes.length - before, large, strlen(large)));
    for (int i = 0; i < 60 && end != v->bytes.length; i++) {
        end = v->bytes.length;
        vt_serve(v, 1500);
    }
    CHECK(end == v->bytes.length);
    int shown = v->pictures;
    vt_type(v, " ");
    for (int i = 0; i < 500 && v->pictures < shown + 3; i++)
        vt_serve(v, 20);
    CHECK(v->pictures >= shown + 3);
}

static void play_over(int kbit, int delay_ms, bool expect_pictures)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", NULL};
    struct vt_session *v = vt_start(30, 100, vt_program(), arguments);
    v->line = vt_line_new(kbit, delay_ms);
    v->sixel = true;
    vt_serve(v, 1500);
    vt_type(v, "\033OR"); /* F3, the player */
    vt_serve(v, 6000); /* the quality finds its level */
    size_t before = v->bytes.length;
    int64_t start = dn_now_ms();
    vt_serve(v, 3000);
    double rate = sixels_after(v, before) / ((double)(dn_now_ms() - start) / 1e3);
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
    pause_sharpens(v, 2 * delay_ms + SLACK_MS);
    printf("%d kbit/s, %d ms there and back: %.1f pictures/s, key to effect %d ms, at worst %d\n", kbit,
           2 * delay_ms, rate, sum / 6, worst);
    CHECK_MSG(worst <= 2 * delay_ms + SLACK_MS, "%d ms", worst);
    CHECK(!expect_pictures || rate > 8);
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

/* --- the terminal is wanted back in the middle of a picture --- */

static struct vt_session *start_playing(char *const *arguments)
{
    struct vt_session *v = vt_start(50, 160, arguments[0], arguments);
    v->sixel = true;
    CHECK(vt_wait(v, "Prompt", 10000));
    vt_type(v, "\033OR");
    CHECK(vt_wait(v, "frame ", 20000));
    for (int i = 0; i < 500 && sixels_after(v, 0) < 5; i++)
        vt_serve(v, 20);
    CHECK(sixels_after(v, 0) >= 5);
    return v;
}

/* Where text ends in what was written from start on, 0 = nowhere. */
static size_t behind(const struct vt_session *v, size_t start, const char *text)
{
    const char *p = memmem(v->bytes.data + start, v->bytes.length - start, text, strlen(text));
    return p ? (size_t)(p - v->bytes.data) + strlen(text) : 0;
}

/* From start to end there is no more than a shell's few words. */
static bool is_quiet(const struct vt_session *v, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++)
        if (strchr("#~_", v->bytes.data[i])) /* in every sixel there are some of them */
            return false;
    return end - start < 200;
}

/* Ctrl-Z, and fg: what is left of the picture must not come to the shell's screen. */
TEST(suspended_in_a_picture)
{
    char line[512];
    snprintf(line, sizeof line, "%s studio -m configs/demo --graphics sixel; echo mine; sleep 1; fg",
             vt_program());
    char *arguments[] = {"sh", "-m", "-c", line, NULL};
    struct vt_session *v = start_playing(arguments);
    vt_hold_back(v);
    size_t start = v->bytes.length, left = 0, mine = 0, back = 0;
    if (write(v->master, "\032", 1) < 0)
        perror("pty");
    usleep(300000); /* the key is read while the program cannot write */
    for (int i = 0; i < 1000 && !back; i++) {
        vt_serve(v, 20);
        left = behind(v, start, "\033[?1049l");
        mine = left ? behind(v, left, "mine\r\n") : 0;
        back = mine ? behind(v, mine, "\033[?1049h") : 0;
    }
    CHECK(left && mine && back);
    CHECK(is_quiet(v, left, mine) && is_quiet(v, mine, back));
    CHECK(vt_wait(v, "frame ", 20000));
    vt_type(v, "\021");
    CHECK(vt_end(v, 10000) && vt_restored(v));
    vt_free(v);
}

/* A key or a signal ends the studio: it does not wait until the picture has left. */
TEST(left_in_a_picture)
{
    char *arguments[] = {(char *)vt_program(), "studio", "-m", "configs/demo", "--graphics", "sixel",
                         NULL};
    for (int with_key = 0; with_key < 2; with_key++) {
        struct vt_session *v = start_playing(arguments);
        vt_hold_back(v);
        size_t start = v->bytes.length;
        if (!with_key)
            kill(v->pid, SIGTERM);
        else if (write(v->master, "\021", 1) < 0)
            perror("pty");
        usleep(500000);
        CHECK(vt_end(v, 10000) && vt_restored(v));
        size_t left = behind(v, start, "\033[?1049l");
        CHECK(left && vt_find(v, "frame ") < 0);
        /* what the line holds, and the text that sets the terminal back */
        CHECK_MSG(v->bytes.length - start < 24000, "%zu bytes", v->bytes.length - start);
        vt_free(v);
    }
}

/* A scene of many colours and much motion, as a clip of the library. */
static void make_clip(void)
{
    enum { W = 416, H = 240, FRAMES = 33 };
    struct media_options options = {.width = W, .height = H, .fps_num = 16, .fps_den = 1};
    struct media_writer *writer;
    struct dn_error err;
    char path[128], command[256];
    uint8_t *rgb = dn_malloc(W * H * 3);
    snprintf(path, sizeof path, "%s/scene.mp4", vt_home);
    CHECK_OK(media_writer_open(path, &options, &writer, &err), err);
    for (int i = 0; i < FRAMES; i++) {
        natural_frame(W, H, i, rgb);
        CHECK_OK(media_writer_add(writer, rgb, 1, &err), err);
    }
    CHECK_OK(media_writer_finish(writer, NULL, &err), err);
    snprintf(command, sizeof command, "import %s", path);
    CHECK(vt_command(command) == 0);
    free(rgb);
}

static void begin(void)
{
    vt_make_home();
    setenv("COLORTERM", "truecolor", 1);
    make_clip();
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(suspended_in_a_picture), T(left_in_a_picture), T(twenty_megabit), T(two_megabit), T(a_quarter_megabit), T(end))
