/* Deleting that can be taken back; the library's check; what killed writers leave. */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "base/mem.h"
#include "catalog_fixture.h"
#include "check.h"
#include "store/atomic_file.h"
#include "store/catalog_search.h"
#include "store/clip_files.h"
#include "store/clip_trash.h"

static struct dn_error err;

/* A clip that is done, with one file. */
static int64_t made(struct catalog *c, int64_t parent)
{
    struct clip in = fixture_clip("a red fox", 1), clip;
    struct clip_file file;
    int64_t id = 0;
    in.parent_id = parent;
    in.origin = parent ? CLIP_BRANCH : CLIP_GENERATE;
    CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    CHECK_OK(clip_folder_make(c, &clip, &err), err);
    char *path = clip_file_path(c, &clip, "video.mp4");
    CHECK_OK(atomic_file_write(path, "a video", 7, false, &err), err);
    CHECK_OK(clip_file_describe(c, &clip, CLIP_VIDEO, "video.mp4", 81, &file, &err), err);
    CHECK_OK(catalog_put_file(c, id, &file, &err), err);
    clip_file_done(&file);
    clip_done(&clip);
    free(path);
    return id;
}

/* The video's path now; static. */
static const char *video(struct catalog *c, int64_t id)
{
    static char path[1024];
    struct clip clip;
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    char *p = clip_file_path(c, &clip, "video.mp4");
    snprintf(path, sizeof path, "%s", p);
    free(p);
    clip_done(&clip);
    return path;
}

static int64_t count(struct catalog *c, const char *text)
{
    struct clip_query *q;
    int64_t n = -1;
    CHECK_OK(clip_query_parse(text, &q, &err), err);
    CHECK_OK(catalog_count(c, q, 100, &n, &err), err);
    clip_query_free(q);
    return n;
}

static int64_t faults(struct catalog *c)
{
    int64_t n = -1;
    CHECK_OK(clip_files_verify(c, 0, true, NULL, NULL, &n, &err), err);
    return n;
}

