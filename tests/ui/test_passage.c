/* passage: pictures through a real tmux, whose terminal is the virtual one: where they come out and
 * what they show, that they come back and go away, and half blocks wherever they cannot. What is
 * waited for are states, never times. Run from the top folder. */
#define _GNU_SOURCE
#include <glob.h>
#include <math.h>

#include "picture_decoders.h"
#include "placeholder_decoder.h"
#include "store/media_import.h"
#include "vt_session.h"

enum { SHORT_MS = 20000, ROWS = 40, COLS = 161, CELL_WIDTH = 8, CELL_HEIGHT = 16 };

static struct media_frames *clip;

static bool has_tmux(void)
{
    bool has = system("command -v tmux >/dev/null") == 0;
    if (!has)
        printf("tmux is not installed\n");
    return has;
}

static bool ask_tmux(const char *command)
{
    char line[256];
    snprintf(line, sizeof line, "{ tmux -L danaus %s; } >/dev/null 2>&1", command);
    return system(line) == 0;
}

/* A clip to show, and a home for tmux. */
static void begin(void)
{
    char pattern[128];
    glob_t found = {0};
    struct media_import_options options = {0};
    struct dn_error err;
    vt_make_home();
    setenv("TMUX_TMPDIR", vt_home, 1);
    unsetenv("TMUX");
    unsetenv("TMUX_PANE");
    unsetenv("SSH_CONNECTION");
    CHECK(vt_command("generate 'a blue star over sand' -m configs/demo --frames 9") == 0);
    snprintf(pattern, sizeof pattern, "%s/DATA/danaus/clips/*/*/*/*/video.mp4", vt_home);
    CHECK(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
    if (found.gl_pathc == 1)
        CHECK_OK(media_import(found.gl_pathv[0], &options, &clip, &err), err);
    globfree(&found);
}

static bool is_kitty;
static struct strbuf waits; /* what is cut of what kitty was sent */

/* libvterm prints kitty's commands, and does not know all marks: those are written as ones that it
 * does know, the row's as one and the other two as two each. What is cut waits for its rest. */
static void show_kitty(struct vt_session *v, const char *bytes, size_t size)
{
    static int count = 3; /* of marks since the last placeholder, 3 = none is awaited */
    strbuf_append(&waits, bytes, size);
    const char *at = strbuf_text(&waits), *end = at + waits.length;
    while (at < end) {
        uint32_t c = 0;
        size_t left = (size_t)(end - at), n = dn_utf8_decode(at, left, &c);
        const char *close = *at == '\033' && (left < 2 || at[1] == '_') ? strstr(at, "\033\\") : NULL;
        if ((n == 0 && left < 4) || (*at == '\033' && left < 2))
            break;
        if (*at == '\033' && at[1] == '_') {
            if (!close)
                break;
            at = close + 2;
            continue;
        }
        int mark = count < 3 ? placeholder_number(c) : -1;
        char known[8];
        size_t length = 0;
        if (mark >= 0 && count++ > 0)
            length = dn_utf8_encode(0x300 + (uint32_t)mark / 64, known);
        if (mark >= 0)
            length += dn_utf8_encode(0x300 + (uint32_t)mark % (count == 1 ? 112 : 64), known + length);
        else
            count = c == 0x10EEEE ? 0 : 3;
        n = n ? n : 1;
        vterm_input_write(v->vt, mark >= 0 ? known : at, mark >= 0 ? length : n);
        at += n;
    }
    size_t left = (size_t)(end - at);
    memmove(waits.data, at, left);
    waits.length = left;
    waits.data[left] = '\0';
}

/* A command in tmux on a terminal with sixel, or on a kitty. */
static struct vt_session *open_tmux(const char *tmux_options, char *command)
{
    char config[512], file[128];
    snprintf(file, sizeof file, "%s/tmux.conf", vt_home);
    snprintf(config, sizeof config,
             "set -g prefix None\nset -g escape-time 0\n"
             "set -g default-terminal tmux-256color\n%s\n",
             tmux_options);
    FILE *f = fopen(file, "w");
    CHECK(f && fputs(config, f) >= 0 && fclose(f) == 0);
    char *arguments[] = {"tmux", "-u", "-L", "danaus", "-f", file, "new-session", command, NULL};
    struct vt_session *v = vt_start(ROWS, COLS, "tmux", arguments);
    waits.length = 0;
    v->kitty = is_kitty;
    v->show = is_kitty ? show_kitty : NULL;
    v->sixel = v->nameless = !is_kitty;
    v->cell_width = CELL_WIDTH;
    v->cell_height = CELL_HEIGHT;
    vt_resize(v, ROWS, COLS);
    return v;
}

static struct vt_session *open_studio(const char *tmux_options, const char *options)
{
    char command[512];
    snprintf(command, sizeof command, "exec '%s' studio -m configs/demo %s 'a prompt'",
             vt_program(), options);
    struct vt_session *v = open_tmux(tmux_options, command);
    CHECK(vt_wait(v, "engine ready", SHORT_MS));
    return v;
}

/* The clip's last frame, standing still. */
static void show_frame(struct vt_session *v)
{
    vt_type(v, "\033OR");
    CHECK(vt_wait(v, "frame ", SHORT_MS));
    if (vt_find(v, "\u25B6") >= 0)
        vt_type(v, " ");
    CHECK(vt_wait(v, "\u2016", SHORT_MS));
    vt_type(v, "G");
    CHECK(vt_wait(v, "frame 9/9", SHORT_MS));
}

static void quit(struct vt_session *v)
{
    vt_type(v, "\021");      /* Ctrl-Q */
    ask_tmux("kill-server"); /* of the panes that are left */
    CHECK(vt_end(v, SHORT_MS));
    CHECK(vt_restored(v));
    vt_free(v);
}

/* --- what came to the terminal --- */

struct picture {
    int row, col, rows, cols; /* cells, from 0 */
    struct sixel sixel;
};

/* How each picture begins, and each piece of one. */
static const char start[] = "\033P0;1;0q", piece[] = "\033P0;1";

/* One piece, at text: its place, before it, and its pixels. */
static bool read_piece(const char *text, const char *at, const char *end, struct picture *p)
{
    const char *place = at;
    while (place > text && *--place != '\033')
        ;
    int length = 0;
    if (sscanf(place, "\033[%d;%dH%n", &p->row, &p->col, &length) != 2 || place + length != at) {
        CHECK_MSG(false, "a picture without a place");
        return false;
    }
    char *sixel = dn_strndup(at, (size_t)(end - at));
    bool whole = decode_sixel(sixel, &p->sixel);
    CHECK_MSG(whole, "a picture that is no sixel: %.60s", sixel + 1);
    free(sixel);
    p->row--;
    p->col--;
    p->rows = (p->sixel.height + CELL_HEIGHT - 1) / CELL_HEIGHT;
    p->cols = (p->sixel.width + CELL_WIDTH - 1) / CELL_WIDTH;
    return whole;
}

/* The last picture that has begun behind byte since, as far as it has come. The caller frees the
 * sixel. */
static bool last_picture(const struct vt_session *v, size_t since, struct picture *p)
{
    const char *text = strbuf_text(&v->bytes), *found = NULL, *end;
    for (const char *at = text + since; (at = strstr(at, start)); at++)
        found = at;
    *p = (struct picture){0};
    for (const char *at = found; at && (at = strstr(at, piece)); at = end) {
        struct picture one;
        end = strstr(at + 1, "\033\\");
        end = end ? end + 2 : at + strlen(at);
        if (!strstr(at + 1, "\033\\") || !read_piece(text, at, end, &one))
            break;
        CHECK(!p->sixel.rgb || (one.row == p->row && one.col == p->col));
        struct sixel below = p->sixel;
        *p = one;
        sixel_over(&below, &p->sixel);
        p->sixel = below;
    }
    return p->sixel.rgb != NULL;
}

static uint32_t cell_at(struct vt_session *v, int row, int col)
{
    VTermScreenCell cell;
    if (row < 0 || col < 0 || row >= v->rows || col >= v->cols)
        return 0;
    vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
    return cell.chars[0];
}

/* Cells from there to the first that has line in it. */
static int distance(struct vt_session *v, int row, int col, int down, int right, uint32_t line)
{
    for (int n = 1; n < COLS; n++)
        if (cell_at(v, row + n * down, col + n * right) == line)
            return n;
    return -1;
}

/* It lies in the middle of the player's frame, as the text on the screen has that, and on no text.
 */
static bool is_placed(struct vt_session *v, const struct picture *p)
{
    int middle = p->row + p->rows / 2, centre = p->col + p->cols / 2;
    int left = distance(v, middle, p->col, 0, -1, 0x2502);
    int right = distance(v, middle, p->col + p->cols - 1, 0, 1, 0x2502);
    int above = distance(v, p->row, centre, -1, 0, 0x2500);
    int below = distance(v, p->row + p->rows - 1, centre, 1, 0, 0x2500);
    for (int row = p->row; row < p->row + p->rows; row++)
        for (int col = p->col; col < p->col + p->cols; col++) {
            uint32_t c = cell_at(v, row, col);
            if (c > ' ' && c != 0xA0)
                return false;
        }
    return left > 0 && right > 0 && abs(left - right) <= 1 && above > 0 && below > 0 &&
           abs(above - below) <= 1;
}

/* dB between the picture and a frame, at the middle of each of the frame's pixels. */
static double likeness(const struct sixel *s, const uint8_t *rgb)
{
    double sum = 0;
    int scale = s->width / clip->width, lines = s->height / scale;
    if (scale < 1 || s->width != clip->width * scale)
        return 0;
    for (int y = 0; y < lines; y++)
        for (int x = 0; x < clip->width; x++)
            for (int c = 0; c < 3; c++) {
                int at = (y * scale + scale / 2) * s->width + x * scale + scale / 2;
                double d = s->rgb[at * 3 + c] - rgb[(y * clip->width + x) * 3 + c];
                sum += d * d;
            }
    return 10 * log10(255.0 * 255.0 / (sum / ((double)lines * clip->width * 3) + 1e-9));
}

/* Waits for the clip's last frame in its place, sent behind byte since. place: where, may be NULL.
 */
static bool wait_frame(struct vt_session *v, size_t since, struct picture *place)
{
    double best = 0;
    bool placed = false;
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && !v->ended; vt_serve(v, 50)) {
        struct picture p;
        if (!last_picture(v, since, &p))
            continue;
        best = likeness(&p.sixel, clip->rgb24 + (clip->count - 1) * clip->width * clip->height * 3);
        placed = is_placed(v, &p);
        bool all = p.sixel.painted == p.sixel.width * p.sixel.height;
        sixel_free(&p.sixel);
        if (best > 30 && placed && all) {
            if (place)
                *place = p;
            return true;
        }
    }
    fprintf(stderr, "the frame did not come: %.1f dB, placed %d\n", best, placed);
    vt_print(v);
    return false;
}

