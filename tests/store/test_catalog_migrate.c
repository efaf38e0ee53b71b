/* From the first schema to the newest: whole, or not at all, with a copy of before. This program
 * has two migrations more than danaus: its own table comes before the one in the archive. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalog_fixture.h"
#include "check.h"
#include "fault_vfs.h"
#include "store/catalog_internal.h"

static struct dn_error err;
static char first[65536], second[65536], third[65536], fourth[65536], fifth[65536];
enum { NEWEST = 7 };

const struct migration catalog_migrations[] = {
    {1, "0001_catalog", first},
    {2, "0002_totals", second},
    {3, "0003_orders", third},
    {4, "0004_find", fourth},
    {5, "0005_removed_labels", fifth},
    {6, "0006_mood",
     "ALTER TABLE clips ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';"
     "CREATE TABLE moods(name TEXT PRIMARY KEY) STRICT;"
     "INSERT INTO moods SELECT DISTINCT mood FROM clips;"},
    {7, "0007_no_moods", "DROP TABLE moods; CREATE INDEX clips_mood ON clips(mood);"},
    {0, NULL, NULL},
};

/* A catalog of version 1 with a clip, made without catalog_open, which would bring it to the newest. */
static void make_old(void)
{
    char path[512], pragma[128];
    sqlite3 *db;
    mkdir(fixture_library, 0700);
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, first, NULL, NULL, NULL) == SQLITE_OK);
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = 1;"
             "PRAGMA journal_mode = WAL", CATALOG_APPLICATION_ID);
    CHECK(sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_exec(db,
                       "INSERT INTO models VALUES (1, 'm', '');"
                       "INSERT INTO clips(status, origin, created_ms, width, height, frames, fps,"
                       " seed, noise, model_id, sampler, attention, backend, folder, prompt,"
                       " negative, notes) VALUES ('done', 'generate', 1, 8, 8, 5, 16, 1, '', 1,"
                       " '', '', '', '', 'a red fox', '', '')", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s;
    int64_t out = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return out;
}

/* The file is exactly of one version: number, columns and tables say the same. Returns it. */
static int version_of(const char *name)
{
    char path[512];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", fixture_library, name);
    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    int version = (int)ask(db, "PRAGMA user_version");
    int64_t mood = ask(db, "SELECT count(*) FROM pragma_table_info('clips') WHERE name = 'mood'");
    int64_t moods = ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'moods'");
    int64_t index = ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'clips_mood'");
    int64_t totals = ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'totals'");
    CHECK(mood == (version >= 6) && moods == (version == 6) && index == (version == 7));
    int64_t orders = ask(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'clips_by_%'");
    int64_t removed = ask(db, "SELECT count(*) FROM pragma_table_info('tags') WHERE name ="
                              " 'removed_ms'");
    CHECK(totals == (version >= 2) && orders == (version >= 3 ? 3 : 0) && removed == (version >= 5));
    if (totals)
        CHECK(ask(db, "SELECT value FROM totals WHERE name = 'done'") == 1);
    CHECK(ask(db, "SELECT count(*) FROM clips") == 1);
    CHECK(ask(db, "SELECT count(*) FROM clip_words WHERE clip_words MATCH 'fox'") == 1);
    CHECK(ask(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1);
    sqlite3_close(db);
    return version;
}

static bool there(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fixture_library, name);
    return access(path, F_OK) == 0;
}

TEST(an_old_catalog_is_brought_up_to_date)
{
    make_old();
    struct catalog *c = NULL;
    CHECK(!catalog_open(fixture_library, CATALOG_READ, &c, &err) && err.code == DN_E_FORMAT);
    CHECK(version_of("catalog.db") == 1 && !there("catalog-backup-v0001.db"));
    c = fixture_open(CATALOG_WRITE);
    CHECK(catalog_version(c) == NEWEST);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    CHECK(version_of("catalog.db") == NEWEST && version_of("catalog-backup-v0001.db") == 1);
    catalog_close(fixture_open(CATALOG_READ));
    fixture_clear();
    catalog_close(fixture_open(CATALOG_WRITE)); /* a new one needs no copy */
    CHECK(!there("catalog-backup-v0001.db") && !there("catalog-backup-v0002.db"));
    fixture_clear();
}

/* After a bad end: one version, a copy if it changed, and the next opening finishes. */
static void check_after(int64_t n)
{
    int version = version_of("catalog.db");
    CHECK_MSG(version >= 1 && version <= NEWEST, "call %lld: version %d", (long long)n, version);
    CHECK_MSG(version == 1 || there("catalog-backup-v0001.db"), "call %lld", (long long)n);
    if (there("catalog-backup-v0001.db"))
        CHECK(version_of("catalog-backup-v0001.db") == 1);
    struct catalog *c = NULL;
    CHECK_MSG(catalog_open(fixture_library, CATALOG_WRITE, &c, &err), "call %lld: %s",
              (long long)n, err.message);
    CHECK(c && catalog_version(c) == NEWEST && catalog_check(c, &err));
    catalog_close(c);
    CHECK(version_of("catalog.db") == NEWEST);
}

TEST(killed_or_failing_at_every_call)
{
    make_old();
    fault_arm(FAULT_NONE, 0, 0);
    catalog_close(fixture_open(CATALOG_WRITE));
    int64_t calls = fault_calls();
    CHECK(calls > 50);
    fixture_clear();
    for (int64_t n = 1; n <= calls; n++) {
        make_old();
        pid_t pid = fork();
        if (pid == 0) {
            struct catalog *c;
            fault_arm(FAULT_KILL, n, 0);
            if (catalog_open(fixture_library, CATALOG_WRITE, &c, &err))
                catalog_close(c);
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status));
        fault_arm(FAULT_NONE, 0, 0);
        check_after(n);
        fixture_clear();

        make_old();
        struct catalog *c = NULL;
        fault_arm(n % 2 ? FAULT_ONCE : FAULT_AFTER, n, n % 3 ? ENOSPC : EIO);
        if (catalog_open(fixture_library, CATALOG_WRITE, &c, &err))
            catalog_close(c);
        fault_arm(FAULT_NONE, 0, 0);
        check_after(n);
        fixture_clear();
    }
    printf("%lld kills, %lld failures\n", (long long)calls, (long long)calls);
}

static void read_sql(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    if (!f || fread(out, 1, size - 1, f) == 0) {
        fprintf(stderr, "cannot read %s: run me from the top folder\n", path);
        abort();
    }
    fclose(f);
}

__attribute__((constructor(300))) static void begin(void)
{
    read_sql("store/migrations/0001_catalog.sql", first, sizeof first);
    read_sql("store/migrations/0002_totals.sql", second, sizeof second);
    read_sql("store/migrations/0003_orders.sql", third, sizeof third);
    read_sql("store/migrations/0004_find.sql", fourth, sizeof fourth);
    read_sql("store/migrations/0005_removed_labels.sql", fifth, sizeof fifth);
    fault_vfs_begin();
}

TESTS(T(an_old_catalog_is_brought_up_to_date), T(killed_or_failing_at_every_call))
