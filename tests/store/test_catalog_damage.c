/* Catalogs that are damaged, readers beside a writer, and SQLite out of memory: an error in one
 * line, never a crash, a hang or a lie. DAMAGE_COPIES and STRESS_SECONDS make it longer. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "catalog_fixture.h"
#include "check.h"
#include "store/catalog_internal.h"
#include "store/catalog_jobs.h"
#include "store/catalog_labels.h"
#include "store/catalog_search.h"

static struct dn_error err;
static uint64_t random_state = 99;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % n);
}

static long number(const char *variable, long otherwise)
{
    const char *text = getenv(variable);
    return text ? atol(text) : otherwise;
}

static void fill(struct catalog *c, int clips)
{
    CHECK_OK(catalog_begin(c, &err), err);
    for (int i = 0; i < clips; i++) {
        char prompt[64];
        snprintf(prompt, sizeof prompt, "a fox number %d over %d hills", i, i % 7);
        struct clip in = fixture_clip(prompt, (uint64_t)i);
        int64_t id;
        CHECK_OK(i % 5 ? catalog_add_clip(c, &in, &id, &err)
                       : catalog_enqueue(c, &in, JOB_LAST, &id, &err), err);
        if (i % 9 == 0)
            CHECK_OK(catalog_add_tag(c, id, "best", &err), err);
    }
    CHECK_OK(catalog_commit(c, &err), err);
}

/* What a person does; each step may fail, with an error that says something. */
static void use(struct catalog *c)
{
    static const char *const texts[] = {"",         "fox",    "hill*", "*ill*",
                                        "tag:best", "fox -3", "seed:7"};
    struct clip_list list;
    struct job_list jobs;
    struct clip clip;
    int64_t id;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct clip_query *q;
        struct catalog_page page = {.limit = 50};
        CHECK(clip_query_parse(texts[i], &q, &err));
        err = (struct dn_error){0};
        bool ok = catalog_search(c, q, &page, &list, &err);
        CHECK(ok || err.message[0]);
        clip_list_done(&list);
        clip_query_free(q);
    }
    for (id = 1; id < 200; id += 13)
        if (catalog_get_clip(c, id, &clip, &err))
            clip_done(&clip);
    if (catalog_list_jobs(c, ~0u, 100, &jobs, &err))
        job_list_done(&jobs);
    struct clip in = fixture_clip("one more fox", 1);
    (void)catalog_enqueue(c, &in, JOB_FIRST, &id, &err);
    (void)catalog_set_rating(c, 3, 5, &err);
    (void)catalog_check(c, &err);
}

static uint8_t *read_all(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size);
    CHECK(read(fd, bytes, (size_t)st.st_size) == st.st_size);
    close(fd);
    *size = (size_t)st.st_size;
    return bytes;
}

static void damage(uint8_t *bytes, size_t *size)
{
    enum { PAGE = 4096 };
    uint32_t pages = (uint32_t)(*size / PAGE);
    size_t a = (size_t)random_below(pages) * PAGE, b = (size_t)random_below(pages) * PAGE;
    uint8_t page[PAGE];
    switch (random_below(5)) {
    case 0: /* flipped bits, everywhere */
        for (int i = 0; i < 20; i++)
            bytes[random_below((uint32_t)*size)] ^= (uint8_t)(1u << random_below(8));
        break;
    case 1: /* flipped bits in one page's head */
        for (int i = 0; i < 4; i++)
            bytes[a + random_below(64)] ^= (uint8_t)(1u << random_below(8));
        break;
    case 2:
        *size = 1 + random_below((uint32_t)*size - 1);
        break;
    case 3:
        memset(bytes + a, 0, PAGE);
        break;
    default:
        memcpy(page, bytes + a, PAGE);
        memcpy(bytes + a, bytes + b, PAGE);
        memcpy(bytes + b, page, PAGE);
    }
}

TEST(damaged_copies)
{
    long copies = number("DAMAGE_COPIES", 60), refused = 0;
    struct catalog *c = fixture_open(CATALOG_WRITE);
    char path[512];
    size_t size;
    fill(c, 400);
    catalog_close(c);
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    uint8_t *whole = read_all(path, &size), *bytes = malloc(size);
    for (long i = 0; i < copies; i++) {
        size_t left = size;
        memcpy(bytes, whole, size);
        damage(bytes, &left);
        fixture_clear();
        CHECK(mkdir(fixture_library, 0700) == 0);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        CHECK(write(fd, bytes, left) == (ssize_t)left);
        close(fd);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(30);
            enum catalog_mode mode = i % 2 ? CATALOG_WRITE : CATALOG_READ;
            err = (struct dn_error){0};
            bool ok = catalog_open(fixture_library, mode, &c, &err);
            if (ok)
                use(c);
            catalog_close(c);
            _exit(ok ? check_failures != 0 : err.message[0] ? 2 : 1);
        }
        int status = 0;
        int64_t start = dn_now_ms();
        waitpid(pid, &status, 0);
        CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) != 1, "copy %ld: status %x", i,
                  (unsigned)status);
        CHECK_MSG(dn_now_ms() - start < 20000, "copy %ld takes %lld ms", i,
                  (long long)(dn_now_ms() - start));
        refused += WIFEXITED(status) && WEXITSTATUS(status) == 2;
    }
    printf("%ld damaged copies, %ld of them not opened\n", copies, refused);
    free(whole);
    free(bytes);
    fixture_clear();
}

