/* protobuf_reader: the fields of a protobuf message one after the other, without a schema.
 *
 * Encoding: protobuf.dev/programming-guides/encoding. Groups, which nothing has used for years,
 * are refused. A nested message is a new reader over a field's bytes, so depth is the caller's. */
#ifndef DANAUS_MODEL_PROTOBUF_READER_H
#define DANAUS_MODEL_PROTOBUF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct protobuf_reader {
    const char *bytes; /* the whole file, for offsets in errors */
    size_t at, end;    /* this message is bytes[at..end) */
    const char *what;  /* the file's name */
};

enum protobuf_type { PROTOBUF_VARINT = 0, PROTOBUF_64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_32 = 5 };

struct protobuf_field {
    uint32_t number; /* >= 1 */
    enum protobuf_type type;
    uint64_t value;    /* VARINT, 32, 64 */
    size_t start, end; /* BYTES: bytes[start..end), inside the message */
};

/* Reads the next field. At the end of the message sets *more to false. False: broken (the error
 * names file, byte and rule). */
bool protobuf_next(struct protobuf_reader *r, struct protobuf_field *field, bool *more,
                   struct dn_error *err);

/* A reader over the message in field. */
struct protobuf_reader protobuf_nested(const struct protobuf_reader *r,
                                       const struct protobuf_field *field);

/* False with "FILE: byte N: rule". */
bool protobuf_fail(const struct protobuf_reader *r, size_t at, const char *rule,
                   struct dn_error *err);

/* False unless the field has this type. */
bool protobuf_expect(const struct protobuf_reader *r, const struct protobuf_field *field,
                     enum protobuf_type type, struct dn_error *err);

#endif
