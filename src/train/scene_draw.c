/* scene_draw: from a scene to pixels. Shapes are signed distance functions, so that edges are
 * antialiased at any size and the judge can draw the same silhouettes. */
#include <math.h>
#include <string.h>

#include "train/scenes.h"

static const float pi = 3.14159265f;

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static float mixf(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* ---- shapes ---- */

struct point {
    float x, y;
};

/* Distance to a closed polygon: nearest edge, sign by counting crossings of a ray to the right. */
static float polygon_distance(const struct point *corner, int corners, float x, float y)
{
    float nearest = INFINITY;
    bool inside = false;
    for (int i = 0, j = corners - 1; i < corners; j = i++) {
        float ex = corner[j].x - corner[i].x, ey = corner[j].y - corner[i].y;
        float px = x - corner[i].x, py = y - corner[i].y;
        float along = clamp((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1);
        float dx = px - along * ex, dy = py - along * ey;
        nearest = fminf(nearest, dx * dx + dy * dy);
        if ((corner[i].y > y) != (corner[j].y > y) && (px * ey < py * ex) == (ey > 0))
            inside = !inside;
    }
    nearest = sqrtf(nearest);
    return inside ? -nearest : nearest;
}

static float ellipse_distance(float x, float y, float cx, float cy, float rx, float ry)
{
    float dx = (x - cx) / rx, dy = (y - cy) / ry;
    return (sqrtf(dx * dx + dy * dy) - 1) * fminf(rx, ry);
}

static float star_distance(float x, float y, float r)
{
    static const struct point unit[10] = {
        {0, -1.1f},         {0.2705f, -0.3723f}, {1.0462f, -0.3399f}, {0.4377f, 0.1422f},
        {0.6466f, 0.8899f}, {0, 0.4602f},        {-0.6466f, 0.8899f}, {-0.4377f, 0.1422f},
        {-1.0462f, -0.3399f}, {-0.2705f, -0.3723f},
    };
    return polygon_distance(unit, 10, x / r, y / r) * r;
}

static float triangle_distance(float x, float y, float r)
{
    static const struct point unit[3] = {{0, -0.95f}, {1.05f, 0.85f}, {-1.05f, 0.85f}};
    return polygon_distance(unit, 3, x / r, y / r) * r;
}

static float cross_distance(float x, float y, float r)
{
    static const struct point unit[12] = {
        {-0.34f, -1}, {0.34f, -1}, {0.34f, -0.34f}, {1, -0.34f}, {1, 0.34f}, {0.34f, 0.34f},
        {0.34f, 1}, {-0.34f, 1}, {-0.34f, 0.34f}, {-1, 0.34f}, {-1, -0.34f}, {-0.34f, -0.34f},
    };
    return polygon_distance(unit, 12, x / r, y / r) * r;
}

/* Two round lobes over a wedge. */
static float heart_distance(float x, float y, float r)
{
    static const struct point wedge[5] = {
        {0, -0.42f}, {0.94f, 0.12f}, {0, 1.02f}, {-0.94f, 0.12f}, {-0.6f, -0.2f}};
    float lobe = hypotf(fabsf(x) - 0.5f * r, y + 0.3f * r) - 0.58f * r;
    return fminf(lobe, polygon_distance(wedge, 5, x / r, y / r) * r);
}

static float butterfly_distance(float x, float y, float r, float wings)
{
    float across = fabsf(x);
    float upper = ellipse_distance(across, y, 0.66f * wings * r, -0.42f * r, 0.66f * wings * r,
                                   0.58f * r);
    float lower = ellipse_distance(across, y, 0.5f * wings * r, 0.48f * r, 0.5f * wings * r,
                                   0.46f * r);
    float body = hypotf(x, y - clamp(y, -0.62f * r, 0.62f * r)) - 0.12f * r;
    return fminf(body, fminf(upper, lower));
}

float scene_shape_distance(int shape, float x, float y, float radius, float wings)
{
    float r = radius;
    switch (shape) {
    case SHAPE_CIRCLE: return hypotf(x, y) - 0.95f * r;
    case SHAPE_SQUARE: return fmaxf(fabsf(x), fabsf(y)) - 0.84f * r;
    case SHAPE_TRIANGLE: return triangle_distance(x, y, r);
    case SHAPE_STAR: return star_distance(x, y, r);
    case SHAPE_HEART: return heart_distance(x, y, r);
    case SHAPE_CROSS: return cross_distance(x, y, r);
    case SHAPE_RING: return fabsf(hypotf(x, y) - 0.76f * r) - 0.25f * r;
    default: return butterfly_distance(x, y, r, wings);
    }
}

float scene_rim(float radius, int h)
{
    return fminf(0.014f * (float)h, 0.1f * radius);
}

float scene_fill_distance(int shape, float x, float y, float radius, float wings, int h)
{
    float fill = scene_shape_distance(shape, x, y, radius, wings) + scene_rim(radius, h);
    if (shape != SHAPE_BUTTERFLY)
        return fill;
    float body = hypotf(x, y - clamp(y, -0.62f * radius, 0.62f * radius)) - 0.1f * radius;
    return fmaxf(fill, -body);
}

float scene_wings(int frame)
{
    return 0.7f + 0.3f * cosf(2 * pi * (float)frame / 16);
}

/* ---- motion ---- */

struct scene_place scene_object_place(const struct scene *scene, int index, int frame, int w,
                                      int h)
{
    static const float radii[SIZE_COUNT] = {0.125f, 0.167f, 0.219f};
    const struct scene_object *o = &scene->object[index];
    float time = (float)frame / (SCENE_FRAMES - 1), width = (float)w, height = (float)h;
    float band = scene->count == 1 ? height : 0.5f * height; /* the rows this object has */
    float top = index == 0 ? 0 : band;
    float r = radii[o->size] * height * (scene->count == 1 ? 1 : 0.72f);
    float reach = o->motion == MOTION_GROWING || o->motion == MOTION_SHRINKING ? 1.35f * r : r;
    float slack = fmaxf(0.5f * band - 1.08f * reach, 0); /* how far the centre may leave the middle */
    float sideways = 0.5f * width - 1.3f * reach;
    float ux = 2 * o->across - 1, uy = 2 * o->down - 1;
    struct scene_place place = {0.5f * width + ux * 0.8f * sideways, top + 0.5f * band, r};
    switch (o->motion) {
    case MOTION_LEFT:
    case MOTION_RIGHT:
        place.x = 0.5f * width + ux * 0.08f * width +
                  (o->motion == MOTION_RIGHT ? 1 : -1) * (time - 0.5f) * 0.52f * width;
        place.y += uy * 0.6f * slack;
        break;
    case MOTION_UP:
    case MOTION_DOWN:
        place.y += uy * 0.15f * slack +
                   (o->motion == MOTION_DOWN ? 1 : -1) * (time - 0.5f) * 1.7f * slack;
        break;
    case MOTION_BOUNCING:
        place.y += slack * (1 - 1.9f * fabsf(sinf(pi * ((float)frame / 32 + o->phase))));
        break;
    case MOTION_CIRCLING: {
        float angle = 2 * pi * ((float)frame / 64 + o->phase);
        place.x = 0.5f * width + ux * 0.15f * width + 0.22f * width * cosf(angle);
        place.y += 0.95f * slack * sinf(angle);
        break;
    }
    default: /* growing, shrinking */
        place.y += uy * slack * 0.8f;
        place.radius = r * (0.5f + 0.85f * (o->motion == MOTION_GROWING ? time : 1 - time));
    }
    return place;
}

/* ---- backgrounds ---- */

struct colour {
    float r, g, b;
};

static struct colour blend(struct colour a, struct colour b, float t)
{
    return (struct colour){mixf(a.r, b.r, t), mixf(a.g, b.g, t), mixf(a.b, b.b, t)};
}

/* All take x, y in picture heights (y in [0,1]), width = picture width in heights, and the size of
 * a pixel in heights for antialiasing. */
typedef struct colour ground(float x, float y, float width, float pixel);

static struct colour night(float x, float y, float width, float pixel)
{
    struct colour c = blend((struct colour){8, 10, 34}, (struct colour){30, 28, 82}, y);
    for (int i = 0; i < 26; i++) { /* star places: two irrational steps fill the plane evenly */
        float sx = fmodf(0.13f + 0.754877f * (float)i, 1) * width;
        float sy = fmodf(0.41f + 0.569840f * (float)i, 1);
        float glow = 1.2f + 0.4f * (float)(i % 3) - hypotf(x - sx, y - sy) / pixel;
        c = blend(c, (struct colour){235, 235, 215}, clamp(glow, 0, 1));
    }
    return c;
}

static struct colour sky(float x, float y, float width, float pixel)
{
    static const float puff[][3] = {{0.16f, 0.2f, 0.13f},  {0.25f, 0.17f, 0.16f},
                                    {0.33f, 0.22f, 0.11f}, {0.66f, 0.55f, 0.12f},
                                    {0.75f, 0.5f, 0.17f},  {0.85f, 0.56f, 0.12f},
                                    {0.3f, 0.84f, 0.12f},  {0.4f, 0.8f, 0.14f}};
    (void)pixel;
    struct colour c = blend((struct colour){96, 160, 232}, (struct colour){178, 214, 244}, y);
    float cloud = 0;
    for (size_t i = 0; i < sizeof puff / sizeof puff[0]; i++) {
        float d = hypotf(x - puff[i][0] * width, 1.8f * (y - puff[i][1])) / puff[i][2];
        cloud = fmaxf(cloud, clamp(1.6f - 1.6f * d, 0, 1));
    }
    return blend(c, (struct colour){238, 243, 250}, 0.85f * cloud);
}

static struct colour meadow(float x, float y, float width, float pixel)
{
    (void)width;
    float hill = 0.6f + 0.04f * sinf(3.2f * x + 0.6f);
    float grass = clamp((y - hill) / pixel + 0.5f, 0, 1);
    struct colour air = blend((struct colour){128, 186, 238}, (struct colour){196, 226, 246}, y);
    struct colour green = blend((struct colour){96, 176, 72}, (struct colour){42, 108, 44},
                                clamp((y - hill) / 0.4f, 0, 1));
    return blend(air, green, grass);
}

static struct colour sunset(float x, float y, float width, float pixel)
{
    (void)x, (void)width, (void)pixel;
    struct colour high = {64, 40, 112}, middle = {226, 92, 92}, low = {255, 186, 92};
    return y < 0.55f ? blend(high, middle, y / 0.55f) : blend(middle, low, (y - 0.55f) / 0.45f);
}

/* -1..1 square wave with a soft edge one pixel wide; period 1 in t */
static float square_wave(float t, float edge)
{
    float d = fabsf(t - floorf(t) - 0.5f) - 0.25f;
    return clamp(d / edge, -0.5f, 0.5f) * 2;
}

static struct colour checker(float x, float y, float width, float pixel)
{
    (void)width;
    float even = square_wave(3 * x + 0.25f, 3 * pixel) * square_wave(3 * y + 0.25f, 3 * pixel);
    return blend((struct colour){98, 98, 108}, (struct colour){142, 142, 152}, 0.5f + 0.5f * even);
}

static struct colour stripes(float x, float y, float width, float pixel)
{
    (void)width;
    float wave = square_wave(3 * (x + y), 4.2f * pixel);
    return blend((struct colour){238, 222, 190}, (struct colour){212, 186, 146},
                 0.5f + 0.5f * wave);
}

static ground *const grounds[GROUND_COUNT] = {night, sky, meadow, sunset, checker, stripes};

void scene_draw_background(int background, int w, int h, uint8_t *rgb)
{
    float pixel = 1 / (float)h, width = (float)w * pixel;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            struct colour c = grounds[background](((float)x + 0.5f) * pixel,
                                                  ((float)y + 0.5f) * pixel, width, pixel);
            uint8_t *out = rgb + ((size_t)y * (size_t)w + (size_t)x) * 3;
            out[0] = (uint8_t)(c.r + 0.5f);
            out[1] = (uint8_t)(c.g + 0.5f);
            out[2] = (uint8_t)(c.b + 0.5f);
        }
}

/* ---- frames ---- */

/* Blends one object into a frame: its colour, and a darker rim (lighter for black) inside the edge
 * and on the butterfly's body. */
static void draw_object(const struct scene_object *o, struct scene_place place, float wings, int w,
                        int h, uint8_t *rgb)
{
    float fill[3], rim[3], r = place.radius;
    scene_colour_rgb(o->colour, fill);
    for (int c = 0; c < 3; c++)
        rim[c] = o->colour == COLOUR_BLACK ? 130 : 0.45f * fill[c];
    float reach = 1.4f * r + 1;
    int x0 = (int)fmaxf(place.x - reach, 0), x1 = (int)fminf(place.x + reach + 1, (float)w);
    int y0 = (int)fmaxf(place.y - reach, 0), y1 = (int)fminf(place.y + reach + 1, (float)h);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            float dx = (float)x + 0.5f - place.x, dy = (float)y + 0.5f - place.y;
            float cover = clamp(0.5f - scene_shape_distance(o->shape, dx, dy, r, wings), 0, 1);
            if (cover <= 0)
                continue;
            float inner =
                clamp(0.5f - scene_fill_distance(o->shape, dx, dy, r, wings, h), 0, 1);
            uint8_t *out = rgb + ((size_t)y * (size_t)w + (size_t)x) * 3;
            for (int c = 0; c < 3; c++)
                out[c] = (uint8_t)(mixf(out[c], mixf(rim[c], fill[c], inner), cover) + 0.5f);
        }
}

static void draw_objects(const struct scene *scene, int frame, int w, int h, uint8_t *rgb)
{
    for (int i = 0; i < scene->count; i++)
        draw_object(&scene->object[i], scene_object_place(scene, i, frame, w, h),
                    scene_wings(frame), w, h, rgb);
}

void scene_draw_frame(const struct scene *scene, int frame, int w, int h, uint8_t *rgb)
{
    scene_draw_background(scene->background, w, h, rgb);
    draw_objects(scene, frame, w, h, rgb);
}

void scene_draw_clip(const struct scene *scene, int first, int count, int w, int h, uint8_t *rgb)
{
    size_t size = (size_t)w * (size_t)h * 3;
    scene_draw_background(scene->background, w, h, rgb);
    for (int i = 1; i < count; i++) /* the background stands still */
        memcpy(rgb + (size_t)i * size, rgb, size);
    for (int i = 0; i < count; i++)
        draw_objects(scene, first + i, w, h, rgb + (size_t)i * size);
}
