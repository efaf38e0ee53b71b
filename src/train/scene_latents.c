/* scene_latents: see the header. */
#include "train/scene_latents.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum { CELL = 8 };

/* Mean of each channel over random scenes, and about its deviation; more than that for what is
 * rare (stars, objects), so that no value lies far out. */
static const float centre[LATENT_CHANNELS] = {0, 0.04f, 0.12f, 0,    0,    0, 0, 0,
                                              5, 5,     5,     5,    0,    0, 0, 0};
static const float spread[LATENT_CHANNELS] = {0.55f, 0.55f, 0.55f, 0.06f, 0.06f, 0.35f,
                                              0.35f, 0.35f, 2.2f,  2.2f,  2.2f,  2.2f,
                                              1.2f,  1.2f,  1.2f,  1.2f};

static float normal(int channel, float value)
{
    return (value - centre[channel]) / spread[channel];
}

static float luma(const uint8_t *rgb)
{
    return (0.3f * rgb[0] + 0.59f * rgb[1] + 0.11f * rgb[2]) / 127.5f;
}

void scene_ground_latent(int background, int w, int h, float *out)
{
    uint8_t *rgb = dn_malloc((size_t)w * (size_t)h * 3);
    scene_draw_background(background, w, h, rgb);
    int cols = w / CELL, rows = h / CELL;
    for (int row = 0; row < rows; row++)
        for (int col = 0; col < cols; col++) {
            float sum[LATENT_GROUND_CHANNELS] = {0};
            for (int i = 0; i < CELL * CELL; i++) {
                int y = i / CELL, x = i % CELL;
                const uint8_t *p = rgb + 3 * ((row * CELL + y) * w + col * CELL + x);
                for (int c = 0; c < 3; c++)
                    sum[c] += p[c] / 127.5f - 1;
                sum[3] += x < CELL / 2 ? -luma(p) : luma(p);
                sum[4] += y < CELL / 2 ? -luma(p) : luma(p);
            }
            for (int c = 0; c < LATENT_GROUND_CHANNELS; c++)
                out[(c * rows + row) * cols + col] = normal(c, sum[c] / (CELL * CELL));
        }
    free(rgb);
}

/* Distance in 96ths of the height from (x,y) to the nearest object's coloured part, and which
 * object that is. Compressed, slope 1 at the edge and 8 at the most: far away it hardly matters. */
static float fill_distance(const struct scene *scene, int frame, float x, float y, int w, int h,
                           int *nearest)
{
    float best = INFINITY;
    for (int i = 0; i < scene->count; i++) {
        struct scene_place place = scene_object_place(scene, i, frame, w, h);
        float d = scene_fill_distance(scene->object[i].shape, x - place.x, y - place.y,
                                      place.radius, scene_wings(frame), h);
        if (d < best) {
            best = d;
            *nearest = i;
        }
    }
    best *= 96 / (float)h;
    return 8 * best / (8 + fabsf(best));
}

void scene_object_latent(const struct scene *scene, int start, int latent, int w, int h,
                         float *out)
{
    int cols = w / CELL, rows = h / CELL, cells = rows * cols;
    int last = start + 4 * latent, first = latent ? last - 3 : last, frames = last - first + 1;
    for (int row = 0; row < rows; row++)
        for (int col = 0; col < cols; col++) {
            float all = 0, mean[4] = {0}, change[4] = {0};
            int nearest = 0;
            for (int q = 0; q < 4; q++) {
                float x = (float)(col * CELL) + (q % 2 ? 6 : 2);
                float y = (float)(row * CELL) + (q / 2 ? 6 : 2);
                for (int f = first; f <= last; f++) {
                    float d = fill_distance(scene, f, x, y, w, h, &nearest);
                    mean[q] += d / (float)frames;
                    change[q] += f == last ? d : 0;
                    change[q] -= f == first ? d : 0;
                }
                all += mean[q] / 4;
            }
            float rgb[3], near = fmaxf(0, fminf(1, 1 - all / 4.5f));
            scene_colour_rgb(scene->object[nearest].colour, rgb);
            float *cell = out + row * cols + col;
            for (int c = 0; c < 3; c++)
                cell[c * cells] = normal(5 + c, near * (rgb[c] / 127.5f - 1));
            for (int q = 0; q < 4; q++) {
                cell[(3 + q) * cells] = normal(8 + q, mean[q]);
                cell[(7 + q) * cells] = normal(12 + q, change[q]);
            }
        }
}
