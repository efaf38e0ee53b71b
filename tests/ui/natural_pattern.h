/* natural_pattern: frames that are to an encoder what a filmed scene is: a sky with soft clouds that
 * drift, hills of every roughness that pass by, something that moves before them, and grain. All from
 * integers, so the same everywhere. */
#ifndef DANAUS_TESTS_UI_NATURAL_PATTERN_H
#define DANAUS_TESTS_UI_NATURAL_PATTERN_H

#include <math.h>
#include <stdint.h>

/* 0..1 of a lattice point. */
static inline double pattern_point(int x, int y)
{
    uint32_t h = (uint32_t)x * 0x9E3779B1u ^ (uint32_t)y * 0x85EBCA77u;
    h = (h ^ h >> 15) * 0x2C1B3C6Du;
    h = (h ^ h >> 12) * 0x297A2D39u;
    return (double)((h ^ h >> 15) >> 8) / (1 << 24);
}

/* Value noise between lattice points, smooth. */
static inline double pattern_smooth(double x, double y)
{
    double fx = floor(x), fy = floor(y), u = x - fx, v = y - fy;
    int ix = (int)fx, iy = (int)fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    double top = pattern_point(ix, iy) * (1 - u) + pattern_point(ix + 1, iy) * u;
    double bottom = pattern_point(ix, iy + 1) * (1 - u) + pattern_point(ix + 1, iy + 1) * u;
    return top * (1 - v) + bottom * v;
}

/* Octaves, each half as strong as the one twice as large: 1/f, as pictures of nature have. */
static inline double pattern_rough(double x, double y, int octaves)
{
    double sum = 0, weight = 0.5;
    for (int i = 0; i < octaves; i++, weight /= 2, x *= 2, y *= 2)
        sum += weight * pattern_smooth(x + 17 * i, y + 31 * i);
    return sum;
}

/* The meadow's colour at (px, py), both in widths of the picture: blades, and flowers in places. */
static inline void pattern_meadow(double px, double py, double c[3])
{
    static const double flowers[4][3] = {{235, 80, 70}, {245, 205, 60}, {190, 110, 220}, {240, 240, 235}};
    double grass = pattern_rough(px * 10, py * 14, 7), blade = pattern_smooth(px * 230, py * 90);
    double light = 0.35 + 0.9 * grass + 0.5 * (blade - 0.5);
    c[0] = 92 * light + 40 * py;
    c[1] = 150 * light;
    c[2] = 48 * light + 30 * grass;
    if (pattern_smooth(px * 45 + 9, py * 60) > 0.80)
        for (int k = 0; k < 3; k++)
            c[k] = flowers[(int)(pattern_smooth(px * 6, py * 6 + 5) * 3.99)][k] * (0.6 + 0.4 * light);
}

/* Frame number of the scene into rgb [height, width, 3]. The camera pans by a pixel of 416 a frame. */
static inline void natural_frame(int width, int height, int number, uint8_t *rgb)
{
    double scale = 1.0 / width, pan = number / 416.0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double px = x * scale, py = y * scale;
            double cloud = pattern_rough(px * 4 + pan * 2, py * 9, 6);
            double ridge = 0.24 + 0.2 * (pattern_rough((px + pan / 2) * 5, 7, 7) - 0.5);
            double c[3] = {70 + 190 * cloud - 60 * py, 120 + 130 * cloud - 40 * py, 200 + 50 * cloud};
            if (py > ridge)
                pattern_meadow(px + pan, py, c);
            double bx = px - 0.15 - number * 0.009, by = py - 0.38 - 0.04 * sin(number * 0.4);
            double r = bx * bx + by * by * 1.6;
            if (r < 0.009) { /* a lit ball */
                double light = 1.1 - sqrt(r / 0.009) * 0.7 + 0.4 * pattern_rough(bx * 60, by * 60, 4);
                c[0] = 205 * light;
                c[1] = 85 * light;
                c[2] = 55 * light;
            }
            for (int k = 0; k < 3; k++) {
                double grain = pattern_point(x + number * 1031, y * 3 + k) * 6 - 3;
                double v = c[k] + grain;
                rgb[((int64_t)y * width + x) * 3 + k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
}

#endif
