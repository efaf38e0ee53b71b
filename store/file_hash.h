/* file_hash: SHA-256 and size of a file (FIPS 180-4, by libavutil). */
#ifndef DANAUS_STORE_FILE_HASH_H
#define DANAUS_STORE_FILE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* hex gets 64 digits and a NUL. Only regular files (DN_E_IO otherwise). bytes may be NULL. */
bool file_hash(const char *path, char hex[65], int64_t *bytes, struct dn_error *err);

#endif
