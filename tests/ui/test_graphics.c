/* graphics: pictures as sixel, kitty and half blocks, read back by decoders of the test's own;
 * terminals' answers as they were recorded, cut into pieces, and forged. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "picture_decoders.h"
#include "placeholder_decoder.h"
#include "ui/graphics/graphics.h"
#include "ui/graphics/palette.h"
#include "ui/graphics/placeholders.h"
#include "ui/graphics/probe.h"
#include "ui/term.h"

static const struct graphics_caps screen = {
    .cols = 100, .rows = 30, .cell_width = 9, .cell_height = 19, .kitty = true, .sixel = true,
    .registers = 256, .utf8 = true, .colours = 1 << 24,
};

/* Four colours in quarters; colours that percentages (sixel) hold within 2 levels. */
static uint8_t *quarters(int width, int height)
{
    static const uint8_t colours[4][3] = {{255, 0, 0}, {0, 128, 64}, {20, 40, 200}, {250, 240, 10}};
    uint8_t *rgb = dn_malloc((size_t)width * (size_t)height * 3);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            memcpy(rgb + (y * width + x) * 3, colours[(y >= height / 2) * 2 + (x >= width / 2)], 3);
    return rgb;
}

static int largest_difference(const uint8_t *a, const uint8_t *b, int count)
{
    int largest = 0;
    for (int i = 0; i < count; i++)
        largest = abs(a[i] - b[i]) > largest ? abs(a[i] - b[i]) : largest;
    return largest;
}

TEST(sixel_shows_the_picture)
{
    struct dn_error err;
    for (int height = 12; height <= 92; height += 4) {
        int scale = height <= 64 ? 8 : height <= 76 ? 7 : height <= 88 ? 6 : 5; /* 28 rows of 19 px */
        uint8_t *rgb = quarters(20, height);
        struct graphics *g = graphics_open(&graphics_sixel_entry, &screen, 20, height, rgb, 1);
        CHECK(g && g->scale == scale && g->cols == (20 * scale + 8) / 9 &&
              g->rows == (scale * height / 6 * 6 + 18) / 19);
        for (int again = 0; g && again < 2; again++) {
            struct strbuf out = {0};
            struct sixel s;
            CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
            CHECK(decode_sixel(strbuf_text(&out), &s));
            CHECK(s.width == 20 * scale && s.height == scale * height / 6 * 6);
            CHECK(s.painted == s.width * s.height);
            int worst = 0;
            for (int y = 0; y < s.height; y++)
                for (int x = 0; x < s.width; x++) {
                    int d = largest_difference(s.rgb + (y * s.width + x) * 3,
                                               rgb + (y / scale * 20 + x / scale) * 3, 3);
                    worst = d > worst ? d : worst;
                }
            CHECK_MSG(worst <= 2, "height %d differs by %d", height, worst);
            sixel_free(&s);
            strbuf_done(&out);
        }
        graphics_close(g);
        free(rgb);
    }
}

/* Many sizes, few and many colours: always a well-formed picture, all of it painted. */
TEST(sixel_is_well_formed)
{
    struct dn_error err;
    uint32_t random = 1;
    for (int i = 0; i < 200; i++) {
        int width = 1 + i * 7 % 90, height = 6 + i * 11 % 60;
        struct graphics_caps caps = screen;
        caps.registers = 2 + i * 13 % 255;
        uint8_t *rgb = dn_malloc((size_t)(width * height * 3));
        for (int k = 0; k < width * height * 3; k++) {
            random = random * 1664525u + 1013904223u;
            rgb[k] = (uint8_t)(random >> (24 + i % 4));
        }
        struct graphics *g = graphics_open(&graphics_sixel_entry, &caps, width, height, rgb, 1);
        struct strbuf out = {0};
        struct sixel s;
        CHECK(g != NULL);
        CHECK_OK(g && graphics_encode(g, rgb, &out, &err), err);
        CHECK_MSG(decode_sixel(strbuf_text(&out), &s) && s.painted == s.width * s.height,
                  "%dx%d, %d colours", width, height, caps.registers);
        sixel_free(&s);
        strbuf_done(&out);
        graphics_close(g);
        free(rgb);
    }
}