static bool wait_blocks(struct vt_session *v)
{
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && !v->ended; vt_serve(v, 50)) {
        int count = 0;
        for (int row = 0; row < v->rows; row++)
            for (int col = 0; col < v->cols; col++)
                count += cell_at(v, row, col) == 0x2580;
        if (count > 200)
            return true;
    }
    fprintf(stderr, "no half blocks came:\n");
    vt_print(v);
    return false;
}

/* --- the tests --- */

static const char on[] = "set -g allow-passthrough on";

TEST(shows_the_frame)
{
    if (!has_tmux())
        return;
    struct vt_session *v = open_studio(on, "");
    show_frame(v);
    CHECK(wait_frame(v, 0, NULL));
    quit(v);
}

/* Where the status line is on top, where panes are split, and where a pane goes elsewhere. */
TEST(finds_its_place)
{
    if (!has_tmux())
        return;
    struct picture first, second, third;
    struct vt_session *v =
        open_studio("set -g allow-passthrough on\nset -g status-position top", "");
    show_frame(v);
    CHECK(wait_frame(v, 0, &first) && first.row > 1);
    size_t since = v->bytes.length;
    CHECK(ask_tmux("split-window -hb -l 80 'cat'"));
    CHECK(wait_frame(v, since, &second) && second.col > 80);
    CHECK(ask_tmux("swap-pane -s 0 -t 1"));
    CHECK(ask_tmux("select-layout even-horizontal"));
    CHECK(wait_frame(v, v->bytes.length, &third) && third.col < 80);
    vt_serve(v, 3000); /* nothing moves any more */
    since = v->bytes.length;
    CHECK(ask_tmux("swap-pane -s 0 -t 1")); /* of the same size: nothing tells the studio */
    CHECK(wait_frame(v, since, &second) && second.col > 80);
    quit(v);
}

