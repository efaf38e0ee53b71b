/* catalog_migrate: from any older schema to the newest, one transaction a step, a copy before. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/catalog_internal.h"

int catalog_newest(void)
{
    int newest = 0;
    for (const struct migration *m = catalog_migrations; m->number; m++)
        newest = m->number;
    return newest;
}

static bool apply(struct catalog *c, const struct migration *m, struct dn_error *err)
{
    char version[64];
    snprintf(version, sizeof version, "PRAGMA user_version = %d", m->number);
    bool ok = catalog_execute(c, "BEGIN IMMEDIATE", err) && catalog_execute(c, m->sql, err) &&
              catalog_execute(c, version, err) && catalog_execute(c, "COMMIT", err);
    if (ok) {
        c->version = m->number;
        return true;
    }
    if (!sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return dn_error_while(err, "bringing the catalog to version %d (%s)", m->number, m->name);
}

/* A backup of this version that is whole may be there from a migration that was interrupted: the
 * catalog has not changed since, so it is as good as a new one. */
static bool backup(struct catalog *c, struct dn_error *err)
{
    char *path = dn_asprintf("%s/catalog-backup-v%04d.db", c->library, c->version);
    bool ok = dn_path_exists(path) || catalog_backup(c, path, err);
    free(path);
    return ok || dn_error_while(err, "copying the catalog before it changes");
}

bool catalog_migrate(struct catalog *c, struct dn_error *err)
{
    int newest = catalog_newest();
    assert(c->mode == CATALOG_WRITE && c->version <= newest);
    if (c->version < newest && c->version > 0 && !backup(c, err))
        return false;
    for (const struct migration *m = catalog_migrations; m->number; m++)
        if (m->number > c->version && !apply(c, m, err))
            return false;
    return true;
}
