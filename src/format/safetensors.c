/* safetensors: 8 bytes header length, a JSON header, the data. The header says of every tensor its
 * dtype, shape and byte range; here the ranges must tile the data without hole, overlap or tail,
 * so that no byte of the file means nothing or two things.
 * Format: https://github.com/huggingface/safetensors (README, "Format"). */
#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json_cursor.h"

/* The format allows 100 MB; half of that holds over 100,000 tensors and keeps what a file of blanks
 * can make us read within bounds. */
#define MAX_HEADER 50000000u
#define MAX_EXACT ((1ull << 53) - 1) /* integers that every JSON reader agrees on */

/* One tensor while the header is read. */
struct entry {
    struct weight_view view;
    uint64_t begin, end; /* bytes in the data section */
};

struct reader {
    struct weights *w;
    const struct mapped_file *file;
    struct json_cursor json;
    uint64_t data_size;
    struct entry *entries;
    int64_t count, capacity;
    int64_t metadata_from; /* first metadata pair of this file in w */
    char *text;            /* the string just read */
    size_t text_size;
};

static uint64_t load_u64(const uint8_t *p)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

/* Reports the cursor's problem with its offset in the file. */
static bool header_error(struct reader *r, struct dn_error *err)
{
    return dn_fail(err, DN_E_FORMAT, "%s: bad safetensors header at byte %llu: %s", r->file->path,
                   (unsigned long long)(r->json.problem_at + 8), r->json.problem);
}

static bool tensor_error(const struct reader *r, const struct entry *e, struct dn_error *err,
                         const char *what)
{
    return dn_fail(err, DN_E_FORMAT, "%s: tensor %.200s: %s", r->file->path, e->view.name, what);
}

static bool read_dtype(struct reader *r, struct entry *e)
{
    size_t length;
    size_t at = r->json.at;
    if (!json_take_string(&r->json, r->text, 16, &length))
        return false;
    for (int d = 0; d < DTYPE_COUNT; d++) {
        if (strcmp(r->text, dtype_name((enum dtype)d)) == 0) {
            e->view.dtype = (enum dtype)d;
            return true;
        }
    }
    r->json.at = at;
    return json_problem(&r->json, "a dtype that danaus does not know");
}

static bool read_shape(struct reader *r, struct entry *e)
{
    e->view.ndim = 0;
    if (!json_expect(&r->json, '[', "the shape must be a list"))
        return false;
    if (json_take(&r->json, ']'))
        return true;
    do {
        uint64_t size;
        if (e->view.ndim == WEIGHTS_MAX_DIMS)
            return json_problem(&r->json, "more than 8 dimensions");
        if (!json_uint(&r->json, MAX_EXACT, &size))
            return false;
        e->view.shape[e->view.ndim++] = (int64_t)size;
    } while (json_take(&r->json, ','));
    return json_expect(&r->json, ']', "the shape must be a list of whole numbers");
}

static bool read_offsets(struct reader *r, struct entry *e)
{
    return json_expect(&r->json, '[', "data_offsets must be a list") &&
           json_uint(&r->json, MAX_EXACT, &e->begin) &&
           json_expect(&r->json, ',', "data_offsets must have two numbers") &&
           json_uint(&r->json, MAX_EXACT, &e->end) &&
           json_expect(&r->json, ']', "data_offsets must have two numbers");
}

