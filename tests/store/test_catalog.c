/* The catalog opens, migrates, keeps clips, and refuses what is not its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catalog_fixture.h"
#include "check.h"
#include "store/catalog_internal.h"

TEST(clip_comes_back_as_it_was)
{
    struct dn_error err = {0};
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a red fox over \"snow\"\nsecond line", 42);
    in.negative = "blur";
    in.request_json = "{\"prompt\": \"a red fox\"}";
    in.favourite = true;
    in.rating = 4;
    int64_t first = 0, id = 0;
    CHECK_OK(catalog_add_clip(c, &in, &first, &err), err);
    in.origin = CLIP_BRANCH;
    in.parent_id = first;
    in.parent_chunk = 0;
    CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
    catalog_close(c);

    c = fixture_open(CATALOG_READ);
    struct clip out;
    CHECK_OK(catalog_get_clip(c, id, &out, &err), err);
    CHECK(out.id == id && out.seed == 42 && out.width == 832 && out.height == 480);
    CHECK(out.frames == 81 && out.fps == 16.0 && out.rating == 4 && out.favourite);
    CHECK(out.status == JOB_DONE && out.origin == CLIP_BRANCH && out.parent_id == first);
    CHECK_STR(out.prompt, in.prompt);
    CHECK_STR(out.negative, "blur");
    CHECK_STR(out.request_json, in.request_json);
    CHECK_STR(out.model, "wan-1.3b");
    CHECK_STR(out.notes, "");
    CHECK(strncmp(out.folder, "clips/", 6) == 0 && strstr(out.folder, "-a-red-fox-over-snow-seco"));
    clip_done(&out);
    CHECK(!catalog_get_clip(c, 99, &out, &err) && err.code == DN_E_ARG);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(a_reader_cannot_write)
{
    struct dn_error err = {0};
    struct catalog *w = fixture_open(CATALOG_WRITE), *r = fixture_open(CATALOG_READ);
    struct clip in = fixture_clip("a fox", 1);
    int64_t id = 0;
    CHECK(!catalog_add_clip(r, &in, &id, &err) && id == 0);
    CHECK_OK(catalog_add_clip(w, &in, &id, &err), err);
    struct clip out;
    CHECK_OK(catalog_get_clip(r, id, &out, &err), err);
    clip_done(&out);
    catalog_close(r);
    catalog_close(w);
    fixture_clear();
}

TEST(there_is_one_writer)
{
    struct dn_error err = {0};
    struct catalog *w = fixture_open(CATALOG_WRITE), *second = NULL;
    CHECK(!catalog_open(fixture_library, CATALOG_WRITE, &second, &err));
    CHECK(err.code == DN_E_EXISTS && !second && err.hint[0]);
    catalog_close(w);
    CHECK_OK(catalog_open(fixture_library, CATALOG_WRITE, &second, &err), err);
    catalog_close(second);
    fixture_clear();
}

TEST(a_transaction_is_kept_whole_or_not_at_all)
{
    struct dn_error err = {0};
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a fox", 1), out;
    int64_t a = 0, b = 0;
    CHECK_OK(catalog_begin(c, &err), err);
    CHECK_OK(catalog_add_clip(c, &in, &a, &err), err);
    in.parent_id = 12345; /* there is none */
    CHECK(!catalog_add_clip(c, &in, &b, &err) && err.code == DN_E_ARG);
    CHECK_OK(catalog_get_clip(c, a, &out, &err), err);
    clip_done(&out);
    catalog_rollback(c);
    CHECK(!catalog_get_clip(c, a, &out, &err));
    catalog_close(c);
    fixture_clear();
}

