/* unread: a studio whose terminal takes nothing while clips are made. The worker and the engine must
 * not notice, the studio must sleep and not grow, and what it shows once it is read again is what
 * there is by then. TORTURE=full: ten minutes, in which every second clip is made while the studio
 * is stopped altogether (SIGSTOP); the difference is what the unread studio costs the worker. With
 * UNREAD_CLOCK=1 also judged by the clock: for a machine that has nothing else to do. Run from the
 * top folder. */
#define _GNU_SOURCE
#include "engine/client.h"
#include "store/library.h"
#include "vt_process.h"
#include "vt_session.h"

/* ROOM_KIB: what an allocator may keep of one clip more or less. */
enum { WAIT_MS = 120000, ROOM_KIB = 4096, MOST_CLIPS = 4000 };

static struct client *engine;
static int made;

static bool is_full(void)
{
    const char *torture = getenv("TORTURE");
    return torture && strcmp(torture, "full") == 0;
}

/* What a clip took: by the worker's clock from its start to its last step, and in processor time. */
struct took {
    double wall_ms;
    int64_t cpu_ms;
};

static pid_t worker_pid(void)
{
    struct dn_error err;
    json_t *status = NULL;
    pid_t pid = 0;
    CHECK_OK(client_ask(engine, protocol_new(MESSAGE_STATUS), &status, &err), err);
    json_t *worker = json_array_get(json_object_get(status, "workers"), 0);
    if (worker)
        pid = (pid_t)protocol_int(worker, "pid", 0);
    json_decref(status);
    return pid;
}

/* One clip, from the queue to done. v: is served meanwhile, NULL = nobody reads. */
static struct took make_clip(struct vt_session *v, int frames)
{
    struct took took = {0};
    struct dn_error err;
    pid_t worker = made ? worker_pid() : 0;
    int64_t before = worker ? process_used_ms(worker) : 0, end = dn_now_ms() + WAIT_MS;
    json_t *message = protocol_new(MESSAGE_ENQUEUE);
    char model[4096];
    CHECK(realpath("configs/demo", model));
    json_object_set_new(message, "request",
                        json_pack("{s:s, s:s, s:s, s:i, s:i}", "prompt", "a red star over sand", "model",
                                  model, "size", "160x96", "seed", ++made, "frames", frames));
    bool ok = client_ask(engine, message, NULL, &err), over = false;
    CHECK_OK(ok, err);
    while (ok && !over && dn_now_ms() < end) {
        enum message_type type;
        json_t *m;
        if (v)
            vt_serve(v, 5);
        ok = client_next(engine, v ? 0 : 1000, &type, &m, &err);
        if (!ok || !m)
            continue;
        if (type == MESSAGE_STEP)
            took.wall_ms = protocol_number(m, "seconds", 0) * 1e3;
        const char *state = type == MESSAGE_STATE ? protocol_text(m, "state") : NULL;
        over = state && strcmp(state, "done") == 0;
        json_decref(m);
    }
    CHECK_MSG(over, "clip %d is not done", made);
    took.cpu_ms = worker ? process_used_ms(worker) - before : 0;
    return took;
}

static void connect_to_engine(void)
{
    struct dn_error err;
    char *library = library_find(NULL, &err);
    struct client_options options = {.library = library, .name = "unread"};
    CHECK_OK(library && client_connect(&options, &engine, &err), err);
    CHECK_OK(client_order(engine, MESSAGE_WATCH, 0, &err), err);
    free(library);
}

/* --- the screen afterwards --- */

static int pictures_since(const struct vt_session *v, size_t start)
{
    static const char first[] = "\033P0;1;0q";
    const char *p = v->bytes.data + start, *end = v->bytes.data + v->bytes.length;
    int count = 0;
    for (; (p = memmem(p, (size_t)(end - p), first, strlen(first))); p++)
        count++;
    return count;
}

static char *screen_text(struct vt_session *v)
{
    struct strbuf text = {0};
    char row[VT_ROW_SIZE];
    for (int i = 0; i < v->rows; i++) {
        vt_row(v, i, row);
        strbuf_printf(&text, "%s\n", row);
    }
    return strbuf_take(&text);
}

/* The newest at once, without what was there in between; and nothing that a drawing of everything
 * would change. */
static void reads_again(struct vt_session *v)
{
    char newest[32];
    size_t start = v->bytes.length;
    int64_t since = dn_now_ms();
    snprintf(newest, sizeof newest, "#%d ", made);
    CHECK(vt_wait(v, newest, 20000) && vt_wait(v, "engine ready", 20000));
    printf("read again: the newest is there after %d ms, %zu bytes, %d pictures\n",
           (int)(dn_now_ms() - since), v->bytes.length - start, pictures_since(v, start));
    CHECK_MSG(pictures_since(v, start) <= 3, "%d pictures", pictures_since(v, start));
    int shown = v->pictures;
    for (int i = 0; i < 500 && v->pictures < shown + 3; i++)
        vt_serve(v, 20);
    CHECK(v->pictures >= shown + 3); /* it plays */
    vt_type(v, "\033");
    vt_serve(v, 300);
    vt_type(v, " "); /* until it rests */
    vt_serve(v, 500);
    char *text = screen_text(v);
    size_t before = v->bytes.length;
    vt_type(v, "\f"); /* Ctrl-L */
    for (int i = 0; i < 500 && v->bytes.length < before + 2000; i++)
        vt_serve(v, 20);
    vt_serve(v, 1000);
    char *again = screen_text(v);
    CHECK_MSG(strcmp(text, again) == 0, "shown:\n%sdrawn anew:\n%s", text, again);
    free(text);
    free(again);
}

