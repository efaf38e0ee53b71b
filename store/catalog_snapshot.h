/* catalog_snapshot: dated copies of the catalog, LIBRARY/backups/catalog-2026-11-25.db.
 *
 * What only the catalog knows (stars, tags, collections, notes, who comes from whom) outlives its
 * loss: library_rebuild takes it from the newest. One a week, the last ten are kept. */
#ifndef DANAUS_STORE_CATALOG_SNAPSHOT_H
#define DANAUS_STORE_CATALOG_SNAPSHOT_H

#include "store/catalog.h"

/* Makes today's when the newest is a week old or there is none, and removes those over ten. A
 * catalog without clips is not copied. */
bool catalog_snapshot(struct catalog *catalog, int64_t now_ms, struct dn_error *err);

/* Paths of them, oldest first; *count of them. The caller frees each and the list. A folder that
 * is not there has none. */
char **catalog_snapshots(const char *library, int *count);

#endif
