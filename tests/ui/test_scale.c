/* scale: the studio with a large library: it sleeps on every screen, stays small, and a key that is
 * held down moves through the list. 12,000 clips; TORTURE=full: a million (CATALOG_KEEP=folder keeps
 * them for another run; CATALOG_CLOCK=1 judges by the clock, for a machine that has nothing else to
 * do). Run from the top folder. */
#define _GNU_SOURCE
#include "store/many_clips.h"
#include "vt_process.h"
#include "vt_session.h"

#define F(n) "\033O" n /* F1 is P, F2 is Q, ... */

/* MOST_KIB: 64 MiB are promised. ROW_MS: for a row, as 60 rows a second are. */
#ifdef __SANITIZE_ADDRESS__
enum { MOST_KIB = 1 << 20, ROW_MS = 160 };
#else
enum { MOST_KIB = 64 * 1024, ROW_MS = 16 };
#endif

static int64_t clips;

static bool is_full(void)
{
    const char *torture = getenv("TORTURE");
    return torture && strcmp(torture, "full") == 0;
}

static struct vt_session *start(int rows, int cols)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", NULL};
    struct vt_session *v = vt_start(rows, cols, vt_program(), arguments);
    v->sixel = true;
    CHECK(vt_wait(v, "engine ready", 20000));
    return v;
}

