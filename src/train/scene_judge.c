/* scene_judge: see the header. Distances in pixels are scaled by the picture's height. */
#include "train/scene_judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { GROUND_SAMPLES = 5, SHAPE_FRAMES = 7, WING_PERIOD = 16 };

/* An object in one frame: its pixels are 1 in mask. Area 0: not seen. */
struct blob {
    float x, y, area;
    int x0, y0, x1, y1; /* bounding box, x1 and y1 behind the end */
    float rgb[3];       /* mean colour of its inner pixels, -1 without any */
};

struct judge {
    const uint8_t *rgb;
    int frames, w, h;
    uint8_t *ground;     /* [h,w,3] the background that was recognised */
    uint8_t *mask;       /* [h,w] scratch */
    int32_t *stack;      /* [h*w] scratch of the flood fill */
    struct blob *blob;   /* [frames] of the object being judged */
};

static const uint8_t *frame_rgb(const struct judge *j, int frame)
{
    return j->rgb + (size_t)frame * (size_t)j->w * (size_t)j->h * 3;
}

static int pixel_difference(const uint8_t *a, const uint8_t *b)
{
    int worst = 0;
    for (int c = 0; c < 3; c++) {
        int d = abs(a[c] - b[c]);
        worst = d > worst ? d : worst;
    }
    return worst;
}

/* Median over pixels of the difference from a background, in a few frames: objects cover less than
 * half of the picture. */
static int ground_difference(const struct judge *j, const uint8_t *ground)
{
    int histogram[256] = {0}, pixels = j->w * j->h, total = 0;
    for (int s = 0; s < GROUND_SAMPLES; s++) {
        const uint8_t *rgb = frame_rgb(j, s * (j->frames - 1) / (GROUND_SAMPLES - 1));
        for (int i = 0; i < pixels; i++)
            histogram[pixel_difference(rgb + 3 * i, ground + 3 * i)]++;
    }
    for (int d = 0; d < 256; d++) {
        total += histogram[d];
        if (total * 2 >= GROUND_SAMPLES * pixels)
            return d;
    }
    return 255;
}

/* The background that the clip resembles most, left in j->ground; -1 when none comes near. */
static int find_ground(struct judge *j)
{
    int best = -1, least = 25;
    size_t size = (size_t)j->w * (size_t)j->h * 3;
    uint8_t *candidate = dn_malloc(size);
    for (int g = 0; g < GROUND_COUNT; g++) {
        scene_draw_background(g, j->w, j->h, candidate);
        int difference = ground_difference(j, candidate);
        if (difference < least) {
            least = difference;
            best = g;
            memcpy(j->ground, candidate, size);
        }
    }
    free(candidate);
    return best;
}

/* ---- objects ---- */

/* Gives the pixels connected to `seed` that have its value the value `mark`; returns how many. */
static int flood(struct judge *j, int seed, uint8_t mark)
{
    int count = 0, top = 0;
    uint8_t old = j->mask[seed];
    j->stack[top++] = seed;
    j->mask[seed] = mark;
    while (top) {
        int at = j->stack[--top], x = at % j->w, y = at / j->w;
        count++;
        const int next[4] = {x > 0 ? at - 1 : -1, x + 1 < j->w ? at + 1 : -1,
                             y > 0 ? at - j->w : -1, y + 1 < j->h ? at + j->w : -1};
        for (int i = 0; i < 4; i++)
            if (next[i] >= 0 && j->mask[next[i]] == old) {
                j->mask[next[i]] = mark;
                j->stack[top++] = next[i];
            }
    }
    return count;
}

/* Leaves in j->mask (as 1) the parts of rows y0..y1-1 that are not background: the largest and
 * those of at least a quarter of it, since a dark body parts a butterfly's wings at night. */
