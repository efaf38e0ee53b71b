/* media_fixture: what the media tests share: pictures to write, a directory to write into. */
#ifndef DANAUS_TESTS_STORE_MEDIA_FIXTURE_H
#define DANAUS_TESTS_STORE_MEDIA_FIXTURE_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/media_encode.h"

/* A soft gradient that drifts, with a square that moves: rgb24 [frames, height, width, 3]. */
static inline uint8_t *fixture_scene(int frames, int width, int height)
{
    uint8_t *rgb = dn_malloc((size_t)frames * (size_t)width * (size_t)height * 3);
    uint8_t *p = rgb;
    for (int t = 0; t < frames; t++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++, p += 3) {
                int left = 4 + t * 2 % (width > 40 ? width - 40 : 1);
                bool inside = x >= left && x < left + 24 && y >= height / 4 && y < height / 4 + 24;
                p[0] = (uint8_t)(inside ? 240 : 40 + (x + t) * 120 / (width + frames));
                p[1] = (uint8_t)(inside ? 120 : 60 + y * 100 / height);
                p[2] = (uint8_t)(inside ? 20 : 170);
            }
    return rgb;
}

/* One colour everywhere. */
static inline uint8_t *fixture_flat(int frames, int width, int height, const uint8_t colour[3])
{
    int64_t pixels = (int64_t)frames * width * height;
    uint8_t *rgb = dn_malloc((size_t)pixels * 3);
    for (int64_t i = 0; i < pixels; i++)
        memcpy(rgb + 3 * i, colour, 3);
    return rgb;
}

static inline struct media_options fixture_options(int width, int height)
{
    return (struct media_options){.width = width, .height = height, .fps_num = 16, .fps_den = 1};
}

/* Writes it all in one go. */
static inline bool fixture_write(const char *path, const struct media_options *options,
                                 const uint8_t *rgb, int frames, struct media_result *result,
                                 struct dn_error *err)
{
    struct media_writer *writer;
    if (!media_writer_open(path, options, &writer, err))
        return false;
    if (!media_writer_add(writer, rgb, frames, err)) {
        media_writer_abort(writer);
        return false;
    }
    return media_writer_finish(writer, result, err);
}

/* A fresh directory that is the working directory from now on. Remove with fixture_leave(). */
static char fixture_path[64];
static inline void fixture_enter(void)
{
    snprintf(fixture_path, sizeof fixture_path, "/tmp/danaus-store-XXXXXX");
    if (!mkdtemp(fixture_path) || chdir(fixture_path) != 0) {
        perror("fixture");
        abort();
    }
}

/* Number of names in directory path, hidden ones too. */
static inline int fixture_count(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    for (const struct dirent *e; dir && (e = readdir(dir));)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return count;
}

/* Removes what is in the directory, one level of subdirectories included. */
static inline void fixture_clear(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *name = dn_asprintf("%s/%s", path, e->d_name);
        struct stat st;
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode)) {
            fixture_clear(name);
            rmdir(name);
        } else {
            unlink(name);
        }
        free(name);
    }
    if (dir)
        closedir(dir);
}

static inline void fixture_leave(void)
{
    fixture_clear(fixture_path);
    if (chdir("/") == 0)
        rmdir(fixture_path);
}

/* A whole file; the caller frees. NULL when it cannot be read. */
static inline uint8_t *fixture_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long end = ftell(f);
    rewind(f);
    uint8_t *bytes = dn_malloc((size_t)end + 1);
    *size = fread(bytes, 1, (size_t)end, f);
    fclose(f);
    return bytes;
}

#endif
