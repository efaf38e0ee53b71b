/* catalog_snapshot: see catalog_snapshot.h */
#define _GNU_SOURCE
#include "store/catalog_snapshot.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/catalog_clips.h"
#include "store/catalog_internal.h"

#define BACKUPS "backups"
enum { KEPT = 10, DAYS_BETWEEN = 7, DAY_SECONDS = 24 * 60 * 60 };

/* The day that a snapshot's name tells, counted from 1970; -1 = it is none. */
static int64_t day_of(const char *name)
{
    struct tm t = {0};
    const char *end = strptime(name, "catalog-%Y-%m-%d.db", &t);
    return end && !*end ? (int64_t)timegm(&t) / DAY_SECONDS : -1;
}

static int is_snapshot(const struct dirent *e)
{
    return day_of(e->d_name) >= 0;
}

char **catalog_snapshots(const char *library, int *count)
{
    struct dirent **names = NULL;
    char *folder = dn_path_join(library, BACKUPS), **paths = NULL;
    int n = scandir(folder, &names, is_snapshot, alphasort);
    *count = n > 0 ? n : 0;
    if (*count)
        paths = dn_calloc((size_t)*count, sizeof *paths);
    for (int i = 0; i < *count; i++) {
        paths[i] = dn_path_join(folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    free(folder);
    return paths;
}

static bool make(struct catalog *c, int64_t day, struct dn_error *err)
{
    char name[64];
    time_t seconds = (time_t)(day * DAY_SECONDS);
    struct tm t;
    gmtime_r(&seconds, &t);
    strftime(name, sizeof name, BACKUPS "/catalog-%Y-%m-%d.db", &t);
    char *path = dn_path_join(c->library, name);
    bool ok = dn_path_exists(path) || /* after one of a day yet to come: the clock was wrong */
              (library_make_folder(c, BACKUPS, err) && catalog_backup(c, path, err));
    free(path);
    return ok;
}

bool catalog_snapshot(struct catalog *c, int64_t now_ms, struct dn_error *err)
{
    int64_t today = now_ms / 1000 / DAY_SECONDS, age = DAYS_BETWEEN, one;
    int count, made = 0;
    bool any, ok = catalog_read_int(c, "SELECT 1 FROM clips LIMIT 1", NO_VALUES, &one, &any, err);
    if (!ok || !any)
        return ok;
    char **paths = catalog_snapshots(c->library, &count);
    if (count)
        age = today - day_of(strrchr(paths[count - 1], '/') + 1);
    if (age >= DAYS_BETWEEN || age < 0) {
        ok = make(c, today, err);
        made = 1;
    }
    for (int i = 0; i < count; i++) {
        if (ok && i < count + made - KEPT)
            unlink(paths[i]);
        free(paths[i]);
    }
    free(paths);
    return ok;
}
