/* catalog: everything ever made, in one SQLite database, LIBRARY/catalog.db.
 *
 * One connection writes (the engine's, held by a lock on catalog.lock), any number read. Writing
 * is durable when the call that wrote returns true, or inside catalog_begin() when the commit does.
 * The schema is a row of numbered migrations (store/migrations), each one transaction; before the
 * first of them an existing catalog is copied to catalog-backup-vNNNN.db.
 *
 * A catalog belongs to the thread and the process that opened it: never carried over fork().
 * Statements live in catalog_clips, catalog_jobs, catalog_labels, catalog_search, clip_files. */
#ifndef DANAUS_STORE_CATALOG_H
#define DANAUS_STORE_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct catalog;

enum catalog_mode {
    CATALOG_READ,  /* there must be one, of this program's version */
    CATALOG_WRITE, /* makes it (and the folder, 0700) when there is none; migrates an older one */
};

/* library is the folder. Refused in one line, the file untouched: a database of another program or
 * of a newer danaus, a file that is none (also an empty one), a directory, a FIFO (DN_E_FORMAT);
 * writing while another process writes (DN_E_EXISTS). Reading where no catalog is yet: DN_E_IO,
 * see catalog_exists(). The caller closes. */
bool catalog_open(const char *library, enum catalog_mode mode, struct catalog **out,
                  struct dn_error *err);
void catalog_close(struct catalog *catalog); /* NULL allowed; an open transaction is undone */
/* Gives back what was kept to be quick the next time. */
void catalog_release_memory(struct catalog *c);

bool catalog_exists(const char *library);

/* Gives back the memory that holds pages for the next statements; they are read again then. */
void catalog_rest(struct catalog *catalog);

/* The folder, as given to catalog_open(); borrowed. */
const char *catalog_library(const struct catalog *catalog);
/* One line that the user should see ("on a network file system ..."), or "". */
const char *catalog_notice(const struct catalog *catalog);
/* The number of the newest migration it has. */
int catalog_version(const struct catalog *catalog);

/* Several writes as one: all of them are kept at commit, or none. Not nested by callers; the
 * functions of the catalog may be called inside. A failed write inside leaves the transaction open
 * for rollback. */
bool catalog_begin(struct catalog *catalog, struct dn_error *err);
bool catalog_commit(struct catalog *catalog, struct dn_error *err); /* failed = undone */
void catalog_rollback(struct catalog *catalog);

/* A number that changes when another connection has written; for refreshing a screen. */
bool catalog_change_count(struct catalog *catalog, int64_t *out, struct dn_error *err);

/* Reads the whole database: pages, references, that clips and jobs agree; a writer also compares
 * the search tables with the text. False with what is wrong. Minutes at a million clips. */
bool catalog_check(struct catalog *catalog, struct dn_error *err);

/* A copy of the catalog as one file that must not exist yet; by any connection. */
bool catalog_backup(struct catalog *catalog, const char *path, struct dn_error *err);

/* What can still be read of a damaged catalog, written as a whole new one to path, which must not
 * exist yet; the old file is not touched. *clips counts those that were saved, *lost the places in
 * its tables that could not be read (both may be NULL). Search is built anew. False when nothing
 * can be read at all. */
bool catalog_salvage(const char *library, const char *path, int64_t *clips, int64_t *lost,
                     struct dn_error *err);

/* Small facts that outlive the engine. *value is NULL when there is none; the caller frees. */
bool catalog_get_setting(struct catalog *catalog, const char *name, char **value,
                         struct dn_error *err);
bool catalog_set_setting(struct catalog *catalog, const char *name, const char *value,
                         struct dn_error *err);

/* Milliseconds since 1970 (UTC) by the machine's clock. */
int64_t catalog_now_ms(void);

#endif
