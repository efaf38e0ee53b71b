/* catalog_internal: the connection and its statements, for store/catalog*.c and store/clip_*.c. */
#ifndef DANAUS_STORE_CATALOG_INTERNAL_H
#define DANAUS_STORE_CATALOG_INTERNAL_H

#include <sqlite3.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "store/catalog.h"

/* "DANA": the first bytes that tell our database from others (SQLite's application_id). */
#define CATALOG_APPLICATION_ID 0x44414E41
#define CATALOG_NAME "catalog.db"

struct catalog {
    sqlite3 *db;
    char *library;
    char *path; /* of the database */
    enum catalog_mode mode;
    int lock_fd;      /* of catalog.lock, held by the writer; -1 */
    int version;      /* user_version */
    char notice[256]; /* "" = none */
    pid_t pid;        /* that opened it */
    struct {
        const char *sql; /* a literal: known by its address */
        sqlite3_stmt *statement;
    } *cache; /* [cached]; as many as there are literals, and twice those that nest */
    int cached;
};

/* One value to bind. */
struct value {
    enum { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT } type;
    int64_t i;
    double d;
    const char *text;
};
static inline struct value value_int(int64_t i)
{
    return (struct value){.type = VALUE_INT, .i = i};
}
static inline struct value value_int_or_null(int64_t i) /* 0 = NULL */
{
    return (struct value){.type = i ? VALUE_INT : VALUE_NULL, .i = i};
}
static inline struct value value_real(double d)
{
    return (struct value){.type = VALUE_REAL, .d = d};
}
static inline struct value value_text(const char *text) /* NULL counts as "" */
{
    return (struct value){.type = VALUE_TEXT, .text = text ? text : ""};
}
struct values {
    const struct value *items;
    size_t count;
};
#define VALUES(...)                                                                                \
    (struct values){(const struct value[]){__VA_ARGS__},                                           \
                    sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)}
#define NO_VALUES (struct values){NULL, 0}

/* The writer's lock of a library, which lasts until *fd is closed (by the caller, also after false:
 * -1 when there is none). DN_E_EXISTS: another process writes. */
bool catalog_take_lock(const char *library, int *fd, struct dn_error *err);

/* "cannot WHAT: why" with a hint, from the connection's last error. False. */
bool catalog_failed(struct catalog *c, const char *what, struct dn_error *err);

/* A statement with its values bound, kept for the next time: sql is a literal. NULL and err on
 * failure. Texts are borrowed until statement_end(). */
sqlite3_stmt *statement_begin(struct catalog *c, const char *sql, struct values v,
                              struct dn_error *err);
/* The same for text that is made anew each time; ended by sqlite3_finalize(). */
sqlite3_stmt *statement_new(struct catalog *c, const char *sql, struct values v,
                            struct dn_error *err);
/* *row: a row is there to be read. */
bool statement_step(struct catalog *c, sqlite3_stmt *s, bool *row, struct dn_error *err);
void statement_end(sqlite3_stmt *s); /* NULL allowed */

/* Runs a statement that gives no rows. changed = rows it changed, may be NULL. */
bool catalog_run(struct catalog *c, const char *sql, struct values v, int64_t *changed,
                 struct dn_error *err);
/* The first column of the first row as a number, *found = false when there is no row. */
bool catalog_read_int(struct catalog *c, const char *sql, struct values v, int64_t *out,
                      bool *found, struct dn_error *err);

/* Runs sql that is a literal without values, also several statements. */
bool catalog_execute(struct catalog *c, const char *sql, struct dn_error *err);

/* A transaction that may lie inside one of the caller's: a savepoint. */
bool catalog_enter(struct catalog *c, struct dn_error *err);
/* ok: keeps what was done, else undoes it. Returns whether it is kept. */
bool catalog_leave(struct catalog *c, bool ok, struct dn_error *err);

/* Column text as the caller's own string, never NULL. */
char *column_dup(sqlite3_stmt *s, int column);

/* catalog_migrate.c: the embedded schema (generated from store/migrations). */
struct migration {
    int number;
    const char *name;
    const char *sql;
};
extern const struct migration catalog_migrations[]; /* ends with number 0 */
int catalog_newest(void);
/* Brings the open, writable database to the newest version. */
bool catalog_migrate(struct catalog *c, struct dn_error *err);

/* catalog_clips.c: the columns of a page, in the order clip_from_row reads them. */
#define CLIP_COLUMNS                                                                               \
    "c.id, c.status, c.origin, c.prompt, c.negative, c.seed, c.noise, m.name, m.sha256, c.width, " \
    "c.height, c.frames, c.fps, c.chunks, c.chunks_done, c.sampler, c.attention, c.backend, "      \
    "c.created_ms, c.started_ms, c.finished_ms, c.trashed_ms, c.parent_id, c.parent_chunk, "       \
    "c.rating, c.favourite, c.notes, c.folder"
struct clip;
struct clip_list;
bool clip_from_row(sqlite3_stmt *s, struct clip *out, struct dn_error *err);
/* All rows of s (ended here, also on failure). */
bool clip_list_read(struct catalog *c, sqlite3_stmt *s, struct clip_list *out,
                    struct dn_error *err);
/* clips/2026/11/25/000017-a-red-fox; the caller frees. */
char *clip_choose_folder(int64_t id, int64_t created_ms, const char *prompt);

/* clip_files.c: makes a folder below the library, 0700, there also after a power cut; one that is
 * there is fine. */
bool library_make_folder(const struct catalog *c, const char *relative, struct dn_error *err);

/* clip_trash.c: moves that a crash interrupted. */
bool clip_moves_complete(struct catalog *c, int64_t *removed, struct dn_error *err);
/* DN_E_ARG "there is no clip 17". */
bool catalog_no_clip(int64_t id, struct dn_error *err);

#endif
