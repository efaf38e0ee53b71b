/* vt_session: the real danaus on a pseudo terminal whose other end is a virtual terminal
 * (libvterm): keys in, cells out. It has directories of its own, so also an engine of its own. */
#ifndef DANAUS_TESTS_UI_VT_SESSION_H
#define DANAUS_TESTS_UI_VT_SESSION_H

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>
#include <vterm.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "check.h"
#include "vt_line.h"

enum { VT_ROW_SIZE = 8192 };

struct vt_session {
    pid_t pid;
    int master, slave;
    VTerm *vt;
    VTermScreen *screen;
    int rows, cols;
    struct strbuf bytes;   /* everything that was written */
    struct termios before;
    int status;            /* of waitpid, once ended */
    bool ended, deaf;      /* deaf: the terminal answers nothing */
    bool sixel;            /* it says that it can */
    const char *ground;    /* its answer about the background, NULL = none */
    bool nameless;         /* but not what it is called */
    bool kitty;            /* it calls itself one that has placeholders, and has no sixel */
    void (*show)(struct vt_session *v, const char *bytes, size_t size); /* for what vterm does not know */
    int cell_width, cell_height; /* px that it tells its system, 0 = none */
    int pictures;          /* that were acknowledged */
    struct vt_line *line;  /* between the program and the terminal, NULL = none */
};

static char vt_home[64];

/* One home for the whole test program, and the terminal that it takes for granted. */
static void vt_make_home(void)
{
    char path[128];
    if (vt_home[0])
        return;
    strcpy(vt_home, "/tmp/danaus-ui-XXXXXX");
    if (!mkdtemp(vt_home))
        abort();
    const char *names[] = {"RUNTIME", "DATA", "STATE", "CONFIG", "CACHE"};
    for (int i = 0; i < 5; i++) {
        char variable[32];
        snprintf(path, sizeof path, "%s/%s", vt_home, names[i]);
        snprintf(variable, sizeof variable, i ? "XDG_%s_HOME" : "XDG_%s_DIR", names[i]);
        mkdir(path, 0700);
        setenv(variable, path, 1);
    }
    unsetenv("DANAUS_LIBRARY");
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("NO_COLOR");
    unsetenv("COLORTERM");
}

static inline const char *vt_program(void)
{
    return getenv("DANAUS") ? getenv("DANAUS") : "build/danaus";
}

/* Runs danaus with arguments and without a terminal; its exit status. */
static inline int vt_command(const char *arguments)
{
    char line[512];
    snprintf(line, sizeof line, "%s %s >/dev/null 2>&1", vt_program(), arguments);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void vt_end_home(void)
{
    char line[128];
    vt_command("engine stop");
    snprintf(line, sizeof line, "rm -rf '%s'", vt_home);
    if (system(line) != 0)
        perror(line);
    vt_home[0] = '\0';
}

static void vt_flush_answers(struct vt_session *v)
{
    char answer[4096];
    size_t n;
    static const char kitty[] = "\033P>|kitty(0.41.1)\033\\";
    static const char name[] = "\033P>|XTerm(379)\033\\", can_sixel[] = "\033[?63;4c";
    while ((n = vterm_output_read(v->vt, answer, sizeof answer)) > 0) {
        for (const char *p = answer; (p = memmem(p, (size_t)(answer + n - p), "\033[0n", 4)); p++)
            v->pictures++;
        if (v->ground && memmem(answer, n, "\033[?1;2c", 7) &&
            write(v->master, v->ground, strlen(v->ground)) < 0)
            return;
        if (v->kitty && memmem(answer, n, "\033[>0;", 5) && write(v->master, kitty, strlen(kitty)) < 0)
            return;
        if (v->sixel && memmem(answer, n, "\033[?1;2c", 7))
            n = (size_t)snprintf(answer, sizeof answer, "%s%s", v->nameless ? "" : name, can_sixel);
        if (v->line && !v->deaf)
            vt_line_send(v->line, answer, n);
        else if (!v->deaf && write(v->master, answer, n) < 0)
            return;
    }
}

static inline void vt_take(struct vt_session *v, const char *bytes, size_t size)
{
    strbuf_append(&v->bytes, bytes, size);
    if (v->show)
        v->show(v, bytes, size);
    else
        vterm_input_write(v->vt, bytes, size);
    vt_flush_answers(v);
}

/* Plays the terminal's part for ms, or until the program has ended. */
static inline void vt_serve(struct vt_session *v, int ms)
{
    int64_t end = dn_now_ms() + ms;
    for (int64_t left = ms; left >= 0 && !v->ended; left = end - dn_now_ms()) {
        bool room = !v->line || vt_line_has_room(v->line);
        struct pollfd p = {.fd = room ? v->master : -1, .events = POLLIN};
        char bytes[16384];
        int wait = v->line ? 2 : 20;
        ssize_t n = poll(&p, 1, left > wait ? wait : (int)left) > 0
                        ? read(v->master, bytes, sizeof bytes) : 0;
        if (n > 0 && v->line)
            vt_line_put(v->line, bytes, (size_t)n);
        else if (n > 0)
            vt_take(v, bytes, (size_t)n);
        if (v->line) {
            size_t size;
            const char *come = vt_line_take(v->line, &size);
            vt_take(v, come, size);
            vt_line_arrive(v->line, v->master);
        }
        if (v->pid && waitpid(v->pid, &v->status, WNOHANG) == v->pid) {
            v->ended = true;
            if (v->line) {
                size_t size;
                const char *rest = vt_line_rest(v->line, &size);
                vt_take(v, rest, size);
            }
            while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN) &&
                   (n = read(v->master, bytes, sizeof bytes)) > 0)
                vt_take(v, bytes, (size_t)n);
        }
    }
}