/* Salvages the catalog and returns how many clips the new one holds, -1 = none could be made. */
static int64_t salvage(int64_t *lost)
{
    char from[512], to[600];
    int64_t clips = -1, counted = -1;
    struct catalog *c = NULL;
    struct catalog_totals totals;
    snprintf(from, sizeof from, "%s/saved", fixture_library);
    CHECK(mkdir(from, 0700) == 0);
    snprintf(to, sizeof to, "%s/catalog.db", from);
    if (!catalog_salvage(fixture_library, to, &clips, lost, &err)) {
        CHECK(access(to, F_OK) != 0);
        return -1;
    }
    CHECK_OK(catalog_open(from, CATALOG_WRITE, &c, &err), err);
    if (!c)
        return -1;
    CHECK_OK(catalog_check(c, &err), err);
    CHECK_OK(catalog_get_totals(c, &totals, &err), err);
    counted = totals.clips;
    CHECK_MSG(counted == clips, "%lld, not %lld", (long long)counted, (long long)clips);
    use(c);
    catalog_close(c);
    return clips;
}

static void put(const uint8_t *bytes, size_t size)
{
    char path[512];
    fixture_clear();
    CHECK(mkdir(fixture_library, 0700) == 0);
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

/* The pages that belong to tables, by SQLite's own account; others are indexes' and search's. */
static bool *table_pages(sqlite3 *db, size_t pages)
{
    bool *is_table = calloc(pages + 1, sizeof *is_table);
    sqlite3_stmt *s;
    CHECK(sqlite3_prepare_v2(db,
                             "SELECT pageno FROM dbstat WHERE name IN (SELECT name FROM"
                             " sqlite_schema WHERE type = 'table' AND name NOT LIKE 'clip_words%'"
                             " AND name NOT LIKE 'clip_parts%') OR name = 'sqlite_schema'", -1, &s,
                             NULL) == SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        is_table[sqlite3_column_int64(s, 0)] = true;
    sqlite3_finalize(s);
    is_table[1] = true;
    return is_table;
}

TEST(salvage_saves_what_can_be_read)
{
    enum { CLIPS = 500, PAGE = 4096 };
    long copies = number("SALVAGE_COPIES", 8);
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t lost = -1, saved = 0, least = CLIPS;
    char path[512];
    size_t size;
    fill(c, CLIPS);
    bool *is_table = table_pages(c->db, 100000);
    catalog_close(c);
    CHECK(salvage(&lost) == CLIPS && lost == 0);
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    uint8_t *whole = read_all(path, &size), *bytes = malloc(size);
    size_t pages = size / PAGE;
    /* every index and search page at once */
    memcpy(bytes, whole, size);
    for (size_t p = 1; p <= pages; p++)
        if (!is_table[p])
            memset(bytes + (p - 1) * PAGE, 0xA5, PAGE);
    put(bytes, size);
    CHECK_MSG((saved = salvage(&lost)) == CLIPS, "%lld saved", (long long)saved);
    /* single pages of tables: a clip's page holds about ten */
    for (long i = 0; i < copies; i++) {
        size_t p;
        do
            p = 2 + random_below((uint32_t)pages - 1);
        while (!is_table[p]);
        memcpy(bytes, whole, size);
        memset(bytes + (p - 1) * PAGE, 0, PAGE);
        put(bytes, size);
        saved = salvage(&lost);
        least = saved < 0 ? least : saved < least ? saved : least;
        CHECK_MSG(saved == CLIPS || lost > 0, "page %zu: %lld saved, none lost", p,
                  (long long)saved);
    }
    printf("of %d clips the worst of %ld lost pages left %lld\n", CLIPS, copies, (long long)least);
    put((const uint8_t *)"no database", 11);
    CHECK(salvage(&lost) == -1);
    free(is_table);
    free(whole);
    free(bytes);
    fixture_clear();
}

/* A reader's life: what it sees is whole, and the number of clips never falls. */
static void read_for(int64_t until_ms)
{
    struct catalog *c = fixture_open(CATALOG_READ);
    int64_t last = 0, reads = 0;
    while (dn_now_ms() < until_ms) {
        struct clip_list list;
        struct catalog_page page = {.limit = 20};
        struct clip_query *q;
        int64_t n;
        CHECK_OK(clip_query_parse("fox", &q, &err), err);
        CHECK_OK(catalog_search(c, q, &page, &list, &err), err);
        CHECK(list.count == 20);
        clip_list_done(&list);
        CHECK_OK(catalog_count(c, q, 1000000, &n, &err), err);
        CHECK(n >= last);
        last = n;
        clip_query_free(q);
        if (++reads % 50 == 0)
            CHECK_OK(catalog_check(c, &err), err);
    }
    catalog_close(c);
    _exit(check_failures != 0);
}

TEST(readers_beside_a_writer)
{
    enum { READERS = 4 };
    int64_t until = dn_now_ms() + 1000 * number("STRESS_SECONDS", 2), writes = 0;
    struct catalog *c = fixture_open(CATALOG_WRITE);
    pid_t pids[READERS];
    fill(c, 100);
    catalog_close(c); /* SQLite's locks do not survive a fork */
    for (int i = 0; i < READERS; i++)
        if ((pids[i] = fork()) == 0)
            read_for(until);
    c = fixture_open(CATALOG_WRITE);
    for (; dn_now_ms() < until; writes++) {
        struct clip in = fixture_clip("a fox beside readers", 1);
        int64_t id;
        CHECK_OK(catalog_enqueue(c, &in, JOB_LAST, &id, &err), err);
        if (writes % 100 == 0)
            CHECK_OK(catalog_execute(c, "PRAGMA wal_checkpoint(PASSIVE)", &err), err);
    }
    for (int i = 0; i < READERS; i++) {
        int status = 1;
        waitpid(pids[i], &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    printf("%lld writes beside %d readers\n", (long long)writes, READERS);
    fixture_clear();
}

/* SQLite's allocator, failing the n-th time and from then on or only once. */
static sqlite3_mem_methods real;
static int64_t allocations, fail_at;
static bool fail_after;

static bool out_of_memory(void)
{
    allocations++;
    return fail_at && (fail_after ? allocations >= fail_at : allocations == fail_at);
}
static void *mem_malloc(int n)
{
    return out_of_memory() ? NULL : real.xMalloc(n);
}
static void *mem_realloc(void *p, int n)
{
    return out_of_memory() ? NULL : real.xRealloc(p, n);
}

static bool story(void)
{
    struct catalog *c = NULL;
    struct clip in = fixture_clip("a fox", 1);
    int64_t id = 0;
    struct clip_list list = {0};
    struct job job = {0};
    bool found = false;
    struct clip_query *q = NULL;
    struct catalog_page page = {.limit = 5};
    bool ok = catalog_open(fixture_library, CATALOG_WRITE, &c, &err) &&
              catalog_enqueue(c, &in, JOB_LAST, &id, &err) &&
              catalog_add_tag(c, id, "t", &err) && clip_query_parse("fox *fox* tag:t", &q, &err) &&
              catalog_search(c, q, &page, &list, &err) && list.count == 1 &&
              catalog_claim_job(c, "e", &job, &found, &err) && found &&
              catalog_set_job(c, id, JOB_FAILED, "no", &err) && catalog_check(c, &err);
    clip_list_done(&list);
    clip_query_free(q);
    job_done(&job);
    catalog_close(c);
    return ok;
}

TEST(sqlite_without_memory)
{
    long step = number("MEMORY_STEP", 23);
    CHECK(sqlite3_shutdown() == SQLITE_OK);
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods failing = real;
    failing.xMalloc = mem_malloc;
    failing.xRealloc = mem_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    fixture_clear();
    CHECK_OK(story(), err);
    fixture_clear();
    allocations = 0;
    CHECK_OK(story(), err);
    int64_t all = allocations, before = sqlite3_memory_used(), tried = 0;
    for (int64_t n = 1; n <= all; n += step)
        for (int after = 0; after < 2; after++, tried++) {
            fixture_clear();
            allocations = 0;
            fail_at = n;
            fail_after = after;
            err = (struct dn_error){0};
            bool ok = story();
            fail_at = 0;
            CHECK_MSG(ok || err.message[0], "allocation %lld", (long long)n);
            CHECK_MSG(sqlite3_memory_used() == before, "allocation %lld: %lld bytes leak",
                      (long long)n, (long long)(sqlite3_memory_used() - before));
            if (catalog_exists(fixture_library)) {
                struct catalog *c = fixture_open(CATALOG_WRITE);
                CHECK_MSG(catalog_check(c, &err), "allocation %lld: %s", (long long)n,
                          err.message);
                catalog_close(c);
            }
        }
    printf("%lld of %lld allocations failed\n", (long long)tried, (long long)(2 * all));
    fixture_clear();
}

TESTS(T(damaged_copies), T(salvage_saves_what_can_be_read), T(readers_beside_a_writer),
      T(sqlite_without_memory))
