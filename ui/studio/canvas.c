/* canvas: see canvas.h
 *
 * ncurses writes to a file in memory, which is read back: so the event loop alone writes to the
 * terminal, never waits for it, and mixes text and pictures in one order. Insert and delete
 * sequences are off: they would move the pictures that stand beside the text. */
#define _GNU_SOURCE
#include "ui/studio/canvas.h"

#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <term.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "base/utf8.h"
#include "ui/studio/theme.h"

struct canvas {
    SCREEN *screen;
    FILE *out, *in;
    bool utf8, colours;
    int cursor_row, cursor_col; /* -1 = hidden */
    bool cursor_shown;          /* by the bytes handed out last */
    bool region;                /* the scroll region may be that of another size */
};

static const struct {
    const char *utf8, *plain;
} symbols[SYMBOL_COUNT] = {
    [SYMBOL_DOT] = {"\u25CF", "*"},    [SYMBOL_PLAY] = {"\u25B6", ">"},
    [SYMBOL_PAUSE] = {"\u2016", "|"},  [SYMBOL_STAR] = {"\u2605", "*"},
    [SYMBOL_NO_STAR] = {"\u00B7", "."}, [SYMBOL_HEART] = {"\u2665", "!"},
    [SYMBOL_MARK] = {"\u25C6", "+"},   [SYMBOL_FULL] = {"\u2588", "#"},
    [SYMBOL_EMPTY] = {"\u2591", "-"},  [SYMBOL_TICK] = {"\u253C", "|"},
    [SYMBOL_HEAD] = {"\u25CF", "O"},   [SYMBOL_MORE] = {"\u2026", "~"},
    [SYMBOL_BRANCH] = {"\u251C", "|"}, [SYMBOL_LAST] = {"\u2514", "`"},
    [SYMBOL_BESIDE] = {"\u2502", "|"},
    [SYMBOL_LINE] = {"\u2500", "-"},   [SYMBOL_ARROW] = {"\u2192", "->"},
    [SYMBOL_TIMES] = {"\u00D7", "x"},  [SYMBOL_CHECK] = {"\u2713", "v"},
    [SYMBOL_CROSS] = {"\u2717", "x"},
};

/* --- opening --- */

static SCREEN *new_screen(const char *name, FILE *out, FILE *in)
{
    SCREEN *screen = newterm(name, out, in);
    if (screen && !(cursor_address && clear_screen)) {
        endwin();
        delscreen(screen);
        screen = NULL;
    }
    return screen;
}

static bool start_screen(struct canvas *c, const char *term, struct dn_error *err)
{
    /* a name that nobody knows is most likely one of xterm's many relatives */
    bool known = term && term[0] && strlen(term) < 64;
    use_env(FALSE);
    /* nothing of ours needs them, and a broken table of them ends ncurses 6.4 in tigetstr */
    use_extended_names(FALSE);
    if (known)
        c->screen = new_screen(term, c->out, c->in);
    if (!c->screen && !(known && strcmp(term, "dumb") == 0))
        c->screen = new_screen("xterm", c->out, c->in);
    if (!c->screen) {
        dn_fail(err, DN_E_UNSUPPORTED, "the terminal%s%s cannot move its cursor",
                known ? " " : "", known ? term : "");
        return dn_error_hint(err, "set TERM, or use danaus generate");
    }
    return true;
}

bool canvas_open(const char *term, bool utf8, bool colours, struct canvas **out,
                 struct dn_error *err)
{
    struct canvas *c = dn_calloc(1, sizeof *c);
    c->utf8 = utf8;
    c->colours = colours;
    c->cursor_row = -1;
    c->region = true;
    int fd = memfd_create("screen", MFD_CLOEXEC);
    c->out = fd >= 0 ? fdopen(fd, "w+") : NULL;
    c->in = fopen("/dev/null", "re");
    *out = c;
    if (!c->out || !c->in) {
        dn_fail(err, DN_E_IO, "no memory for the screen");
    } else if (start_screen(c, term, err)) {
        idcok(stdscr, FALSE);
        idlok(stdscr, FALSE);
        leaveok(stdscr, FALSE);
        if (colours) {
            start_color();
            use_default_colors();
        }
        theme_apply(colours, false);
        return true;
    }
    canvas_close(c, NULL);
    *out = NULL;
    return false;
}