/* A square that moves over a gradient with noise, as a terminal that keeps what is left out shows it:
 * always what a full picture would show but for differences that are too small, and for less. */
TEST(sixel_sends_what_changed)
{
    enum { W = 60, H = 36, FRAMES = 12 };
    struct graphics_caps caps = screen;
    struct strbuf out = {0};
    struct dn_error err;
    uint8_t *rgb = dn_malloc(W * H * 3 * FRAMES), *seen = dn_calloc(W * H, 3);
    size_t first = 0, rest = 0;
    unsigned seed = 7;
    struct graphics *g = NULL;
    caps.sixel_keeps = true;
    caps.sixel_width = W; /* a pixel a pixel */
    caps.sixel_height = H;
    for (int f = 0; f < FRAMES; f++)
        for (int i = 0; i < W * H; i++) {
            int x = i % W, y = i / W, noise = (int)((seed = seed * 1103515245 + 12345) >> 16) % 3;
            bool square = x >= f * 3 && x < f * 3 + 12 && y >= 10 && y < 22;
            const uint8_t pixel[3] = {(uint8_t)(square ? 250 : x * 3 + noise),
                                      (uint8_t)(square ? 40 : y * 4 + noise), 90};
            memcpy(rgb + (f * W * H + i) * 3, pixel, 3);
        }
    g = graphics_open(&graphics_sixel_entry, &caps, W, H, rgb, FRAMES);
    for (int f = 0; f < FRAMES; f++) {
        const uint8_t *frame = rgb + f * W * H * 3;
        g->full = f == 8; /* as after damage */
        out.length = 0;
        CHECK_OK(graphics_encode(g, frame, &out, &err), err);
        struct sixel s;
        CHECK(decode_sixel(strbuf_text(&out), &s) && s.width == W && s.height == H);
        CHECK((s.painted == W * H) == (f == 0 || f == 8));
        for (int i = 0; i < W * H; i++)
            if (s.set[i])
                memcpy(seen + i * 3, s.rgb + i * 3, 3);
        for (int i = 0; i < W * H; i++) {
            const uint8_t *colour = g->palette->colours[g->shown[i]];
            CHECK(largest_difference(seen + i * 3, colour, 3) <= 2);
        }
        CHECK_MSG(largest_difference(seen, frame, W * H * 3) <= 16, "frame %d", f);
        first += f == 0 ? out.length : 0;
        rest += f > 0 && f != 8 ? out.length : 0;
        sixel_free(&s);
    }
    CHECK_MSG(rest / (FRAMES - 2) < first * 2 / 3, "%zu bytes, then %zu a frame", first,
              rest / (FRAMES - 2));
    graphics_close(g);
    strbuf_done(&out);
    free(rgb);
    free(seen);
}

TEST(sixel_keeps_to_the_limits)
{
    uint8_t *rgb = quarters(600, 300);
    struct graphics_caps caps = screen;
    struct graphics *g = graphics_open(&graphics_sixel_entry, &caps, 600, 300, rgb, 1);
    CHECK(g && g->scale == 1 && g->rows <= 28);
    graphics_close(g);
    caps.sixel_width = 500;
    g = graphics_open(&graphics_sixel_entry, &caps, 600, 300, rgb, 1);
    CHECK(g && g->scale == 1 && g->divide == 2 && g->cols == (300 + 8) / 9);
    struct dn_error err;
    struct strbuf out = {0};
    struct sixel s = {0};
    CHECK_OK(g && graphics_encode(g, rgb, &out, &err), err);
    CHECK(decode_sixel(strbuf_text(&out), &s) && s.width == 300 && s.height == 150);
    CHECK(largest_difference(s.rgb + (149 * 300 + 299) * 3, rgb + (299 * 600 + 599) * 3, 3) <= 2);
    sixel_free(&s);
    strbuf_done(&out);
    graphics_close(g);
    for (caps.rows = 1; caps.rows <= 2; caps.rows++) /* no room at all, not for blocks either */
        CHECK(!graphics_open_wish("auto", &caps, 600, 300, rgb, 1) &&
              !graphics_open_wish("sixel", &caps, 600, 300, rgb, 1));
    caps = screen;
    caps.kitty = false;
    caps.sixel_width = 5; /* too narrow for any sixel: blocks do it */
    g = graphics_open_wish("auto", &caps, 4, 300, rgb, 1);
    CHECK(g && g->entry == &graphics_sixel_entry);
    graphics_close(g);
    caps.sixel_height = 5;
    g = graphics_open_wish(NULL, &caps, 4, 300, rgb, 1);
    CHECK(g && g->entry == &graphics_blocks_entry);
    graphics_close(g);
    free(rgb);
}