static void quit(struct vt_session *v)
{
    vt_type(v, "\021");
    CHECK(vt_end(v, 10000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    CHECK(vt_restored(v));
    vt_free(v);
}

/* --- asleep --- */

/* A while without a wake-up, but for those with a reason, most. It comes when the last news has left
 * the screen, which is 6 s old by then. */
static void sleeps(struct vt_session *v, const char *what, long most)
{
    int ms = is_full() ? 10000 : 600;
    long wakes = 0;
    int64_t used = 0;
    for (int i = 0; i < 15 && (i == 0 || wakes > most); i++) {
        size_t before;
        do { /* the end of what it draws just now */
            before = v->bytes.length;
            vt_serve(v, 300);
        } while (v->bytes.length != before && !v->ended);
        wakes = process_wakes(v->pid);
        used = process_used_ms(v->pid);
        usleep((useconds_t)ms * 1000);
        wakes = process_wakes(v->pid) - wakes;
        used = process_used_ms(v->pid) - used;
    }
    printf("%dx%d %-24s woken %ld times, %d ms of processor time in %d ms, %ld KiB\n", v->cols,
           v->rows, what, wakes, (int)used, ms, process_resident_kib(v->pid));
    CHECK_MSG(wakes <= most && used <= (most ? 40 : 10), "%s: woken %ld times, %d ms", what, wakes,
              (int)used);
    CHECK_MSG(process_resident_kib(v->pid) < MOST_KIB, "%s: %ld KiB", what,
              process_resident_kib(v->pid));
}

/* As fingers type: an Escape is followed by nothing for a while. */
static void type(struct vt_session *v, const char *const *keys)
{
    for (; *keys; keys++) {
        vt_type(v, *keys);
        if (strcmp(*keys, "\033") == 0)
            vt_serve(v, 200);
    }
}

static void every_screen_sleeps(int rows, int cols)
{
    static const struct {
        const char *keys[6], *shown, *name;
    } screens[] = {
        {{NULL}, "Prompt", "studio, in the text"},
        {{"\033"}, "Recent", "studio"},
        {{F("Q")}, "newest first", "library, list"},
        {{" "}, "1 marked", "library, marked"},
        {{"T"}, "tree of", "library, tree"},
        {{"\033", "/", "video"}, "10000+ clips", "library, searching"},
        {{"\033", "v"}, "clips, newest first", "library, pictures"},
        {{"v", F("S")}, "Queue", "queue"},
        {{"\033[17~"}, "sheet", "sheet"},
        {{"?"}, "narrow the list", "help"},
        {{"\033", ":", "ex"}, "export", "command line"},
    };
    struct vt_session *v = start(rows, cols);
    for (size_t i = 0; i < sizeof screens / sizeof screens[0]; i++) {
        type(v, screens[i].keys);
        CHECK_MSG(vt_wait(v, screens[i].shown, 10000), "%s", screens[i].name);
        sleeps(v, screens[i].name, 0);
    }
    type(v, (const char *[]){"\033", F("R"), NULL});
    CHECK(vt_wait(v, "frame ", 10000));
    vt_type(v, " "); /* paused */
    sleeps(v, "player, paused", 0);
    vt_type(v, "5");
    CHECK(vt_wait(v, "worker 0", 10000));
    /* each 2 s it asks the engine for what it shows: the time, and the answer */
    sleeps(v, "engine", is_full() ? 12 : 4);
    quit(v);
}

TEST(asleep)
{
    every_screen_sleeps(24, 80);
    if (is_full())
        every_screen_sleeps(60, 200);
}

/* --- a key held down --- */

static int64_t now_us(void)
{
    return dn_now_ns() / 1000;
}

/* One key and what it changes, all of it. */
static void press(struct vt_session *v, const char *key)
{
    char bytes[16384];
    struct pollfd p = {.fd = v->master, .events = POLLIN};
    if (write(v->master, key, strlen(key)) < 0)
        perror("pty");
    for (int wait = 5000; poll(&p, 1, wait) > 0; wait = 0) {
        ssize_t n = read(v->master, bytes, sizeof bytes);
        if (n <= 0)
            return;
        vt_take(v, bytes, (size_t)n);
    }
}

static void hold_down(struct vt_session *v, const char *key, int count, const char *what)
{
    int64_t used = process_used_ms(v->pid), began = now_us(), worst = 0;
    for (int i = 0; i < count; i++) {
        int64_t start_us = now_us();
        press(v, key);
        worst = now_us() - start_us > worst ? now_us() - start_us : worst;
    }
    double wall = (double)(now_us() - began) / 1e3 / count;
    double cpu = (double)(process_used_ms(v->pid) - used) / count;
    printf("%dx%d %-24s %.2f ms a key, %.0f a second, at worst %.1f ms; %.2f ms of processor "
           "time\n", v->cols, v->rows, what, wall, 1e3 / wall, (double)worst / 1e3, cpu);
    CHECK_MSG(cpu < ROW_MS, "%s: %.2f ms of processor time", what, cpu);
    CHECK_MSG(!getenv("CATALOG_CLOCK") || wall < ROW_MS, "%s: %.2f ms", what, wall);
}

static void scroll(int rows, int cols)
{
    static const char *const orders[] = {"oldest", "rating", "longest", "shortest", "prompt"};
    struct vt_session *v = start(rows, cols);
    int count = is_full() ? 600 : 100;
    char number[32], command[64];
    vt_type(v, F("Q"));
    CHECK(vt_wait(v, "newest first", 10000));
    vt_serve(v, 500);
    hold_down(v, "j", count, "down");
    /* as many rows as keys */
    snprintf(number, sizeof number, "#%lld ", (long long)clips - count);
    CHECK(vt_wait(v, number, 2000));
    hold_down(v, "k", count, "up");
    hold_down(v, "\033[6~", count / 3, "page down");
    for (int i = 0; i < 5; i++) {
        snprintf(command, sizeof command, ":sort %s\r", orders[i]);
        vt_type(v, command);
        vt_serve(v, 500);
        hold_down(v, "\033[B", count, orders[i]);
    }
    vt_type(v, ":sort newest\r/video\r");
    vt_serve(v, 500);
    hold_down(v, "j", count, "of a search");
    sleeps(v, "after all that", 0);
    quit(v);
}

TEST(key_repeat)
{
    scroll(24, 80);
    scroll(60, 200);
}

static void begin(void)
{
    const char *count = getenv("CATALOG_CLIPS"), *kept = getenv("CATALOG_KEEP");
    clips = count ? atoll(count) : is_full() ? 1000000 : 12000;
    vt_make_home();
    if (kept)
        setenv("DANAUS_LIBRARY", kept, 1);
    snprintf(fixture_library, sizeof fixture_library, "%s", kept ? kept : "");
    if (!kept)
        snprintf(fixture_library, sizeof fixture_library, "%s/DATA/danaus", vt_home);
    make_words();
    if (!catalog_exists(fixture_library)) {
        fill_library(clips);
        /* something for the player and a picture */
        CHECK(vt_command("generate 'a blue star over sand' -m configs/demo --frames 33") == 0);
    }
    clips++;
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(asleep), T(key_repeat), T(end))
