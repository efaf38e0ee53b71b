/* What a power cut may leave. Writes that no sync has followed may be on the disk or not, each
 * 512-byte sector of them for itself; what was synced is there. From the recorded calls of a
 * latents file such states are drawn (CUT_STATES many), and each must be a whole file that holds
 * what was acknowledged. Of published files the order of calls is checked: content synced, then renamed,
 * then the folder synced, then reported. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "catalog_fixture.h"
#include "check.h"
#include "fault_vfs.h"
#include "store/atomic_file.h"
#include "store/catalog_internal.h"
#include "store/clip_files.h"
#include "store/clip_latents.h"
#include "store/clip_trash.h"
#include "store/thumbnail.h"

enum { SECTOR = 512, MAX_EVENTS = 4096, FRAMES = 12, VALUES = 2 * 20 * 20 };
static const struct clip_latents_shape shape = {FRAMES, 2, 20, 20};
static struct dn_error err;
static uint64_t random_state = 7;

struct event {
    enum fault_event event;
    int fd;
    off_t at;
    size_t size;
    char *bytes;
};
static struct event events[MAX_EVENTS];
static int event_count;

static void record(enum fault_event event, int fd, const void *bytes, size_t size, off_t at)
{
    if (event_count == MAX_EVENTS)
        abort();
    struct event *e = &events[event_count++];
    *e = (struct event){event, fd, at, size, dn_malloc(size + 1)};
    if (size)
        memcpy(e->bytes, bytes, size);
    e->bytes[size] = '\0';
}

static void start_recording(void)
{
    for (int i = 0; i < event_count; i++)
        free(events[i].bytes);
    event_count = 0;
    fault_observe(record);
}

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % n);
}

static void fill(float *values, int64_t first, int64_t frames)
{
    for (int64_t i = 0; i < frames * VALUES; i++)
        values[i] = (float)(first * VALUES + i) * 0.5f + 1;
}

/* Applies a write to the image of the disk, whole or only some of its sectors. */
static void apply(char *image, const struct event *e, bool some)
{
    for (size_t done = 0; done < e->size;) {
        size_t to_end = SECTOR - (size_t)(e->at + (off_t)done) % SECTOR;
        size_t n = e->size - done < to_end ? e->size - done : to_end;
        if (!some || random_below(2))
            memcpy(image + e->at + done, e->bytes + done, n);
        done += n;
    }
}

/* A disk after the first n events with the un-synced ones in doubt, opened and compared. */
static void check_state(const char *path, const char *before, size_t size, int n,
                        int64_t acknowledged)
{
    char *image = dn_malloc(size);
    int synced = 0;
    struct clip_latents *l = NULL;
    memcpy(image, before, size);
    for (int i = 0; i < n; i++)
        synced = events[i].event == FAULT_SYNCED ? i : synced;
    for (int i = 0; i < n; i++)
        if (events[i].event == FAULT_WROTE)
            apply(image, &events[i], i > synced);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(write(fd, image, size) == (ssize_t)size);
    close(fd);
    CHECK_MSG(clip_latents_open(path, false, &l, &err), "after %d calls: %s", n, err.message);
    if (l) {
        int64_t frames = clip_latents_frames(l);
        float got[FRAMES * VALUES], want[FRAMES * VALUES];
        CHECK_MSG(frames >= acknowledged, "after %d calls %lld of %lld frames", n,
                  (long long)frames, (long long)acknowledged);
        CHECK_OK(clip_latents_read(l, 0, frames, got, &err), err);
        fill(want, 0, frames);
        CHECK_MSG(memcmp(got, want, (size_t)(frames * VALUES) * sizeof *got) == 0,
                  "after %d calls the values are not those written", n);
        clip_latents_close(l);
    }
    free(image);
}

TEST(latents_after_a_power_cut)
{
    const char *text = getenv("CUT_STATES");
    long states = text ? atol(text) : 1500;
    char path[300], copy[320];
    snprintf(path, sizeof path, "%s/power-cut-%d", test_place(), (int)getpid());
    snprintf(copy, sizeof copy, "%s-after", path);
    struct clip_latents *l = NULL;
    float values[3 * VALUES];
    int acknowledged_at[FRAMES / 3 + 1];
    struct stat st;
    unlink(path);
    CHECK_OK(clip_latents_create(path, &shape, NULL, &l, &err), err);
    CHECK(stat(path, &st) == 0);
    char *before = dn_malloc((size_t)st.st_size);
    int fd = open(path, O_RDONLY);
    CHECK(read(fd, before, (size_t)st.st_size) == st.st_size);
    close(fd);
    start_recording();
    for (int k = 0; k < FRAMES / 3; k++) {
        fill(values, 3 * k, 3);
        acknowledged_at[k] = event_count;
        CHECK_OK(clip_latents_append(l, values, 3, &err), err);
    }
    acknowledged_at[FRAMES / 3] = event_count;
    fault_observe(NULL);
    clip_latents_close(l);
    for (long i = 0; i < states; i++) {
        int n = (int)(i % (event_count + 1)), chunks = 0;
        while (chunks < FRAMES / 3 && acknowledged_at[chunks + 1] <= n)
            chunks++;
        check_state(copy, before, (size_t)st.st_size, n, 3 * chunks);
    }
    printf("%ld states of %d calls\n", states, event_count);
    free(before);
    unlink(path);
    unlink(copy);
}