static void segment(struct judge *j, int frame, int y0, int y1)
{
    enum { FOUND = 1, SIZED = 2, KEPT = 3 };
    const uint8_t *rgb = frame_rgb(j, frame);
    int pixels = j->w * j->h, best = 0;
    memset(j->mask, 0, (size_t)pixels);
    for (int i = y0 * j->w; i < y1 * j->w; i++)
        j->mask[i] = pixel_difference(rgb + 3 * i, j->ground + 3 * i) > 44 ? FOUND : 0;
    for (int i = y0 * j->w; i < y1 * j->w; i++)
        if (j->mask[i] == FOUND) {
            int size = flood(j, i, SIZED);
            best = size > best ? size : best;
        }
    for (int i = y0 * j->w; i < y1 * j->w; i++)
        if (j->mask[i] == SIZED) {
            int size = flood(j, i, KEPT);
            if (size * 4 < best)
                flood(j, i, 0);
        }
    for (int i = 0; i < pixels; i++)
        j->mask[i] = j->mask[i] == KEPT;
}

static bool is_inner(const struct judge *j, int x, int y, int margin)
{
    if (x < margin || y < margin || x >= j->w - margin || y >= j->h - margin)
        return false;
    for (int dy = -margin; dy <= margin; dy++)
        for (int dx = -margin; dx <= margin; dx++)
            if (!j->mask[(y + dy) * j->w + x + dx])
                return false;
    return true;
}

/* Mean colour of the blob's pixels that lie `margin` inside its edge; false when there are none. */
static bool inner_colour(const struct judge *j, int frame, struct blob *b, int margin)
{
    const uint8_t *rgb = frame_rgb(j, frame);
    float count = 0, sum[3] = {0};
    for (int y = b->y0; y < b->y1; y++)
        for (int x = b->x0; x < b->x1; x++) {
            if (!is_inner(j, x, y, margin))
                continue;
            count++;
            for (int c = 0; c < 3; c++)
                sum[c] += rgb[3 * (y * j->w + x) + c];
        }
    for (int c = 0; c < 3; c++)
        b->rgb[c] = count > 0 ? sum[c] / count : -1;
    return count > 0;
}

/* Position, extent and colour of what j->mask shows. */
static struct blob measure(const struct judge *j, int frame)
{
    struct blob b = {.x0 = j->w, .y0 = j->h};
    for (int y = 0; y < j->h; y++)
        for (int x = 0; x < j->w; x++) {
            if (!j->mask[y * j->w + x])
                continue;
            b.area++;
            b.x += (float)x + 0.5f;
            b.y += (float)y + 0.5f;
            b.x0 = x < b.x0 ? x : b.x0;
            b.y0 = y < b.y0 ? y : b.y0;
            b.x1 = x >= b.x1 ? x + 1 : b.x1;
            b.y1 = y >= b.y1 ? y + 1 : b.y1;
        }
    if (b.area > 0) {
        b.x /= b.area;
        b.y /= b.area;
    }
    if (!inner_colour(j, frame, &b, 2)) /* a thin ring has no pixel that far from its edges */
        inner_colour(j, frame, &b, 1);
    return b;
}

/* ---- colour ---- */

static int nearest_colour(const float rgb[3])
{
    int best = -1;
    float least = INFINITY;
    for (int k = 0; k < COLOUR_COUNT; k++) {
        float have[3], d = 0;
        scene_colour_rgb(k, have);
        for (int c = 0; c < 3; c++)
            d += (have[c] - rgb[c]) * (have[c] - rgb[c]);
        if (d < least) {
            least = d;
            best = k;
        }
    }
    return best;
}

/* The colour that most frames show. */
static int find_colour(const struct judge *j)
{
    int votes[COLOUR_COUNT] = {0}, best = -1, most = 0;
    for (int f = 0; f < j->frames; f++)
        if (j->blob[f].rgb[0] >= 0)
            votes[nearest_colour(j->blob[f].rgb)]++;
    for (int k = 0; k < COLOUR_COUNT; k++)
        if (votes[k] > most) {
            most = votes[k];
            best = k;
        }
    return best;
}

/* ---- motion ---- */

/* Means over `count` frames from `first` on that show the object; area 0 when fewer than half do. */
static struct blob mean_blob(const struct judge *j, int first, int count)
{
    struct blob mean = {0};
    int seen = 0;
    for (int f = first; f < first + count; f++)
        if (j->blob[f].area > 0) {
            mean.x += j->blob[f].x;
            mean.y += j->blob[f].y;
            mean.area += j->blob[f].area;
            seen++;
        }
    if (seen * 2 < count)
        return (struct blob){0};
    mean.x /= (float)seen;
    mean.y /= (float)seen;
    mean.area /= (float)seen;
    return mean;
}