static void put(const char *name, const void *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fixture_library, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void set_pragma(const char *pragma)
{
    char path[512];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

/* Both modes refuse catalog.db in one line, with a hint, and leave it alone. */
static void refused(const char *what)
{
    char path[512];
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    struct stat before, after;
    CHECK(lstat(path, &before) == 0);
    for (int mode = CATALOG_READ; mode <= CATALOG_WRITE; mode++) {
        struct dn_error err = {0};
        struct catalog *c = NULL;
        CHECK_MSG(!catalog_open(fixture_library, (enum catalog_mode)mode, &c, &err), "%s", what);
        CHECK_MSG(err.code == DN_E_FORMAT && err.hint[0] && !strchr(err.message, '\n'), "%s: %s",
                  what, err.message);
    }
    CHECK(lstat(path, &after) == 0);
    CHECK_MSG(before.st_ino == after.st_ino && before.st_size == after.st_size &&
                  before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
              "%s was touched", what);
    fixture_clear();
}

TEST(what_is_not_ours_is_refused)
{
    char path[512];
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    mkdir(fixture_library, 0700);
    put("catalog.db", "", 0);
    refused("an empty file");
    mkdir(fixture_library, 0700);
    put("catalog.db", "GIF89a and some more text so that it is longer than a header is, "
                      "which has a hundred bytes in SQLite", 100);
    refused("a file of another kind");
    mkdir(fixture_library, 0700);
    mkdir(path, 0700);
    refused("a directory");
    mkdir(fixture_library, 0700);
    CHECK(mkfifo(path, 0600) == 0);
    refused("a FIFO");
    catalog_close(fixture_open(CATALOG_WRITE));
    set_pragma("PRAGMA application_id = 1");
    refused("another program's database");
    catalog_close(fixture_open(CATALOG_WRITE));
    set_pragma("PRAGMA user_version = 999");
    refused("a newer catalog");
}

/* Another program's database whose log is not yet in it: opening it for writing would move it. */
TEST(a_strangers_log_is_left_alone)
{
    char path[512], command[1600];
    sqlite3 *db;
    struct stat before, after;
    struct catalog *c;
    struct dn_error err = {0};
    mkdir(fixture_library, 0700);
    snprintf(path, sizeof path, "%s/other.db", fixture_library);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1);"
                           "PRAGMA wal_checkpoint; INSERT INTO t VALUES(2)", NULL, NULL, NULL) ==
          SQLITE_OK);
    snprintf(command, sizeof command, "cp %s %s/catalog.db && cp %s-wal %s/catalog.db-wal", path,
             fixture_library, path, fixture_library);
    CHECK(system(command) == 0);
    sqlite3_close(db);
    snprintf(path, sizeof path, "%s/catalog.db-wal", fixture_library);
    CHECK(stat(path, &before) == 0 && before.st_size > 0);
    CHECK(!catalog_open(fixture_library, CATALOG_WRITE, &c, &err) && err.code == DN_E_FORMAT);
    CHECK(stat(path, &after) == 0 && after.st_size == before.st_size);
    fixture_clear();
}

TEST(reading_where_nothing_is)
{
    struct dn_error err = {0};
    struct catalog *c = NULL;
    CHECK(!catalog_exists(fixture_library));
    CHECK(!catalog_open(fixture_library, CATALOG_READ, &c, &err) && err.code == DN_E_IO);
    CHECK(err.hint[0] && access(fixture_library, F_OK) != 0);
    c = fixture_open(CATALOG_WRITE);
    CHECK(catalog_exists(fixture_library));
    struct stat st;
    char path[512];
    CHECK(stat(fixture_library, &st) == 0 && (st.st_mode & 0777) == 0700);
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    catalog_close(c);
    fixture_clear();
}

TEST(migrations_are_numbered_without_a_gap)
{
    int expected = 1;
    for (const struct migration *m = catalog_migrations; m->number; m++, expected++)
        CHECK_MSG(m->number == expected && m->sql[0], "%s", m->name);
    CHECK(catalog_newest() == expected - 1 && expected > 1);
}

TEST(settings_and_backup)
{
    struct dn_error err = {0};
    struct catalog *c = fixture_open(CATALOG_WRITE);
    char *value = NULL, path[512];
    CHECK_OK(catalog_get_setting(c, "x", &value, &err), err);
    CHECK(!value);
    CHECK_OK(catalog_set_setting(c, "x", "1", &err), err);
    CHECK_OK(catalog_set_setting(c, "x", "2", &err), err);
    CHECK_OK(catalog_get_setting(c, "x", &value, &err), err);
    CHECK(value && strcmp(value, "2") == 0);
    free(value);
    snprintf(path, sizeof path, "%s/copy/", fixture_library);
    mkdir(path, 0700);
    strcat(path, "catalog.db");
    CHECK_OK(catalog_backup(c, path, &err), err);
    CHECK(!catalog_backup(c, path, &err) && err.code == DN_E_EXISTS);
    catalog_close(c);
    snprintf(path, sizeof path, "%s/copy", fixture_library);
    CHECK_OK(catalog_open(path, CATALOG_READ, &c, &err), err);
    CHECK_OK(catalog_get_setting(c, "x", &value, &err), err);
    CHECK(value && strcmp(value, "2") == 0);
    free(value);
    catalog_close(c);
    fixture_clear();
}