/* What tmux draws over a picture that stands still takes it away; it comes back by itself. */
TEST(comes_back)
{
    if (!has_tmux())
        return;
    static const char *const there_and_back[][2] = {
        {"copy-mode", "send-keys -X cancel"},
        {"new-window cat", "kill-window"},
        {"display-message -d 700 hello", "refresh-client"},
        {"split-window cat", "kill-pane"},
    };
    struct vt_session *v = open_studio(on, "");
    show_frame(v);
    CHECK(wait_frame(v, 0, NULL));
    for (int i = 0; i < 4; i++) {
        CHECK_MSG(ask_tmux(there_and_back[i][0]), "%s", there_and_back[i][0]);
        vt_serve(v, 1000);
        CHECK_MSG(ask_tmux(there_and_back[i][1]), "%s", there_and_back[i][1]);
        CHECK_MSG(wait_frame(v, v->bytes.length, NULL), "%s", there_and_back[i][0]);
    }
    quit(v);
}

/* Is each of its rows cleared on the terminal itself? */
static bool wait_cleared(struct vt_session *v, size_t since, const struct picture *p)
{
    int row = 0;
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && row < p->rows; vt_serve(v, 20))
        for (row = 0; row < p->rows; row++) {
            char clear[64];
            snprintf(clear, sizeof clear, "\033[%d;%dH\033[%dX", p->row + row + 1, p->col + 1,
                     p->cols);
            if (!strstr(strbuf_text(&v->bytes) + since, clear))
                break;
        }
    return row == p->rows;
}

