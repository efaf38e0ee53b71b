/* zip_reader: see zip_reader.h */
#include "format/zip_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define MAX_RECORDS 200000
#define MAX_NAME 1024
#define END_BYTES 22
#define LOCATOR_BYTES 20
#define END64_BYTES 56
#define CENTRAL_BYTES 46
#define LOCAL_BYTES 30
#define FLAG_DESCRIPTOR 0x0008u
#define FLAG_UTF8 0x0800u
#define ALL_ONES_32 0xFFFFFFFFull
#define ALL_ONES_16 0xFFFFull

struct reader {
    const struct mapped_file *f;
    struct dn_error *err;
    struct zip *z;
    uint64_t end_at;             /* of the end record */
    uint64_t directory, entries; /* where the central directory starts, what it holds */
    uint64_t directory_end;
};

/* What both headers of a record say. */
struct header {
    uint64_t flags, method, crc, packed, size, name_length, extra_length;
    const char *name;
    const uint8_t *extra;
};

static uint64_t load(const uint8_t *p, int bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static bool zip_error(const struct reader *r, uint64_t at, const char *what)
{
    return dn_fail(r->err, DN_E_FORMAT, "%s: bad zip archive at byte %llu: %s", r->f->path,
                   (unsigned long long)at, what);
}

/* Are there `bytes` bytes at `at`, before `end`? */
static bool fits(uint64_t at, uint64_t bytes, uint64_t end)
{
    return at <= end && bytes <= end - at;
}

/* The end record is the one whose comment reaches exactly to the end of the file. */
static bool find_end(struct reader *r)
{
    const struct mapped_file *f = r->f;
    int found = 0;
    if (f->size < END_BYTES)
        return zip_error(r, 0, "it is cut short: no end record");
    uint64_t span = f->size - END_BYTES;
    for (uint64_t comment = 0; comment <= span && comment <= ALL_ONES_16; comment++) {
        const uint8_t *p = f->data + span - comment;
        if (memcmp(p, "PK\5\6", 4) == 0 && load(p + 20, 2) == comment) {
            r->end_at = span - comment;
            found++;
        }
    }
    if (found > 1)
        return zip_error(r, r->end_at, "two end records");
    return found == 1 || zip_error(r, f->size, "it is cut short: no end record");
}

/* Takes a field of the end record; all ones mean "see the 64-bit record", other values must agree
 * with it. */
static bool merge(uint64_t narrow, uint64_t ones, bool has64, uint64_t wide, uint64_t *out)
{
    if (has64 ? narrow != ones && narrow != wide : narrow == ones)
        return false;
    *out = has64 ? wide : narrow;
    return true;
}

/* Finds the zip64 end record, if any: NULL when there is none. */
static bool find_end64(const struct reader *r, const uint8_t **end64)
{
    const struct mapped_file *f = r->f;
    *end64 = NULL;
    if (r->end_at < LOCATOR_BYTES)
        return true;
    uint64_t locator_at = r->end_at - LOCATOR_BYTES;
    const uint8_t *locator = f->data + locator_at;
    if (memcmp(locator, "PK\6\7", 4) != 0)
        return true;
    uint64_t at = load(locator + 8, 8), extension;
    if (load(locator + 4, 4) != 0 || load(locator + 16, 4) > 1)
        return zip_error(r, locator_at, "an archive of several disks");
    if (!fits(at, END64_BYTES, locator_at) || memcmp(f->data + at, "PK\6\6", 4) != 0)
        return zip_error(r, locator_at, "its zip64 end record is not where it should be");
    extension = load(f->data + at + 4, 8);
    if (extension != locator_at - at - 12)
        return zip_error(r, at, "its zip64 end record has a wrong size");
    *end64 = f->data + at;
    return true;
}

static bool read_end(struct reader *r)
{
    const uint8_t *end = r->f->data + r->end_at, *wide;
    static const uint8_t none[END64_BYTES];
    uint64_t disk, start_disk, here, size;
    if (!find_end64(r, &wide))
        return false;
    bool has64 = wide != NULL;
    const uint8_t *w = has64 ? wide : none;
    if (!merge(load(end + 4, 2), ALL_ONES_16, has64, load(w + 16, 4), &disk) ||
        !merge(load(end + 6, 2), ALL_ONES_16, has64, load(w + 20, 4), &start_disk) ||
        !merge(load(end + 8, 2), ALL_ONES_16, has64, load(w + 24, 8), &here) ||
        !merge(load(end + 10, 2), ALL_ONES_16, has64, load(w + 32, 8), &r->entries) ||
        !merge(load(end + 12, 4), ALL_ONES_32, has64, load(w + 40, 8), &size) ||
        !merge(load(end + 16, 4), ALL_ONES_32, has64, load(w + 48, 8), &r->directory))
        return zip_error(r, r->end_at, "its end records contradict each other");
    if (disk || start_disk || here != r->entries)
        return zip_error(r, r->end_at, "an archive of several disks");
    r->directory_end = has64 ? (uint64_t)(wide - r->f->data) : r->end_at;
    if (r->directory > r->directory_end || size != r->directory_end - r->directory)
        return zip_error(r, r->end_at, "its central directory is not where it should be");
    if (r->entries > MAX_RECORDS || r->entries > size / CENTRAL_BYTES)
        return zip_error(r, r->end_at, "it claims more records than it can hold");
    return true;
}

/* Takes the 64-bit values of the fields that hold all ones; *fields are in the order in which the
 * zip64 extra field has them. False: the extra fields are malformed or lack a value. */
static bool widen(const struct header *h, uint64_t **fields, int count)
{
    const uint8_t *p = h->extra, *end = p + h->extra_length, *wide = NULL;
    uint64_t wide_bytes = 0;
    bool wanted = false;
    while (end - p >= 4) {
        uint64_t id = load(p, 2), bytes = load(p + 2, 2);
        if (bytes > (uint64_t)(end - p) - 4)
            return false;
        if (id == 1 && wide)
            return false;
        if (id == 1) {
            wide = p + 4;
            wide_bytes = bytes;
        }
        p += 4 + bytes;
    }
    if (p != end)
        return false;
    for (int i = 0; i < count; i++) {
        if (*fields[i] != ALL_ONES_32)
            continue;
        wanted = true;
        if (wide_bytes < 8)
            return false;
        *fields[i] = load(wide, 8);
        wide += 8;
        wide_bytes -= 8;
    }
    /* An extra field that nothing asks for is ignored, as all readers do; one that is used must
     * not hold more than that, apart from the disk number. */
    return !wanted || wide_bytes == 0 || wide_bytes == 4;
}

/* Names: parts of letters, digits, '_', '.', '-' joined by '/'. The first part is named after the
 * user's file and may hold any visible text. */
static bool name_ok(const char *name, uint64_t length)
{
    uint64_t start = 0;
    bool first = true;
    if (length == 0 || length > MAX_NAME || !dn_utf8_valid(name, length))
        return false;
    for (uint64_t i = 0; i <= length; i++) {
        unsigned char c = i < length ? (unsigned char)name[i] : '/';
        if (c == '/') {
            uint64_t n = i - start;
            if (n == 0 || (n == 1 && name[start] == '.') ||
                (n == 2 && memcmp(name + start, "..", 2) == 0))
                return false;
            start = i + 1;
            first = false;
            continue;
        }
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '.' || c == '-';
        if (!plain && (!first || c < 0x20 || c == 0x7F || c == '\\' || c == ':'))
            return false;
    }
    return true;
}

/* The part of both headers that starts with the flags; names and extra fields lie `skip` bytes
 * behind the fixed part's start. False when they reach past end. */
static bool read_common(const struct reader *r, uint64_t at, int flags_at, int skip, uint64_t end,
                        struct header *h)
{
    const uint8_t *p = r->f->data + at + flags_at;
    *h = (struct header){
        .flags = load(p, 2),
        .method = load(p + 2, 2),
        .crc = load(p + 8, 4),
        .packed = load(p + 12, 4),
        .size = load(p + 16, 4),
        .name_length = load(p + 20, 2),
        .extra_length = load(p + 22, 2),
        .name = (const char *)r->f->data + at + skip,
    };
    if (!fits(at + (uint64_t)skip, h->name_length + h->extra_length, end))
        return false;
    h->extra = r->f->data + at + skip + h->name_length;
    return true;
}

/* The descriptor behind the data repeats CRC and sizes, in 4 or 8 bytes each. Returns its bytes,
 * or 0 when it does not match. */
static uint64_t descriptor_bytes(const struct reader *r, const struct zip_record *record)
{
    const uint8_t *p = r->f->data + record->offset + record->size;
    uint64_t at = record->offset + record->size;
    if (!fits(at, 16, r->directory) || memcmp(p, "PK\7\10", 4) != 0 ||
        load(p + 4, 4) != record->crc)
        return 0;
    if (fits(at, 24, r->directory) && load(p + 8, 8) == record->size &&
        load(p + 16, 8) == record->size)
        return 24;
    return load(p + 8, 4) == record->size && load(p + 12, 4) == record->size ? 16 : 0;
}

/* Sizes and CRC of the local header: the central ones, or zero where a descriptor follows. */
static bool local_agrees(const struct header *local, const struct zip_record *record)
{
    if (local->flags & FLAG_DESCRIPTOR && local->crc == 0 && local->packed == 0 && local->size == 0)
        return true;
    return local->crc == record->crc && local->packed == record->size &&
           local->size == record->size;
}

/* Checks the local header at record->begin against the central one; sets the data's range. */
static bool read_local(struct reader *r, const struct header *central, struct zip_record *record)
{
    struct header local;
    uint64_t at = record->begin;
    if (!fits(at, LOCAL_BYTES, r->directory) || memcmp(r->f->data + at, "PK\3\4", 4) != 0)
        return zip_error(r, at, "no local header where the central directory says");
    uint64_t *fields[] = {&local.size, &local.packed};
    if (!read_common(r, at, 6, LOCAL_BYTES, r->directory, &local) || !widen(&local, fields, 2))
        return zip_error(r, at, "a bad local header");
    if (local.flags != central->flags || local.method != central->method ||
        local.name_length != central->name_length ||
        memcmp(local.name, central->name, central->name_length) != 0 ||
        !local_agrees(&local, record))
        return zip_error(r, at, "local header and central directory contradict each other");
    record->offset = at + LOCAL_BYTES + local.name_length + local.extra_length;
    if (!fits(record->offset, record->size, r->directory))
        return zip_error(r, at, "a record reaches past its archive");
    record->end = record->offset + record->size;
    if (central->flags & FLAG_DESCRIPTOR) {
        uint64_t bytes = descriptor_bytes(r, record);
        if (bytes == 0)
            return zip_error(r, record->end, "a data descriptor contradicts the directory");
        record->end += bytes;
    }
    return true;
}

/* One record of the central directory at *at; moves *at behind it. */
static bool read_central(struct reader *r, uint64_t *at, struct zip_record *record)
{
    struct header h;
    uint64_t start = *at, begin, comment;
    if (!fits(start, CENTRAL_BYTES, r->directory_end) ||
        memcmp(r->f->data + start, "PK\1\2", 4) != 0)
        return zip_error(r, start, "a bad central directory");
    const uint8_t *p = r->f->data + start;
    begin = load(p + 42, 4);
    comment = load(p + 32, 2);
    uint64_t *fields[] = {&h.size, &h.packed, &begin};
    if (!read_common(r, start, 8, CENTRAL_BYTES, r->directory_end, &h) || !widen(&h, fields, 3))
        return zip_error(r, start, "a bad central directory record");
    *at = start + CENTRAL_BYTES + h.name_length + h.extra_length;
    if (!fits(*at, comment, r->directory_end))
        return zip_error(r, start, "a bad central directory record");
    *at += comment;
    if (load(p + 34, 2) != 0)
        return zip_error(r, start, "an archive of several disks");
    if (!name_ok(h.name, h.name_length))
        return zip_error(r, start, "a record's name is not plain");
    if (h.flags & ~(uint64_t)(FLAG_DESCRIPTOR | FLAG_UTF8))
        return zip_error(r, start, "an encrypted or otherwise special record");
    if (h.method != 0)
        return zip_error(r, start, "a compressed record; torch.save stores them plain");
    if (h.packed != h.size)
        return zip_error(r, start, "a stored record with two different sizes");
    *record = (struct zip_record){.name = h.name,
                                  .name_length = (uint32_t)h.name_length,
                                  .crc = (uint32_t)h.crc,
                                  .size = h.size,
                                  .begin = begin};
    return read_local(r, &h, record);
}

static int by_begin(const void *a, const void *b)
{
    const struct zip_record *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int compare_names(const char *a, uint64_t a_length, const char *b, uint64_t b_length)
{
    uint64_t n = a_length < b_length ? a_length : b_length;
    int order = memcmp(a, b, n);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_name(const void *a, const void *b)
{
    const struct zip_record *x = a, *y = b;
    return compare_names(x->name, x->name_length, y->name, y->name_length);
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int by_folded_name(const void *a, const void *b)
{
    const struct zip_record *x = a, *y = b;
    for (uint32_t i = 0; i < x->name_length && i < y->name_length; i++)
        if (fold(x->name[i]) != fold(y->name[i]))
            return fold(x->name[i]) < fold(y->name[i]) ? -1 : 1;
    return (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

/* No two records share a byte or a name. Leaves them sorted by name. */
static bool check_records(struct reader *r)
{
    struct zip *z = r->z;
    qsort(z->records, (size_t)z->count, sizeof *z->records, by_begin);
    for (int64_t i = 1; i < z->count; i++)
        if (z->records[i].begin < z->records[i - 1].end)
            return zip_error(r, z->records[i].begin, "two records overlap");
    if (z->records[0].begin != 0)
        return zip_error(r, 0, "bytes before its first record");
    qsort(z->records, (size_t)z->count, sizeof *z->records, by_folded_name);
    for (int64_t i = 1; i < z->count; i++)
        if (by_folded_name(&z->records[i - 1], &z->records[i]) == 0)
            return zip_error(r, z->records[i].begin, "two records have one name");
    qsort(z->records, (size_t)z->count, sizeof *z->records, by_name);
    return true;
}

static bool read_all(struct reader *r)
{
    if (!find_end(r) || !read_end(r))
        return false;
    if (r->entries == 0)
        return zip_error(r, r->end_at, "it holds no records");
    uint64_t at = r->directory;
    r->z->records = dn_calloc(r->entries, sizeof *r->z->records);
    for (uint64_t i = 0; i < r->entries; i++) {
        if (!read_central(r, &at, &r->z->records[i]))
            return false;
        r->z->count++;
    }
    if (at != r->directory_end)
        return zip_error(r, at, "its central directory holds more than it claims");
    return check_records(r);
}

bool zip_read(struct zip *z, const struct mapped_file *f, struct dn_error *err)
{
    struct reader r = {.f = f, .err = err, .z = z};
    *z = (struct zip){0};
    if (read_all(&r))
        return true;
    zip_done(z);
    return false;
}

const struct zip_record *zip_find(const struct zip *z, const char *name)
{
    struct zip_record key = {.name = name, .name_length = (uint32_t)strlen(name)};
    if (z->count == 0)
        return NULL;
    return bsearch(&key, z->records, (size_t)z->count, sizeof *z->records, by_name);
}

void zip_done(struct zip *z)
{
    free(z->records);
    *z = (struct zip){0};
}
