/* vt_picture: what a terminal shows of pictures at any moment: bytes go in one by one, pixels are
 * painted, and text over them erases them. Knows sixels in two ways: painted as they come over what
 * is there (xterm, foot), or all at once when they are whole, what they leave out being empty
 * (mlterm); kitty's pictures, which go with the first bytes of another one of their number; and half
 * blocks, which are text. Counts what an eye would see as flicker. */
#ifndef DANAUS_TESTS_UI_VT_PICTURE_H
#define DANAUS_TESTS_UI_VT_PICTURE_H

#include <vterm.h>

#include "base/mem.h"
#include "picture_decoders.h"

/* Of a cell, px: what the studio takes a terminal's to be that does not tell. */
enum { VT_CELL_WIDTH = 10, VT_CELL_HEIGHT = 20 };
enum vt_way { VT_SIXEL_KEEPS, VT_SIXEL_WHOLE, VT_KITTY, VT_BLOCKS };

struct vt_picture {
    enum vt_way way;
    VTerm *vt;
    VTermScreen *screen;
    int rows, cols, width, height;
    uint8_t *painted; /* [height, width] 0 = background; else 1 + times painted by this sequence */
    uint8_t *rgb;     /* [height, width, 3] */
    struct strbuf sequence; /* DCS or APC, from its ESC on */
    bool in_string, escape;
    int top, left;    /* of a picture that begins here, px */
    int loading;      /* kitty: the number that comes just now */
    int shown[2];     /* and those that are there, 0 = none */
    VTermRect kitty;  /* cells of the one that came last */
    bool armed;       /* from here on it counts */
    VTermRect area;   /* cells that the picture covers */
    int pictures, emptied, repainted; /* sequences; cells and pixels that flickered */
};

static inline bool vt_picture_is_block(const struct vt_picture *p, int row, int col)
{
    VTermScreenCell cell;
    vterm_screen_get_cell(p->screen, (VTermPos){.row = row, .col = col}, &cell);
    return cell.chars[0] == 0x2580 && !VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) &&
           !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
}

/* Text: each cell that it reaches loses its pixels. */
static int vt_picture_damage(VTermRect r, void *user)
{
    struct vt_picture *p = user;
    for (int row = r.start_row; row < r.end_row; row++)
        for (int col = r.start_col; col < r.end_col; col++) {
            bool inside = row >= p->area.start_row && row < p->area.end_row &&
                          col >= p->area.start_col && col < p->area.end_col;
            for (int y = 0; y < VT_CELL_HEIGHT && p->way != VT_BLOCKS; y++)
                memset(p->painted + (row * VT_CELL_HEIGHT + y) * p->width + col * VT_CELL_WIDTH, 0,
                       VT_CELL_WIDTH);
            if (p->armed && inside)
                p->emptied += p->way != VT_BLOCKS || !vt_picture_is_block(p, row, col);
        }
    return 1;
}

static inline struct vt_picture *vt_picture_new(int rows, int cols, enum vt_way way)
{
    static const VTermScreenCallbacks callbacks = {.damage = vt_picture_damage};
    struct vt_picture *p = dn_calloc(1, sizeof *p);
    p->way = way;
    p->rows = rows;
    p->cols = cols;
    p->width = cols * VT_CELL_WIDTH;
    p->height = rows * VT_CELL_HEIGHT;
    p->painted = dn_calloc((size_t)p->width * (size_t)p->height, 1);
    p->rgb = dn_calloc((size_t)p->width * (size_t)p->height, 3);
    p->vt = vterm_new(rows, cols);
    vterm_set_utf8(p->vt, 1);
    p->screen = vterm_obtain_screen(p->vt);
    vterm_screen_enable_altscreen(p->screen, 1);
    vterm_screen_set_callbacks(p->screen, &callbacks, p);
    vterm_screen_set_damage_merge(p->screen, VTERM_DAMAGE_CELL);
    vterm_screen_reset(p->screen, 1);
    return p;
}

static inline void vt_picture_free(struct vt_picture *p)
{
    vterm_free(p->vt);
    strbuf_done(&p->sequence);
    free(p->painted);
    free(p->rgb);
    free(p);
}

/* A whole sequence. Painted as it comes, a pixel that gets two colours shows the first one for a
 * moment; all at once, one that gets none is empty. */
