/* editor: see editor.h */
#include "ui/studio/editor.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { EDITOR_MAX = 65536, WORD_COLS = 4096 };

/* --- graphemes --- */

/* The end of the grapheme that begins at i. A byte that is not UTF-8 is one by itself. */
static size_t next_grapheme(const struct editor *e, size_t i)
{
    const char *text = strbuf_text(&e->text);
    size_t length = e->text.length;
    uint32_t before, c;
    utf8proc_int32_t state = 0;
    size_t n = i < length ? dn_utf8_decode(text + i, length - i, &before) : 0;
    if (n == 0)
        return i < length ? i + 1 : length;
    for (i += n; i < length; i += n, before = c) {
        n = dn_utf8_decode(text + i, length - i, &c);
        if (n == 0 || utf8proc_grapheme_break_stateful((utf8proc_int32_t)before,
                                                       (utf8proc_int32_t)c, &state))
            break;
    }
    return i;
}

/* The start of the grapheme that ends at i: looked for from the start of its line, since clusters
 * cannot be told backwards. */
static size_t previous_grapheme(const struct editor *e, size_t i)
{
    const char *text = strbuf_text(&e->text);
    if (i == 0)
        return 0;
    size_t start = i - 1;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    for (size_t next; (next = next_grapheme(e, start)) < i;)
        start = next;
    return start;
}

static bool is_word(const struct editor *e, size_t i)
{
    unsigned char c = (unsigned char)strbuf_text(&e->text)[i];
    return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

/* --- text --- */

const char *editor_text(const struct editor *e)
{
    return strbuf_text(&e->text);
}

/* Whether what is typed at the cursor belongs to the word that was begun. */
static bool goes_on(const struct editor *e, size_t from, size_t to, const char *text, size_t length)
{
    bool typing = from == to && from > 0 && e->undo.typed_to == from;
    bool begins = typing && strbuf_text(&e->text)[from - 1] == ' ' && text[0] != ' ';
    return typing && !begins && length > 0;
}

static void replace(struct editor *e, size_t from, size_t to, const char *text, size_t length)
{
    struct strbuf new = {0};
    if (!goes_on(e, from, to, text, length))
        editor_undo_keep(&e->undo, &e->text, e->cursor);
    strbuf_append(&new, strbuf_text(&e->text), from);
    strbuf_append(&new, text, length);
    strbuf_append(&new, strbuf_text(&e->text) + to, e->text.length - to);
    strbuf_done(&e->text);
    e->text = new;
    e->cursor = from + length;
    e->undo.typed_to = 0;
    e->changed = true;
}

/* Other control characters than newline and tab are left out. False: not all of it had room. */
static bool clean(const struct editor *e, size_t room, const char *text, size_t length,
                  struct strbuf *out)
{
    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = dn_utf8_decode(text + i, length - i, &c);
        bool newline = n == 1 && (c == '\n' || c == '\t');
        bool good = n > 0 && c >= 0x20 && !(c >= 0x7F && c < 0xA0);
        if (out->length + n > room)
            return false;
        if (newline)
            strbuf_append(out, e->one_line ? " " : text + i, 1);
        else if (good)
            strbuf_append(out, text + i, n);
        i += n ? n : 1;
    }
    return true;
}

static size_t most(const struct editor *e)
{
    return e->max ? e->max : EDITOR_MAX;
}

void editor_change(struct editor *e, const char *text)
{
    struct strbuf new = {0};
    clean(e, most(e), text, strlen(text), &new);
    replace(e, 0, e->text.length, strbuf_text(&new), new.length);
    strbuf_done(&new);
    e->first_line = 0;
}

void editor_set(struct editor *e, const char *text)
{
    editor_change(e, text);
    editor_undo_done(&e->undo);
}

bool editor_undo(struct editor *e)
{
    bool undone = editor_undo_take(&e->undo, &e->text, &e->cursor);
    e->changed = e->changed || undone;
    return undone;
}

