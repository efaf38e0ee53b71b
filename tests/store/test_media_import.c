/* media_import: the formats people have, and files that want to harm. Runs in the repository. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include "check.h"
#include "media_fixture.h"
#include "store/media_import.h"
#include "store/media_probe.h"

static char data_path[4096];

static const char *data(const char *name)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/tests/data/store/%s", data_path, name);
    return path;
}

static void enter(void)
{
    if (!getcwd(data_path, sizeof data_path))
        abort();
    fixture_enter();
}

static bool near(const struct media_frames *f, int64_t frame, int x, int y, int r, int g, int b,
                 int tolerance)
{
    const uint8_t *p = f->rgb24 + ((frame * f->height + y) * f->width + x) * 3;
    bool ok = abs(p[0] - r) <= tolerance && abs(p[1] - g) <= tolerance &&
              abs(p[2] - b) <= tolerance;
    if (!ok)
        fprintf(stderr, "frame %d (%d, %d) is %d %d %d\n", (int)frame, x, y, p[0], p[1], p[2]);
    return ok;
}

/* The data files' scene: see the README beside them. */
static void check_scene(const struct media_frames *f, int tolerance)
{
    CHECK(f->width == 32 && f->height == 24);
    for (int64_t i = 0; i < f->count; i++) {
        CHECK(near(f, i, 2, 3, 255, 255, 255, tolerance));
        CHECK(near(f, i, 5, 18, 200, 60, 40, tolerance));
        CHECK(near(f, i, 27, 12, 30, 120, 220, tolerance));
    }
}

TEST(pictures_and_clips)
{
    static const struct {
        const char *name;
        int frames, tolerance;
    } files[] = {
        {"picture.png", 1, 0}, {"picture.bmp", 1, 0}, {"picture.webp", 1, 0},
        {"picture.jpg", 1, 4}, {"clip.mkv", 4, 8},    {"clip.avi", 4, 8},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct dn_error err;
        struct media_frames *f = NULL;
        CHECK_OK(media_import(data(files[i].name), &(struct media_import_options){0}, &f, &err),
                 err);
        if (!f)
            continue;
        CHECK_MSG(f->count == files[i].frames, "%s has %d", files[i].name, (int)f->count);
        CHECK(f->count == 1 ? f->fps_num == 0 : f->fps_num == 8 * f->fps_den);
        check_scene(f, files[i].tolerance);
        media_frames_free(f);
    }
}

TEST(rotation_and_transparency)
{
    struct dn_error err;
    struct media_frames *f = NULL;
    CHECK_OK(media_import(data("rotated.mp4"), &(struct media_import_options){0}, &f, &err), err);
    CHECK(f && f->width == 24 && f->height == 32 && f->count == 4);
    if (f)
        CHECK(near(f, 0, 2, 29, 255, 255, 255, 8) && near(f, 0, 12, 4, 30, 120, 220, 8));
    media_frames_free(f);
    CHECK_OK(media_import(data("alpha.png"), &(struct media_import_options){0}, &f, &err), err);
    if (f)
        CHECK(near(f, 0, 4, 4, 0, 0, 0, 0) && near(f, 0, 12, 4, 100, 50, 25, 1) &&
              near(f, 0, 24, 4, 200, 100, 50, 0));
    media_frames_free(f);
}

TEST(scaled_and_timed)
{
    struct dn_error err;
    struct media_frames *f = NULL;
    /* 64x32 from 32x24: scaled by 2 to 64x48, 8 rows cut off above and below */
    struct media_import_options wish = {.width = 64, .height = 32};
    CHECK_OK(media_import(data("picture.png"), &wish, &f, &err), err);
    CHECK(f && f->width == 64 && f->height == 32 && f->count == 1);
    if (f)
        CHECK(near(f, 0, 4, 2, 255, 255, 255, 2) && near(f, 0, 4, 14, 200, 60, 40, 2) &&
              near(f, 0, 60, 30, 30, 120, 220, 2));
    media_frames_free(f);
    wish = (struct media_import_options){.width = 16, .height = 24, .max_frames = 3};
    CHECK_OK(media_import(data("clip.mkv"), &wish, &f, &err), err);
    CHECK(f && f->width == 16 && f->height == 24 && f->count == 3);
    if (f)
        CHECK(near(f, 2, 2, 12, 200, 60, 40, 8) && near(f, 2, 13, 12, 30, 120, 220, 8));
    media_frames_free(f);
    wish = (struct media_import_options){.fps_num = 16, .fps_den = 1};
    CHECK_OK(media_import(data("clip.mkv"), &wish, &f, &err), err);
    CHECK_MSG(f && f->count == 8 && f->fps_num == 16, "%d frames", f ? (int)f->count : -1);
    media_frames_free(f);
    CHECK_OK(media_import(data("picture.png"), &wish, &f, &err), err);
    CHECK_MSG(f && f->count == 1, "%d frames", f ? (int)f->count : -1);
    media_frames_free(f);
    wish = (struct media_import_options){.fps_num = 4, .fps_den = 1};
    CHECK_OK(media_import(data("clip.mkv"), &wish, &f, &err), err);
    CHECK_MSG(f && f->count == 2, "%d frames", f ? (int)f->count : -1);
    media_frames_free(f);
}

static void put(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size)
        perror(name);
    if (file)
        fclose(file);
}

