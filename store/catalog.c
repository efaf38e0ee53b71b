/* catalog: see catalog.h. Opening, transactions, checking. */
#include "store/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"
#include "store/catalog_internal.h"
#include "store/library_rebuild.h"

enum { BUSY_TIMEOUT_MS = 5000 };

int64_t catalog_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool catalog_exists(const char *library)
{
    char *path = dn_path_join(library, CATALOG_NAME);
    bool exists = dn_path_exists(path);
    free(path);
    return exists;
}

const char *catalog_library(const struct catalog *c)
{
    return c->library;
}

const char *catalog_notice(const struct catalog *c)
{
    return c->notice;
}

int catalog_version(const struct catalog *c)
{
    return c->version;
}

/* Held for life by the writer, released by the kernel when the process ends, however it ends. */
bool catalog_take_lock(const char *library, int *fd, struct dn_error *err)
{
    char *path = dn_path_join(library, "catalog.lock");
    *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0;
    if (!ok && *fd >= 0 && errno == EWOULDBLOCK) {
        dn_fail(err, DN_E_EXISTS, "the library %s is in use by another engine", library);
        dn_error_hint(err, "danaus engine status tells which; danaus engine stop ends it");
    } else if (!ok) {
        dn_fail(err, DN_E_IO, "cannot lock %s: %s", path, strerror(errno));
    }
    free(path);
    return ok;
}

/* WAL needs memory shared between processes, which these file systems do not give (numbers from
 * statfs(2)). */
static bool is_network(const char *path)
{
    static const unsigned kinds[] = {
        0x6969,     /* NFS */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB2 */
        0x517B,     /* SMB */
        0x0BD00BD0, /* Lustre */
        0x00C36400, /* Ceph */
        0x47504653, /* GPFS */
        0x01021997, /* 9p */
        0x19830326, /* FhGFS, BeeGFS */
    };
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((unsigned)fs.f_type == kinds[i])
            return true;
    return false;
}

static bool not_ours(struct catalog *c, const char *what, struct dn_error *err)
{
    dn_fail(err, DN_E_FORMAT, "%s is %s", c->path, what);
    return dn_error_hint(err, "move it away, or name another library folder");
}

/* Looks at the file before SQLite does: nothing that is not ours is ever opened for writing.
 * Header: sqlite.org/fileformat2.html, user_version at byte 60, application_id at 68. The write
 * ahead log may know a newer user_version; read_version() asks again. */
static bool check_file(struct catalog *c, struct dn_error *err)
{
    uint8_t head[100];
    struct stat st;
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        dn_fail(err, DN_E_IO, "cannot open %s: %s", c->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    ssize_t n = S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : 0;
    close(fd);
    if (!S_ISREG(st.st_mode))
        return not_ours(c, "no ordinary file", err);
    if (n != sizeof head || memcmp(head, "SQLite format 3", 16) != 0)
        return not_ours(c, n == 0 ? "empty, not a catalog" : "not a catalog", err);
    uint32_t id = (uint32_t)head[68] << 24 | (uint32_t)head[69] << 16 | (uint32_t)head[70] << 8 |
                  head[71];
    if (id != CATALOG_APPLICATION_ID)
        return not_ours(c, "a database of another program", err);
    return true;
}

static bool configure(struct catalog *c, struct dn_error *err)
{
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* The search tables are written by triggers, which an untrusted schema may not do. */
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, c->mode == CATALOG_WRITE, NULL);
    /* Only the writer moves the log into the database: two that do at once can damage it
     * (SQLite before 3.51.3). */
    if (c->mode == CATALOG_READ)
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return catalog_execute(c,
                           "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
                           "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY",
                           err);
}