bool editor_insert(struct editor *e, const char *text, size_t length)
{
    struct strbuf new = {0};
    size_t room = most(e) > e->text.length ? most(e) - e->text.length : 0;
    bool all = clean(e, room, text, length, &new);
    if (new.length)
        replace(e, e->cursor, e->cursor, new.data, new.length);
    strbuf_done(&new);
    return all;
}

void editor_insert_char(struct editor *e, uint32_t c)
{
    char bytes[4];
    editor_insert(e, bytes, dn_utf8_encode(c, bytes));
    e->undo.typed_to = e->cursor;
}

void editor_done(struct editor *e)
{
    strbuf_done(&e->text);
    strbuf_done(&e->killed);
    editor_undo_done(&e->undo);
}

/* --- lines as shown --- */

struct line {
    size_t start, end; /* bytes; end without the newline */
};

static int grapheme_width(const struct editor *e, const struct canvas *c, size_t i, size_t next)
{
    return canvas_width(c, strbuf_text(&e->text) + i, next - i);
}

/* The shown line that begins at start: up to a newline, or as much as fits, cut behind a space when
 * there is one. Returns where the next one begins; more = false: there is none. */
static size_t next_line(const struct editor *e, const struct canvas *c, int cols, size_t start,
                        struct line *line, bool *more)
{
    const char *text = strbuf_text(&e->text);
    size_t i = start, space = 0;
    int width = 0;
    line->start = start;
    *more = true;
    while (i < e->text.length && text[i] != '\n') {
        size_t next = next_grapheme(e, i);
        width += grapheme_width(e, c, i, next);
        if (width > cols && i > start && text[i] != ' ') {
            line->end = space > start ? space : i;
            return line->end;
        }
        i = next;
        if (text[i - 1] == ' ')
            space = i;
    }
    line->end = i;
    *more = i < e->text.length;
    return i + (i < e->text.length);
}

/* The shown line with number wanted, or when wanted < 0 the one with the cursor. Returns its number,
 * the last one when there are fewer. */
static int find_line(const struct editor *e, const struct canvas *c, int cols, int wanted,
                     struct line *out)
{
    size_t start = 0;
    bool more = true;
    int number = 0;
    for (;; number++) {
        size_t next = next_line(e, c, cols, start, out, &more);
        bool here = e->cursor >= out->start && (more ? e->cursor < next : true);
        if (number == wanted || (wanted < 0 && here) || !more)
            return number;
        start = next;
    }
}

static int column_of(const struct editor *e, const struct canvas *c, size_t start, size_t cursor)
{
    int col = 0;
    for (size_t i = start; i < cursor;) {
        size_t next = next_grapheme(e, i);
        col += grapheme_width(e, c, i, next);
        i = next;
    }
    return col;
}

static size_t offset_at(const struct editor *e, const struct canvas *c, const struct line *line,
                        int col)
{
    size_t i = line->start;
    int width = 0;
    while (i < line->end) {
        size_t next = next_grapheme(e, i);
        width += grapheme_width(e, c, i, next);
        if (width > col)
            break;
        i = next;
    }
    return i;
}

static int columns(const struct editor *e)
{
    return e->one_line || e->shown_cols <= 0 ? WORD_COLS : e->shown_cols;
}

/* --- moving --- */

static size_t vertical(const struct editor *e, const struct canvas *c, int by)
{
    struct line line, other;
    int number = find_line(e, c, columns(e), -1, &line);
    if (number + by < 0 || find_line(e, c, columns(e), number + by, &other) != number + by)
        return e->cursor;
    return offset_at(e, c, &other, column_of(e, c, line.start, e->cursor));
}

static size_t word(const struct editor *e, bool right)
{
    size_t i = e->cursor;
    if (right) {
        while (i < e->text.length && !is_word(e, i))
            i = next_grapheme(e, i);
        while (i < e->text.length && is_word(e, i))
            i = next_grapheme(e, i);
    } else {
        while (i > 0 && !is_word(e, previous_grapheme(e, i)))
            i = previous_grapheme(e, i);
        while (i > 0 && is_word(e, previous_grapheme(e, i)))
            i = previous_grapheme(e, i);
    }
    return i;
}

