/* base64: bytes as text (RFC 4648, section 4). */
#ifndef DANAUS_BASE_BASE64_H
#define DANAUS_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* The caller frees. */
char *dn_base64(const uint8_t *bytes, size_t size);

#endif
