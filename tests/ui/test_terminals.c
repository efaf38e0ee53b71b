/* terminals: broken descriptions of terminals, odd sizes, ends of every kind at any moment: no crash,
 * and the tty byte for byte as it was. A few of each; TORTURE=full for the full counts. Run from the
 * top folder. */
#define _GNU_SOURCE
#include "base/read_file.h"
#include "vt_session.h"

/* An end that does not come at all is an error, one that is late on a busy machine is not. */
enum { END_MS = 15000, ENTRY_MAX = 65536 };

static uint64_t seed = 20261125;

static int below(int n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)n);
}

static bool is_full(void)
{
    const char *torture = getenv("TORTURE");
    return torture && strcmp(torture, "full") == 0;
}

static int count(int few, int many)
{
    return is_full() ? many : few;
}

/* The other screen, if it was entered, was left. */
static bool left_screen(const struct vt_session *v)
{
    const char *text = strbuf_text(&v->bytes), *on = NULL, *off = NULL;
    for (const char *p = text; (p = strstr(p, "\033[?1049h")); p++)
        on = p;
    for (const char *p = text; (p = strstr(p, "\033[?1049l")); p++)
        off = p;
    return !on || (off && off > on);
}

/* Until the terminal is the studio's, or it has ended: keys before that are the line discipline's. */
static void wait_entered(struct vt_session *v)
{
    int64_t end = dn_now_ms() + END_MS;
    while (!v->ended && !vt_wrote(v, "\033[?2004h") && dn_now_ms() < end)
        vt_serve(v, 10);
}

/* --- descriptions --- */

/* The compiled description that the mutations begin with. The caller frees. */
static char *read_entry(size_t *size)
{
    static const char *const folders[] = {"/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo",
                                          "/usr/share/terminfo"};
    struct dn_error err;
    char path[128], *bytes;
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/x/xterm-256color", folders[i]);
        if (dn_read_file(path, ENTRY_MAX, &bytes, size, &err))
            return bytes;
    }
    return NULL;
}

static void change(char *bytes, int first, int end)
{
    int at = first + below(end - first);
    bytes[at] = (char)below(256);
}

/* Numbers of the head that lie, a file that ends early, bytes changed here and there, and strings
 * that take what is no parameter of theirs. */
static size_t mutate(int kind, char *bytes, size_t size)
{
    static const char *const strings[] = {"%s%s%s", "%p9%l%", "%?%;%t%", "%p1%:-9", "%P%g%{"};
    int changes = 1 + below(kind == 1 ? 300 : 8);
    if (kind == 0) {
        for (int i = 0; i < 1 + changes / 4; i++)
            change(bytes, 2, 12);
    } else if (kind == 2) {
        return (size_t)below((int)size);
    } else if (kind == 3) {
        for (int i = 0; i < changes * 4; i++) {
            size_t start = (size_t)below((int)size);
            char *at = memchr(bytes + start, '%', size - start);
            const char *s = strings[below(5)];
            if (at && at + strlen(s) < bytes + size)
                memcpy(at, s, strlen(s));
        }
    } else {
        for (int i = 0; i < changes; i++)
            change(bytes, 0, (int)size);
    }
    return size;
}

static void write_entry(const char *bytes, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/terminfo", vt_home);
    mkdir(path, 0700);
    setenv("TERMINFO", path, 1);
    strcat(path, "/x");
    mkdir(path, 0700);
    strcat(path, "/xterm-256color");
    FILE *f = fopen(path, "w");
    CHECK(f && fwrite(bytes, 1, size, f) == size);
    if (f)
        fclose(f);
}

