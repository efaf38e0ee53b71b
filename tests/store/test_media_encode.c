/* media_encode: every format is written, read back and compared; nothing half-made is left. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <time.h>

#include "check.h"
#include "media_fixture.h"
#include "store/media_import.h"
#include "store/media_probe.h"

static const char *const outputs[] = {"clip.mp4", "clip.webm", "clip.gif", "clip.mov",
                                      "clip.apng", "clip.webp", "clip/"};
enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };

/* 3 kB with everything that a container might mangle */
static char *awkward_recipe(size_t padding)
{
    char *pad = dn_malloc(padding + 1);
    for (size_t i = 0; i < padding; i++)
        pad[i] = (char)('a' + i % 26);
    pad[padding] = '\0';
    char *json = dn_asprintf("{\n\t\"prompt\": \"a \\\"red\\\" fox's \\\\ caf\303\251 "
                             "\360\237\246\213 =;#\\n\",\r\n  \"pad\": \"%s\" }\n ", pad);
    free(pad);
    return json;
}

static double largest_difference(const uint8_t *a, const uint8_t *b, int64_t count)
{
    int largest = 0;
    for (int64_t i = 0; i < count; i++)
        if (abs(a[i] - b[i]) > largest)
            largest = abs(a[i] - b[i]);
    return largest;
}

TEST(formats_hold_every_frame)
{
    struct dn_error err;
    enum { FRAMES = 81, W = 160, H = 96 };
    uint8_t *rgb = fixture_scene(FRAMES, W, H);
    struct media_options options = fixture_options(W, H);
    for (int i = 0; i < OUTPUTS; i++) {
        struct media_result result = {0};
        struct timespec start, end;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
        CHECK_OK(fixture_write(outputs[i], &options, rgb, FRAMES, &result, &err), err);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        printf("%s: %.3f s CPU, %lld bytes\n", outputs[i],
               (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9,
               (long long)result.bytes);
        CHECK(result.frames == FRAMES && result.bytes > 1000);
        if (strcmp(result.format, "png") == 0) {
            CHECK(fixture_count(outputs[i]) == FRAMES);
            continue;
        }
        struct media_info info;
        if (strcmp(result.format, "webp") != 0) /* which libavformat cannot read back */
            CHECK_OK(media_probe(outputs[i], &info, &err), err);
        CHECK(strcmp(result.format, "webp") == 0 || (info.frames == FRAMES && info.width == W && info.height == H));
        struct stat st;
        CHECK(stat(outputs[i], &st) == 0 && st.st_size == result.bytes);
    }
    CHECK(fixture_count(".") == OUTPUTS);
    free(rgb);
    fixture_clear(".");
}

/* Frames that do not differ must not be lost either. */
TEST(still_clips_keep_their_frames)
{
    struct dn_error err;
    const uint8_t grey[3] = {90, 90, 90};
    uint8_t *rgb = fixture_flat(10, 32, 16, grey);
    struct media_options options = fixture_options(32, 16);
    for (int i = 0; i < OUTPUTS; i++) {
        struct media_result result = {0};
        CHECK_OK(fixture_write(outputs[i], &options, rgb, 10, &result, &err), err);
        CHECK(result.frames == 10);
        struct media_options again = options;
        again.force = true;
        CHECK_OK(fixture_write(outputs[i], &again, rgb, 1, &result, &err), err);
        CHECK(result.frames == 1);
    }
    free(rgb);
    fixture_clear(".");
}

/* Flat colours come back within 3 levels, through our conversion, the codec and libswscale's way
 * back, which is an independent implementation of the matrix. */
TEST(colours_survive)
{
    static const uint8_t colours[][3] = {
        {0, 0, 0},     {255, 255, 255}, {128, 128, 128}, {191, 191, 0},  {0, 191, 191},
        {0, 191, 0},   {191, 0, 191},   {191, 0, 0},     {0, 0, 191},    {250, 160, 30},
        {20, 90, 200}, {240, 200, 190}, {60, 30, 10},    {255, 128, 64}, {100, 220, 120},
    };
    static const char *const names[] = {"c.mp4", "c.webm", "c.gif", "c.mov", "c.apng"};
    struct dn_error err;
    struct media_options options = fixture_options(64, 48);
    options.force = true;
    for (size_t c = 0; c < sizeof colours / sizeof colours[0]; c++) {
        uint8_t *rgb = fixture_flat(4, 64, 48, colours[c]);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            struct media_frames *frames = NULL;
            CHECK_OK(fixture_write(names[i], &options, rgb, 4, NULL, &err), err);
            CHECK_OK(media_import(names[i], &(struct media_import_options){0}, &frames, &err), err);
            if (!frames)
                continue;
            CHECK(frames->count == 4 && frames->width == 64 && frames->height == 48);
            double worst = largest_difference(rgb, frames->rgb24, frames->count * 64 * 48 * 3);
            CHECK_MSG(worst <= 3, "%s colour %zu differs by %g", names[i], c, worst);
            media_frames_free(frames);
        }
        free(rgb);
    }
    fixture_clear(".");
}

