/* catalog_salvage: the rows of a damaged catalog into a new one.
 *
 * A table is read from its first row until a page cannot be read, then from its last row backwards,
 * then row by row through the gap between. Indexes and the search tables are not read at all. What
 * refers to a row that is gone is left out; a clip whose model is gone gets the model "unknown". */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"
#include "store/catalog_internal.h"

/* Tables in an order in which what is referred to comes first; key = rowid or first column. */
static const struct {
    const char *name;
    bool has_rowid;
} tables[] = {
    {"models", true},       {"clips", true},      {"clip_details", true},
    {"clip_files", false},  {"jobs", true},       {"tags", true},
    {"clip_tags", false},   {"collections", true}, {"collection_clips", false},
    {"settings", false},
};

#define MOST 10000000

struct salvage {
    sqlite3 *from, *to;
    int64_t newest; /* number that a clip was given last: no row of any table has a larger one */
    const char *table;
    sqlite3_stmt *insert;
    int64_t lost;
    int64_t copied; /* of this table */
};

static sqlite3_stmt *prepare(sqlite3 *db, char *sql)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        s = NULL;
    free(sql);
    return s;
}

/* One row into the new table. A row that its rules refuse is damaged. False: the new file cannot
 * be written. */
static bool copy_row(struct salvage *v, sqlite3_stmt *row, int first)
{
    int columns = sqlite3_column_count(row) - first;
    for (int i = 0; i < columns; i++)
        sqlite3_bind_value(v->insert, i + 1, sqlite3_column_value(row, first + i));
    int code = sqlite3_step(v->insert);
    sqlite3_reset(v->insert);
    v->lost += (code & 0xFF) == SQLITE_CONSTRAINT;
    v->copied += code == SQLITE_DONE && sqlite3_changes(v->to) > 0;
    return code == SQLITE_DONE || (code & 0xFF) == SQLITE_CONSTRAINT;
}

/* Reads s to its end or to damage; *last = the last row's number. Its rows begin with it. */
static bool copy_rows(struct salvage *v, sqlite3_stmt *s, int64_t *last, bool *whole)
{
    int code = s ? SQLITE_ROW : SQLITE_CORRUPT;
    bool ok = true;
    while (ok && s && (code = sqlite3_step(s)) == SQLITE_ROW) {
        *last = sqlite3_column_int64(s, 0);
        ok = copy_row(v, s, 1);
    }
    *whole = code == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok;
}

static bool copy_gap(struct salvage *v, int64_t first, int64_t end)
{
    bool ok = true;
    sqlite3_stmt *s = prepare(v->from, dn_asprintf("SELECT * FROM %s NOT INDEXED WHERE rowid = ?",
                                                   v->table));
    for (int64_t id = first; ok && s && id < end; id++) {
        sqlite3_bind_int64(s, 1, id);
        int code = sqlite3_step(s);
        if (code == SQLITE_ROW)
            ok = copy_row(v, s, 0);
        v->lost += code != SQLITE_ROW && code != SQLITE_DONE;
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return ok;
}

static bool copy_table(struct salvage *v, bool has_rowid)
{
    int64_t first = 0, last = v->newest + 1;
    bool whole = false, ok;
    const char *key = has_rowid ? "rowid" : "0";
    ok = copy_rows(v, prepare(v->from, dn_asprintf("SELECT %s, * FROM %s NOT INDEXED", key,
                                                   v->table)),
                   &first, &whole);
    if (!ok || whole)
        return ok;
    v->lost++;
    if (!has_rowid) /* its tree is read from the other end as far as it goes */
        return copy_rows(v, prepare(v->from, dn_asprintf("SELECT 0, * FROM %s ORDER BY 1 DESC,"
                                                         " 2 DESC, 3 DESC", v->table)),
                         &last, &whole);
    ok = copy_rows(v, prepare(v->from, dn_asprintf("SELECT rowid, * FROM %s NOT INDEXED"
                                                   " ORDER BY rowid DESC", v->table)),
                   &last, &whole);
    /* without a row from either end the way to all of them is lost */
    return ok && (whole || v->copied == 0 || copy_gap(v, first + 1, last));
}

static bool copy_tables(struct salvage *v, int64_t *clips, struct dn_error *err)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct strbuf sql = {0};
        v->table = tables[i].name;
        v->copied = 0;
        sqlite3_stmt *shape = prepare(v->to, dn_asprintf("SELECT * FROM %s", v->table));
        strbuf_printf(&sql, "INSERT OR IGNORE INTO %s VALUES (", v->table);
        for (int k = 0; k < sqlite3_column_count(shape); k++)
            strbuf_append_text(&sql, k ? ", ?" : "?");
        strbuf_append_text(&sql, ")");
        sqlite3_finalize(shape);
        v->insert = prepare(v->to, strbuf_take(&sql));
        bool ok = v->insert && copy_table(v, tables[i].has_rowid);
        sqlite3_finalize(v->insert);
        if (!ok)
            return dn_fail(err, DN_E_IO, "cannot write the salvaged catalog: %s",
                           sqlite3_errmsg(v->to));
        if (strcmp(v->table, "clips") == 0)
            *clips = v->copied;
    }
    return true;
}

