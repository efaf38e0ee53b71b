/* torch_checkpoint: the zip form: TOP/data.pkl names storages that lie in TOP/data/KEY.
 * Source: torch/serialization.py (_save, _load), caffe2/serialize/inline_container.cc. */
#include "format/torch_checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/mem.h"
#include "format/torch_values.h"
#include "format/zip_reader.h"

#define MAX_PICKLE (32u << 20)

/* Records a torch.save archive may hold, apart from data/KEY. */
static const struct {
    const char *name;
    bool required;
    const char *contents; /* allowed, separated by '|'; NULL: anything */
} records[] = {
    {"data.pkl", true, NULL},
    {"version", true, "2|3"},
    {"byteorder", false, "little"},
    {".format_version", false, NULL},
    {".storage_alignment", false, NULL},
    {".data/serialization_id", false, NULL},
};
#define RECORD_COUNT (sizeof records / sizeof records[0])

struct archive {
    const struct mapped_file *f;
    struct zip zip;
    char *top; /* "NAME/" */
    const struct zip_record *found[RECORD_COUNT];
};

static bool starts_with(const struct zip_record *r, size_t at, const char *text)
{
    size_t n = strlen(text);
    return r->name_length - at >= n && memcmp(r->name + at, text, n) == 0;
}

/* Is the record's text, without a final newline, one of the words in list? */
static bool content_allowed(const struct archive *a, const struct zip_record *r, const char *list)
{
    const char *text = (const char *)a->f->data + r->offset;
    size_t length = r->size;
    if (length && text[length - 1] == '\n')
        length--;
    while (*list) {
        size_t n = strcspn(list, "|");
        if (n == length && memcmp(list, text, n) == 0)
            return true;
        list += n + (list[n] == '|');
    }
    return false;
}

/* Sorts one record of the archive into its place. */
static bool place_record(struct archive *a, const struct zip_record *r, struct dn_error *err)
{
    size_t top = strlen(a->top);
    int shown = (int)(r->name_length < 200 ? r->name_length : 200);
    if (!starts_with(r, 0, a->top))
        return dn_fail(err, DN_E_FORMAT, "%s: record %.*s is not below %s", a->f->path, shown,
                       r->name, a->top);
    if (starts_with(r, top, "code/") || starts_with(r, top, "constants.pkl")) {
        dn_fail(err, DN_E_FORMAT, "%s is a TorchScript archive (a program, not only weights)",
                a->f->path);
        return dn_error_hint(err, "save the model's state_dict() with torch.save");
    }
    for (size_t i = 0; i < RECORD_COUNT; i++) {
        if (strlen(records[i].name) != r->name_length - top ||
            !starts_with(r, top, records[i].name))
            continue;
        if (records[i].contents && !content_allowed(a, r, records[i].contents))
            return dn_fail(err, DN_E_FORMAT, "%s: record %s is not %s", a->f->path, records[i].name,
                           records[i].contents);
        a->found[i] = r;
        return true;
    }
    bool digits = starts_with(r, top, "data/") && r->name_length > top + 5;
    for (size_t i = top + 5; digits && i < r->name_length; i++)
        digits = r->name[i] >= '0' && r->name[i] <= '9';
    return digits ||
           dn_fail(err, DN_E_FORMAT, "%s: unknown record %.*s", a->f->path, shown, r->name);
}

static bool place_records(struct archive *a, struct dn_error *err)
{
    const struct zip_record *first = &a->zip.records[0];
    const char *slash = memchr(first->name, '/', first->name_length);
    if (!slash)
        return dn_fail(err, DN_E_FORMAT, "%s is a zip archive, but none of torch.save", a->f->path);
    a->top = dn_strndup(first->name, (size_t)(slash - first->name) + 1);
    for (int64_t i = 0; i < a->zip.count; i++)
        if (!place_record(a, &a->zip.records[i], err))
            return false;
    for (size_t i = 0; i < RECORD_COUNT; i++)
        if (records[i].required && !a->found[i])
            return dn_fail(err, DN_E_FORMAT, "%s: record %s%s is missing", a->f->path, a->top,
                           records[i].name);
    return true;
}

