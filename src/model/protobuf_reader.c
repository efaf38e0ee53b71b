/* protobuf_reader: see protobuf_reader.h */
#include "model/protobuf_reader.h"

bool protobuf_fail(const struct protobuf_reader *r, size_t at, const char *rule,
                   struct dn_error *err)
{
    return dn_fail(err, DN_E_FORMAT, "%s: byte %zu: %s", r->what, at, rule);
}

/* At most max bytes (10 for 64 bits, 5 for a tag or length). */
static bool read_varint(struct protobuf_reader *r, int max, uint64_t *value, struct dn_error *err)
{
    uint64_t result = 0;
    size_t start = r->at;
    for (int i = 0; i < max; i++) {
        if (r->at == r->end)
            return protobuf_fail(r, start, "a number is cut off", err);
        unsigned char byte = (unsigned char)r->bytes[r->at++];
        if (i == 9 && byte > 1)
            break;
        result |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *value = result;
            return true;
        }
    }
    return protobuf_fail(r, start, "a number is too long", err);
}

/* Four or eight bytes, little-endian. */
static bool read_fixed(struct protobuf_reader *r, size_t size, uint64_t *value,
                       struct dn_error *err)
{
    if (r->end - r->at < size)
        return protobuf_fail(r, r->at, "a number is cut off", err);
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value |= (uint64_t)(unsigned char)r->bytes[r->at++] << (8 * i);
    return true;
}

static bool read_bytes(struct protobuf_reader *r, struct protobuf_field *field,
                       struct dn_error *err)
{
    uint64_t size;
    size_t start = r->at;
    if (!read_varint(r, 5, &size, err))
        return false;
    if (size > r->end - r->at)
        return protobuf_fail(r, start, "a field is longer than what holds it", err);
    field->start = r->at;
    r->at += (size_t)size;
    field->end = r->at;
    return true;
}

bool protobuf_next(struct protobuf_reader *r, struct protobuf_field *field, bool *more,
                   struct dn_error *err)
{
    *more = r->at < r->end;
    if (!*more)
        return true;
    uint64_t tag;
    size_t start = r->at;
    if (!read_varint(r, 5, &tag, err))
        return false;
    if (tag > UINT32_MAX || tag >> 3 == 0)
        return protobuf_fail(r, start, "a field has an impossible number", err);
    *field = (struct protobuf_field){.number = (uint32_t)(tag >> 3),
                                     .type = (enum protobuf_type)(tag & 7)};
    switch (field->type) {
    case PROTOBUF_VARINT:
        return read_varint(r, 10, &field->value, err);
    case PROTOBUF_64:
        return read_fixed(r, 8, &field->value, err);
    case PROTOBUF_32:
        return read_fixed(r, 4, &field->value, err);
    case PROTOBUF_BYTES:
        return read_bytes(r, field, err);
    }
    return protobuf_fail(r, start, "a field has an unknown type", err);
}

struct protobuf_reader protobuf_nested(const struct protobuf_reader *r,
                                       const struct protobuf_field *field)
{
    return (struct protobuf_reader){r->bytes, field->start, field->end, r->what};
}

bool protobuf_expect(const struct protobuf_reader *r, const struct protobuf_field *field,
                     enum protobuf_type type, struct dn_error *err)
{
    return field->type == type ||
           protobuf_fail(r, r->at, "the field before has the wrong type", err);
}