/* What refers to nothing, and jobs that are nowhere: a clip that waits has one. */
static const char repair[] =
    "INSERT OR IGNORE INTO models(name) VALUES ('unknown');"
    "UPDATE clips SET model_id = (SELECT id FROM models WHERE name = 'unknown' AND sha256 = '')"
    "    WHERE model_id NOT IN (SELECT id FROM models);"
    "UPDATE clips SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM clips);"
    "DELETE FROM clip_details WHERE clip_id NOT IN (SELECT id FROM clips);"
    "DELETE FROM clip_files WHERE clip_id NOT IN (SELECT id FROM clips);"
    "DELETE FROM jobs WHERE clip_id NOT IN (SELECT id FROM clips);"
    "DELETE FROM clip_tags WHERE clip_id NOT IN (SELECT id FROM clips)"
    "    OR tag_id NOT IN (SELECT id FROM tags);"
    "DELETE FROM collection_clips WHERE clip_id NOT IN (SELECT id FROM clips)"
    "    OR collection_id NOT IN (SELECT id FROM collections);"
    "UPDATE clips SET status = 'failed' WHERE status IN ('queued', 'paused', 'running')"
    "    AND id NOT IN (SELECT clip_id FROM jobs);"
    "INSERT OR IGNORE INTO clip_details(clip_id, request) SELECT id, '{}' FROM clips;";

/* The schema of the damaged catalog's own version; migrating is for the next opening. */
static bool make_schema(sqlite3 *to, int version, struct dn_error *err)
{
    char pragma[128];
    bool ok = true;
    for (const struct migration *m = catalog_migrations; ok && m->number; m++)
        ok = m->number > version || sqlite3_exec(to, m->sql, NULL, NULL, NULL) == SQLITE_OK;
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             CATALOG_APPLICATION_ID, version);
    ok = ok && sqlite3_exec(to, pragma, NULL, NULL, NULL) == SQLITE_OK;
    return ok || dn_fail(err, DN_E_IO, "cannot write the salvaged catalog: %s", sqlite3_errmsg(to));
}

static int64_t read_number(sqlite3 *from, const char *sql)
{
    int64_t number = 0;
    sqlite3_stmt *s = prepare(from, dn_strdup(sql));
    if (s && sqlite3_step(s) == SQLITE_ROW)
        number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return number;
}

static bool fill(sqlite3 *from, const char *part, int64_t *clips, int64_t *lost,
                 struct dn_error *err)
{
    struct salvage v = {.from = from};
    int version = (int)read_number(from, "PRAGMA user_version");
    v.newest = read_number(from, "SELECT seq FROM sqlite_sequence WHERE name = 'clips'");
    v.newest = v.newest < 0 || v.newest > MOST ? MOST : v.newest; /* or damage made it large */
    bool ok = version >= 1 && version <= catalog_newest();
    if (!ok)
        return dn_fail(err, DN_E_FORMAT, "nothing can be read of the catalog");
    ok = sqlite3_open_v2(part, &v.to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
             SQLITE_OK ||
         dn_fail(err, DN_E_IO, "cannot make %s: %s", part, sqlite3_errmsg(v.to));
    ok = ok && make_schema(v.to, version, err) &&
         (sqlite3_exec(v.to, "BEGIN", NULL, NULL, NULL) == SQLITE_OK) &&
         copy_tables(&v, clips, err);
    if (ok && (sqlite3_exec(v.to, repair, NULL, NULL, NULL) != SQLITE_OK ||
               sqlite3_exec(v.to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK))
        ok = dn_fail(err, DN_E_IO, "cannot write %s: %s", part, sqlite3_errmsg(v.to));
    sqlite3_close(v.to);
    *lost = v.lost;
    return ok;
}

bool catalog_salvage(const char *library, const char *path, int64_t *clips, int64_t *lost,
                     struct dn_error *err)
{
    sqlite3 *from = NULL;
    int64_t saved = 0, gone = 0;
    if (dn_path_exists(path))
        return dn_fail(err, DN_E_EXISTS, "%s exists already", path);
    char *old = dn_path_join(library, CATALOG_NAME), *part = dn_asprintf("%s.part", path);
    unlink(part);
    bool ok = sqlite3_open_v2(old, &from, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ||
              dn_fail(err, DN_E_IO, "cannot open %s: %s", old, sqlite3_errmsg(from));
    if (ok) {
        sqlite3_db_config(from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        /* also of a file that was cut short, and beside entries of the schema that are damaged */
        sqlite3_exec(from, "PRAGMA writable_schema = ON", NULL, NULL, NULL);
        ok = fill(from, part, &saved, &gone, err);
    }
    sqlite3_close(from);
    int fd = ok ? open(part, O_RDONLY | O_CLOEXEC) : -1;
    if (ok && (fd < 0 || fchmod(fd, 0600) != 0 || fsync(fd) != 0 ||
               atomic_rename(AT_FDCWD, part, AT_FDCWD, path, false) != 0))
        ok = dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (!ok)
        unlink(part);
    if (clips)
        *clips = saved;
    if (lost)
        *lost = gone;
    free(old);
    free(part);
    return ok;
}
