/* verify: recomputing fixtures of the public implementations (see `danaus verify --help`).
 *
 * Each kind of fixture is one file verify_*.c with an entry in verify_table.c. A kind recognises its
 * files by folder and content (tensor names, metadata), never by the names, sizes or seeds of the
 * fixtures that happen to exist. */
#ifndef DANAUS_COMMANDS_VERIFY_H
#define DANAUS_COMMANDS_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/ops.h"

struct verify_run {
    const struct ops *ops;
    struct exec *ex;         /* of dtype */
    enum dtype dtype;        /* F32 or BF16 */
    int64_t passed, failed, skipped;
    const char *fixture;     /* path relative to the folder given, for the rows */
};

/* A file as the walk presents it. */
struct verify_file {
    const char *root;     /* the folder given on the command line */
    const char *path;     /* root/relative */
    const char *relative;
    const char *folder;   /* name of the innermost folder: "monarch", "dit", ... */
    const char *name;     /* file name */
};

enum verify_claim {
    VERIFY_NOT_MINE,
    VERIFY_RUN,      /* call run */
    VERIFY_SUPPORT,  /* read by another fixture (weights, context, README): no row */
    VERIFY_SKIP,     /* mine, but the feature does not exist yet: a skipped row */
};

struct verify_kind {
    const char *name;
    enum verify_claim (*claim)(const struct verify_file *file);
    /* Computes the fixture and adds its rows; an error that prevents computing is a failed row. */
    void (*run)(struct verify_run *run, const struct verify_file *file);
};

extern const struct verify_kind *const verify_kinds[]; /* NULL-terminated */

/* One row: passes when measured <= tolerance (NaN fails). unit is "rel", "max", "exact", ... */
void verify_row(struct verify_run *run, const char *what, const char *unit, double measured,
                double tolerance);
/* rel = ||got - want|| / ||want|| (of want = 0: ||got||) as a row. */
void verify_rel(struct verify_run *run, const char *what, const float *got, const float *want,
                int64_t count, double tolerance);
/* largest |got - want| as a row. */
void verify_max(struct verify_run *run, const char *what, const float *got, const float *want,
                int64_t count, double tolerance);
/* a yes/no row */
void verify_exact(struct verify_run *run, const char *what, bool equal);
void verify_error(struct verify_run *run, const char *what, const struct dn_error *err);
void verify_skipped(struct verify_run *run, const char *what, const char *why);

#endif
