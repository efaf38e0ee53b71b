/* torch_legacy: the stream that torch.save wrote before version 1.6 (and still can): five pickles
 * (magic number, protocol version, system, the value, storage keys), then for each key in that
 * order its length as 8 bytes and its raw elements.
 * Source: torch/serialization.py (_legacy_save, _legacy_load). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/torch_values.h"

#define MAX_PICKLE (32u << 20)
#define PROTOCOL 1001

/* LONG1, the magic number, STOP: behind PROTO (and the FRAME of protocol 4) the file's start. */
static const uint8_t magic[] = {0x8A, 10,   0x6C, 0xFC, 0x9C, 0x46, 0xF9,
                                0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};
#define PROTO_BYTES 2
#define FRAME_BYTES 9

/* The length of the first pickle, the magic number; 0 when the file starts in another way. */
static uint64_t magic_length(const struct mapped_file *f)
{
    if (f->size <= PROTO_BYTES + FRAME_BYTES + sizeof magic || f->data[0] != 0x80)
        return 0;
    uint64_t at = PROTO_BYTES + (f->data[PROTO_BYTES] == 0x95 ? FRAME_BYTES : 0);
    return memcmp(f->data + at, magic, sizeof magic) == 0 ? at + sizeof magic : 0;
}

struct stream {
    const struct mapped_file *f;
    uint64_t at;
    struct torch_values v;
    struct dn_error *err;
};

/* Reads the next pickle; its storages and tensors go to v. */
static bool next_pickle(struct stream *s, struct pickle *p)
{
    uint64_t left = s->f->size - s->at;
    if (!pickle_read(p, s->f->data + s->at, left < MAX_PICKLE ? left : MAX_PICKLE, &torch_rules,
                     &s->v, s->f->path, s->at, s->err))
        return false;
    s->at += p->used;
    return true;
}

static bool read_protocol(struct stream *s)
{
    struct pickle p;
    if (!next_pickle(s, &p))
        return false;
    const struct pickle_node *n = &p.nodes[p.root];
    bool ok =
        (n->kind == PICKLE_INT && n->integer == PROTOCOL) ||
        dn_fail(s->err, DN_E_FORMAT, "%s: an old torch stream of an unknown version", s->f->path);
    pickle_done(&p);
    return ok;
}

/* {'protocol_version': 1001, 'little_endian': True, 'type_sizes': {...}} */
static bool read_system(struct stream *s)
{
    struct pickle p;
    bool little = false;
    if (!next_pickle(s, &p))
        return false;
    const struct pickle_node *n = &p.nodes[p.root];
    uint32_t link = n->chain.first;
    for (uint32_t i = 0; n->kind == PICKLE_DICT && i < n->length; i += 2) {
        uint32_t key = p.links[link].node, value_link = p.links[link].next;
        const struct pickle_node *value = &p.nodes[p.links[value_link].node];
        if (pickle_text_is(&p, key, "little_endian"))
            little = value->kind == PICKLE_BOOL && value->integer == 1;
        link = p.links[value_link].next;
    }
    pickle_done(&p);
    return little || dn_fail(s->err, DN_E_FORMAT, "%s was not written on a little-endian machine",
                             s->f->path);
}

/* One storage: its length again, then its elements. */
static bool take_storage(struct stream *s, struct torch_storage *storage)
{
    uint64_t left = s->f->size - s->at, count = 0;
    uint64_t need = (uint64_t)storage->count * (uint64_t)dtype_size(storage->dtype);
    if (left < 8 || left - 8 < need)
        return dn_fail(s->err, DN_E_FORMAT,
                       "%s is cut short: storage %s at byte %llu needs %llu bytes, %llu are left",
                       s->f->path, storage->key, (unsigned long long)s->at,
                       (unsigned long long)need + 8, (unsigned long long)left);
    for (int i = 7; i >= 0; i--)
        count = count << 8 | s->f->data[s->at + (uint64_t)i];
    if (count != (uint64_t)storage->count)
        return dn_fail(s->err, DN_E_FORMAT,
                       "%s: storage %s at byte %llu has %llu elements, the pickle says %lld",
                       s->f->path, storage->key, (unsigned long long)s->at,
                       (unsigned long long)count, (long long)storage->count);
    storage->data = s->f->data + s->at + 8;
    s->at += 8 + need;
    return true;
}

/* The list of keys and the storages behind it: each exactly once, and then the file ends. */
static bool read_storages(struct stream *s, const struct pickle *keys)
{
    const struct pickle_node *list = &keys->nodes[keys->root];
    if (list->kind != PICKLE_LIST || list->length != s->v.storage_count)
        return dn_fail(s->err, DN_E_FORMAT, "%s: the list of storages does not fit the pickle",
                       s->f->path);
    uint32_t link = list->chain.first;
    for (uint32_t i = 0; i < list->length; i++) {
        const struct pickle_node *key = &keys->nodes[keys->links[link].node];
        struct torch_storage *storage = NULL;
        if (key->kind == PICKLE_TEXT)
            storage =
                torch_values_find(&s->v, (const char *)keys->bytes + key->offset, key->length);
        if (!storage || storage->data)
            return dn_fail(s->err, DN_E_FORMAT, "%s: the list of storages does not fit the pickle",
                           s->f->path);
        if (!take_storage(s, storage))
            return false;
        link = keys->links[link].next;
    }
    return s->at == s->f->size || dn_fail(s->err, DN_E_FORMAT, "%s: %llu bytes behind its end",
                                          s->f->path, (unsigned long long)(s->f->size - s->at));
}

static bool read_value(struct weights *w, struct stream *s)
{
    struct pickle value, keys;
    if (!next_pickle(s, &value))
        return false;
    bool ok = false;
    uint32_t storages = s->v.storage_count;
    if (next_pickle(s, &keys)) {
        ok = s->v.storage_count == storages ||
             dn_fail(s->err, DN_E_FORMAT, "%s: the list of storages names others", s->f->path);
        ok = ok && read_storages(s, &keys) &&
             torch_values_add_views(&s->v, &value, w, s->f->path, s->err);
        pickle_done(&keys);
    }
    pickle_done(&value);
    return ok;
}

static bool torch_legacy_read(struct weights *w, int file, struct dn_error *err)
{
    struct stream s = {
        .f = &w->files[file], .err = err, .at = magic_length(&w->files[file]), .v.legacy = true};
    if (!dn_mul(s.f->size, 4, &s.v.budget))
        s.v.budget = UINT64_MAX;
    bool ok = read_protocol(&s) && read_system(&s) && read_value(w, &s);
    torch_values_done(&s.v);
    return ok;
}

static bool torch_legacy_sniff(const struct mapped_file *f)
{
    return magic_length(f) != 0;
}

const struct weight_format torch_legacy_entry = {
    .name = "torch legacy stream",
    .sniff = torch_legacy_sniff,
    .read = torch_legacy_read,
};