static bool is_read_only(const char *path)
{
    struct statvfs fs;
    return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

/* A catalog that nobody can change: a reader of any other writes beside it, where the log's index
 * lies, so it could not be opened at all. sqlite.org/uri.html */
static char *immutable_uri(const char *path)
{
    struct strbuf s = {0};
    strbuf_append_text(&s, path[0] == '/' ? "file:" : "file:./");
    for (const char *p = path; *p; p++)
        if (*p == '%' || *p == '?' || *p == '#')
            strbuf_printf(&s, "%%%02X", (unsigned char)*p);
        else
            strbuf_append(&s, p, 1);
    strbuf_append_text(&s, "?immutable=1");
    return strbuf_take(&s);
}

static bool connect_to(struct catalog *c, const char *path, int flags, struct dn_error *err)
{
    char *uri = NULL;
    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (c->mode == CATALOG_READ && is_read_only(c->library)) {
        path = uri = immutable_uri(path);
        flags |= SQLITE_OPEN_URI;
        snprintf(c->notice, sizeof c->notice, "the library is on a disk that can only be read");
    }
    int code = sqlite3_open_v2(path, &c->db, flags, NULL);
    free(uri);
    if (code != SQLITE_OK)
        return catalog_failed(c, "open", err);
    return configure(c, err);
}

static void disconnect(struct catalog *c)
{
    for (int i = 0; i < c->cached; i++)
        sqlite3_finalize(c->cache[i].statement);
    free(c->cache);
    c->cache = NULL;
    c->cached = 0;
    sqlite3_close(c->db);
    c->db = NULL;
}

static bool choose_journal(struct catalog *c, struct dn_error *err)
{
    if (is_network(c->library)) {
        snprintf(c->notice, sizeof c->notice,
                 "the library is on a network file system: the catalog is slower there, and only "
                 "one machine may use it at a time");
        return c->mode == CATALOG_READ || catalog_execute(c, "PRAGMA journal_mode = DELETE", err);
    }
    /* FULL: what was acknowledged is on the disk, also after a power cut. */
    return c->mode == CATALOG_READ ||
           catalog_execute(c,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                           "PRAGMA journal_size_limit = 67108864",
                           err);
}

/* A new catalog is made whole under another name and then appears, so a catalog without tables
 * never exists. The caller holds the lock. */
static bool make_new(struct catalog *c, struct dn_error *err)
{
    char *part = dn_asprintf("%s.part", c->path), *journal = dn_asprintf("%s-journal", part);
    char id[64];
    int fd = -1;
    unlink(part);
    unlink(journal);
    snprintf(id, sizeof id, "PRAGMA application_id = %d", CATALOG_APPLICATION_ID);
    bool ok = connect_to(c, part, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) &&
              catalog_execute(c, id, err) && catalog_migrate(c, err) &&
              choose_journal(c, err); /* now: later a reader could be in the way */
    disconnect(c);
    c->version = 0;
    if (ok) {
        fd = open(part, O_RDONLY | O_CLOEXEC);
        int dir = open(c->library, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ok = fd >= 0 && dir >= 0 && fchmod(fd, 0600) == 0 && fsync(fd) == 0 &&
             atomic_rename(AT_FDCWD, part, AT_FDCWD, c->path, false) == 0 &&
             (fsync(dir) == 0 || errno == EINVAL);
        if (!ok)
            dn_fail(err, DN_E_IO, "cannot make %s: %s", c->path, strerror(errno));
        if (dir >= 0)
            close(dir);
    }
    if (fd >= 0)
        close(fd);
    if (!ok)
        unlink(part);
    unlink(journal);
    free(part);
    free(journal);
    return ok;
}

static bool read_version(struct catalog *c, struct dn_error *err)
{
    int64_t version = 0, id = 0;
    if (!catalog_read_int(c, "PRAGMA user_version", NO_VALUES, &version, NULL, err) ||
        !catalog_read_int(c, "PRAGMA application_id", NO_VALUES, &id, NULL, err))
        return false;
    if (id != CATALOG_APPLICATION_ID || version < 1)
        return not_ours(c, "a database of another program", err);
    if (version > catalog_newest()) {
        dn_fail(err, DN_E_FORMAT, "%s is of version %lld, this danaus knows %d", c->path,
                (long long)version, catalog_newest());
        return dn_error_hint(err, "use the danaus that wrote it, or a newer one");
    }
    if (version < catalog_newest() && c->mode == CATALOG_READ) {
        dn_fail(err, DN_E_FORMAT, "%s is of version %lld, this danaus needs %d", c->path,
                (long long)version, catalog_newest());
        return dn_error_hint(err, "danaus engine start brings it up to date");
    }
    c->version = (int)version;
    return true;
}

static bool open_for_writing(struct catalog *c, struct dn_error *err)
{
    if (!dn_make_dirs(c->library, err) || !catalog_take_lock(c->library, &c->lock_fd, err))
        return false;
    if (dn_path_exists(c->path))
        return true;
    if (library_has_clips(c->library)) { /* an empty one would give their numbers anew */
        dn_fail(err, DN_E_FORMAT, "%s holds clips, but their catalog is gone", c->library);
        return dn_error_hint(err, "danaus library rebuild makes it from their files");
    }
    return make_new(c, err);
}

bool catalog_open(const char *library, enum catalog_mode mode, struct catalog **out,
                  struct dn_error *err)
{
    *out = NULL;
    struct catalog *c = dn_calloc(1, sizeof *c);
    c->library = dn_strdup(library);
    c->path = dn_path_join(library, CATALOG_NAME);
    c->mode = mode;
    c->lock_fd = -1;
    c->pid = getpid();
    if (mode == CATALOG_READ && !dn_path_exists(c->path)) {
        dn_fail(err, DN_E_IO, "there is no catalog in %s yet", library);
        dn_error_hint(err, "make a first clip, or name another library folder");
        goto fail;
    }
    int flags = mode == CATALOG_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if ((mode == CATALOG_WRITE && !open_for_writing(c, err)) || !check_file(c, err) ||
        !connect_to(c, c->path, flags, err) || !read_version(c, err) || !choose_journal(c, err) ||
        (mode == CATALOG_WRITE && !catalog_migrate(c, err)))
        goto fail;
    *out = c;
    return true;
fail:
    catalog_close(c);
    return false;
}

void catalog_rest(struct catalog *c)
{
    sqlite3_db_release_memory(c->db);
}

void catalog_close(struct catalog *c)
{
    if (!c)
        return;
    disconnect(c);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    free(c->library);
    free(c->path);
    free(c);
}

bool catalog_begin(struct catalog *c, struct dn_error *err)
{
    return catalog_run(c, "BEGIN IMMEDIATE", NO_VALUES, NULL, err);
}

bool catalog_commit(struct catalog *c, struct dn_error *err)
{
    if (catalog_run(c, "COMMIT", NO_VALUES, NULL, err))
        return true;
    catalog_rollback(c);
    return false;
}

void catalog_rollback(struct catalog *c)
{
    if (!sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

void catalog_release_memory(struct catalog *c)
{
    sqlite3_db_release_memory(c->db);
}

bool catalog_change_count(struct catalog *c, int64_t *out, struct dn_error *err)
{
    return catalog_read_int(c, "PRAGMA data_version", NO_VALUES, out, NULL, err);
}

bool catalog_backup(struct catalog *c, const char *path, struct dn_error *err)
{
    if (dn_path_exists(path))
        return dn_fail(err, DN_E_EXISTS, "%s exists already", path);
    char *part = dn_asprintf("%s.part", path), *parent = dn_path_dir(path);
    unlink(part);
    /* VACUUM INTO does not sync what it writes. */
    bool ok = catalog_run(c, "VACUUM INTO ?", VALUES(value_text(part)), NULL, err);
    int fd = ok ? open(part, O_RDONLY | O_CLOEXEC) : -1;
    int dir = ok ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (ok && (fd < 0 || dir < 0 || fchmod(fd, 0600) != 0 || fsync(fd) != 0 ||
               atomic_rename(AT_FDCWD, part, AT_FDCWD, path, false) != 0 ||
               (fsync(dir) != 0 && errno != EINVAL)))
        ok = dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    if (!ok)
        unlink(part);
    free(part);
    free(parent);
    return ok;
}

bool catalog_get_setting(struct catalog *c, const char *name, char **value, struct dn_error *err)
{
    bool row = false;
    *value = NULL;
    sqlite3_stmt *s = statement_begin(c, "SELECT value FROM settings WHERE name = ?",
                                      VALUES(value_text(name)), err);
    bool ok = s && statement_step(c, s, &row, err);
    if (ok && row)
        *value = column_dup(s, 0);
    statement_end(s);
    return ok;
}

bool catalog_set_setting(struct catalog *c, const char *name, const char *value,
                         struct dn_error *err)
{
    return catalog_run(c, "INSERT OR REPLACE INTO settings(name, value) VALUES (?, ?)",
                       VALUES(value_text(name), value_text(value)), NULL, err);
}

/* The first row of a statement that should have none, or should say "ok". */
static bool expect_none(struct catalog *c, const char *sql, const char *what, struct dn_error *err)
{
    bool row = false;
    sqlite3_stmt *s = statement_begin(c, sql, NO_VALUES, err);
    bool ok = s && statement_step(c, s, &row, err);
    if (ok && row && strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
        ok = dn_fail(err, DN_E_FORMAT, "%s is damaged: %s %s", c->path, what,
                     (const char *)sqlite3_column_text(s, 0));
    statement_end(s);
    return ok;
}

bool catalog_check(struct catalog *c, struct dn_error *err)
{
    bool ok =
        expect_none(c, "PRAGMA integrity_check(1)", "", err) &&
        expect_none(c, "PRAGMA foreign_key_check", "a broken reference in", err) &&
        expect_none(c,
                    "SELECT clip_id FROM jobs JOIN clips ON clips.id = clip_id "
                    "WHERE clips.status <> jobs.state LIMIT 1",
                    "queue and library disagree about clip", err) &&
        expect_none(c,
                    "SELECT name FROM totals t WHERE value <> CASE name"
                    " WHEN 'bytes' THEN (SELECT coalesce(sum(bytes), 0) FROM clip_files)"
                    " WHEN 'trashed' THEN (SELECT count(*) FROM clips WHERE trashed_ms IS NOT NULL)"
                    " ELSE (SELECT count(*) FROM clips WHERE trashed_ms IS NULL"
                    " AND status = t.name) END LIMIT 1",
                    "a wrong sum of", err);
    if (!ok || c->mode == CATALOG_READ)
        return ok;
    return catalog_execute(c,
                           "INSERT INTO clip_words(clip_words, rank) VALUES('integrity-check', 1);"
                           "INSERT INTO clip_parts(clip_parts, rank) VALUES('integrity-check', 1)",
                           err);
}
