/* One picture as a PNG: the pixels, the texts inside, and what strangers put there. */
#define _GNU_SOURCE
#include <fcntl.h>

#include "check.h"
#include "media_fixture.h"
#include "store/media_import.h"
#include "store/media_probe.h"
#include "store/png_picture.h"

static struct dn_error err;
static char place[64], path[128];

static void put(const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

static char *recipe(void)
{
    char *text = NULL;
    int fd = open(path, O_RDONLY);
    png_read_recipe(fd, 1 << 20, &text);
    close(fd);
    return text;
}

TEST(pixels_and_texts)
{
    static const char *const recipes[] = {"{\"prompt\":\"fox\"}", "{\"prompt\":\"f\xc3\xbchse \\\"\\n\"}"};
    uint8_t *rgb = fixture_scene(1, 61, 33); /* odd sizes are fine */
    for (int i = 0; i < 2; i++) {
        struct png_texts texts = {.parameters = "a fox", .recipe = recipes[i]};
        struct media_import_options options = {0};
        struct media_frames *f = NULL;
        char *text = NULL;
        unlink(path);
        CHECK_OK(png_write(path, rgb, 61, 33, &texts, &err), err);
        CHECK_OK(media_import(path, &options, &f, &err), err);
        CHECK(f && f->count == 1 && f->width == 61 && f->height == 33 &&
              memcmp(f->rgb24, rgb, 61 * 33 * 3) == 0);
        media_frames_free(f);
        CHECK_OK(media_read_recipe(path, &text, &err), err);
        CHECK_STR(text, recipes[i]);
        free(text);
    }
    struct png_texts none = {0};
    CHECK(!png_write(path, rgb, 61, 33, &none, &err) && err.code == DN_E_EXISTS);
    unlink(path);
    CHECK_OK(png_write(path, rgb, 61, 33, &none, &err), err);
    char bytes[65536], *text = NULL;
    FILE *f = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    CHECK(size > 100 && !memmem(bytes, size, "tEXt", 4) && !memmem(bytes, size, "iTXt", 4));
    CHECK(!media_read_recipe(path, &text, &err) && strstr(err.message, "no recipe"));
    free(rgb);
}

static size_t add_chunk(uint8_t *to, uint32_t claimed, const char *type, const char *body, size_t size)
{
    const uint8_t length[4] = {(uint8_t)(claimed >> 24), (uint8_t)(claimed >> 16),
                               (uint8_t)(claimed >> 8), (uint8_t)claimed};
    memcpy(to, length, 4);
    memcpy(to + 4, type, 4);
    memcpy(to + 8, body, size);
    memset(to + 8 + size, 0, 4);
    return 12 + size;
}

/* Lengths that lie, another keyword, a compressed text, a NUL inside, ends that come too early. */
TEST(what_strangers_write)
{
    static const struct {
        const char *type, *body;
        size_t size;
        uint32_t claimed;
        bool found;
    } rows[] = {{"tEXt", "Comment\0{}", 10, 10, true},
                {"iTXt", "Comment\0\0\0\0\0{}", 14, 14, true},
                {"tEXt", "Comment\0{}", 10, 0xFFFFFFFF, false},
                {"tEXt", "Comment\0{}", 10, 11000, false},
                {"tEXt", "Comments\0{}", 11, 11, false},
                {"tEXt", "Comment\0{\0}", 11, 11, false},
                {"tEXt", "Comment", 7, 7, false},
                {"iTXt", "Comment\0\1\0\0\0{}", 14, 14, false},
                {"iTXt", "Comment\0\0\0", 10, 10, false},
                {"zTXt", "Comment\0{}", 10, 10, false},
                {"IDAT", "Comment\0{}", 10, 10, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[256] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
        size_t n = 8;
        n += add_chunk(bytes + n, 4, "IHDR", "abcd", 4);
        n += add_chunk(bytes + n, rows[i].claimed, rows[i].type, rows[i].body, rows[i].size);
        put(bytes, n);
        char *text = recipe();
        CHECK_MSG((text != NULL) == rows[i].found && (!text || strcmp(text, "{}") == 0), "row %zu", i);
        free(text);
        for (size_t cut = 0; cut < n - 4; cut++) {
            put(bytes, cut);
            text = recipe();
            CHECK_MSG(!text, "row %zu cut at %zu", i, cut);
            free(text);
        }
    }
}

TEST(one_frame_of_a_video)
{
    uint8_t *rgb = fixture_scene(9, 64, 48);
    struct media_options o = fixture_options(64, 48);
    struct media_import_options all = {0}, one = {.skip_frames = 6, .max_frames = 1};
    struct media_frames *whole = NULL, *f = NULL;
    char video[128];
    snprintf(video, sizeof video, "%s/v.mp4", place);
    CHECK_OK(fixture_write(video, &o, rgb, 9, NULL, &err), err);
    CHECK_OK(media_import(video, &all, &whole, &err) && media_import(video, &one, &f, &err), err);
    size_t size = 64 * 48 * 3;
    CHECK(whole->count == 9 && f->count == 1 && memcmp(f->rgb24, whole->rgb24 + 6 * size, size) == 0);
    CHECK(memcmp(f->rgb24, whole->rgb24 + 5 * size, size) != 0);
    media_frames_free(f);
    media_frames_free(whole);
    one.skip_frames = 9;
    CHECK(!media_import(video, &one, &f, &err) && strstr(err.message, "only 9 frames"));
    unlink(video);
    free(rgb);
}

static void begin(void)
{
    strcpy(place, "/tmp/danaus-png-XXXXXX");
    if (!mkdtemp(place))
        abort();
    snprintf(path, sizeof path, "%s/a.png", place);
}

static void end(void)
{
    unlink(path);
    rmdir(place);
}

TESTS(T(begin), T(pixels_and_texts), T(what_strangers_write), T(one_frame_of_a_video), T(end))
