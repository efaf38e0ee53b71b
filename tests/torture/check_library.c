/* check_library DIR: is the catalog sound, and is every file what its row says? One line each fault;
 * the last line tells clips and faults. */
#include <stdio.h>

#include "store/clip_files.h"

static void report(void *user, const struct clip_fault *fault)
{
    (void)user;
    printf("clip %lld: %s %s\n", (long long)fault->clip, fault->path, fault->what);
}

int main(int argc, char **argv)
{
    struct catalog *catalog = NULL;
    struct catalog_totals totals = {0};
    struct dn_error err;
    int64_t faults = 0;
    bool ok = argc == 2 && catalog_open(argv[1], CATALOG_READ, &catalog, &err) &&
              catalog_check(catalog, &err) && catalog_get_totals(catalog, &totals, &err) &&
              clip_files_verify(catalog, 0, true, report, NULL, &faults, &err);
    if (!ok)
        printf("%s\n", argc == 2 ? err.message : "usage: check_library DIR");
    catalog_close(catalog);
    printf("%lld clips, %lld done, %lld faults\n", (long long)totals.clips,
           (long long)totals.by_state[JOB_DONE], (long long)faults);
    return !ok || faults ? 1 : 0;
}