/* It starts and ends, or says in one line why not. */
TEST(broken_descriptions)
{
    size_t size = 0;
    char *entry = read_entry(&size);
    CHECK(entry);
    for (int i = 0; entry && i < count(12, 100); i++) {
        char *bytes = dn_malloc(size);
        memcpy(bytes, entry, size);
        write_entry(bytes, mutate(i % 4, bytes, size));
        free(bytes);
        struct vt_session *v = vt_studio(24, 80, "a red square");
        wait_entered(v);
        vt_serve(v, 50);
        vt_type(v, "\033OQ\033OR\033OP\021"); /* F2, F3, F1 */
        CHECK_MSG(vt_end(v, END_MS), "description %d: it does not end", i);
        CHECK_MSG(WIFEXITED(v->status) && WEXITSTATUS(v->status) <= 1, "description %d: %x", i,
                  (unsigned)v->status);
        CHECK_MSG(vt_restored(v), "description %d", i);
        vt_free(v);
    }
    free(entry);
    unsetenv("TERMINFO");
}

/* --- sizes --- */

TEST(sizes_from_the_start)
{
    static const int sizes[][2] = {{1, 1},    {500, 1000}, {1, 1000}, {500, 1},  {2, 2},
                                   {16, 60},  {15, 60},    {16, 59},  {3, 300},  {100, 10},
                                   {24, 80},  {60, 200},   {17, 61},  {200, 60}, {400, 400}};
    for (int i = 0; i < count(5, 15); i++) {
        struct vt_session *v = vt_studio(sizes[i][0], sizes[i][1], "a red square");
        wait_entered(v);
        for (int screen = 0; screen < 6; screen++) {
            char key[] = {'\033', 'O', "QRSPQP"[screen], '\0'};
            vt_type(v, key);
        }
        vt_type(v, "\021");
        CHECK_MSG(vt_end(v, END_MS) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0,
                  "%d x %d: %x", sizes[i][1], sizes[i][0], (unsigned)v->status);
        CHECK(vt_restored(v) && left_screen(v));
        vt_free(v);
    }
}

/* While a clip plays; 10 ms apart. */
TEST(resized_while_it_plays)
{
    char *arguments[] = {(char *)vt_program(), "studio", "-m", "configs/demo", "--graphics", "sixel",
                         NULL};
    struct vt_session *v = vt_start(24, 80, arguments[0], arguments);
    v->sixel = true;
    CHECK(vt_wait(v, "Prompt", 10000));
    vt_type(v, "\033OR");
    CHECK(vt_wait(v, "frame ", 20000));
    for (int i = 0; i < count(100, 1000) && !v->ended; i++) {
        bool large = below(50) == 0;
        vt_resize(v, 1 + below(large ? 500 : 60), 1 + below(large ? 1000 : 200));
        vt_serve(v, 9);
    }
    vt_resize(v, 24, 80);
    CHECK(vt_wait(v, "frame ", END_MS));
    vt_type(v, "\021");
    CHECK(vt_end(v, END_MS) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    CHECK(vt_restored(v) && left_screen(v));
    vt_free(v);
}

/* --- ends --- */

/* Signals at any moment, the first milliseconds and those in which a clip plays. */
TEST(ended_at_any_moment)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGSEGV, SIGINT, SIGQUIT, SIGABRT};
    for (int i = 0; i < count(12, 100); i++) {
        struct vt_session *v = vt_studio(24, 80, "a red square");
        int moment = below(250), number = signals[i % 6];
        if (i % 2)
            vt_serve(v, moment);
        else
            usleep((useconds_t)moment * 1000); /* nothing is answered, nothing is taken */
        if (i % 4 == 3)
            vt_type(v, "\033OR");
        kill(v->pid, number);
        CHECK(vt_end(v, END_MS) && WIFSIGNALED(v->status) && WTERMSIG(v->status) == number);
        CHECK_MSG(vt_restored(v) && left_screen(v), "signal %d after %d ms", number, moment);
        vt_free(v);
    }
}