TEST(png_is_exact)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(3, 33, 17);
    struct media_options options = fixture_options(33, 17);
    options.title = "a fox\ncaf\303\251";
    CHECK_OK(fixture_write("seq", &options, rgb, 3, NULL, &err), err);
    for (int i = 0; i < 3; i++) {
        char name[64];
        struct media_frames *frames = NULL;
        snprintf(name, sizeof name, "seq/frame-%05d.png", i + 1);
        CHECK_OK(media_import(name, &(struct media_import_options){0}, &frames, &err), err);
        CHECK(frames && memcmp(frames->rgb24, rgb + i * 33 * 17 * 3, 33 * 17 * 3) == 0);
        media_frames_free(frames);
    }
    size_t size;
    uint8_t *bytes = fixture_read("seq/frame-00001.png", &size);
    CHECK(bytes && memcmp(bytes + 37, "iTXtparameters\0\0\0\0\0a fox\n", 24) == 0);
    free(bytes);
    free(rgb);
    fixture_clear(".");
}

TEST(recipe_is_byte_exact)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(3, 32, 32);
    const size_t paddings[] = {10, 3000, 100000};
    for (size_t p = 0; p < 3; p++) {
        char *recipe = awkward_recipe(paddings[p]);
        struct media_options options = fixture_options(32, 32);
        options.recipe_json = recipe;
        options.title = "a \"red\" fox";
        options.force = true;
        for (int i = 0; i < OUTPUTS; i++) {
            char *back = NULL;
            if (p == 2 && strcmp(outputs[i], "clip.mov") == 0) {
                CHECK(!fixture_write(outputs[i], &options, rgb, 3, NULL, &err));
                CHECK(err.code == DN_E_ARG && strstr(err.message, "recipe of 65535 bytes"));
                continue;
            }
            CHECK_OK(fixture_write(outputs[i], &options, rgb, 3, NULL, &err), err);
            CHECK_OK(media_read_recipe(outputs[i], &back, &err), err);
            CHECK_MSG(back && strcmp(back, recipe) == 0, "%s", outputs[i]);
            free(back);
        }
        CHECK(access("clip.gif.json", F_OK) == 0 && access("clip/recipe.json", F_OK) == 0);
        static const char *const others[] = {"clip.gif.json", "clip/recipe.json",
                                             "clip/frame-00001.png"};
        for (int i = 0; i < 3; i++) {
            char *back = NULL;
            CHECK_OK(media_read_recipe(others[i], &back, &err), err);
            CHECK_MSG(back && strcmp(back, recipe) == 0, "%s", others[i]);
            free(back);
        }
        free(recipe);
    }
    free(rgb);
    fixture_clear(".");
}

