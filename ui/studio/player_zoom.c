/* player_zoom: see player_zoom.h */
#include "ui/studio/player_zoom.h"

#include <string.h>

void player_cut_clear(struct player_cut *cut)
{
    frame_drop(&cut->frame);
    for (int i = 0; i < cut->sample_count; i++)
        frame_drop(&cut->samples[i]);
    *cut = (struct player_cut){0};
}

/* The middle of f, at most width x height of it. */
static struct frame *middle(struct frame *f, int width, int height)
{
    width = width < f->width ? width : f->width;
    height = height < f->height ? height : f->height;
    if (width == f->width && height == f->height)
        return frame_hold(f);
    struct frame *out = frame_new(width, height);
    size_t x = (size_t)(f->width - width) / 2, y = (size_t)(f->height - height) / 2;
    for (size_t i = 0; i < (size_t)height; i++)
        memcpy(out->rgb24 + i * (size_t)width * 3, f->rgb24 + ((y + i) * (size_t)f->width + x) * 3,
               (size_t)width * 3);
    return out;
}

/* The area's middle, as many cells as a picture of width x height has. */
static struct rect shrink(struct rect r, int width, int height, int cell_width, int cell_height)
{
    int cols = (width + cell_width - 1) / cell_width,
        rows = (height + cell_height - 1) / cell_height;
    cols = cols < r.cols ? cols : r.cols;
    rows = rows < r.rows ? rows : r.rows;
    return (struct rect){r.row + (r.rows - rows) / 2, r.col + (r.cols - cols) / 2, rows, cols};
}

void player_zoom(struct studio *s, struct player_side *side, struct painter_picture *picture)
{
    struct player_cut *cut = &side->cut;
    int width, height, cell_width, cell_height;
    painter_room(s->painter, picture->area, &width, &height);
    painter_room(s->painter, (struct rect){.rows = 1, .cols = 1}, &cell_width, &cell_height);
    if (!picture->frame || cell_width < 1 || cell_height < 1)
        return;
    if (cut->width != width || cut->height != height) {
        player_cut_clear(cut);
        cut->width = width;
        cut->height = height;
        for (int i = 0; i < picture->sample_count; i++)
            cut->samples[cut->sample_count++] = middle(picture->samples[i], width, height);
    }
    if (cut->of != picture->frame) {
        frame_drop(&cut->frame);
        cut->of = picture->frame;
        cut->frame = middle(picture->frame, width, height);
    }
    picture->frame = cut->frame;
    picture->area =
        shrink(picture->area, cut->frame->width, cut->frame->height, cell_width, cell_height);
    picture->sample_count = cut->sample_count;
    memcpy(picture->samples, cut->samples, sizeof cut->samples);
}