TEST(goes_away)
{
    if (!has_tmux())
        return;
    struct picture p;
    struct vt_session *v = open_studio(on, "");
    show_frame(v);
    CHECK(wait_frame(v, 0, &p));
    size_t since = v->bytes.length;
    vt_type(v, "\033OS"); /* the queue */
    CHECK(wait_cleared(v, since, &p));
    show_frame(v);
    CHECK(wait_frame(v, since, &p));
    since = v->bytes.length;
    vt_type(v, "\021");
    CHECK(wait_cleared(v, since, &p));
    quit(v);
}

/* Half blocks, and not one sixel. */
static void check_blocks(struct vt_session *v)
{
    show_frame(v);
    CHECK(wait_blocks(v));
    vt_serve(v, 1500);
    CHECK(wait_blocks(v) && !vt_wrote(v, start));
    quit(v);
}

TEST(half_blocks_where_it_cannot_be)
{
    if (!has_tmux())
        return;
    check_blocks(open_studio("set -g allow-passthrough off", ""));
    check_blocks(open_studio("set -g allow-passthrough off", "--graphics sixel"));
    check_blocks(open_studio(on, "--passthrough off"));
    check_blocks(open_studio(on, "--graphics blocks"));
    setenv("SSH_CONNECTION", "192.0.2.1 40000 192.0.2.2 22", 1);
    check_blocks(open_studio(on, ""));
    struct vt_session *v = open_studio(on, "--passthrough on");
    show_frame(v);
    CHECK(wait_frame(v, 0, NULL));
    quit(v);
    unsetenv("SSH_CONNECTION");
}