static void refused(const char *path, enum dn_code code)
{
    struct dn_error err = {0};
    struct media_frames *f = NULL;
    struct media_info info;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK_MSG(!media_import(path, &(struct media_import_options){0}, &f, &err) && !f, "%s", path);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK_MSG(err.code == code, "%s: %s (%s)", path, err.message, dn_code_name(err.code));
    CHECK(!strpbrk(err.message, "\n\r\033"));
    CHECK(end.tv_sec - start.tv_sec < 2);
    CHECK(!media_probe(path, &info, &err));
}

TEST(what_is_no_picture)
{
    mkfifo("fifo.png", 0666);
    mkdir("dir.png", 0777);
    put("empty.png", "", 0);
    put("text.png", "hello, I am a picture\n", 22);
    refused("fifo.png", DN_E_ARG);
    refused("dir.png", DN_E_ARG);
    refused("empty.png", DN_E_FORMAT);
    refused("text.png", DN_E_FORMAT);
    refused("/dev/zero", DN_E_ARG);
    refused("missing.png", DN_E_IO);
    refused("http://127.0.0.1/x.png", DN_E_IO);
    refused("concat:text.png|text.png", DN_E_IO);
    fixture_clear(".");
}

/* Playlists and scripts that would make a reader open other files or the network. */
TEST(files_that_name_others)
{
    char text[8600];
    snprintf(text, sizeof text, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n"
             "#EXT-X-ENDLIST\n", data("clip.mkv"));
    put("list.m3u8", text, strlen(text));
    put("list.mp4", text, strlen(text));
    snprintf(text, sizeof text, "ffconcat version 1.0\nfile '%s'\n", data("clip.mkv"));
    put("script.ffconcat", text, strlen(text));
    snprintf(text, sizeof text, "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
             "t=0 0\nm=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
    put("session.sdp", text, strlen(text));
    static const char mpd[] = "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
                              "type=\"static\"><Period><AdaptationSet><Representation><BaseURL>"
                              "http://127.0.0.1/</BaseURL></Representation></AdaptationSet>"
                              "</Period></MPD>";
    put("dash.mpd", mpd, sizeof mpd - 1);
    refused("list.m3u8", DN_E_FORMAT);
    refused("list.mp4", DN_E_FORMAT);
    refused("script.ffconcat", DN_E_FORMAT);
    refused("session.sdp", DN_E_FORMAT);
    refused("dash.mpd", DN_E_FORMAT);
    fixture_clear(".");
}

/* A header that promises a picture beyond all limits is refused before memory is taken. */
TEST(huge_pictures)
{
    size_t size = 0;
    uint8_t *png = fixture_read(data("picture.png"), &size);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    static const uint8_t wide[8] = {0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0}; /* 100000 x 100000 */
    memcpy(png + 16, wide, 8);
    put("huge.png", png, size);
    refused("huge.png", DN_E_FORMAT);
    static const uint8_t area[8] = {0, 0, 0x40, 1, 0, 0, 0x40, 0}; /* 16385 x 16384 */
    memcpy(png + 16, area, 8);
    put("huge.png", png, size);
    refused("huge.png", DN_E_FORMAT);
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
    free(png);
    fixture_clear(".");
}

TEST(cut_off_files)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(12, 32, 32);
    struct media_options options = fixture_options(32, 32);
    static const char *const names[] = {"a.mp4", "a.webm", "a.gif"};
    for (int i = 0; i < 3; i++) {
        size_t size = 0;
        CHECK_OK(fixture_write(names[i], &options, rgb, 12, NULL, &err), err);
        uint8_t *bytes = fixture_read(names[i], &size);
        for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
            struct media_frames *f = NULL;
            put("cut", bytes, cut);
            bool ok = media_import("cut", &(struct media_import_options){0}, &f, &err);
            CHECK(ok == (f != NULL));
            /* webm and gif may end anywhere; never more frames than there were */
            CHECK(!ok || (f->count >= 1 && f->count <= 12 && i != 0));
            media_frames_free(f);
        }
        free(bytes);
    }
    free(rgb);
    fixture_clear(".");
}

/* 500 files with bytes changed: an answer each, no crash, nothing printed. */
TEST(mutations)
{
    static const char *const names[] = {"clip.mkv",    "rotated.mp4", "clip.avi",     "picture.png",
                                        "picture.jpg", "picture.bmp", "picture.webp", "alpha.png"};
    uint64_t random = 88172645463325252u;
    int read_ok = 0;
    for (int i = 0; i < 500; i++) {
        size_t size = 0;
        uint8_t *bytes = fixture_read(data(names[i % 8]), &size);
        for (int k = 0; bytes && k < 1 + i % 7; k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bytes[random % size] = (uint8_t)(random >> 40);
        }
        put("mutant", bytes, size);
        struct dn_error err = {0};
        struct media_frames *f = NULL;
        struct media_import_options wish = {.max_frames = 20, .width = 16, .height = 16};
        bool ok = media_import("mutant", &wish, &f, &err);
        CHECK(ok == (f != NULL) && (ok || err.message[0]));
        read_ok += ok;
        media_frames_free(f);
        free(bytes);
    }
    printf("%d of 500 mutants were still readable\n", read_ok);
    fixture_clear(".");
}

TESTS(T(enter), T(pictures_and_clips), T(rotation_and_transparency), T(scaled_and_timed),
      T(what_is_no_picture), T(files_that_name_others), T(huge_pictures), T(cut_off_files),
      T(mutations), T(fixture_leave))
