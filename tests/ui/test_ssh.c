/* ssh: a studio through OpenSSH whose line breaks, or whose window is closed, in the middle of a
 * clip: the engine goes on, the studio goes, the terminal at this end is as it was, and who comes
 * back sees the clip. The whole story through SSH is in test_story.c. TORTURE=full alone; run from
 * the top folder. */
#define _GNU_SOURCE
#include "vt_session.h"
#include "vt_ssh.h"

enum { WAIT_MS = 60000, LONG_MS = 180000 };

static struct vt_session *open_studio(void)
{
    char command[512];
    snprintf(
        command, sizeof command,
        "exec '%s' studio -m configs/demo --frames 161 --threads 1 'a red square growing on blue'",
        vt_program());
    struct vt_session *v = vt_ssh_open(30, 100, command);
    CHECK(vt_wait(v, "engine ready", WAIT_MS));
    return v;
}

static bool wait_prints(const char *arguments, const char *text, int ms)
{
    char line[512];
    snprintf(line, sizeof line, "%s %s 2>&1 | grep -qF '%s'", vt_program(), arguments, text);
    for (int64_t end = dn_now_ms() + ms; dn_now_ms() < end; usleep(50000))
        if (system(line) == 0)
            return true;
    return false;
}

/* 0 = none runs */
static long engine_process(void)
{
    char line[512];
    long pid = 0;
    snprintf(line, sizeof line, "%s engine status --json 2>/dev/null | grep -o '\"pid\":[0-9]*'",
             vt_program());
    FILE *f = popen(line, "r");
    if (f && fscanf(f, "\"pid\":%ld", &pid) != 1)
        pid = 0;
    if (f)
        pclose(f);
    return pid;
}

static void close_window(const struct vt_ssh *s, struct vt_session *v)
{
    (void)s;
    kill(v->pid, SIGHUP);
}

static void cut_line(const struct vt_ssh *s, struct vt_session *v)
{
    (void)v;
    vt_ssh_cut(s);
}

static void lose(void (*how)(const struct vt_ssh *s, struct vt_session *v))
{
    struct vt_ssh ssh;
    const char *torture = getenv("TORTURE");
    if (!torture || strcmp(torture, "full") != 0)
        return;
    vt_make_home();
    if (!vt_ssh_start(&ssh)) {
        vt_end_home();
        return;
    }
    struct vt_session *v = open_studio();
    vt_type(v, "\r");
    CHECK(vt_wait(v, "chunk 2/14", WAIT_MS));
    long engine = engine_process();
    how(&ssh, v);
    CHECK(vt_end(v, WAIT_MS) && vt_restored(v));
    vt_free(v);
    CHECK(wait_prints("queue list", "running", 1000)); /* else it was too quick, or went as well */
    CHECK(wait_prints("engine status --json", "\"clients\":1,", WAIT_MS)); /* who asks: no studio */
    CHECK(wait_prints("queue list --all", "done", LONG_MS));
    CHECK_MSG(engine > 0 && engine_process() == engine, "another engine than %ld", engine);
    v = open_studio();
    CHECK(vt_wait(v, "Preview  #1", WAIT_MS));
    vt_type(v, "\021");
    CHECK(vt_end(v, WAIT_MS) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0 &&
          vt_restored(v));
    vt_free(v);
    vt_ssh_stop(&ssh);
    vt_end_home();
}

TEST(window_is_closed)
{
    lose(close_window);
}

TEST(line_breaks)
{
    lose(cut_line);
}

TESTS(T(window_is_closed), T(line_breaks))
