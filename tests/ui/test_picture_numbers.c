/* picture_numbers: what pictures cost and how good they are, printed as a table: clips of the demo
 * model and a natural scene, in the sizes that a terminal of 100 x 30 cells is given, read back by the
 * tests' decoders as a terminal that keeps what is left out. Run from the top folder. */
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "natural_pattern.h"
#include "picture_decoders.h"
#include "store/media_import.h"
#include "ui/graphics/graphics.h"

enum { FRAMES = 33, ROUNDS = 2, SAMPLES = 8 };

/* 3 ms are promised; the machine may be busy, and a sanitizer makes everything some times slower */
#ifdef __SANITIZE_ADDRESS__
enum { MOST_MS = 100 };
#else
enum { MOST_MS = 9 };
#endif

struct clip {
    const char *name;
    int width, height, frames;
    uint8_t *rgb;
};

struct numbers {
    double bytes, db, worst_db, encode_ms; /* means over the frames; of the worst one */
};

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Mean square error of what is seen, each pixel of the frame shown scale times. */
static double error_of(const struct clip *c, const uint8_t *frame, const uint8_t *seen, int width,
                       int height, int scale)
{
    double sum = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int k = 0; k < 3; k++) {
                double d = (double)seen[((int64_t)y * width + x) * 3 + k] -
                           frame[((int64_t)(y / scale) * c->width + x / scale) * 3 + k];
                sum += d * d;
            }
    return sum / ((double)width * height * 3);
}

static double decibel(double error)
{
    return error > 0 ? 10 * log10(255 * 255 / error) : 99;
}

/* Plays the clip into cells of 9 x 19 px, at most most_px wide and high. */
static struct numbers play(const struct clip *c, const struct graphics_entry *way, int most_px)
{
    struct graphics_caps caps = {.cols = 100, .rows = 30, .cell_width = 9, .cell_height = 19,
                                 .sixel_width = most_px, .sixel_height = most_px, .registers = 1024,
                                 .sixel_keeps = true, .kitty = true, .sixel = true, .utf8 = true};
    struct numbers n = {.worst_db = 99};
    int64_t size = (int64_t)c->width * c->height * 3;
    uint8_t *samples = dn_malloc((size_t)size * SAMPLES);
    for (int i = 0; i < SAMPLES; i++)
        memcpy(samples + i * size, c->rgb + c->frames * i / SAMPLES * size, (size_t)size);
    struct graphics *g = graphics_open(way, &caps, c->width, c->height, samples, SAMPLES);
    struct sixel shown = {0};
    double error = 0;
    for (int i = 0; i < ROUNDS * c->frames; i++) {
        struct strbuf out = {0};
        struct dn_error err;
        const uint8_t *frame = c->rgb + i % c->frames * size;
        g->full = i % 32 == 0; /* one in two seconds, as the studio does */
        double start = cpu_ms();
        CHECK_OK(graphics_encode(g, frame, &out, &err), err);
        n.encode_ms += (cpu_ms() - start) / (ROUNDS * c->frames);
        n.bytes += (double)out.length / (ROUNDS * c->frames);
        double e = 0;
        if (way == &graphics_sixel_entry) {
            struct sixel s;
            CHECK(decode_sixel(strbuf_text(&out), &s));
            sixel_over(&shown, &s);
            CHECK(shown.painted == shown.width * shown.height);
            e = error_of(c, frame, shown.rgb, shown.width, shown.height, g->scale);
        } else if (way == &graphics_kitty_entry) {
            struct kitty k;
            CHECK(decode_kitty(strbuf_text(&out), &k));
            e = error_of(c, frame, (uint8_t *)k.pixels.data, k.width, k.height, 1);
            strbuf_done(&k.pixels);
        }
        error += e / (ROUNDS * c->frames);
        n.worst_db = decibel(e) < n.worst_db ? decibel(e) : n.worst_db;
        strbuf_done(&out);
    }
    n.db = decibel(error);
    printf("%-16s %4dx%-4d %-6s %4dx%-4d %7.1f kB %6.1f dB (worst %4.1f) %6.2f ms\n", c->name, c->width,
           c->height, way->name, g->scale * c->width / g->divide, g->scale * c->height / g->divide,
           n.bytes / 1e3, n.db, n.worst_db, n.encode_ms);
    sixel_free(&shown);
    graphics_close(g);
    free(samples);
    return n;
}

static void measure(const struct clip *c, int most_px)
{
    for (int i = 0; graphics_table[i]; i++) {
        struct numbers n = play(c, graphics_table[i], most_px);
        if (graphics_table[i] == &graphics_sixel_entry) {
            CHECK_MSG(n.bytes <= 70e3, "%s: %.0f bytes a frame", c->name, n.bytes);
            CHECK_MSG(n.db >= 30, "%s: %.1f dB", c->name, n.db);
            CHECK_MSG(n.encode_ms <= MOST_MS, "%s: %.2f ms a frame", c->name, n.encode_ms);
        }
    }
}

TEST(natural_scene)
{
    struct clip c = {"natural scene", 416, 240, FRAMES, dn_malloc(416 * 240 * 3 * FRAMES)};
    for (int i = 0; i < FRAMES; i++)
        natural_frame(416, 240, i, c.rgb + (int64_t)i * 416 * 240 * 3);
    measure(&c, 500);
    measure(&c, 1000);
    free(c.rgb);
}

TEST(demo_clips)
{
    static const char *const prompts[] = {"a blue star over sand",
                                          "a red butterfly flying to the right over a meadow"};
    const char *program = getenv("DANAUS") ? getenv("DANAUS") : "build/danaus";
    for (int i = 0; i < 2; i++) {
        char command[512], path[64];
        struct media_frames *frames = NULL;
        struct media_import_options options = {0};
        struct dn_error err;
        snprintf(path, sizeof path, "/tmp/danaus-numbers-%d.mp4", (int)getpid());
        snprintf(command, sizeof command, "%s generate --local '%s' -m configs/demo --frames 33 -o %s "
                 "--force >/dev/null 2>&1", program, prompts[i], path);
        CHECK(system(command) == 0);
        CHECK_OK(media_import(path, &options, &frames, &err), err);
        if (frames) {
            struct clip c = {i ? "demo, butterfly" : "demo, star", frames->width, frames->height,
                             (int)frames->count, frames->rgb24};
            measure(&c, 1000);
        }
        media_frames_free(frames);
        unlink(path);
    }
}

TESTS(T(natural_scene), T(demo_clips))