static size_t target(const struct editor *e, const struct canvas *c, enum editor_move move)
{
    const char *text = strbuf_text(&e->text);
    size_t i = e->cursor;
    switch (move) {
    case MOVE_LEFT:
        return previous_grapheme(e, i);
    case MOVE_RIGHT:
        return next_grapheme(e, i);
    case MOVE_WORD_LEFT:
    case MOVE_WORD_RIGHT:
        return word(e, move == MOVE_WORD_RIGHT);
    case MOVE_HOME:
        while (i > 0 && text[i - 1] != '\n')
            i--;
        return i;
    case MOVE_END:
        return i + strcspn(text + i, "\n");
    case MOVE_FIRST:
        return 0;
    case MOVE_LAST:
        return e->text.length;
    default:
        return vertical(e, c, move == MOVE_UP ? -1 : 1);
    }
}

bool editor_move(struct editor *e, const struct canvas *c, enum editor_move move)
{
    size_t to = target(e, c, move);
    bool moved = to != e->cursor;
    e->cursor = to;
    return moved;
}

void editor_delete(struct editor *e, const struct canvas *c, enum editor_move move, bool kill)
{
    size_t to = target(e, c, move);
    if (to == e->cursor && move == MOVE_END && to < e->text.length)
        to++; /* at a line's end the newline goes */
    size_t from = to < e->cursor ? to : e->cursor;
    to = to < e->cursor ? e->cursor : to;
    if (from == to)
        return;
    if (kill) {
        e->killed.length = 0;
        strbuf_append(&e->killed, e->text.data + from, to - from);
    }
    replace(e, from, to, "", 0);
}

void editor_keep(struct editor *e, const char *text)
{
    e->killed.length = 0;
    strbuf_append_text(&e->killed, text);
}

void editor_yank(struct editor *e)
{
    editor_insert(e, strbuf_text(&e->killed), e->killed.length);
}

/* --- drawing --- */

/* A tab is shown as spaces, everything else as canvas_bytes makes it. */
static void draw_line(const struct editor *e, struct canvas *c, struct rect r, int row,
                      const struct line *line, int skip)
{
    const char *text = strbuf_text(&e->text);
    int col = -skip;
    for (size_t i = line->start; i < line->end && col < r.cols;) {
        size_t next = next_grapheme(e, i);
        int width = grapheme_width(e, c, i, next);
        if (col >= 0 && col + width <= r.cols)
            canvas_bytes(c, row, r.col + col, width, ROLE_TEXT, text + i, next - i);
        col += width;
        i = next;
    }
}

void editor_draw(struct editor *e, struct canvas *c, struct rect r, bool focused, const char *empty)
{
    struct line line;
    if (r.rows <= 0 || r.cols <= 1)
        return;
    e->shown_cols = r.cols - 1; /* the cursor may stand behind the last character */
    int cursor_line = find_line(e, c, columns(e), -1, &line);
    int cursor_col = column_of(e, c, line.start, e->cursor);
    int skip = e->one_line && cursor_col >= r.cols ? cursor_col - r.cols + 1 : 0;
    if (cursor_line < e->first_line)
        e->first_line = cursor_line;
    if (cursor_line >= e->first_line + r.rows)
        e->first_line = cursor_line - r.rows + 1;
    if (e->text.length == 0 && empty)
        canvas_text(c, r.row, r.col, r.cols, ROLE_DIM, empty);
    size_t start = 0;
    bool more = true;
    for (int number = 0; more && number < e->first_line + r.rows; number++) {
        start = next_line(e, c, columns(e), start, &line, &more);
        if (number >= e->first_line)
            draw_line(e, c, r, r.row + number - e->first_line, &line, skip);
    }
    if (focused)
        canvas_cursor(c, r.row + cursor_line - e->first_line, r.col + cursor_col - skip);
}

void editor_click(struct editor *e, const struct canvas *c, int row, int col)
{
    struct line line;
    find_line(e, c, columns(e), e->first_line + row, &line);
    e->cursor = offset_at(e, c, &line, col);
}
