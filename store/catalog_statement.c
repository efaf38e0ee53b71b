/* catalog_statement: statements of the catalog, prepared once, bound by type, errors in a line. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/catalog_internal.h"

static const char *hint_for(int code)
{
    switch (code & 0xFF) {
    case SQLITE_FULL:
        return "free some space; nothing was lost";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "danaus library rebuild makes a new catalog of what can be saved";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program holds the catalog; try again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "check the rights of the library folder";
    default:
        return NULL;
    }
}

bool catalog_failed(struct catalog *c, const char *what, struct dn_error *err)
{
    int code = c->db ? sqlite3_extended_errcode(c->db) : SQLITE_NOMEM;
    int system = c->db ? sqlite3_system_errno(c->db) : 0;
    const char *why = c->db ? sqlite3_errmsg(c->db) : "out of memory";
    bool io = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN;
    bool format = (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB;
    dn_fail(err, format ? DN_E_FORMAT : DN_E_IO, "cannot %s %s: %s%s%s", what, c->path, why,
            io && system ? ": " : "", io && system ? strerror(system) : "");
    const char *hint = hint_for(code);
    if (hint)
        dn_error_hint(err, "%s", hint);
    return false;
}

static bool bind(struct catalog *c, sqlite3_stmt *s, struct values v, struct dn_error *err)
{
    assert(sqlite3_bind_parameter_count(s) == (int)v.count);
    for (size_t i = 0; i < v.count; i++) {
        const struct value *value = &v.items[i];
        int at = (int)i + 1, code = SQLITE_OK;
        switch (value->type) {
        case VALUE_NULL:
            code = sqlite3_bind_null(s, at);
            break;
        case VALUE_INT:
            code = sqlite3_bind_int64(s, at, value->i);
            break;
        case VALUE_REAL:
            code = sqlite3_bind_double(s, at, value->d);
            break;
        case VALUE_TEXT:
            code = sqlite3_bind_text(s, at, value->text, -1, SQLITE_STATIC);
            break;
        }
        if (code != SQLITE_OK)
            return catalog_failed(c, "use", err);
    }
    return true;
}

sqlite3_stmt *statement_new(struct catalog *c, const char *sql, struct values v,
                            struct dn_error *err)
{
    assert(c->pid == getpid()); /* SQLite's locks do not survive a fork */
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK) {
        catalog_failed(c, "use", err);
        return NULL;
    }
    if (bind(c, s, v, err))
        return s;
    sqlite3_finalize(s);
    return NULL;
}

sqlite3_stmt *statement_begin(struct catalog *c, const char *sql, struct values v,
                              struct dn_error *err)
{
    assert(c->pid == getpid());
    sqlite3_stmt *s = NULL;
    for (int i = 0; i < c->cached && !s; i++)
        if (c->cache[i].sql == sql && !sqlite3_stmt_busy(c->cache[i].statement))
            s = c->cache[i].statement;
    if (!s) {
        if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
            catalog_failed(c, "use", err);
            return NULL;
        }
        c->cache = dn_realloc(c->cache, (size_t)c->cached + 1, sizeof *c->cache);
        c->cache[c->cached].sql = sql;
        c->cache[c->cached++].statement = s;
    }
    if (bind(c, s, v, err))
        return s;
    statement_end(s);
    return NULL;
}

bool statement_step(struct catalog *c, sqlite3_stmt *s, bool *row, struct dn_error *err)
{
    int code = sqlite3_step(s);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return true;
    return catalog_failed(c, sqlite3_stmt_readonly(s) ? "read" : "write", err);
}

void statement_end(sqlite3_stmt *s)
{
    if (!s)
        return;
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

bool catalog_run(struct catalog *c, const char *sql, struct values v, int64_t *changed,
                 struct dn_error *err)
{
    bool row;
    sqlite3_stmt *s = statement_begin(c, sql, v, err);
    bool ok = s && statement_step(c, s, &row, err);
    if (ok && changed)
        *changed = sqlite3_changes64(c->db);
    statement_end(s);
    return ok;
}

bool catalog_read_int(struct catalog *c, const char *sql, struct values v, int64_t *out,
                      bool *found, struct dn_error *err)
{
    bool row = false;
    sqlite3_stmt *s = statement_begin(c, sql, v, err);
    bool ok = s && statement_step(c, s, &row, err);
    if (ok && row)
        *out = sqlite3_column_int64(s, 0);
    if (found)
        *found = row;
    statement_end(s);
    return ok;
}

bool catalog_execute(struct catalog *c, const char *sql, struct dn_error *err)
{
    assert(c->pid == getpid());
    if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return catalog_failed(c, "use", err);
}

bool catalog_enter(struct catalog *c, struct dn_error *err)
{
    return catalog_run(c, "SAVEPOINT part", NO_VALUES, NULL, err);
}

bool catalog_leave(struct catalog *c, bool ok, struct dn_error *err)
{
    if (ok && catalog_run(c, "RELEASE part", NO_VALUES, NULL, err))
        return true;
    /* SQLite may have undone everything by itself (disk full): then there is nothing to leave. */
    if (!sqlite3_get_autocommit(c->db)) {
        sqlite3_exec(c->db, "ROLLBACK TO part; RELEASE part", NULL, NULL, NULL);
    }
    return false;
}

char *column_dup(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return dn_strdup(text ? text : "");
}