/* Flat pictures and noise, which zlib cannot make smaller. */
static uint8_t *flat_or_noise(int width, int height, bool noise)
{
    uint8_t *rgb = quarters(width, height);
    uint32_t random = 5;
    for (int i = 0; noise && i < width * height * 3; i++)
        rgb[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    return rgb;
}

TEST(kitty_sends_every_pixel)
{
    struct dn_error err;
    static const int sizes[][2] = {{160, 96}, {1, 1}, {5, 3}, {64, 16}, {33, 31}};
    for (int i = 0; i < 10; i++) {
        int width = sizes[i / 2][0], height = sizes[i / 2][1];
        uint8_t *rgb = flat_or_noise(width, height, i % 2);
        struct strbuf out = {0};
        struct kitty k;
        struct graphics_caps caps = screen;
        caps.cell_width = caps.cell_height = 4;
        struct graphics *g = graphics_open(&graphics_kitty_entry, &caps, width, height, rgb, 1);
        CHECK_OK(g && graphics_encode(g, rgb, &out, &err), err);
        CHECK(decode_kitty(strbuf_text(&out), &k));
        CHECK(k.width == width && k.height == height && k.cols == g->cols && k.rows == g->rows);
        CHECK(!k.in_cells);
        CHECK(k.pixels.length == (size_t)(width * height * 3));
        CHECK(k.pixels.data && memcmp(k.pixels.data, rgb, k.pixels.length) == 0);
        /* zlib where it pays */
        CHECK(k.packed == (i % 2 == 0 && width > 1));
        CHECK(i != 0 || out.length < 2000);
        strbuf_done(&out);
        strbuf_done(&k.pixels);
        graphics_close(g);
        free(rgb);
    }
}

/* Through tmux the pixels go past it, and the cells that show them are text in their place. */
TEST(kitty_goes_through_tmux)
{
    struct dn_error err;
    struct graphics_caps caps = screen;
    caps.tmux = caps.utf8 = true;
    uint8_t *rgb = flat_or_noise(160, 96, true);
    struct graphics *g = graphics_open(&graphics_kitty_entry, &caps, 160, 96, rgb, 1);
    uint32_t before = 0;
    CHECK(g && graphics_choose(NULL, &caps) == &graphics_kitty_entry);
    for (int i = 0; g && i < 3; i++) {
        struct strbuf out = {0}, passed = {0}, drawn = {0};
        struct kitty k;
        struct placed p;
        g->row = 3;
        g->col = 7;
        g->number = 31;
        g->piece = 10000;
        CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
        CHECK(unwrap_tmux(strbuf_text(&out), &passed, &drawn));
        CHECK(decode_kitty(strbuf_text(&passed), &k) && k.in_cells);
        CHECK(k.pixels.length == 160 * 96 * 3 && memcmp(k.pixels.data, rgb, k.pixels.length) == 0);
        CHECK(placed_read(strbuf_text(&drawn), &p) && p.id == k.id && k.id != before);
        CHECK(p.row == 3 && p.col == 7 && p.rows == k.rows && p.cols == k.cols);
        CHECK(k.cols == g->cols && k.rows == g->rows && (i == 0 || k.freed == before));
        CHECK(g->passed == passed.length);
        CHECK(g->cuts.count > 1 && g->cuts.at[g->cuts.count - 1] == out.length);
        before = k.id;
        strbuf_done(&k.pixels);
        strbuf_done(&out);
        strbuf_done(&passed);
        strbuf_done(&drawn);
    }
    graphics_close(g);
    /* as many cells as there are marks */
    caps.cols = caps.rows = 1000;
    caps.cell_width = caps.cell_height = 1;
    g = graphics_open(&graphics_kitty_entry, &caps, 160, 96, rgb, 1);
    CHECK(g && g->cols == PLACEHOLDERS_MOST && g->rows < g->cols);
    graphics_close(g);
    free(rgb);
}

/* Each place has two numbers of its own, of which the other one is freed behind a picture, and both
 * when it is removed. */
TEST(kitty_frees_its_own)
{
    struct strbuf out = {0};
    struct dn_error err;
    uint8_t *rgb = quarters(8, 8);
    for (int number = 0; number < 32; number++) {
        struct graphics *g = graphics_open(&graphics_kitty_entry, &screen, 8, 8, rgb, 1);
        char wanted[128];
        uint32_t first = 0;
        g->number = number;
        for (int i = 0; i < 4; i++) {
            struct kitty k;
            out.length = 0;
            CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
            CHECK(decode_kitty(strbuf_text(&out), &k) && (int)(k.id % 64) == number * 2 + i % 2);
            CHECK(k.freed == (i % 2 ? k.id - 1 : k.id + 1));
            first = i ? first : k.id;
            strbuf_done(&k.pixels);
        }
        snprintf(wanted, sizeof wanted, "\033_Ga=d,d=I,i=%u,q=2\033\\\033_Ga=d,d=I,i=%u,q=2\033\\",
                 first, first + 1);
        out.length = 0;
        graphics_remove(g, &out);
        CHECK_STR(strbuf_text(&out), wanted);
        graphics_close(g);
    }
    strbuf_done(&out);
    free(rgb);
}

/* A slow line asks for less: fewer colours, then half the size. */
TEST(less_for_slow_lines)
{
    struct dn_error err;
    size_t before[2] = {0};
    uint8_t *rgb = dn_malloc(160 * 96 * 3);
    for (int i = 0; i < 160 * 96 * 3; i++) /* a slope in which every pixel differs */
        rgb[i] = (uint8_t)(i % 3 == 0 ? i / 3 % 160 : i % 3 == 1 ? i / 480 * 2 : i * 7 % 11 + i / 960);
    for (int quality = 0; quality < 3; quality++)
        for (int way = 0; way < 2; way++) {
            struct strbuf out = {0};
            struct graphics_caps caps = screen;
            caps.quality = quality;
            struct graphics *g = graphics_open(graphics_table[way], &caps, 160, 96, rgb, 1);
            CHECK_OK(g && graphics_encode(g, rgb, &out, &err), err);
            CHECK_MSG(quality == 0 || out.length < before[way] * 4 / 5, "%s %d: %zu bytes after %zu",
                      graphics_table[way]->name, quality, out.length, before[way]);
            before[way] = out.length;
            strbuf_done(&out);
            graphics_close(g);
        }
    free(rgb);
}

/* Each piece is whole: what comes between cannot become part of it. Together they are the picture. */
TEST(pictures_in_pieces)
{
    enum { W = 96, H = 60, PIECE = 600 };
    struct dn_error err;
    uint8_t *rgb = flat_or_noise(W, H, true);
    for (int way = 0; graphics_table[way]; way++) {
        struct strbuf whole = {0}, out = {0};
        struct graphics_caps caps = screen;
        caps.sixel_keeps = true;
        struct graphics *g = graphics_open(graphics_table[way], &caps, W, H, rgb, 1);
        g->row = g->col = 1;
        strbuf_append_text(&out, "before");
        g->piece = PIECE;
        CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
        CHECK_MSG(g->cuts.count > 4, "%s: %d pieces", graphics_table[way]->name, g->cuts.count);
        size_t start = 6;
        struct sixel seen = {0};
        for (int i = 0; i < g->cuts.count; i++) {
            size_t end = g->cuts.at[i];
            CHECK(end > start && end - start < (way == 0 ? 4200 : 12 * PIECE));
            if (way < 2) /* a string from its beginning to its end */
                CHECK(out.data[start] == '\033' && strchr("P_", out.data[start + 1]) &&
                      memcmp(out.data + end - 2, "\033\\", 2) == 0);
            if (way == 1) {
                char *piece = dn_strndup(out.data + start, end - start);
                struct sixel s;
                CHECK(decode_sixel(piece, &s));
                CHECK((strncmp(piece, "\033P0;1;0q", 8) == 0) == (i == 0));
                sixel_over(&seen, &s);
                free(piece);
            }
            start = end;
        }
        CHECK(start == out.length);
        if (way == 1) {
            CHECK(seen.painted == seen.width * seen.height);
            for (int i = 0; i < seen.width * seen.height; i++) {
                int from = i / seen.width / g->scale * W + i % seen.width / g->scale;
                const uint8_t *colour = g->palette->colours[g->shown[from]];
                CHECK(largest_difference(seen.rgb + i * 3, colour, 3) <= 2);
            }
            sixel_free(&seen);
        } else if (way == 0) {
            struct kitty k;
            CHECK(decode_kitty(strbuf_text(&out) + 6, &k));
            CHECK(k.pixels.length == W * H * 3 && memcmp(k.pixels.data, rgb, k.pixels.length) == 0);
            strbuf_done(&k.pixels);
        } else {
            g->piece = 0;
            g->full = true;
            CHECK_OK(graphics_encode(g, rgb, &whole, &err), err);
            CHECK(g->cuts.count == 1);
            CHECK(strcmp(strbuf_text(&out) + 6, strbuf_text(&whole)) == 0);
        }
        strbuf_done(&out);
        strbuf_done(&whole);
        graphics_close(g);
    }
    free(rgb);
}

/* Where pixels that a piece leaves out do not stay, there is one piece, and nothing is left out. */
TEST(sixel_is_whole_where_nothing_stays)
{
    enum { W = 96, H = 60 };
    struct dn_error err;
    uint8_t *rgb = flat_or_noise(W, H, true);
    struct graphics *g = graphics_open(&graphics_sixel_entry, &screen, W, H, rgb, 1);
    g->piece = 600;
    for (int again = 0; again < 2; again++) {
        struct strbuf out = {0};
        struct sixel s;
        CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
        CHECK(g->cuts.count == 1 && g->cuts.at[0] == out.length);
        CHECK(decode_sixel(strbuf_text(&out), &s) && s.painted == s.width * s.height);
        sixel_free(&s);
        strbuf_done(&out);
    }
    graphics_close(g);
    free(rgb);
}

TEST(blocks_are_two_pixels_a_cell)
{
    struct dn_error err;
    static const uint8_t rgb[2 * 4 * 3] = {255, 0, 0, 255, 0, 0,  0, 0, 255, 0, 0,   255,
                                           1,   2, 3, 9,   8, 7,  4, 5, 6,   4, 5,   6};
    struct strbuf out = {0};
    struct graphics *g = graphics_open(&graphics_blocks_entry, &screen, 2, 4, rgb, 1);
    CHECK(g && g->cols == 2 && g->rows == 2);
    CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
    CHECK_STR(strbuf_text(&out), "\033[38;2;255;0;0m\033[48;2;0;0;255m\342\226\200\342\226\200"
                                 "\033[m\r\n\033[38;2;1;2;3m\033[48;2;4;5;6m\342\226\200"
                                 "\033[38;2;9;8;7m\342\226\200\033[m");
    strbuf_done(&out);
    graphics_close(g);
    struct graphics_caps caps = screen;
    caps.colours = 256;
    g = graphics_open(&graphics_blocks_entry, &caps, 2, 4, rgb, 1);
    CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
    CHECK_STR(strbuf_text(&out), "\033[38;5;196m\033[48;5;21m\342\226\200\342\226\200"
                                 "\033[m\r\n\033[38;5;16m\033[48;5;232m\342\226\200"
                                 "\033[38;5;232m\342\226\200\033[m");
    strbuf_done(&out);
    graphics_close(g);
}

TEST(blocks_fit_any_screen)
{
    struct dn_error err;
    uint8_t *rgb = quarters(160, 96);
    for (int cols = 1; cols < 200; cols += 13)
        for (int rows = 1; rows < 60; rows += 7) {
            struct graphics_caps caps = screen;
            caps.cols = cols;
            caps.rows = rows;
            struct graphics *g = graphics_open(&graphics_blocks_entry, &caps, 160, 96, rgb, 1);
            if (!g)
                continue;
            CHECK(g->cols <= cols && g->rows <= rows - 2);
            struct strbuf out = {0};
            CHECK_OK(graphics_encode(g, rgb, &out, &err), err);
            strbuf_done(&out);
            graphics_close(g);
        }
    free(rgb);
}

TEST(palette_holds_few_colours_exactly)
{
    uint8_t *rgb = quarters(16, 16);
    struct graphics_palette *palette = palette_new(rgb, 256, 128);
    CHECK(palette->count == 4);
    uint8_t index[256];
    palette_map(palette, rgb, 256, index);
    for (int i = 0; i < 256; i++)
        CHECK(memcmp(palette->colours[index[i]], rgb + 3 * i, 3) == 0);
    palette_free(palette);
    free(rgb);
}

/* Answers as terminals gave them (100x30 cells). */
TEST(answers_of_real_terminals)
{
    static const struct {
        const char *answers;
        struct probe_window window;
        const char *chosen;
        int cell_width, cell_height, sixel_width;
    } terminals[] = {
        {"\033P>|XTerm(379)\033\\\033[?1;0;1024S\033[?2;0;904;574S\033[?2;0;1000;1000S"
         "\033[?2026;0$y\033[?63;1;2;4;6;9;15;22c",
         {100, 30, 904, 574}, "sixel", 9, 19, 1000},
        {"\033P>|XTerm(379)\033\\\033[?1;3;0S\033[?2;3;0S\033[?2;3;0S\033[?2026;0$y\033[?1;2c",
         {100, 30, 904, 574}, "blocks", 9, 19, 1000},
        {"\033[?1;0;1024S\033[?1;3;0S\033[?1;3;0S\033[4;570;1000t\033[6;19;10t\033[?2026;0$y"
         "\033[?63;1;2;3;4;7;29c",
         {100, 30, 1000, 570}, "sixel", 10, 19, 0},
        {"\033P>|foot(1.13.1)\033\\\033[?1;0;1024S\033[?2;0;900;540S\033[?2;0;10000;10000S"
         "\033[4;540;900t\033[6;18;9t\033[?2026;2$y\033[?62;4;22c",
         {100, 30, 900, 540}, "sixel", 9, 18, 10000},
        {"\033P>|kitty(0.26.5)\033\\\033_Gi=31;OK\033\\\033[4;540;900t\033[6;18;9t\033[?2026;2$y"
         "\033[?62;c",
         {100, 30, 900, 540}, "kitty", 9, 18, 0},
        {"\033P>|tmux 3.3a\033\\\033[?1;2c", {100, 30, 640, 480}, "blocks", 10, 20, 0},
        {"\033[?42;62c", {0, 0, 0, 0}, "blocks", 10, 20, 0},
    };
    for (size_t i = 0; i < sizeof terminals / sizeof terminals[0]; i++)
        for (size_t piece = 1; piece < 200; piece += 37) {
            struct probe probe = {0};
            struct graphics_caps caps = {.utf8 = true, .colours = 256};
            const char *text = terminals[i].answers;
            size_t size = strlen(text);
            for (size_t at = 0; at < size; at += piece)
                probe_feed(&probe, text + at, size - at < piece ? size - at : piece);
            CHECK(probe.done && probe.key == 0);
            probe_caps(&probe, &terminals[i].window, &caps);
            const struct graphics_entry *entry = graphics_choose("auto", &caps);
            CHECK_STR(entry ? entry->name : "none", terminals[i].chosen);
            CHECK_MSG(caps.cell_width == terminals[i].cell_width &&
                          caps.cell_height == terminals[i].cell_height &&
                          caps.sixel_width == terminals[i].sixel_width,
                      "%zu: cell %dx%d, sixel %d", i, caps.cell_width, caps.cell_height,
                      caps.sixel_width);
        }
}

TEST(choices)
{
    struct graphics_caps caps = {.cell_width = 10, .cell_height = 20};
    CHECK(!graphics_choose("auto", &caps) && !graphics_choose("none", &screen));
    CHECK(graphics_choose(NULL, &screen) == &graphics_kitty_entry);
    CHECK(graphics_choose("blocks", &screen) == &graphics_blocks_entry);
    CHECK(graphics_is_wish("auto") && graphics_is_wish("sixel") && !graphics_is_wish("tek4014"));
}

/* Whatever comes, the reader stays within its bounds, and no answer is taken for a key. */
TEST(forged_answers)
{
    static const char *const forged[] = {
        "\033[?2;0;99999999999999999999;1S", "\033[?;;;;;;;;;;;;;;;;;;;;;;;;;;;;4c",
        "\033P>|\033\\", "\033]11;rgb:ffff/ffff/ffff\033\\", "\033]52;c;AAAA\a",
        "\033_Gi=31;ENO\033\\",
        "\033P>|XTerm\033[?1c", "\033[0n\033[0n", "\033[?2;0;5;6S\033[?2;0;7;8S\033[?2;0;9;9S",
    };
    struct probe *probe = dn_calloc(1, sizeof *probe);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        probe_feed(probe, forged[i], strlen(forged[i]));
        CHECK_MSG(probe->key == 0, "%zu gave key %d", i, probe->key);
    }
    CHECK(!probe->kitty && probe->acknowledged == 2);
    CHECK(probe->graphics_size[0][0] == 65535 && probe->graphics_size[1][1] == 6);
    CHECK(probe->graphics_sizes == 2 && probe->window_width == 0);
    uint32_t random = 7;
    char bytes[64];
    for (int i = 0; i < 200000; i++) {
        for (int k = 0; k < 64; k++) {
            random = random * 1664525u + 1013904223u;
            uint32_t r = random >> 16;
            bytes[k] = (char)(r % 5 ? "\033[]P_?;0123459cSntyq$\\"[r / 8 % 23] : (int)(r / 8));
        }
        probe_feed(probe, bytes, sizeof bytes);
        CHECK(probe->length < PROBE_STRING_MAX && probe->graphics_sizes <= 2);
    }
    struct probe_window window = {0};
    struct graphics_caps caps = {0};
    probe_caps(probe, &window, &caps);
    CHECK(caps.cell_width >= 4 && caps.cell_width <= 64);
    memset(probe, 0, sizeof *probe);
    probe_feed(probe, "\033P>|", 4);
    for (int i = 0; i < 10000; i++)
        probe_feed(probe, "xxxxxxxx", 8);
    probe_feed(probe, "\033\\q", 3);
    CHECK(strlen(probe->version) == sizeof probe->version - 1 && probe->key == 'q');
    free(probe);
}

/* Tests run without a terminal: nothing may be asked, drawn or changed. */
TEST(no_terminal_no_picture)
{
    struct dn_error err;
    uint8_t *rgb = quarters(8, 8);
    struct term_clip clip = {.rgb24 = rgb, .frames = 1, .width = 8, .height = 8, .fps_num = 16,
                             .fps_den = 1};
    struct term_played played;
    CHECK_OK(term_play_frames(&clip, "none", &played, &err), err);
    CHECK(!played.graphics && played.shown == 0);
    CHECK(!term_play_frames(&clip, "paper", &played, &err) && err.code == DN_E_ARG);
    free(rgb);
}

TESTS(T(sixel_shows_the_picture), T(sixel_is_well_formed), T(sixel_sends_what_changed),
      T(sixel_keeps_to_the_limits),
      T(kitty_sends_every_pixel), T(kitty_frees_its_own), T(kitty_goes_through_tmux),
      T(less_for_slow_lines), T(pictures_in_pieces),
      T(sixel_is_whole_where_nothing_stays), T(blocks_are_two_pixels_a_cell), T(blocks_fit_any_screen),
      T(palette_holds_few_colours_exactly), T(answers_of_real_terminals), T(choices),
      T(forged_answers), T(no_terminal_no_picture))
