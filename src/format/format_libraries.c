/* format_libraries: see base/library.h */
#include "format/format_libraries.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <zlib.h>

static void zlib_version_text(char *out, size_t size)
{
    snprintf(out, size, "%s", zlibVersion());
}

static void openssl_version(char *out, size_t size)
{
    snprintf(out, size, "%u.%u.%u", OPENSSL_version_major(), OPENSSL_version_minor(),
             OPENSSL_version_patch());
}

const struct dn_library format_libraries[] = {
    {"zlib", zlib_version_text}, {"OpenSSL", openssl_version}, {NULL, NULL}};