/* Gives every storage its bytes. */
static bool bind_storages(const struct archive *a, struct torch_values *v, struct dn_error *err)
{
    char name[1200]; /* record names are at most 1024 bytes */
    for (uint32_t i = 0; i < v->storage_count; i++) {
        struct torch_storage *s = &v->storages[i];
        snprintf(name, sizeof name, "%sdata/%s", a->top, s->key);
        const struct zip_record *r = zip_find(&a->zip, name);
        uint64_t need = (uint64_t)s->count * (uint64_t)dtype_size(s->dtype);
        if (!r)
            return dn_fail(err, DN_E_FORMAT, "%s: record data/%s is missing", a->f->path, s->key);
        if (r->size != need)
            return dn_fail(err, DN_E_FORMAT, "%s: record data/%s has %llu bytes, needs %llu",
                           a->f->path, s->key, (unsigned long long)r->size,
                           (unsigned long long)need);
        s->data = a->f->data + r->offset;
    }
    return true;
}

/* For weights_verify_crc(). */
static void keep_crcs(struct weights *w, int file, const struct archive *a)
{
    w->crcs = dn_calloc((size_t)a->zip.count, sizeof *w->crcs);
    for (int64_t i = 0; i < a->zip.count; i++) {
        const struct zip_record *r = &a->zip.records[i];
        struct weight_crc *c = &w->crcs[w->crc_count++];
        *c = (struct weight_crc){.file = file, .offset = r->offset, .size = r->size, .crc = r->crc};
        size_t top = strlen(a->top), length = r->name_length - top;
        memcpy(c->name, r->name + top, length < sizeof c->name ? length : sizeof c->name - 1);
    }
}

static bool read_archive(struct weights *w, int file, struct archive *a, struct torch_values *v,
                         struct dn_error *err)
{
    if (!zip_read(&a->zip, a->f, err) || !place_records(a, err))
        return false;
    const struct zip_record *r = a->found[0];
    const uint8_t *bytes = a->f->data + r->offset;
    struct pickle p;
    if (r->size > MAX_PICKLE)
        return dn_fail(err, DN_E_FORMAT, "%s: data.pkl of %llu bytes is over the limit", a->f->path,
                       (unsigned long long)r->size);
    if (crc32_z(0, bytes, r->size) != r->crc)
        return dn_fail(err, DN_E_FORMAT, "%s: data.pkl does not match its CRC-32", a->f->path);
    if (!pickle_read(&p, bytes, r->size, &torch_rules, v, a->f->path, r->offset, err))
        return false;
    bool ok = p.used == r->size ||
              dn_fail(err, DN_E_FORMAT, "%s: data.pkl goes on behind its end", a->f->path);
    ok = ok && bind_storages(a, v, err) && torch_values_add_views(v, &p, w, a->f->path, err);
    pickle_done(&p);
    if (ok)
        keep_crcs(w, file, a);
    return ok;
}

static bool torch_zip_read(struct weights *w, int file, struct dn_error *err)
{
    struct archive a = {.f = &w->files[file]};
    struct torch_values v = {0};
    if (!dn_mul(a.f->size, 4, &v.budget))
        v.budget = UINT64_MAX;
    bool ok = read_archive(w, file, &a, &v, err);
    torch_values_done(&v);
    zip_done(&a.zip);
    free(a.top);
    return ok;
}

static bool torch_zip_sniff(const struct mapped_file *f)
{
    return f->size >= 4 && memcmp(f->data, "PK\3\4", 4) == 0;
}

const struct weight_format torch_zip_entry = {
    .name = "torch zip",
    .sniff = torch_zip_sniff,
    .read = torch_zip_read,
};

void torch_checkpoint_explain(FILE *out)
{
    pickle_explain(out);
    for (int i = 0; i < torch_rules.global_count; i++)
        fprintf(out, "name %s %s\n", torch_rules.globals[i].module, torch_rules.globals[i].name);
}