/* --- what it costs --- */

static void sleeps(struct vt_session *v)
{
    int64_t used = process_used_ms(v->pid);
    long wakes = process_wakes(v->pid);
    usleep(2500000);
    used = process_used_ms(v->pid) - used;
    wakes = process_wakes(v->pid) - wakes;
    /* busy, it would take a good part of that time, on any machine */
    CHECK_MSG(used <= 40 && wakes <= 20, "%d ms, woken %ld times", (int)used, wakes);
}

static void stays_small(const char *who, pid_t pid, long before_kib)
{
    long grown = process_resident_kib(pid) - before_kib;
    printf("%s: %ld KiB, %ld more than before\n", who, process_resident_kib(pid), grown);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
    CHECK_MSG(grown < ROOM_KIB, "%s: %ld KiB more", who, grown);
#endif
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The mean of the middle half: what else the machine does is in the ends. */
static double middle(double *values, int count)
{
    int from = count / 4, to = count - from;
    double sum = 0;
    qsort(values, (size_t)count, sizeof *values, by_value);
    for (int i = from; i < to; i++)
        sum += values[i];
    return sum / (to - from);
}

/* Ten minutes: clips in turn with the studio unread and with it stopped. */
static void costs_nothing(struct vt_session *v)
{
    static double wall[2][MOST_CLIPS], cpu[2][MOST_CLIPS];
    int count[2] = {0};
    const char *minutes = getenv("UNREAD_MINUTES");
    int64_t start = dn_now_ms(), end = start + (minutes ? atoi(minutes) : 10) * 60000;
    int64_t used = process_used_ms(v->pid);
    for (int i = 0; (i < 2 || dn_now_ms() < end) && i < 2 * MOST_CLIPS && !check_failures; i++) {
        int stopped = i % 2;
        kill(v->pid, stopped ? SIGSTOP : SIGCONT);
        usleep(200000); /* it reads what it has missed */
        struct took took = make_clip(NULL, 81);
        wall[stopped][count[stopped]] = took.wall_ms;
        cpu[stopped][count[stopped]++] = (double)took.cpu_ms;
    }
    kill(v->pid, SIGCONT);
    used = process_used_ms(v->pid) - used;
    double wall_ms[2], cpu_ms[2];
    for (int i = 0; i < 2; i++) {
        wall_ms[i] = middle(wall[i], count[i]);
        cpu_ms[i] = middle(cpu[i], count[i]);
        printf("studio %s: %d clips, each %.1f ms by the clock, %.1f ms of processor time\n",
               i ? "stopped" : "unread", count[i], wall_ms[i], cpu_ms[i]);
    }
    double more_wall = wall_ms[0] / wall_ms[1] - 1, more_cpu = cpu_ms[0] / cpu_ms[1] - 1;
    double share = (double)used / (double)(dn_now_ms() - start);
    printf("unread for %.0f s: %+.2f %% by the clock, %+.2f %% of processor time; the studio took "
           "%.2f %% of a core\n", (double)(dn_now_ms() - start) / 1e3, more_wall * 100,
           more_cpu * 100, share * 100);
    CHECK_MSG(more_cpu < 0.01, "%.2f %%", more_cpu * 100);
    CHECK_MSG(share < 0.01, "%.2f %%", share * 100);
    CHECK(!getenv("UNREAD_CLOCK") || more_wall < 0.01);
}

TEST(nobody_reads)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", NULL};
    struct vt_session *v = vt_start(40, 120, vt_program(), arguments);
    v->sixel = true;
    CHECK(vt_wait(v, "engine ready", 20000));
    connect_to_engine();
    for (int i = 0; i < 2; i++) /* all that is allocated once, is */
        make_clip(v, 81);
    CHECK(v->pictures > 0);
    vt_hold_back(v);
    pid_t server = (pid_t)client_engine_pid(engine);
    make_clip(NULL, 81);
    long studio_kib = process_resident_kib(v->pid), server_kib = process_resident_kib(server);
    if (is_full())
        costs_nothing(v);
    else
        for (int i = 0; i < 3; i++)
            make_clip(NULL, 81);
    sleeps(v);
    stays_small("studio", v->pid, studio_kib);
    stays_small("engine", server, server_kib);
    reads_again(v);
    vt_type(v, "\021");
    CHECK(vt_end(v, 10000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    CHECK(vt_restored(v));
    vt_free(v);
}

/* A key that was pressed while nothing could be shown is what is shown first. */
TEST(keys_meanwhile)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "sixel", NULL};
    struct vt_session *v = vt_start(40, 120, vt_program(), arguments);
    v->sixel = true;
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, "\033OR"); /* F3, the player */
    for (int i = 0; i < 1000 && v->pictures < 3; i++)
        vt_serve(v, 20);
    CHECK(v->pictures >= 3);
    vt_hold_back(v);
    if (write(v->master, "\033OQ/tag:none\r", 12) < 0)
        perror("pty");
    usleep(1000000);
    size_t start = v->bytes.length;
    CHECK(vt_wait(v, "No clip is like that", 20000));
    CHECK_MSG(pictures_since(v, start) <= 3, "%d pictures", pictures_since(v, start));
    vt_type(v, "\021");
    CHECK(vt_end(v, 10000) && vt_restored(v));
    vt_free(v);
}

static void begin(void)
{
    vt_make_home();
    setenv("COLORTERM", "truecolor", 1);
}

static void end(void)
{
    client_close(engine);
    vt_end_home();
}

TESTS(T(begin), T(nobody_reads), T(keys_meanwhile), T(end))