/* What ncurses has written since the last time. */
static void take_bytes(struct canvas *c, struct strbuf *out)
{
    char bytes[4096];
    int fd = fileno(c->out);
    fflush(c->out);
    lseek(fd, 0, SEEK_SET);
    for (ssize_t n; out && (n = read(fd, bytes, sizeof bytes)) > 0;)
        strbuf_append(out, bytes, (size_t)n);
    lseek(fd, 0, SEEK_SET);
    if (ftruncate(fd, 0) != 0)
        abort(); /* memory of ours */
}

void canvas_close(struct canvas *c, struct strbuf *out)
{
    if (!c)
        return;
    if (c->screen) {
        endwin();
        take_bytes(c, out);
        delscreen(c->screen);
    }
    if (c->out)
        fclose(c->out);
    if (c->in)
        fclose(c->in);
    free(c);
}

void canvas_resize(struct canvas *c, int rows, int cols)
{
    c->region = true;
    resizeterm(rows < 1 ? 1 : rows > 1000 ? 1000 : rows, cols < 1 ? 1 : cols > 1000 ? 1000 : cols);
    clearok(curscr, TRUE);
}

int canvas_rows(const struct canvas *c)
{
    (void)c;
    return LINES;
}

int canvas_cols(const struct canvas *c)
{
    (void)c;
    return COLS;
}

bool canvas_is_utf8(const struct canvas *c)
{
    return c->utf8;
}

void canvas_set_light(struct canvas *c, bool light)
{
    theme_apply(c->colours, light);
    clearok(curscr, TRUE);
}

/* --- a frame --- */

void canvas_begin(struct canvas *c)
{
    c->cursor_row = -1;
    attrset(A_NORMAL);
    erase();
}

void canvas_end(struct canvas *c, struct strbuf *out)
{
    bool shown = c->cursor_row >= 0 && c->cursor_row < LINES && c->cursor_col < COLS;
    curs_set(shown ? 1 : 0);
    if (shown)
        move(c->cursor_row, c->cursor_col);
    else
        move(LINES - 1, COLS - 1);
    wnoutrefresh(stdscr);
    doupdate();
    take_bytes(c, out);
    c->cursor_shown = shown;
    /* ncurses sets the region once, to the size that it thought it had: 24 rows at the start. xterm
     * then ignores the lines that it inserts below */
    if (c->region)
        strbuf_append_text(out, "\0337\033[r\0338");
    c->region = false;
}

bool canvas_cursor_shown(const struct canvas *c)
{
    return c->cursor_shown;
}

void canvas_damage(struct canvas *c, int row, int rows)
{
    (void)c;
    row = row < 0 ? 0 : row;
    rows = row + rows > LINES ? LINES - row : rows;
    if (rows > 0) {
        wredrawln(stdscr, row, rows);
        wredrawln(curscr, row, rows);
    }
}

/* At once: of damaged rows ncurses would scroll some along with others, and then take cells for blank
 * where the last of a picture is still seen. */
void canvas_blank(struct canvas *c, struct rect r)
{
    (void)c;
    int rows = r.row + r.rows > LINES ? LINES - r.row : r.rows;
    int cols = r.col + r.cols > COLS ? COLS - r.col : r.cols;
    bool inside = r.row >= 0 && r.col >= 0 && rows > 0 && cols > 0;
    WINDOW *blank = inside && !is_cleared(curscr) ? newwin(rows, cols, r.row, r.col) : NULL;
    if (!blank)
        return;
    redrawwin(blank);
    wnoutrefresh(blank);
    doupdate();
    delwin(blank);
    touchline(stdscr, r.row, rows);
}

void canvas_damage_all(struct canvas *c)
{
    c->region = true;
    clearok(curscr, TRUE);
}

void canvas_cursor(struct canvas *c, int row, int col)
{
    c->cursor_row = row;
    c->cursor_col = col;
}

