/* Posters and filmstrips: the right frames, sizes and colours, also from a file. */
#include "check.h"
#include "media_fixture.h"
#include "store/media_import.h"
#include "store/thumbnail.h"

enum { W = 416, H = 240, FRAMES = 24 };
static struct dn_error err;

/* Frame t is one colour: red grows with t, green is 100, blue falls. */
static void colour(int t, uint8_t out[3])
{
    out[0] = (uint8_t)(10 + 9 * t);
    out[1] = 100;
    out[2] = (uint8_t)(240 - 9 * t);
}

static uint8_t *scene(int width, int height)
{
    uint8_t *rgb = dn_malloc((size_t)FRAMES * (size_t)width * (size_t)height * 3), *p = rgb;
    for (int t = 0; t < FRAMES; t++)
        for (int i = 0; i < width * height; i++, p += 3)
            colour(t, p);
    return rgb;
}

static struct media_frames *read_back(const char *path, int width, int height)
{
    struct media_import_options options = {0};
    struct media_frames *frames = NULL;
    CHECK_OK(media_import(path, &options, &frames, &err), err);
    CHECK_MSG(frames->width == width && frames->height == height, "%s is %dx%d, not %dx%d", path,
              frames->width, frames->height, width, height);
    return frames;
}

/* The pixel at x, y has frame t's colour to within what JPEG and H.264 lose. */
static void check_pixel(const struct media_frames *f, int x, int y, int t)
{
    uint8_t want[3];
    const uint8_t *got = f->rgb24 + (y * f->width + x) * 3;
    colour(t, want);
    for (int c = 0; c < 3; c++)
        CHECK_MSG(abs(got[c] - want[c]) <= 6, "%d,%d: %d %d %d, want %d %d %d", x, y, got[0],
                  got[1], got[2], want[0], want[1], want[2]);
}

static void check_both(void)
{
    struct media_frames *f = read_back("poster.jpg", 320, 185);
    check_pixel(f, 5, 5, FRAMES / 3);
    check_pixel(f, 310, 180, FRAMES / 3);
    media_frames_free(f);
    f = read_back("strip.jpg", 8 * 160, 92);
    for (int i = 0; i < 8; i++) {
        check_pixel(f, i * 160 + 20, 40, 3 * i + 1);
        check_pixel(f, i * 160 + 140, 80, 3 * i + 1);
    }
    media_frames_free(f);
}

TEST(from_frames)
{
    uint8_t *rgb = scene(W, H);
    CHECK_OK(thumbnail_from_frames(rgb, FRAMES, W, H, "poster.jpg", "strip.jpg", &err), err);
    check_both();
    /* again over the old ones, one of them only */
    CHECK_OK(thumbnail_from_frames(rgb, FRAMES, W, H, "poster.jpg", NULL, &err), err);
    CHECK(fixture_count(".") == 2);
    fixture_clear(".");
    free(rgb);
}

TEST(from_a_file)
{
    uint8_t *rgb = scene(W, H);
    struct media_options options = fixture_options(W, H);
    CHECK_OK(fixture_write("clip.mp4", &options, rgb, FRAMES, NULL, &err), err);
    CHECK_OK(thumbnail_from_file("clip.mp4", "poster.jpg", "strip.jpg", &err), err);
    check_both();
    CHECK(!thumbnail_from_file("none.mp4", "poster.jpg", NULL, &err) && err.code == DN_E_IO);
    fixture_clear(".");
    free(rgb);
}

TEST(odd_and_small_sizes)
{
    static const int sizes[][2] = {{1, 1}, {3, 2}, {7, 500}, {500, 7}, {321, 321}, {160, 90}};
    uint8_t *rgb = scene(500, 500);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int w = sizes[i][0], h = sizes[i][1], longer = w > h ? w : h;
        int frames = i == 0 ? 1 : 3; /* fewer than the strip would hold */
        CHECK_OK(thumbnail_from_frames(rgb, frames, w, h, "poster.jpg", "strip.jpg", &err), err);
        struct media_import_options all = {0};
        struct media_frames *f = NULL;
        CHECK_OK(media_import("poster.jpg", &all, &f, &err), err);
        CHECK((f->width > f->height ? f->width : f->height) == (longer > 320 ? 320 : longer));
        media_frames_free(f);
        CHECK_OK(media_import("strip.jpg", &all, &f, &err), err);
        CHECK(f->width == 160 * frames);
        media_frames_free(f);
    }
    CHECK(!thumbnail_from_frames(rgb, 0, 8, 8, "poster.jpg", NULL, &err));
    CHECK(!thumbnail_from_frames(rgb, 1, 0, 8, "poster.jpg", NULL, &err));
    fixture_clear(".");
    free(rgb);
}

TEST(jpeg_in_memory)
{
    uint8_t *rgb = scene(W, H), *jpeg = NULL;
    int64_t good = 0, poor = 0;
    CHECK_OK(thumbnail_jpeg(rgb, W, H, 208, 31, &jpeg, &poor, &err), err);
    free(jpeg);
    CHECK_OK(thumbnail_jpeg(rgb, W, H, 208, 2, &jpeg, &good, &err), err);
    CHECK(good > 100 && jpeg[0] == 0xFF && jpeg[1] == 0xD8);
    FILE *f = fopen("live.jpg", "wb");
    CHECK(f && fwrite(jpeg, 1, (size_t)good, f) == (size_t)good);
    fclose(f);
    struct media_frames *frames = read_back("live.jpg", 208, 120);
    check_pixel(frames, 100, 60, 0);
    media_frames_free(frames);
    free(jpeg);
    fixture_clear(".");
    free(rgb);
}

static void enter(void)
{
    fixture_enter();
}

TESTS(T(enter), T(from_frames), T(from_a_file), T(odd_and_small_sizes), T(jpeg_in_memory),
      T(fixture_leave))