/* Mean height over the frames around f that show the object; NAN when none does. */
static float smooth_height(const struct judge *j, int f)
{
    float sum = 0, seen = 0;
    for (int i = f - 2; i <= f + 2; i++)
        if (i >= 0 && i < j->frames && j->blob[i].area > 0) {
            sum += j->blob[i].y;
            seen++;
        }
    return seen > 0 ? sum / seen : NAN;
}

/* How often the height turns round by more than `least` pixels. */
static int vertical_turns(const struct judge *j, float least)
{
    int turns = 0, going = 0;
    float extreme = NAN;
    for (int f = 0; f < j->frames; f++) {
        float y = smooth_height(j, f);
        if (isnan(y))
            continue;
        if (isnan(extreme))
            extreme = y;
        if ((going > 0 && y > extreme) || (going < 0 && y < extreme))
            extreme = y;
        if (going >= 0 && y < extreme - least) {
            turns += going > 0;
            going = -1;
            extreme = y;
        } else if (going <= 0 && y > extreme + least) {
            turns += going < 0;
            going = 1;
            extreme = y;
        }
    }
    return turns;
}

/* Turns of the path round its middle, clockwise positive; 0 when it has no width or height. */
static float path_turns(const struct judge *j)
{
    float x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY, sum = 0, last = NAN;
    for (int f = 0; f < j->frames; f++)
        if (j->blob[f].area > 0) {
            x0 = fminf(x0, j->blob[f].x), x1 = fmaxf(x1, j->blob[f].x);
            y0 = fminf(y0, j->blob[f].y), y1 = fmaxf(y1, j->blob[f].y);
        }
    float unit = (float)j->h / 96;
    if (!(x1 - x0 > 20 * unit && y1 - y0 > 3 * unit))
        return 0;
    for (int f = 0; f < j->frames; f++) {
        if (j->blob[f].area <= 0)
            continue;
        float angle = atan2f((j->blob[f].y - 0.5f * (y0 + y1)) / (y1 - y0),
                             (j->blob[f].x - 0.5f * (x0 + x1)) / (x1 - x0));
        if (!isnan(last))
            sum += remainderf(angle - last, 6.2831853f);
        last = angle;
    }
    return sum / 6.2831853f;
}

static int find_motion(const struct judge *j)
{
    float unit = (float)j->h / 96;
    struct blob first = mean_blob(j, 0, WING_PERIOD);
    struct blob last = mean_blob(j, j->frames - WING_PERIOD, WING_PERIOD);
    if (first.area <= 0 || last.area <= 0)
        return -1;
    if (last.area > 1.7f * first.area)
        return MOTION_GROWING;
    if (first.area > 1.7f * last.area)
        return MOTION_SHRINKING;
    if (fabsf(path_turns(j)) > 0.7f)
        return MOTION_CIRCLING;
    float dx = last.x - first.x, dy = last.y - first.y;
    if (vertical_turns(j, 3 * unit) >= 2 && fabsf(dx) < 12 * unit)
        return MOTION_BOUNCING;
    if (fabsf(dx) > fabsf(dy) && fabsf(dx) > 10 * unit)
        return dx < 0 ? MOTION_LEFT : MOTION_RIGHT;
    if (fabsf(dy) > 4 * unit && fabsf(dx) < fabsf(dy))
        return dy < 0 ? MOTION_UP : MOTION_DOWN;
    return -1;
}

/* ---- shape ---- */

/* Area and middle of a silhouette of radius 1. */
static void silhouette_moments(int shape, float wings, float *area, float *x, float *y)
{
    enum { STEPS = 64 };
    float step = 3.0f / STEPS;
    *area = *x = *y = 0;
    for (int i = 0; i < STEPS * STEPS; i++) {
        float px = ((float)(i % STEPS) + 0.5f) * step - 1.5f;
        float py = ((float)(i / STEPS) + 0.5f) * step - 1.5f;
        if (scene_shape_distance(shape, px, py, 1, wings) > 0)
            continue;
        *area += 1;
        *x += px;
        *y += py;
    }
    *x /= *area;
    *y /= *area;
    *area *= step * step;
}