/* The terminal is gone, or there never was one to read from. */
TEST(without_an_input)
{
    for (int i = 0; i < count(2, 20); i++) {
        struct vt_session *v = vt_studio(24, 80, "a red square");
        vt_serve(v, below(300));
        close(v->slave);
        close(v->master);
        int64_t end = dn_now_ms() + END_MS;
        while (waitpid(v->pid, &v->status, WNOHANG) == 0 && dn_now_ms() < end)
            usleep(10000);
        CHECK_MSG(WIFEXITED(v->status) || WTERMSIG(v->status) == SIGHUP, "%x", (unsigned)v->status);
        v->ended = true;
        v->master = v->slave = -1;
        vt_free(v);
    }
    static const char *const lines[] = {"studio <&-", "studio </dev/null", "studio <&- >&- 2>&-"};
    for (int i = 0; i < 3; i++)
        CHECK_MSG(vt_command(lines[i]) == 2, "%s", lines[i]);
    char line[512];
    snprintf(line, sizeof line, "%s studio <&-; echo end $?", vt_program());
    char *arguments[] = {"sh", "-c", line, NULL};
    struct vt_session *v = vt_start(24, 80, "sh", arguments);
    CHECK(vt_wait(v, "end 2", END_MS) && vt_end(v, END_MS) && vt_restored(v));
    vt_free(v);
}

/* Again and again, under a shell with jobs. */
TEST(suspended_often)
{
    int rounds = count(3, 20);
    struct strbuf line = {0};
    strbuf_printf(&line, "%s studio -m configs/demo 'a prompt'; ", vt_program());
    for (int i = 0; i < rounds; i++)
        strbuf_append_text(&line, "stty -a | grep -q ' icanon' && echo mine; fg; ");
    strbuf_append_text(&line, "echo end $?");
    char *arguments[] = {"sh", "-m", "-c", (char *)strbuf_text(&line), NULL};
    struct vt_session *v = vt_start(24, 80, "sh", arguments);
    for (int i = 0; i < rounds; i++) {
        CHECK(vt_wait(v, "Enter make", END_MS));
        size_t before = v->bytes.length;
        vt_type(v, "\032");
        int64_t end = dn_now_ms() + END_MS;
        while (!strstr(strbuf_text(&v->bytes) + before, "mine\r\n") && dn_now_ms() < end)
            vt_serve(v, 20);
        while (!strstr(strbuf_text(&v->bytes) + before, "\033[?1049h") && dn_now_ms() < end)
            vt_serve(v, 20);
        CHECK_MSG(dn_now_ms() < end, "round %d", i);
    }
    CHECK(vt_wait(v, "Enter make", END_MS));
    vt_type(v, "\021");
    CHECK(vt_end(v, END_MS) && vt_find(v, "end 0") >= 0 && vt_restored(v) && left_screen(v));
    vt_free(v);
    strbuf_done(&line);
}

/* A cursor that was hidden is hidden again. */
TEST(cursor_after_a_suspension)
{
    char line[512];
    snprintf(line, sizeof line, "%s studio -m configs/demo 'a prompt'; echo gone; read x; fg",
             vt_program());
    char *arguments[] = {"sh", "-m", "-c", line, NULL};
    struct vt_session *v = vt_start(24, 80, "sh", arguments);
    CHECK(vt_wait(v, "Enter make", END_MS));
    vt_type(v, "\033OQ"); /* the library */
    CHECK(vt_wait(v, "1 clip", END_MS));
    vt_type(v, "\032");
    CHECK(vt_wait(v, "gone", END_MS));
    size_t before = v->bytes.length;
    vt_type(v, "\r");
    CHECK(vt_wait(v, "1 clip", END_MS));
    vt_serve(v, 300);
    const char *text = strbuf_text(&v->bytes) + before, *last = NULL;
    for (const char *p = text; (p = strstr(p, "\033[?25")); p++)
        last = p;
    CHECK(strstr(text, "\033[?1049h") && last && strncmp(last, "\033[?25l", 6) == 0);
    vt_type(v, "\021");
    CHECK(vt_end(v, END_MS) && vt_restored(v));
    vt_free(v);
}

static void begin(void)
{
    vt_make_home();
    unsetenv("TERMINFO");
    /* something that plays */
    CHECK(vt_command("generate 'a blue star over sand' -m configs/demo --frames 33") == 0);
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(broken_descriptions), T(sizes_from_the_start), T(resized_while_it_plays),
      T(ended_at_any_moment), T(without_an_input), T(suspended_often), T(cursor_after_a_suspension),
      T(end))
