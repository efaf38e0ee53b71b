/* read_file: a whole small file in memory. */
#ifndef DANAUS_BASE_READ_FILE_H
#define DANAUS_BASE_READ_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Reads a regular file of at most max bytes. *bytes has a NUL behind its *size bytes; the caller
 * frees. false: cannot be opened or read, not a regular file (a FIFO or device is never waited
 * for), too large, or changed its size meanwhile. */
bool dn_read_file(const char *path, size_t max, char **bytes, size_t *size, struct dn_error *err);

#endif