/* --- text --- */

/* Columns of a character that is safe to show; what the locale cannot show becomes '?'. */
static int char_width(const struct canvas *c, wchar_t *ch)
{
    int width = *ch < 0x80 ? 1 : c->utf8 ? wcwidth(*ch) : -1;
    if (width < 0) {
        *ch = '?';
        width = 1;
    }
    return width;
}

static wchar_t next_char(const char **p, const char *end)
{
    uint32_t ch;
    size_t n = dn_utf8_decode(*p, (size_t)(end - *p), &ch);
    *p += n ? n : 1;
    return n ? (wchar_t)ch : L'?';
}

static void put_cell(int row, int col, enum role role, const wchar_t *chars)
{
    cchar_t cell;
    attr_t attributes = (attr_t)theme_attributes(role);
    setcchar(&cell, chars, attributes & ~A_COLOR, (short)PAIR_NUMBER(attributes), NULL);
    mvadd_wch(row, col, &cell);
}

/* Draws safe text, at most cols columns of it; returns the columns used. */
static int put_safe(struct canvas *c, int row, int col, int cols, enum role role, const char *text,
                    size_t length)
{
    const char *p = text, *end = text + length;
    int used = 0;
    while (p < end) {
        wchar_t cell[CCHARW_MAX + 1] = {next_char(&p, end)};
        int width = char_width(c, &cell[0]), marks = 1;
        if (width == 0) { /* a mark with nothing below it */
            cell[1] = cell[0];
            cell[0] = ' ';
            width = 1;
            marks = 2;
        }
        while (p < end) { /* marks belong to their letter; of too many the first few are shown */
            const char *after = p;
            wchar_t mark = next_char(&after, end);
            if (mark < 0x300 || !c->utf8 || wcwidth(mark) != 0)
                break;
            if (marks < CCHARW_MAX - 1)
                cell[marks++] = mark;
            p = after;
        }
        if (used + width > cols)
            break;
        put_cell(row, col + used, role, cell);
        used += width;
    }
    return used;
}

static int safe_width(const struct canvas *c, const char *text, size_t length)
{
    const char *p = text, *end = text + length;
    int width = 0;
    bool first = true;
    while (p < end) {
        wchar_t ch = next_char(&p, end);
        int w = char_width(c, &ch);
        width += w == 0 && first ? 1 : w;
        first = false;
    }
    return width;
}

int canvas_width(const struct canvas *c, const char *text, size_t length)
{
    char *safe = dn_safetext_dup(text, length);
    int width = safe_width(c, safe, strlen(safe));
    free(safe);
    return width;
}

int canvas_bytes(struct canvas *c, int row, int col, int cols, enum role role, const char *text,
                 size_t length)
{
    if (row < 0 || row >= LINES || col < 0 || col >= COLS || cols <= 0)
        return 0;
    cols = col + cols > COLS ? COLS - col : cols;
    size_t most = (size_t)cols * 64; /* more cannot be seen, marks included */
    if (length > most)
        for (length = most; length > 0 && (text[length] & 0xC0) == 0x80;)
            length--;
    char *safe = dn_safetext_dup(text, length);
    size_t size = strlen(safe);
    int used;
    if (safe_width(c, safe, size) <= cols) {
        used = put_safe(c, row, col, cols, role, safe, size);
    } else {
        used = put_safe(c, row, col, cols - 1, role, safe, size);
        used += canvas_symbol(c, row, col + used, role, SYMBOL_MORE);
    }
    free(safe);
    return used;
}

int canvas_text(struct canvas *c, int row, int col, int cols, enum role role, const char *text)
{
    return canvas_bytes(c, row, col, cols, role, text, strlen(text));
}

int canvas_printf(struct canvas *c, int row, int col, int cols, enum role role, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    int length = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (length < 0)
        return 0;
    int used = canvas_bytes(c, row, col, cols, role, text, (size_t)length);
    free(text);
    return used;
}

const char *canvas_symbol_text(const struct canvas *c, enum symbol symbol)
{
    return c->utf8 ? symbols[symbol].utf8 : symbols[symbol].plain;
}