TEST(no_recipe_leaves_nothing)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(3, 32, 32);
    struct media_options options = fixture_options(32, 32);
    for (int i = 0; i < OUTPUTS; i++) {
        char *back = NULL;
        CHECK_OK(fixture_write(outputs[i], &options, rgb, 3, NULL, &err), err);
        CHECK(!media_read_recipe(outputs[i], &back, &err) && !back);
    }
    CHECK(access("clip.gif.json", F_OK) != 0 && access("clip/recipe.json", F_OK) != 0);
    size_t size;
    uint8_t *bytes = fixture_read("clip.mp4", &size);
    CHECK(bytes && !memmem(bytes, size, "Lavf", 4) && !memmem(bytes, size, "cmt", 3));
    free(bytes);
    free(rgb);
    fixture_clear(".");
}

TEST(foreign_comments_are_no_recipe)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(2, 32, 32);
    static const char *const comments[] = {"not json", "[1,2]", "{\"a\":1,\"a\":2}", "{\"a\":",
                                           "\033[2J"};
    struct media_options options = fixture_options(32, 32);
    options.force = true;
    for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++) {
        char *back = NULL;
        options.recipe_json = comments[i];
        CHECK_OK(fixture_write("x.mp4", &options, rgb, 2, NULL, &err), err);
        CHECK(!media_read_recipe("x.mp4", &back, &err) && err.code == DN_E_FORMAT && !back);
        CHECK(!strchr(err.message, '\033'));
    }
    char deep[4096];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    options.recipe_json = deep;
    char *back = NULL;
    CHECK_OK(fixture_write("x.mp4", &options, rgb, 2, NULL, &err), err);
    CHECK(!media_read_recipe("x.mp4", &back, &err) && strstr(err.message, "nested"));
    free(rgb);
    fixture_clear(".");
}

/* Fresh memory is filled with another byte in each run: an encoder that reads what nobody wrote
 * shows. 160x96 and 64x48 caught one. With several threads the bytes may be others, but always the
 * same ones. */
static void same_bytes(const char *name, int width, int height, int threads)
{
    enum { RUNS = 20, FRAMES = 21 };
    struct dn_error err;
    struct media_options options = fixture_options(width, height);
    options.force = true;
    options.threads = threads;
    options.recipe_json = "{\"seed\": 1}";
    uint8_t *rgb = fixture_scene(FRAMES, width, height), *first = NULL;
    size_t first_size = 0;
    for (int run = 0; run < RUNS; run++) {
        size_t size = 0;
        mallopt(M_PERTURB, 1 + 77 * run % 250);
        CHECK_OK(fixture_write(name, &options, rgb, FRAMES, NULL, &err), err);
        uint8_t *bytes = fixture_read(name, &size);
        CHECK_MSG(bytes && (run == 0 || (size == first_size && memcmp(bytes, first, size) == 0)),
                  "%s %dx%d with %d threads", name, width, height, threads);
        free(first);
        first = bytes;
        first_size = size;
    }
    free(first);
    free(rgb);
}

TEST(same_frames_same_bytes)
{
    static const char *const names[] = {"a.mp4",  "a.webm", "a.gif",        "a.mov",
                                        "a.apng", "a.webp", "a.safetensors"};
    static const int threads[] = {1, 2, 8};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t t = 0; t < (i < 4 ? 3 : 1); t++) {
            same_bytes(names[i], 64, 48, threads[t]);
            if (i < 2 && t == 0)
                same_bytes(names[i], 160, 96, threads[t]);
        }
    mallopt(M_PERTURB, 0);
    fixture_clear(".");
}