/* The object that describes one tensor: each of its three fields exactly once, nothing else. */
static bool read_tensor(struct reader *r, struct entry *e)
{
    static const struct {
        const char *name;
        bool (*read)(struct reader *, struct entry *);
    } fields[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    unsigned seen = 0;
    if (!json_expect(&r->json, '{', "a tensor must be an object"))
        return false;
    do {
        size_t length, i;
        if (!json_take_string(&r->json, r->text, 32, &length))
            return false;
        for (i = 0; i < 3 && strcmp(r->text, fields[i].name) != 0; i++)
            ;
        if (i == 3)
            return json_problem(&r->json, "an unknown field of a tensor");
        if (seen & 1u << i)
            return json_problem(&r->json, "a field of a tensor occurs twice");
        seen |= 1u << i;
        if (!json_expect(&r->json, ':', "a colon was expected") || !fields[i].read(r, e))
            return false;
    } while (json_take(&r->json, ','));
    if (!json_expect(&r->json, '}', "a comma or } was expected"))
        return false;
    return seen == 7 || json_problem(&r->json, "a tensor needs dtype, shape and data_offsets");
}

static bool read_metadata(struct reader *r)
{
    size_t length;
    if (!json_expect(&r->json, '{', "__metadata__ must be an object"))
        return false;
    if (json_take(&r->json, '}'))
        return true;
    do {
        char key[WEIGHTS_MAX_NAME + 1];
        if (!json_take_string(&r->json, key, sizeof key, &length) ||
            !json_expect(&r->json, ':', "a colon was expected") ||
            !json_take_string(&r->json, r->text, r->text_size, &length))
            return false;
        for (int64_t i = r->metadata_from; i < r->w->metadata_count; i++)
            if (strcmp(r->w->metadata[2 * i], key) == 0)
                return json_problem(&r->json, "a metadata key occurs twice");
        if (!weights_add_metadata(r->w, key, r->text))
            return json_problem(&r->json, "too much metadata");
    } while (json_take(&r->json, ','));
    return json_expect(&r->json, '}', "a comma or } was expected");
}

/* One member of the header: metadata or a tensor. */
static bool read_member(struct reader *r, bool *metadata_seen)
{
    size_t length;
    if (!json_take_string(&r->json, r->text, WEIGHTS_MAX_NAME + 1, &length))
        return false;
    bool metadata = strcmp(r->text, "__metadata__") == 0;
    if (metadata && *metadata_seen)
        return json_problem(&r->json, "__metadata__ occurs twice");
    if (!metadata) {
        if (r->count == WEIGHTS_MAX_TENSORS)
            return json_problem(&r->json, "more than 100000 tensors");
        if (r->count == r->capacity) {
            r->capacity = r->capacity ? r->capacity * 2 : 64;
            r->entries = dn_realloc(r->entries, (size_t)r->capacity, sizeof *r->entries);
        }
        struct entry *e = &r->entries[r->count++];
        *e = (struct entry){.view.name = weights_keep_name(r->w, r->text, length)};
        if (!e->view.name)
            return json_problem(&r->json, "more than 32 MiB of names");
    }
    if (!json_expect(&r->json, ':', "a colon was expected"))
        return false;
    *metadata_seen = *metadata_seen || metadata;
    return metadata ? read_metadata(r) : read_tensor(r, &r->entries[r->count - 1]);
}

static bool read_header(struct reader *r)
{
    bool metadata_seen = false;
    if (r->json.length == 0 || r->json.text[0] != '{')
        return json_problem(&r->json, "it does not start with {");
    r->json.at = 1;
    if (!json_take(&r->json, '}')) {
        do {
            if (!read_member(r, &metadata_seen))
                return false;
        } while (json_take(&r->json, ','));
        if (!json_expect(&r->json, '}', "a comma or } was expected"))
            return false;
    }
    while (r->json.at < r->json.length && r->json.text[r->json.at] == ' ')
        r->json.at++;
    return r->json.at == r->json.length || json_problem(&r->json, "text behind the last }");
}

static int by_range(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Bytes that dtype and shape ask for. */
static bool size_of(const struct entry *e, uint64_t *bytes)
{
    *bytes = (uint64_t)dtype_size(e->view.dtype);
    bool empty = false;
    for (int d = 0; d < e->view.ndim; d++)
        empty = empty || e->view.shape[d] == 0;
    for (int d = 0; d < e->view.ndim; d++)
        if (e->view.shape[d] && !dn_mul(*bytes, (uint64_t)e->view.shape[d], bytes))
            return false;
    if (empty)
        *bytes = 0;
    return true;
}

static bool check_range(const struct reader *r, const struct entry *e, uint64_t expected,
                        struct dn_error *err)
{
    uint64_t bytes;
    if (e->begin > e->end)
        return tensor_error(r, e, err, "data_offsets end before they begin");
    if (e->begin != expected)
        return tensor_error(r, e, err,
                            e->begin < expected ? "its bytes overlap another tensor's"
                                                : "unused bytes before its data");
    if (!size_of(e, &bytes))
        return tensor_error(r, e, err, "its shape is too large");
    if (bytes != e->end - e->begin)
        return dn_fail(err, DN_E_FORMAT,
                       "%s: tensor %.200s: dtype and shape need %llu bytes, data_offsets give %llu",
                       r->file->path, e->view.name, (unsigned long long)bytes,
                       (unsigned long long)(e->end - e->begin));
    return true;
}

/* Ranges tile the data exactly; then the views are handed to w. */
static bool place_tensors(struct reader *r, const uint8_t *data, struct dn_error *err)
{
    uint64_t expected = 0;
    if (r->count)
        qsort(r->entries, (size_t)r->count, sizeof *r->entries, by_range);
    for (int64_t i = 0; i < r->count; i++) {
        if (!check_range(r, &r->entries[i], expected, err))
            return false;
        expected = r->entries[i].end;
    }
    if (expected > r->data_size)
        return dn_fail(err, DN_E_FORMAT, "%s is cut short: it has %llu bytes of data, needs %llu",
                       r->file->path, (unsigned long long)r->data_size,
                       (unsigned long long)expected);
    if (expected < r->data_size)
        return dn_fail(err, DN_E_FORMAT, "%s: %llu bytes behind the last tensor belong to nothing",
                       r->file->path, (unsigned long long)(r->data_size - expected));
    for (int64_t i = 0; i < r->count; i++) {
        struct entry *e = &r->entries[i];
        e->view.data = data + e->begin;
        weight_view_set_row_major(&e->view);
        if (!weights_add_view(r->w, &e->view, r->file->path, err))
            return false;
    }
    return true;
}

bool safetensors_read(struct weights *w, int file, struct dn_error *err)
{
    const struct mapped_file *f = &w->files[file];
    uint64_t header = f->size >= 8 ? load_u64(f->data) : 0;
    if (f->size < 8)
        return dn_fail(err, DN_E_FORMAT, "%s is cut short: it has %llu bytes, needs at least 8",
                       f->path, (unsigned long long)f->size);
    if (header < 2 || header > MAX_HEADER)
        return dn_fail(err, DN_E_FORMAT, "%s: a safetensors header of %llu bytes is not allowed",
                       f->path, (unsigned long long)header);
    if (header > f->size - 8)
        return dn_fail(err, DN_E_FORMAT,
                       "%s is cut short: it has %llu bytes, its header alone needs %llu", f->path,
                       (unsigned long long)f->size, (unsigned long long)header + 8);
    struct reader *r = dn_calloc(1, sizeof *r);
    r->w = w;
    r->file = f;
    r->metadata_from = w->metadata_count;
    r->json = (struct json_cursor){.text = (const char *)f->data + 8, .length = header};
    r->data_size = f->size - 8 - header;
    /* No string is longer than the header, none may be longer than all metadata. */
    r->text_size = header < WEIGHTS_MAX_METADATA ? header : WEIGHTS_MAX_METADATA;
    r->text_size = (r->text_size > WEIGHTS_MAX_NAME ? r->text_size : WEIGHTS_MAX_NAME) + 1;
    r->text = dn_malloc(r->text_size);
    bool ok = read_header(r) ? place_tensors(r, f->data + 8 + header, err) : header_error(r, err);
    free(r->entries);
    free(r->text);
    free(r);
    return ok;
}

bool safetensors_sniff(const struct mapped_file *f)
{
    if (f->size < 9)
        return false;
    /* A length too large for any header still is this format (a lying one) when JSON follows. */
    return f->data[8] == '{' || (load_u64(f->data) <= MAX_HEADER && load_u64(f->data) >= 2);
}

const struct weight_format safetensors_entry = {
    .name = "safetensors",
    .sniff = safetensors_sniff,
    .read = safetensors_read,
};