TEST(changes_by_another_connection_show)
{
    struct dn_error err = {0};
    struct catalog *w = fixture_open(CATALOG_WRITE), *r = fixture_open(CATALOG_READ);
    int64_t before = 0, same = 0, after = 0, id;
    struct clip in = fixture_clip("a fox", 1);
    CHECK_OK(catalog_change_count(r, &before, &err), err);
    CHECK_OK(catalog_change_count(r, &same, &err), err);
    CHECK_OK(catalog_add_clip(w, &in, &id, &err), err);
    CHECK_OK(catalog_change_count(r, &after, &err), err);
    CHECK(before == same && after != before);
    catalog_close(r);
    catalog_close(w);
    fixture_clear();
}

/* In a mount namespace of its own. 0 = all as it should be, 77 = not allowed here. */
static int read_only_disk(void)
{
    struct dn_error err = {0};
    struct catalog *c;
    struct clip in = fixture_clip("a fox", 1), out;
    int64_t id = 0;
    strcat(fixture_library, "-50%#?"); /* letters that mean something in a URI */
    mkdir(fixture_library, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("disk", fixture_library, "tmpfs", 0, "size=4m") != 0)
        return rmdir(fixture_library) == 0 ? 77 : 1;
    c = fixture_open(CATALOG_WRITE);
    CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
    catalog_close(c);
    CHECK(mount("disk", fixture_library, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m") == 0);
    c = fixture_open(CATALOG_READ);
    CHECK_OK(catalog_get_clip(c, id, &out, &err), err);
    clip_done(&out);
    CHECK(catalog_notice(c)[0]);
    CHECK(!catalog_add_clip(c, &in, &id, &err));
    catalog_close(c);
    CHECK(!catalog_open(fixture_library, CATALOG_WRITE, &c, &err) && err.code == DN_E_IO);
    CHECK(umount(fixture_library) == 0 && rmdir(fixture_library) == 0);
    return check_failures != 0;
}

TEST(a_disk_that_can_only_be_read)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(read_only_disk());
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("a_disk_that_can_only_be_read skipped: no right to mount here\n");
}

/* The catalog has about ninety; an engine that lives long meets them all. */
TEST(as_many_statements_as_there_are)
{
    enum { MANY = 300 };
    static char sql[MANY][32];
    struct dn_error err = {0};
    struct catalog *c = fixture_open(CATALOG_WRITE);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < MANY; i++) {
            int64_t got = -1;
            snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
            CHECK_OK(catalog_read_int(c, sql[i], NO_VALUES, &got, NULL, &err), err);
            CHECK(got == i);
        }
    CHECK(c->cached >= MANY && c->cached < MANY + 20); /* the second time they were there */
    catalog_close(c);
    fixture_clear();
}

TEST(clips_change)
{
    struct dn_error err = {0};
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip in = fixture_clip("a fox", 1), out;
    int64_t id;
    CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
    CHECK_OK(catalog_set_rating(c, id, 5, &err), err);
    CHECK(!catalog_set_rating(c, id, 6, &err) && err.code == DN_E_ARG);
    CHECK(!catalog_set_rating(c, 77, 5, &err) && err.code == DN_E_ARG);
    CHECK_OK(catalog_set_favourite(c, id, true, &err), err);
    CHECK_OK(catalog_set_notes(c, id, "the good one", &err), err);
    struct clip_facts facts = {.backend = "cuda", .model_sha256 = "abc", .chunks = 7};
    CHECK_OK(catalog_set_facts(c, id, &facts, &err), err);
    CHECK_OK(catalog_get_clip(c, id, &out, &err), err);
    CHECK(out.rating == 5 && out.favourite && out.chunks == 7);
    CHECK_STR(out.notes, "the good one");
    CHECK_STR(out.backend, "cuda");
    CHECK_STR(out.model_sha256, "abc");
    CHECK_STR(out.model, "wan-1.3b");
    clip_done(&out);
    struct catalog_totals totals;
    CHECK_OK(catalog_get_totals(c, &totals, &err), err);
    CHECK(totals.clips == 1 && totals.by_state[JOB_DONE] == 1 && totals.trashed == 0);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TESTS(T(clip_comes_back_as_it_was), T(a_reader_cannot_write), T(there_is_one_writer),
      T(a_transaction_is_kept_whole_or_not_at_all), T(what_is_not_ours_is_refused),
      T(a_strangers_log_is_left_alone),
      T(reading_where_nothing_is), T(migrations_are_numbered_without_a_gap),
      T(settings_and_backup), T(changes_by_another_connection_show),
      T(as_many_statements_as_there_are), T(a_disk_that_can_only_be_read), T(clips_change))