/* More than 8 bits: numbers come back as they went in, ProRes tells apart what bytes cannot. */
TEST(floats_are_kept)
{
    enum { W = 64, H = 32, COUNT = W * H * 3 };
    struct dn_error err;
    struct media_options options = fixture_options(W, H);
    struct media_writer *writer = NULL;
    float *values = dn_malloc(2 * COUNT * sizeof *values);
    for (int i = 0; i < 2 * COUNT; i++) /* sixteenths of a byte's step, and past 1 */
        values[i] = i < 2 * COUNT - 3 ? (float)(i / 3 % W) / 16 / 127.5f : 7;
    options.recipe_json = "{\"seed\": 1}";
    CHECK_OK(media_writer_open("v.safetensors", &options, &writer, &err), err);
    CHECK_OK(media_writer_add_float(writer, values, 2, &err), err);
    CHECK_OK(media_writer_finish(writer, NULL, &err), err);
    size_t size = 0;
    uint8_t *bytes = fixture_read("v.safetensors", &size);
    size_t header = 8 + bytes[0] + 256u * bytes[1];
    CHECK(size == header + 2 * COUNT * sizeof *values && header % 8 == 0);
    const char *want = "{\"__metadata__\":{\"recipe\":\"{\\\"seed\\\": 1}\"},\"frames\":{\"dtype\":"
                       "\"F32\",\"shape\":[2,3,32,64],\"data_offsets\":[0,49152]}} ";
    CHECK_MSG(memcmp(bytes + 8, want, strlen(want)) == 0, "%.150s", (char *)bytes + 8);
    const float *back = (const float *)(bytes + header);
    bool same = true;
    for (int i = 0; i < 2 * COUNT - 3; i++)
        same = same && back[i / COUNT * COUNT + i % 3 * W * H + i % COUNT / 3] == values[i];
    CHECK(same && back[2 * COUNT - 1] == 1);
    free(bytes);
    CHECK_OK(media_writer_open("v.mov", &options, &writer, &err), err);
    CHECK_OK(media_writer_add_float(writer, values, 1, &err), err);
    CHECK_OK(media_writer_finish(writer, NULL, &err), err);
    uint8_t *rounded = dn_malloc(COUNT);
    media_float_to_bytes(rounded, values, COUNT);
    CHECK_OK(fixture_write("r.mov", &options, rounded, 1, NULL, &err), err);
    size_t exact_size = 0, rounded_size = 0;
    uint8_t *exact = fixture_read("v.mov", &exact_size), *coarse = fixture_read("r.mov", &rounded_size);
    CHECK(exact && coarse && (exact_size != rounded_size || memcmp(exact, coarse, exact_size) != 0));
    free(exact);
    free(coarse);
    free(rounded);
    free(values);
    fixture_clear(".");
}

TEST(animations_play_as_often_as_told)
{
    static const struct {
        const char *name;
        int plays, offset; /* of the count behind the mark */
        const char *mark;
        uint8_t count[4];
        int bytes;
    } rows[] = {
        {"p.gif", 0, 13, "NETSCAPE2.0", {0, 0}, 2},
        {"p.gif", 3, 13, "NETSCAPE2.0", {2, 0}, 2}, /* again, after the first time */
        {"p.apng", 0, 8, "acTL", {0, 0, 0, 0}, 4},
        {"p.apng", 3, 8, "acTL", {0, 0, 0, 3}, 4},
        {"p.webp", 0, 12, "ANIM", {0, 0}, 2},
        {"p.webp", 3, 12, "ANIM", {3, 0}, 2},
    };
    struct dn_error err;
    uint8_t *rgb = fixture_scene(4, 32, 32);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct media_options options = fixture_options(32, 32);
        options.force = true;
        options.plays = rows[i].plays;
        CHECK_OK(fixture_write(rows[i].name, &options, rgb, 4, NULL, &err), err);
        size_t size = 0;
        uint8_t *bytes = fixture_read(rows[i].name, &size);
        const uint8_t *at = memmem(bytes, size, rows[i].mark, strlen(rows[i].mark));
        CHECK_MSG(at && memcmp(at + rows[i].offset, rows[i].count, (size_t)rows[i].bytes) == 0,
                  "%s, %d times", rows[i].name, rows[i].plays);
        free(bytes);
    }
    struct media_options once = fixture_options(32, 32);
    once.force = true;
    once.plays = 1;
    CHECK_OK(fixture_write("p.gif", &once, rgb, 4, NULL, &err), err);
    size_t size = 0;
    uint8_t *bytes = fixture_read("p.gif", &size);
    CHECK(bytes && !memmem(bytes, size, "NETSCAPE", 8));
    free(bytes);
    free(rgb);
    fixture_clear(".");
}

