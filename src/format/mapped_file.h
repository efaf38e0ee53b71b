/* mapped_file: a regular file, mapped read-only. Directories, FIFOs, devices and empty files are
 * refused before anything is read. */
#ifndef DANAUS_FORMAT_MAPPED_FILE_H
#define DANAUS_FORMAT_MAPPED_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

struct mapped_file {
    char *path;
    const uint8_t *data;
    uint64_t size;
    /* PRIVATE */
    int fd; /* -1 once settled */
    struct timespec modified;
};

/* False: *f is empty (safe to close) and err says why. */
bool mapped_file_open(struct mapped_file *f, const char *path, struct dn_error *err);
/* To be called when parsing is done: false when the file changed since it was opened. Closes the
 * descriptor; the map stays. */
bool mapped_file_settle(struct mapped_file *f, struct dn_error *err);
void mapped_file_close(struct mapped_file *f);

#endif