/* Another terminal for the same session. */
static struct vt_session *attach(bool sixel)
{
    char *arguments[] = {"tmux", "-u", "-L", "danaus", "attach", NULL};
    struct vt_session *v = vt_start(ROWS, COLS, "tmux", arguments);
    v->sixel = v->nameless = sixel;
    v->cell_width = CELL_WIDTH;
    v->cell_height = CELL_HEIGHT;
    vt_resize(v, ROWS, COLS);
    return v;
}

/* On two terminals at once, and on one that would print it. */
TEST(half_blocks_on_other_terminals)
{
    if (!has_tmux())
        return;
    struct vt_session *v = open_studio(on, "");
    show_frame(v);
    CHECK(wait_frame(v, 0, NULL));
    struct vt_session *second = attach(true);
    CHECK(vt_wait(second, "frame 9/9", SHORT_MS));
    for (int64_t end = dn_now_ms() + SHORT_MS;
         dn_now_ms() < end && vt_find(second, "\u2580") < 0;) {
        vt_serve(v, 20);
        vt_serve(second, 20);
    }
    CHECK(vt_find(second, "\u2580") >= 0);
    CHECK(wait_blocks(v));
    ask_tmux("detach-client -s 0"); /* both */
    CHECK(vt_end(second, SHORT_MS));
    CHECK(vt_end(v, SHORT_MS));
    vt_free(v);
    v = second;
    vt_free(v);
    /* what has no sixel alone */
    struct vt_session *third = attach(false);
    CHECK(wait_blocks(third));
    vt_serve(third, 1500);
    CHECK(wait_blocks(third) && !vt_wrote(third, start));
    quit(third);
}

/* --- kitty --- */

/* The cell there of a picture of kitty's, with the one left of it; false: it is none. */
static bool placeholder_at(struct vt_session *v, int row, int col, const struct placeholder *left,
                           struct placeholder *p)
{
    VTermScreenCell cell;
    int n = 0, parts[6] = {0};
    vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
    for (; n < 5 && cell.chars[n + 1]; n++)
        parts[n] = (int)cell.chars[n + 1] - 0x300;
    int numbers[3] = {parts[0], parts[1] * 64 + parts[2], parts[3] * 64 + parts[4]};
    return cell.chars[0] == 0x10EEEE && VTERM_COLOR_IS_INDEXED(&cell.fg) && (n == 0 || n == 5) &&
           placeholder_read(numbers, n ? 3 : 0, cell.fg.indexed.idx, left, p);
}

/* The one picture whose cells are on the screen, each in its place; false: there is none, or more. */
static bool find_placed(struct vt_session *v, struct placed *out)
{
    int count = 0;
    struct placeholder p = {0};
    *out = (struct placed){0};
    for (int row = 0; row < v->rows; row++)
        for (int col = 0; col < v->cols; col++) {
            if (cell_at(v, row, col) != 0x10EEEE)
                continue;
            if (!placeholder_at(v, row, col, &p, &p))
                return false;
            if (count++ == 0)
                *out = (struct placed){.id = p.id, .row = row, .col = col};
            if (p.id != out->id || p.row != row - out->row || p.col != col - out->col)
                return false;
            out->rows = p.row + 1;
            out->cols = p.col + 1 > out->cols ? p.col + 1 : out->cols;
        }
    return count > 0 && count == out->rows * out->cols;
}

/* The picture that came last under that number, as its commands came through; the caller frees. */
static bool last_sent(struct vt_session *v, uint32_t id, struct kitty *k)
{
    const char *text = strbuf_text(&v->bytes), *found = NULL, *end;
    struct strbuf commands = {0};
    char head[64];
    snprintf(head, sizeof head, "\033_Ga=T,i=%u,", id);
    for (const char *at = text; (at = strstr(at, head)); at++)
        found = at;
    for (const char *at = found; at && (end = strstr(at, "\033\\")); at = strstr(end, "\033_Gq=2,m=")) {
        bool more = memmem(at, (size_t)(end - at), "m=1;", 4);
        strbuf_append(&commands, at, (size_t)(end + 2 - at));
        if (!more)
            break;
    }
    bool whole = found && decode_kitty(strbuf_text(&commands), k);
    strbuf_done(&commands);
    return whole;
}