/* Chunk by chunk is the same as all at once; a short clip of what is done so far is valid. */
TEST(streaming_equals_whole)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(21, 64, 48);
    struct media_options options = fixture_options(64, 48);
    struct media_writer *writer = NULL;
    CHECK_OK(media_writer_open("s.mp4", &options, &writer, &err), err);
    int64_t frame = 64 * 48 * 3;
    CHECK_OK(media_writer_add(writer, rgb, 9, &err), err);
    CHECK(access("s.mp4", F_OK) != 0);
    CHECK_OK(media_writer_add(writer, rgb + 9 * frame, 12, &err), err);
    CHECK_OK(media_writer_finish(writer, NULL, &err), err);
    CHECK_OK(fixture_write("w.mp4", &options, rgb, 21, NULL, &err), err);
    size_t a_size = 0, b_size = 1;
    uint8_t *a = fixture_read("s.mp4", &a_size), *b = fixture_read("w.mp4", &b_size);
    CHECK(a && b && a_size == b_size && memcmp(a, b, a_size) == 0);
    free(a);
    free(b);
    free(rgb);
    fixture_clear(".");
}

/* The index stands before the frames, and the file says BT.709, limited range. */
TEST(mp4_plays_everywhere)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(8, 64, 48);
    struct media_options options = fixture_options(64, 48);
    CHECK_OK(fixture_write("p.mp4", &options, rgb, 8, NULL, &err), err);
    size_t size = 0;
    uint8_t *bytes = fixture_read("p.mp4", &size);
    const uint8_t *moov = bytes ? memmem(bytes, size, "moov", 4) : NULL;
    const uint8_t *mdat = bytes ? memmem(bytes, size, "mdat", 4) : NULL;
    CHECK(moov && mdat && moov < mdat);
    const uint8_t *colr = bytes ? memmem(bytes, size, "colrnclx", 8) : NULL;
    /* primaries, transfer, matrix = 1 (BT.709), not full range */
    CHECK(colr && memcmp(colr + 8, "\0\1\0\1\0\1\0", 7) == 0);
    const uint8_t *avcc = bytes ? memmem(bytes, size, "avcC", 4) : NULL;
    CHECK(avcc && avcc[5] == 100); /* profile High */
    free(bytes);
    free(rgb);
    fixture_clear(".");
}

TEST(abort_leaves_nothing)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(4, 32, 32);
    struct media_options options = fixture_options(32, 32);
    options.recipe_json = "{}";
    for (int i = 0; i < OUTPUTS; i++) {
        struct media_writer *writer = NULL;
        CHECK_OK(media_writer_open(outputs[i], &options, &writer, &err), err);
        CHECK(fixture_count(".") > 0);
        CHECK_OK(media_writer_add(writer, rgb, 4, &err), err);
        media_writer_abort(writer);
        CHECK(fixture_count(".") == 0);
        CHECK_OK(media_writer_open(outputs[i], &options, &writer, &err), err);
        CHECK(!media_writer_finish(writer, NULL, &err) && err.code == DN_E_ARG);
        CHECK(fixture_count(".") == 0);
    }
    free(rgb);
}

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, "old", 3) != 3)
        perror(path);
    close(fd);
}

TEST(existing_output_is_refused)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(4, 32, 32);
    struct media_options options = fixture_options(32, 32);
    struct media_writer *writer = NULL;
    for (int i = 0; i < 3; i++) {
        touch(outputs[i]);
        CHECK(!media_writer_open(outputs[i], &options, &writer, &err) && !writer);
        CHECK(err.code == DN_E_EXISTS && err.hint[0]);
        size_t size = 0;
        uint8_t *bytes = fixture_read(outputs[i], &size);
        CHECK(bytes && size == 3 && memcmp(bytes, "old", 3) == 0);
        free(bytes);
    }
    CHECK(fixture_count(".") == 3);
    /* the recipe beside a gif counts as output too */
    options.recipe_json = "{}";
    touch("other.gif.json");
    CHECK(!media_writer_open("other.gif", &options, &writer, &err) && err.code == DN_E_EXISTS);
    /* it came into being while we were at work */
    CHECK_OK(media_writer_open("late.mp4", &options, &writer, &err), err);
    CHECK_OK(media_writer_add(writer, rgb, 4, &err), err);
    touch("late.mp4");
    CHECK(!media_writer_finish(writer, NULL, &err) && err.code == DN_E_EXISTS);
    options.force = true;
    CHECK_OK(fixture_write("late.mp4", &options, rgb, 4, NULL, &err), err);
    CHECK(fixture_count(".") == 5);
    free(rgb);
    fixture_clear(".");
}