int canvas_symbol(struct canvas *c, int row, int col, enum role role, enum symbol symbol)
{
    const char *text = canvas_symbol_text(c, symbol);
    if (row < 0 || row >= LINES || col < 0 || col >= COLS)
        return 0;
    return put_safe(c, row, col, COLS - col, role, text, strlen(text));
}

void canvas_fill(struct canvas *c, struct rect r, enum role role)
{
    (void)c;
    for (int row = r.row; row < r.row + r.rows; row++)
        for (int col = r.col; col < r.col + r.cols; col++)
            if (row >= 0 && row < LINES && col >= 0 && col < COLS)
                put_cell(row, col, role, L" ");
}

void canvas_repaint(struct canvas *c, struct rect r, enum role role)
{
    (void)c;
    attr_t attributes = (attr_t)theme_attributes(role);
    for (int row = r.row < 0 ? 0 : r.row; row < r.row + r.rows && row < LINES; row++)
        mvchgat(row, r.col, r.cols, attributes & ~A_COLOR, (short)PAIR_NUMBER(attributes), NULL);
}

/* ncurses scrolls parts of the screen when it finds the same lines elsewhere, which would take the
 * pictures in them along; idlok(FALSE) does not keep it from that, a line unlike any other does. */
void canvas_claim(struct canvas *c, struct rect r)
{
    for (int row = r.row; c->utf8 && row < r.row + r.rows; row++)
        for (int i = 0; i < r.cols && i < 10; i++)
            if (row >= 0 && row < LINES && r.col + i < COLS)
                put_cell(row, r.col + i, ROLE_TEXT, row >> i & 1 ? L"\u00A0" : L" ");
}

/* --- shapes --- */

static void put_piece(struct canvas *c, int row, int col, enum role role, const wchar_t *utf8,
                      const wchar_t *plain)
{
    if (row >= 0 && row < LINES && col >= 0 && col < COLS)
        put_cell(row, col, role, c->utf8 ? utf8 : plain);
}

void canvas_box(struct canvas *c, struct rect r, const char *title, bool focused)
{
    enum role role = focused ? ROLE_FOCUS : ROLE_BORDER;
    int last_row = r.row + r.rows - 1, last_col = r.col + r.cols - 1;
    if (r.rows < 2 || r.cols < 2)
        return;
    for (int col = r.col + 1; col < last_col; col++) {
        put_piece(c, r.row, col, role, L"\u2500", L"-");
        put_piece(c, last_row, col, role, L"\u2500", L"-");
    }
    for (int row = r.row + 1; row < last_row; row++) {
        put_piece(c, row, r.col, role, L"\u2502", L"|");
        put_piece(c, row, last_col, role, L"\u2502", L"|");
    }
    put_piece(c, r.row, r.col, role, L"\u256D", L"+");
    put_piece(c, r.row, last_col, role, L"\u256E", L"+");
    put_piece(c, last_row, r.col, role, L"\u2570", L"+");
    put_piece(c, last_row, last_col, role, L"\u256F", L"+");
    if (title && r.cols > 6) {
        int used = canvas_text(c, r.row, r.col + 2, 1, role, " ");
        used += canvas_text(c, r.row, r.col + 2 + used, r.cols - 5 - used,
                            focused ? ROLE_TITLE_ON : ROLE_TITLE, title);
        canvas_text(c, r.row, r.col + 2 + used, 1, role, " ");
    }
}

struct rect canvas_inside(struct rect r)
{
    return (struct rect){r.row + 1, r.col + 1, r.rows > 2 ? r.rows - 2 : 0,
                         r.cols > 2 ? r.cols - 2 : 0};
}

void canvas_bar(struct canvas *c, int row, int col, int cols, double share, enum role role)
{
    int full = (int)(share * cols + 0.5);
    for (int i = 0; i < cols; i++)
        canvas_symbol(c, row, col + i, i < full ? role : ROLE_BORDER,
                      i < full ? SYMBOL_FULL : SYMBOL_EMPTY);
}