/* Waits for the clip's last frame in cells that begin in the columns from left to right. */
static bool wait_in_cells(struct vt_session *v, int left, int right, struct placed *place)
{
    size_t size = (size_t)clip->width * (size_t)clip->height * 3;
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && !v->ended; vt_serve(v, 50)) {
        struct kitty k;
        if (!find_placed(v, place) || place->col < left || place->col > right ||
            !last_sent(v, place->id, &k))
            continue;
        bool same = k.in_cells && k.rows == place->rows && k.cols == place->cols &&
                    k.pixels.length == size &&
                    memcmp(k.pixels.data, clip->rgb24 + (clip->count - 1) * (int64_t)size, size) == 0;
        strbuf_done(&k.pixels);
        if (same)
            return true;
    }
    fprintf(stderr, "the frame did not come in cells\n");
    vt_print(v);
    return false;
}

/* Cells show the frame, move with their pane, come back by themselves, and go, the pixels too. */
TEST(kitty_in_cells)
{
    if (!has_tmux())
        return;
    struct placed first, second;
    char freed[64];
    is_kitty = true;
    struct vt_session *v = open_studio(on, "");
    show_frame(v);
    CHECK(wait_in_cells(v, 0, 79, &first));
    CHECK(!vt_wrote(v, start));
    CHECK(ask_tmux("split-window -hb -l 80 'cat'"));
    CHECK(wait_in_cells(v, 80, COLS, &second));
    CHECK(ask_tmux("new-window cat"));
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && find_placed(v, &first);)
        vt_serve(v, 20);
    CHECK(!find_placed(v, &first));
    CHECK(ask_tmux("kill-window"));
    CHECK(wait_in_cells(v, 80, COLS, &second));
    CHECK(ask_tmux("kill-pane -t 0"));
    CHECK(wait_in_cells(v, 0, 79, &second));
    vt_type(v, "\033OS"); /* the queue */
    snprintf(freed, sizeof freed, "\033_Ga=d,d=I,i=%u,q=2\033\\", second.id);
    for (int64_t end = dn_now_ms() + SHORT_MS;
         dn_now_ms() < end && (find_placed(v, &first) || !vt_wrote(v, freed));)
        vt_serve(v, 20);
    CHECK(!find_placed(v, &first) && vt_wrote(v, freed));
    quit(v);
    check_blocks(open_studio("set -g allow-passthrough off", ""));
    check_blocks(open_studio("set -g allow-passthrough off", "--graphics kitty"));
    check_blocks(open_studio(on, "--graphics sixel"));
    is_kitty = false;
}

/* Asked when its terminal has long been there. */
static void check_doctor(const char *tmux_options, const char *text)
{
    char command[512];
    snprintf(command, sizeof command, "sh -c 'echo ready; read line; %s doctor; cat'",
             vt_program());
    struct vt_session *v = open_tmux(tmux_options, command);
    CHECK(vt_wait(v, "ready", SHORT_MS));
    vt_serve(v, 500);
    vt_type(v, "\r");
    CHECK(vt_wait(v, text, SHORT_MS) && vt_wait(v, "defaults", SHORT_MS));
    quit(v);
}

TEST(the_doctor_tells)
{
    if (!has_tmux())
        return;
    check_doctor(on, "the studio's pictures go through tmux to its terminal: sixel");
    is_kitty = true;
    check_doctor(on, "the studio's pictures go through tmux to its terminal: kitty");
    is_kitty = false;
    check_doctor("set -g allow-passthrough off", "set -g allow-passthrough on");
}

static void end(void)
{
    media_frames_free(clip);
    vt_end_home();
}

TESTS(T(begin), T(shows_the_frame), T(finds_its_place), T(comes_back), T(goes_away),
      T(half_blocks_where_it_cannot_be), T(half_blocks_on_other_terminals), T(kitty_in_cells),
      T(the_doctor_tells), T(end))