TEST(there_and_back)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t a = made(c, 0), b = made(c, a);
    char before[1024];
    snprintf(before, sizeof before, "%s", video(c, a));
    struct catalog_totals totals;
    CHECK_OK(catalog_get_totals(c, &totals, &err), err);
    CHECK(totals.clips == 2 && totals.trashed == 0 && totals.bytes == 14);
    CHECK_OK(clip_trash(c, a, &err), err);
    CHECK_OK(catalog_get_totals(c, &totals, &err), err);
    CHECK(totals.clips == 1 && totals.trashed == 1 && totals.by_state[JOB_DONE] == 1);
    CHECK(access(before, F_OK) != 0 && access(video(c, a), F_OK) == 0);
    CHECK(strstr(video(c, a), "/trash/"));
    CHECK(count(c, "fox") == 1 && count(c, "fox in:trash") == 1 && count(c, "in:trash") == 1);
    CHECK(faults(c) == 0);
    CHECK(!clip_trash(c, a, &err) && err.code == DN_E_ARG);
    CHECK(!clip_restore(c, b, &err) && err.code == DN_E_ARG);
    CHECK(!clip_trash(c, 99, &err) && err.code == DN_E_ARG);
    CHECK_OK(clip_restore(c, a, &err), err);
    CHECK_STR(video(c, a), before);
    CHECK(access(before, F_OK) == 0 && count(c, "fox") == 2 && faults(c) == 0);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(emptying)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t a = made(c, 0), b = made(c, a), n = -1;
    char path[1024];
    struct clip clip;
    CHECK_OK(clip_trash(c, a, &err), err);
    snprintf(path, sizeof path, "%s", video(c, a));
    CHECK_OK(clip_trash_empty(c, 1000, &n, &err), err); /* nothing is that old */
    CHECK(n == 0 && access(path, F_OK) == 0);
    CHECK_OK(clip_trash_empty(c, 0, &n, &err), err);
    CHECK(n == 1 && access(path, F_OK) != 0);
    CHECK(!catalog_get_clip(c, a, &clip, &err));
    CHECK_OK(catalog_get_clip(c, b, &clip, &err), err);
    CHECK(clip.parent_id == 0 && clip.origin == CLIP_BRANCH);
    clip_done(&clip);
    CHECK(faults(c) == 0 && count(c, "fox") == 1);
    struct catalog_totals totals;
    CHECK_OK(catalog_get_totals(c, &totals, &err), err);
    CHECK(totals.clips == 1 && totals.trashed == 0 && totals.bytes == 7);
    CHECK(made(c, 0) > b); /* numbers are not given again */
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(jobs_that_wait_are_not_thrown_away)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a fox", 1);
    int64_t id;
    CHECK_OK(catalog_enqueue(c, &in, JOB_LAST, &id, &err), err);
    CHECK(!clip_trash(c, id, &err) && err.code == DN_E_ARG && err.hint[0]);
    CHECK_OK(catalog_set_job(c, id, JOB_CANCELLED, NULL, &err), err);
    CHECK_OK(clip_trash(c, id, &err), err); /* it has no folder: that is fine */
    CHECK_OK(clip_restore(c, id, &err), err);
    CHECK_OK(clip_trash(c, id, &err), err);
    CHECK_OK(clip_trash_empty(c, 0, NULL, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(the_check_names_what_is_wrong)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t a = made(c, 0), b = made(c, 0), d = made(c, 0), n = -1;
    char stray[512];
    CHECK(faults(c) == 0);
    CHECK(unlink(video(c, a)) == 0);
    CHECK(truncate(video(c, b), 3) == 0);
    FILE *f = fopen(video(c, d), "w");
    CHECK(f && fputs("A video", f) >= 0);
    fclose(f);
    CHECK(faults(c) == 3);
    CHECK_OK(clip_files_verify(c, 0, false, NULL, NULL, &n, &err), err);
    CHECK(n == 2); /* without hashing the third goes unseen */
    CHECK_OK(clip_files_verify(c, b, true, NULL, NULL, &n, &err), err);
    CHECK(n == 1);
    snprintf(stray, sizeof stray, "%s/trash", fixture_library);
    mkdir(stray, 0700);
    strcat(stray, "/000099-unknown");
    mkdir(stray, 0700);
    CHECK(faults(c) == 4);
    catalog_close(c);
    fixture_clear();
}

TEST(the_sweep_takes_only_what_writers_left)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a fox", 1), clip;
    static const char *const names[] = {
        ".video.mp4-0123abcd.part", "video.mp4", ".hidden", "a.part", ".video.mp4-0123abcX.part",
        ".frames-00000000.part/", /* a folder of frames */
    };
    int64_t id, removed = 0;
    CHECK_OK(catalog_enqueue(c, &in, JOB_LAST, &id, &err), err);
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    CHECK_OK(clip_folder_make(c, &clip, &err), err);
    for (int i = 0; i < 6; i++) {
        char *path = clip_file_path(c, &clip, names[i]);
        if (i == 5) {
            CHECK(mkdir(path, 0700) == 0);
            char *inner = dn_asprintf("%s/frame.png", path);
            CHECK_OK(atomic_file_write(inner, "x", 1, false, &err), err);
            free(inner);
        } else {
            FILE *f = fopen(path, "w");
            CHECK(f != NULL);
            fclose(f);
        }
        free(path);
    }
    CHECK_OK(clip_files_sweep(c, &removed, &err), err);
    CHECK(removed == 2);
    for (int i = 0; i < 6; i++) {
        char *path = clip_file_path(c, &clip, names[i]);
        CHECK_MSG((access(path, F_OK) == 0) == (i != 0 && i != 5), "%s", names[i]);
        free(path);
    }
    clip_done(&clip);
    catalog_close(c);
    fixture_clear();
}

TEST(a_folder_that_is_in_the_way)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t a = made(c, 0);
    char path[1024], *slash;
    snprintf(path, sizeof path, "%s", video(c, a));
    slash = strrchr(path, '/');
    *slash = '\0';
    char *way = dn_asprintf("%s/trash%s", fixture_library, strrchr(path, '/'));
    char *parent = dn_asprintf("%s/trash", fixture_library);
    CHECK(mkdir(parent, 0700) == 0 && mkdir(way, 0700) == 0);
    CHECK(!clip_trash(c, a, &err) && err.code == DN_E_EXISTS);
    CHECK(access(video(c, a), F_OK) == 0 && count(c, "fox") == 1); /* it stays as it was */
    CHECK(rmdir(way) == 0);
    CHECK_OK(clip_trash(c, a, &err), err);
    free(way);
    free(parent);
    catalog_close(c);
    fixture_clear();
}

TESTS(T(there_and_back), T(emptying), T(jobs_that_wait_are_not_thrown_away),
      T(the_check_names_what_is_wrong), T(the_sweep_takes_only_what_writers_left),
      T(a_folder_that_is_in_the_way))