static inline struct vt_session *vt_start(int rows, int cols, const char *program, char *const *arguments)
{
    struct vt_session *v = dn_calloc(1, sizeof *v);
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    v->rows = rows;
    v->cols = cols;
    v->vt = vterm_new(rows, cols);
    vterm_set_utf8(v->vt, 1);
    v->screen = vterm_obtain_screen(v->vt);
    vterm_screen_enable_altscreen(v->screen, 1);
    vterm_screen_reset(v->screen, 1);
    if (openpty(&v->master, &v->slave, NULL, NULL, &size) != 0)
        abort();
    tcgetattr(v->slave, &v->before);
    v->pid = fork();
    if (v->pid == 0) {
        close(v->master);
        login_tty(v->slave);
        execvp(program, arguments);
        _exit(127);
    }
    return v;
}

/* With the demo model, short clips and the environment as it is. */
static inline struct vt_session *vt_studio(int rows, int cols, char *prompt)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--frames", "9", "--threads", "1",
                         prompt, NULL};
    return vt_start(rows, cols, vt_program(), arguments);
}

/* Row number as text, NUL-terminated. */
static inline void vt_row(struct vt_session *v, int row, char out[VT_ROW_SIZE])
{
    size_t n = 0;
    for (int col = 0; col < v->cols && n < VT_ROW_SIZE - 64; col++) {
        VTermScreenCell cell;
        vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
        if (cell.chars[0] == (uint32_t)-1) /* behind a wide one */
            continue;
        if (!cell.chars[0])
            out[n++] = ' ';
        for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++)
            n += dn_utf8_encode(cell.chars[i], out + n);
    }
    out[n] = '\0';
}

/* The row that has text in it, -1 = none. */
static inline int vt_find(struct vt_session *v, const char *text)
{
    char row[VT_ROW_SIZE];
    for (int i = 0; i < v->rows; i++) {
        vt_row(v, i, row);
        if (strstr(row, text))
            return i;
    }
    return -1;
}

static inline void vt_print(struct vt_session *v)
{
    char row[VT_ROW_SIZE];
    for (int i = 0; i < v->rows; i++) {
        vt_row(v, i, row);
        fprintf(stderr, "%3d |%s|\n", i, row);
    }
}

/* Waits until the screen shows text. */
static inline bool vt_wait(struct vt_session *v, const char *text, int ms)
{
    int64_t end = dn_now_ms() + ms;
    while (vt_find(v, text) < 0) {
        if (dn_now_ms() >= end || v->ended) {
            fprintf(stderr, "\"%s\" did not come:\n", text);
            vt_print(v);
            return false;
        }
        vt_serve(v, 10);
    }
    return true;
}

static inline void vt_type(struct vt_session *v, const char *keys)
{
    if (v->line)
        vt_line_send(v->line, keys, strlen(keys));
    else if (write(v->master, keys, strlen(keys)) < 0)
        perror("pty");
    vt_serve(v, 30);
}

static inline void vt_resize(struct vt_session *v, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols,
                           .ws_xpixel = (unsigned short)(cols * v->cell_width),
                           .ws_ypixel = (unsigned short)(rows * v->cell_height)};
    v->rows = rows;
    v->cols = cols;
    vterm_set_size(v->vt, rows, cols);
    ioctl(v->master, TIOCSWINSZ, &size);
}

/* Waits for the end of the program. */
static inline bool vt_end(struct vt_session *v, int ms)
{
    vt_serve(v, ms);
    return v->ended;
}

static inline bool vt_restored(struct vt_session *v)
{
    struct termios after;
    tcgetattr(v->slave, &after);
    return v->before.c_lflag == after.c_lflag && v->before.c_iflag == after.c_iflag &&
           v->before.c_oflag == after.c_oflag && v->before.c_cflag == after.c_cflag &&
           memcmp(v->before.c_cc, after.c_cc, sizeof after.c_cc) == 0;
}

static inline bool vt_wrote(const struct vt_session *v, const char *text)
{
    return memmem(strbuf_text(&v->bytes), v->bytes.length, text, strlen(text)) != NULL;
}

static inline void vt_free(struct vt_session *v)
{
    if (!v->ended) {
        kill(v->pid, SIGKILL);
        waitpid(v->pid, &v->status, 0);
    }
    vterm_free(v->vt);
    vt_line_free(v->line);
    close(v->master);
    close(v->slave);
    strbuf_done(&v->bytes);
    free(v);
}

/* Takes nothing from the program until it has to wait: then part of a picture has left. */
static inline void vt_hold_back(struct vt_session *v)
{
    int there = 0, before = -1;
    for (int i = 0; i < 100 && (there == 0 || there != before); i++) {
        before = there;
        usleep(300000);
        ioctl(v->master, FIONREAD, &there);
    }
    CHECK_MSG(there >= 3000, "%d bytes", there);
}

#endif
