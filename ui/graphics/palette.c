/* palette: see palette.h
 *
 * A histogram of 5 bits a channel is cut: the box whose pixels differ most from their mean along
 * one channel (sum of squares) is cut at that mean, until there are enough boxes. A colour is its
 * box's mean. Cutting at the mean, not the median, gained 1 dB on a drifting gradient of 128. */
#include "ui/graphics/palette.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { BINS = 1 << 15 };

struct bin {
    uint8_t colour[3]; /* 5 bits each, for cutting */
    int64_t count;
    int64_t sum[3];
};

struct box {
    int first, last; /* bins [first, last) */
    int axis;        /* the channel with the largest spread */
    double spread;   /* sum of squared distances from the mean there */
    double mean;
};

static int by_red(const void *a, const void *b)
{
    return ((const struct bin *)a)->colour[0] - ((const struct bin *)b)->colour[0];
}

static int by_green(const void *a, const void *b)
{
    return ((const struct bin *)a)->colour[1] - ((const struct bin *)b)->colour[1];
}

static int by_blue(const void *a, const void *b)
{
    return ((const struct bin *)a)->colour[2] - ((const struct bin *)b)->colour[2];
}

static int (*const by_axis[3])(const void *, const void *) = {by_red, by_green, by_blue};

/* Fills bins with the colours that occur; returns how many. */
static int make_bins(struct bin *bins, const uint8_t *rgb, int64_t pixels)
{
    for (int64_t i = 0; i < pixels; i++, rgb += 3) {
        struct bin *bin = &bins[rgb[0] >> 3 << 10 | rgb[1] >> 3 << 5 | rgb[2] >> 3];
        bin->count++;
        for (int c = 0; c < 3; c++)
            bin->sum[c] += rgb[c];
    }
    int used = 0;
    for (int i = 0; i < BINS; i++) {
        if (bins[i].count == 0)
            continue;
        struct bin bin = bins[i];
        bin.colour[0] = (uint8_t)(i >> 10);
        bin.colour[1] = (uint8_t)(i >> 5 & 31);
        bin.colour[2] = (uint8_t)(i & 31);
        bins[used++] = bin;
    }
    return used;
}

static void measure(struct box *box, const struct bin *bins)
{
    box->spread = 0;
    for (int c = 0; c < 3; c++) {
        double count = 0, sum = 0, squares = 0;
        for (int i = box->first; i < box->last; i++) {
            double value = bins[i].colour[c], weight = (double)bins[i].count;
            count += weight;
            sum += weight * value;
            squares += weight * value * value;
        }
        double spread = squares - sum * sum / count;
        if (c == 0 || spread > box->spread) {
            box->axis = c;
            box->spread = spread;
            box->mean = sum / count;
        }
    }
}

/* Cuts box at its mean; the upper part goes to other. Both keep at least one bin. */
static void split(struct box *box, struct box *other, struct bin *bins)
{
    qsort(bins + box->first, (size_t)(box->last - box->first), sizeof *bins, by_axis[box->axis]);
    int cut = box->first + 1;
    while (cut < box->last - 1 && bins[cut].colour[box->axis] <= box->mean)
        cut++;
    *other = (struct box){.first = cut, .last = box->last};
    box->last = cut;
    measure(box, bins);
    measure(other, bins);
}

static int cut_boxes(struct box *boxes, struct bin *bins, int used, int wanted)
{
    int count = 1;
    boxes[0] = (struct box){.first = 0, .last = used};
    measure(&boxes[0], bins);
    while (count < wanted) {
        int widest = 0;
        for (int i = 1; i < count; i++)
            if (boxes[i].spread > boxes[widest].spread)
                widest = i;
        if (boxes[widest].last - boxes[widest].first < 2)
            break;
        split(&boxes[widest], &boxes[count++], bins);
    }
    return count;
}

struct graphics_palette *palette_new(const uint8_t *rgb, int64_t pixels, int colours)
{
    struct graphics_palette *palette = dn_calloc(1, sizeof *palette);
    struct bin *bins = dn_calloc(BINS, sizeof *bins);
    struct box boxes[PALETTE_MAX];
    int used = make_bins(bins, rgb, pixels);
    if (used > 0)
        palette->count = cut_boxes(boxes, bins, used, colours);
    for (int i = 0; i < palette->count; i++)
        for (int c = 0; c < 3; c++) {
            int64_t sum = 0;
            int64_t count = 0;
            for (int k = boxes[i].first; k < boxes[i].last; k++) {
                sum += bins[k].sum[c];
                count += bins[k].count;
            }
            palette->colours[i][c] = (uint8_t)((sum + count / 2) / count);
        }
    if (palette->count == 0)
        palette->count = 1;
    free(bins);
    memset(palette->nearest, 0xFF, sizeof palette->nearest);
    return palette;
}

void palette_free(struct graphics_palette *palette)
{
    free(palette);
}

static int find_nearest(const struct graphics_palette *palette, const uint8_t *rgb)
{
    int best = 0, best_distance = 1 << 30;
    for (int i = 0; i < palette->count; i++) {
        int distance = 0;
        for (int c = 0; c < 3; c++) {
            int d = palette->colours[i][c] - rgb[c];
            distance += d * d;
        }
        if (distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

void palette_map(struct graphics_palette *palette, const uint8_t *rgb, int64_t pixels,
                 uint8_t *out)
{
    for (int64_t i = 0; i < pixels; i++, rgb += 3) {
        int key = rgb[0] >> 2 << 12 | rgb[1] >> 2 << 6 | rgb[2] >> 2;
        if (palette->nearest[key] < 0) {
            /* the middle of the cell, so that the answer does not depend on who asks first */
            const uint8_t middle[3] = {(uint8_t)((rgb[0] & ~3) + 2),
                                       (uint8_t)((rgb[1] & ~3) + 2),
                                       (uint8_t)((rgb[2] & ~3) + 2)};
            palette->nearest[key] = (int16_t)find_nearest(palette, middle);
        }
        out[i] = (uint8_t)palette->nearest[key];
    }
}