TEST(png_directories_are_respected)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(5, 32, 32);
    struct media_options options = fixture_options(32, 32);
    struct media_writer *writer = NULL;
    mkdir("full", 0777);
    touch("full/frame-00007.png");
    touch("full/notes.txt");
    CHECK(!media_writer_open("full", &options, &writer, &err) && err.code == DN_E_EXISTS);
    CHECK(fixture_count("full") == 2);
    options.force = true;
    CHECK_OK(fixture_write("full", &options, rgb, 5, NULL, &err), err);
    CHECK(fixture_count("full") == 6 && access("full/notes.txt", F_OK) == 0);
    CHECK(access("full/frame-00007.png", F_OK) != 0);
    options.force = false;
    mkdir("empty.mp4", 0777);
    CHECK_OK(fixture_write("empty.mp4", &options, rgb, 5, NULL, &err), err);
    CHECK(fixture_count("empty.mp4") == 5);
    /* a frame appears in the directory while we are at work: ours are taken back */
    mkdir("race", 0777);
    CHECK_OK(media_writer_open("race", &options, &writer, &err), err);
    CHECK_OK(media_writer_add(writer, rgb, 5, &err), err);
    touch("race/frame-00003.png");
    CHECK(!media_writer_finish(writer, NULL, &err) && err.code == DN_E_EXISTS);
    CHECK(fixture_count("race") == 1);
    touch("file");
    CHECK(!media_writer_open("file/", &options, &writer, &err) && err.code == DN_E_EXISTS);
    free(rgb);
    fixture_clear(".");
}

TEST(wishes_that_cannot_be_met)
{
    struct dn_error err;
    struct media_writer *writer = NULL;
    struct media_options good = fixture_options(32, 32), bad;
#define REFUSED(path, options, wanted)                                                             \
    CHECK(!media_writer_open((path), &(options), &writer, &err) && !writer && err.code == (wanted))
    REFUSED("a.avi", good, DN_E_UNSUPPORTED);
    bad = good, bad.plays = -1;
    REFUSED("a.gif", bad, DN_E_ARG);
    REFUSED("no/such/dir/a.mp4", good, DN_E_IO);
    REFUSED("/proc/a.mp4", good, DN_E_IO);
    REFUSED("", good, DN_E_ARG);
    bad = good, bad.width = 33;
    REFUSED("a.mp4", bad, DN_E_ARG);
    REFUSED("a.webm", bad, DN_E_ARG);
    bad = good, bad.height = 0;
    REFUSED("a.gif", bad, DN_E_ARG);
    bad = good, bad.width = 100000;
    REFUSED("a.mp4", bad, DN_E_ARG);
    bad = good, bad.fps_num = 0;
    REFUSED("a.mp4", bad, DN_E_ARG);
    bad = good, bad.title = "\377";
    REFUSED("a.mp4", bad, DN_E_ARG);
    mkfifo("fifo.mp4", 0666);
    bad = good, bad.force = true;
    REFUSED("fifo.mp4", bad, DN_E_ARG);
    unlink("fifo.mp4");
    CHECK(fixture_count(".") == 0);
}

static void enter(void)
{
    fixture_enter();
}

TESTS(T(enter), T(formats_hold_every_frame), T(still_clips_keep_their_frames), T(colours_survive),
      T(png_is_exact), T(recipe_is_byte_exact), T(no_recipe_leaves_nothing),
      T(foreign_comments_are_no_recipe), T(same_frames_same_bytes), T(floats_are_kept),
      T(animations_play_as_often_as_told), T(streaming_equals_whole),
      T(mp4_plays_everywhere), T(abort_leaves_nothing), T(existing_output_is_refused),
      T(png_directories_are_respected), T(wishes_that_cannot_be_met), T(fixture_leave))