static inline void vt_picture_paint(struct vt_picture *p)
{
    struct sixel s;
    strbuf_append(&p->sequence, "", 1);
    if (!decode_sixel(p->sequence.data, &s) || p->top + s.height > p->height ||
        p->left + s.width > p->width) {
        p->emptied++; /* a terminal would show who knows what */
        return;
    }
    bool says = strncmp(p->sequence.data, "\033P0;1", 5) == 0; /* P2: what lies below stays */
    bool keeps = says && p->way == VT_SIXEL_KEEPS;
    p->emptied += p->armed && p->way == VT_SIXEL_KEEPS && !says;
    p->pictures += strncmp(p->sequence.data, "\033P0;1;0q", 8) == 0;
    p->repainted += p->armed && p->way == VT_SIXEL_KEEPS ? s.repainted : 0;
    for (int y = 0; y < s.height; y++)
        for (int x = 0; x < s.width; x++) {
            int at = (p->top + y) * p->width + p->left + x, from = y * s.width + x;
            if (s.set[from])
                memcpy(p->rgb + at * 3, s.rgb + from * 3, 3);
            else if (!keeps && p->armed && p->painted[at])
                p->emptied++;
            p->painted[at] = s.set[from] || (keeps && p->painted[at]);
        }
    sixel_free(&s);
}

static inline void vt_picture_show(struct vt_picture *p, int id, bool on)
{
    for (int i = 0; i < 2; i++)
        p->shown[i] = p->shown[i] == id ? 0 : p->shown[i];
    if (on)
        p->shown[p->shown[0] ? 1 : 0] = id;
}

/* A whole command of kitty's. */
static inline void vt_picture_kitty(struct vt_picture *p)
{
    int id = 0, cols = 0, rows = 0;
    strbuf_append(&p->sequence, "", 1);
    char *keys = p->sequence.data, *body = strchr(keys, ';');
    if (body)
        *body = '\0';
    const char *i = strstr(keys, ",i="), *c = strstr(keys, ",c="), *r = strstr(keys, ",r=");
    sscanf(i ? i : "", ",i=%d", &id);
    sscanf(c ? c : "", ",c=%d", &cols);
    sscanf(r ? r : "", ",r=%d", &rows);
    if (id && (strstr(keys, "a=T") || strstr(keys, "a=d")))
        vt_picture_show(p, id, false);
    if (strstr(keys, "a=T")) {
        p->loading = id;
        p->kitty = (VTermRect){p->top / VT_CELL_HEIGHT, p->top / VT_CELL_HEIGHT + rows,
                               p->left / VT_CELL_WIDTH, p->left / VT_CELL_WIDTH + cols};
    }
    if (strstr(keys, "m=0")) {
        vt_picture_show(p, p->loading, true);
        p->pictures++;
    }
    p->emptied += p->armed && !p->shown[0] && !p->shown[1];
}

static inline void vt_picture_byte(struct vt_picture *p, char c)
{
    if (p->in_string) {
        strbuf_append(&p->sequence, &c, 1);
        bool over = p->escape && c == '\\';
        p->escape = c == '\033';
        if (over) {
            VTermPos at;
            vterm_state_get_cursorpos(vterm_obtain_state(p->vt), &at);
            p->top = at.row * VT_CELL_HEIGHT;
            p->left = at.col * VT_CELL_WIDTH;
            if (p->sequence.data[1] == 'P')
                vt_picture_paint(p);
            else
                vt_picture_kitty(p);
            p->in_string = false;
        }
        return;
    }
    if (p->escape && (c == 'P' || c == '_')) {
        p->in_string = true;
        p->escape = false;
        p->sequence.length = 0;
        strbuf_append_text(&p->sequence, "\033");
        strbuf_append(&p->sequence, &c, 1);
        return;
    }
    if (p->escape)
        vterm_input_write(p->vt, "\033", 1);
    p->escape = c == '\033';
    if (!p->escape)
        vterm_input_write(p->vt, &c, 1);
}

/* The rectangle of what is painted now becomes the picture; false: there is none. */
static inline bool vt_picture_arm(struct vt_picture *p)
{
    VTermRect r = {p->rows, 0, p->cols, 0};
    for (int row = 0; row < p->rows; row++)
        for (int col = 0; col < p->cols; col++) {
            bool on = p->way == VT_BLOCKS
                          ? vt_picture_is_block(p, row, col)
                          : p->painted[row * VT_CELL_HEIGHT * p->width + col * VT_CELL_WIDTH] != 0;
            if (!on)
                continue;
            r.start_row = row < r.start_row ? row : r.start_row;
            r.end_row = row >= r.end_row ? row + 1 : r.end_row;
            r.start_col = col < r.start_col ? col : r.start_col;
            r.end_col = col >= r.end_col ? col + 1 : r.end_col;
        }
    p->area = r = p->way == VT_KITTY ? p->kitty : r;
    p->armed = true;
    p->pictures = p->emptied = p->repainted = 0;
    return r.end_row > r.start_row && r.end_col > r.start_col;
}

#endif