/* Every rename had its file's content synced, and its folder was synced after it. */
static void check_order(const char *what)
{
    fault_observe(NULL);
    bool renamed = false;
    for (int i = 0; i < event_count; i++) {
        if (events[i].event != FAULT_RENAMED)
            continue;
        renamed = true;
        int last_write = -1, last_sync = -1;
        bool folder = false;
        for (int k = 0; k < i; k++) {
            last_write = events[k].event == FAULT_WROTE ? k : last_write;
            last_sync = events[k].event == FAULT_SYNCED ? k : last_sync;
        }
        for (int k = i + 1; k < event_count; k++)
            folder = folder || events[k].event == FAULT_SYNCED;
        CHECK_MSG(last_write < last_sync || last_write < 0, "%s: %s is renamed before its content"
                  " is synced", what, events[i].bytes);
        CHECK_MSG(folder, "%s: the folder of %s is not synced", what, events[i].bytes);
    }
    CHECK_MSG(renamed, "%s: nothing was renamed", what);
}

TEST(published_files_are_synced_in_order)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a fox", 1), clip;
    struct clip_latents *l = NULL;
    int64_t id;
    uint8_t *rgb = dn_calloc(64 * 64 * 3, 4);
    float values[3 * VALUES] = {1};
    CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    start_recording();
    CHECK_OK(clip_folder_make(c, &clip, &err), err);
    fault_observe(NULL);
    CHECK(event_count == 5); /* the library, clips, year, month, day */
    char *video = clip_file_path(c, &clip, "video.mp4");
    char *latents = clip_file_path(c, &clip, "latents.safetensors");
    char *poster = clip_file_path(c, &clip, "poster.jpg");
    start_recording();
    CHECK_OK(atomic_file_write(video, "a video", 7, false, &err), err);
    check_order("a new file");
    start_recording();
    CHECK_OK(atomic_file_write(video, "another", 7, true, &err), err);
    check_order("a file replaced");
    start_recording();
    CHECK_OK(thumbnail_from_frames(rgb, 4, 64, 64, poster, NULL, &err), err);
    check_order("a poster");
    start_recording();
    CHECK_OK(clip_latents_create(latents, &shape, NULL, &l, &err), err);
    check_order("new latents");
    CHECK_OK(clip_latents_append(l, values, 3, &err), err);
    start_recording();
    CHECK_OK(clip_latents_finish(l, &err), err);
    check_order("latents cut short");
    clip_latents_close(l);
    start_recording();
    CHECK_OK(clip_trash(c, id, &err), err);
    check_order("a clip thrown away");
    start_recording();
    CHECK_OK(clip_restore(c, id, &err), err);
    check_order("a clip restored");
    clip_done(&clip);
    free(video), free(latents), free(poster), free(rgb);
    catalog_close(c);
    fixture_clear();
}

/* Accepted means on disk: the log was written and synced before the call returned. */
static int64_t vfs_syncs, vfs_unsynced;

static int counting_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    vfs_unsynced++;
    return fv_write(f, p, n, at);
}

static int counting_sync(sqlite3_file *f, int flags)
{
    vfs_syncs++;
    vfs_unsynced = 0;
    return fv_sync(f, flags);
}

static sqlite3_io_methods counting_methods;

static int counting_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    int code = fv_open(vfs, name, f, flags, out);
    if (f->pMethods && flags & SQLITE_OPEN_WAL)
        f->pMethods = &counting_methods;
    return code;
}

TEST(acknowledged_rows_are_synced)
{
    fault_vfs_begin();
    counting_methods = fault_methods;
    counting_methods.xWrite = counting_write;
    counting_methods.xSync = counting_sync;
    fault_own.xOpen = counting_open;
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a fox", 1);
    for (int i = 0; i < 100; i++) {
        int64_t id, syncs = vfs_syncs;
        CHECK_OK(catalog_enqueue(c, &in, JOB_LAST, &id, &err), err);
        CHECK_MSG(vfs_syncs > syncs && vfs_unsynced == 0, "%d: %lld syncs, %lld writes after", i,
                  (long long)(vfs_syncs - syncs), (long long)vfs_unsynced);
    }
    catalog_close(c);
    fixture_clear();
}

TESTS(T(latents_after_a_power_cut), T(published_files_are_synced_in_order),
      T(acknowledged_rows_are_synced))