/* Intersection over union of the mask and a silhouette of the same area and middle. */
static float silhouette_match(const struct judge *j, const struct blob *b, int shape, float wings)
{
    float area, mx, my;
    silhouette_moments(shape, wings, &area, &mx, &my);
    float r = sqrtf(b->area / area), cx = b->x - mx * r, cy = b->y - my * r;
    int both = 0, either = 0, margin = (int)(0.5f * r) + 2;
    for (int y = b->y0 - margin; y < b->y1 + margin; y++)
        for (int x = b->x0 - margin; x < b->x1 + margin; x++) {
            if (x < 0 || y < 0 || x >= j->w || y >= j->h)
                continue;
            bool in = scene_shape_distance(shape, (float)x + 0.5f - cx, (float)y + 0.5f - cy, r,
                                           wings) < 0;
            bool seen = j->mask[y * j->w + x];
            both += in && seen;
            either += in || seen;
        }
    return either ? (float)both / (float)either : 0;
}

/* The silhouette that fits best over frames all along the clip; wings may be open by any amount. */
static int find_shape(struct judge *j, int y0, int y1)
{
    float score[SHAPE_COUNT] = {0};
    int best = -1;
    for (int s = 0; s < SHAPE_FRAMES; s++) {
        int frame = s * (j->frames - 1) / (SHAPE_FRAMES - 1);
        const struct blob *b = &j->blob[frame];
        if (b->area <= 0)
            continue;
        segment(j, frame, y0, y1);
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            float match = 0;
            if (shape == SHAPE_BUTTERFLY)
                for (int phase = 0; phase <= WING_PERIOD / 2; phase += 2)
                    match = fmaxf(match, silhouette_match(j, b, shape, scene_wings(phase)));
            else
                match = silhouette_match(j, b, shape, 1);
            score[shape] += match * b->area; /* large is seen more surely */
        }
    }
    for (int shape = 0; shape < SHAPE_COUNT; shape++)
        if (score[shape] > (best < 0 ? 0 : score[best]))
            best = shape;
    return best;
}

static void judge_object(struct judge *j, const struct scene *expected, int index,
                         struct scene_verdict *out)
{
    int y0 = 0, y1 = j->h;
    if (expected->count == 2) {
        y0 = index == 0 ? 0 : j->h / 2;
        y1 = index == 0 ? j->h / 2 : j->h;
    }
    float least = 12 * (float)(j->h * j->h) / (96 * 96); /* pixels of noise */
    for (int f = 0; f < j->frames; f++) {
        segment(j, f, y0, y1);
        j->blob[f] = measure(j, f);
        if (j->blob[f].area < least)
            j->blob[f] = (struct blob){.rgb = {-1, -1, -1}};
    }
    out->colour[index] = find_colour(j);
    out->motion[index] = find_motion(j);
    out->shape[index] = find_shape(j, y0, y1);
}

bool scene_judge_clip(const struct scene *expected, const uint8_t *rgb, int frames, int w, int h,
                      struct scene_verdict *out)
{
    *out = (struct scene_verdict){-1, {-1, -1}, {-1, -1}, {-1, -1}, false, false, false, false};
    if (frames < 2 * WING_PERIOD + 1 || w < 64 || h < 48)
        return false;
    size_t pixels = (size_t)w * (size_t)h;
    struct judge j = {.rgb = rgb, .frames = frames, .w = w, .h = h};
    j.ground = dn_malloc(pixels * 3);
    j.mask = dn_malloc(pixels);
    j.stack = dn_malloc(pixels * sizeof *j.stack);
    j.blob = dn_calloc((size_t)frames, sizeof *j.blob);
    out->background = find_ground(&j);
    out->background_right = out->background == expected->background;
    if (out->background >= 0) {
        out->colour_right = out->shape_right = out->motion_right = true;
        for (int i = 0; i < expected->count; i++) {
            judge_object(&j, expected, i, out);
            out->colour_right &= out->colour[i] == expected->object[i].colour;
            out->shape_right &= out->shape[i] == expected->object[i].shape;
            out->motion_right &= out->motion[i] == expected->object[i].motion;
        }
    }
    free(j.ground);
    free(j.mask);
    free(j.stack);
    free(j.blob);
    return true;
}
