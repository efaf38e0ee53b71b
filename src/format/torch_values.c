/* torch_values: see torch_values.h. Sources: torch/_utils.py (_rebuild_tensor_v2,
 * _rebuild_parameter), torch/serialization.py (persistent_id). */
#include "format/torch_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_STORAGES WEIGHTS_MAX_TENSORS
#define FREE_SLOT UINT32_MAX

static uint32_t hash_key(const char *key, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return hash;
}

/* The slot of key in the hash, or the free one where it belongs. */
static uint32_t *slot_of(const struct torch_values *v, const char *key, size_t length)
{
    uint32_t i = hash_key(key, length) & (v->by_key_capacity - 1);
    while (v->by_key[i] != FREE_SLOT) {
        const struct torch_storage *s = &v->storages[v->by_key[i]];
        if (strlen(s->key) == length && memcmp(s->key, key, length) == 0)
            break;
        i = (i + 1) & (v->by_key_capacity - 1);
    }
    return &v->by_key[i];
}

static void grow_hash(struct torch_values *v)
{
    v->by_key_capacity = v->by_key_capacity ? v->by_key_capacity * 2 : 64;
    v->by_key = dn_realloc(v->by_key, v->by_key_capacity, sizeof *v->by_key);
    for (uint32_t i = 0; i < v->by_key_capacity; i++)
        v->by_key[i] = FREE_SLOT;
    for (uint32_t i = 0; i < v->storage_count; i++)
        *slot_of(v, v->storages[i].key, strlen(v->storages[i].key)) = i;
}

struct torch_storage *torch_values_find(struct torch_values *v, const char *key, size_t length)
{
    uint32_t index = v->by_key_capacity ? *slot_of(v, key, length) : FREE_SLOT;
    return index == FREE_SLOT ? NULL : &v->storages[index];
}

/* --- calls --- */

/* The integer of item i; false when it is none or below zero. */
static bool item_int(const struct pickle *p, uint32_t node, uint32_t i, int64_t *out)
{
    const struct pickle_node *n = &p->nodes[pickle_item(p, node, i)];
    if (n->kind != PICKLE_INT || n->integer < 0)
        return false;
    *out = n->integer;
    return true;
}

static bool has_kind(const struct pickle *p, uint32_t node, uint32_t i, uint32_t kind)
{
    return p->nodes[pickle_item(p, node, i)].kind == kind;
}

static bool call_ordered_dict(struct pickle *p, uint32_t args, uint32_t *result)
{
    if (p->nodes[args].length != 0)
        return pickle_fail(p, "an OrderedDict with arguments");
    return pickle_add(p, (struct pickle_node){.kind = PICKLE_DICT}, result);
}

/* set and bytes: their content is of no use here. */
static bool call_opaque(struct pickle *p, uint32_t args, uint32_t *result)
{
    if (p->nodes[args].length > 2)
        return pickle_fail(p, "too many arguments");
    return pickle_add(p, (struct pickle_node){.kind = PICKLE_OPAQUE}, result);
}

static bool call_size(struct pickle *p, uint32_t args, uint32_t *result)
{
    if (p->nodes[args].length != 1 || !has_kind(p, args, 0, PICKLE_TUPLE))
        return pickle_fail(p, "a torch.Size that is not made of a tuple");
    *result = pickle_item(p, args, 0);
    return true;
}

/* _rebuild_parameter(tensor, requires_grad, hooks): the tensor itself. */
static bool call_parameter(struct pickle *p, uint32_t args, uint32_t *result)
{
    if (p->nodes[args].length != 3 || !has_kind(p, args, 0, PICKLE_TENSOR) ||
        !has_kind(p, args, 1, PICKLE_BOOL) || !has_kind(p, args, 2, PICKLE_DICT))
        return pickle_fail(p, "a parameter needs a tensor, a bool and a dict");
    *result = pickle_item(p, args, 0);
    return true;
}

/* Elements of t and the last one it reaches, counted from the storage's start (-1 when empty).
 * False on overflow, also of a product that a zero would hide. */
static bool measure(const struct torch_tensor *t, uint64_t *count, int64_t *last)
{
    uint64_t product = 1;
    int64_t reach = t->offset, step;
    bool empty = false;
    for (int d = 0; d < t->ndim; d++) {
        if (t->shape[d] == 0) {
            empty = true;
            continue;
        }
        if (!dn_mul(product, (uint64_t)t->shape[d], &product) || product > INT64_MAX / 16 ||
            __builtin_mul_overflow(t->shape[d] - 1, t->stride[d], &step) ||
            __builtin_add_overflow(reach, step, &reach))
            return false;
    }
    *count = empty ? 0 : product;
    *last = empty ? -1 : reach;
    return true;
}

/* The parts of _rebuild_tensor_v2's arguments. */
static bool take_tensor(struct pickle *p, uint32_t args, struct torch_tensor *t)
{
    if (p->nodes[args].length != 6 || !has_kind(p, args, 0, PICKLE_STORAGE) ||
        !has_kind(p, args, 2, PICKLE_TUPLE) || !has_kind(p, args, 3, PICKLE_TUPLE) ||
        !has_kind(p, args, 4, PICKLE_BOOL) || !has_kind(p, args, 5, PICKLE_DICT))
        return pickle_fail(p, "a tensor needs storage, offset, size, stride, bool and dict");
    uint32_t size = pickle_item(p, args, 2), stride = pickle_item(p, args, 3);
    uint32_t rank = p->nodes[size].length;
    t->storage = p->nodes[pickle_item(p, args, 0)].index;
    if (!item_int(p, args, 1, &t->offset))
        return pickle_fail(p, "a tensor's offset must be a whole number from 0");
    if (rank != p->nodes[stride].length || rank > WEIGHTS_MAX_DIMS)
        return pickle_fail(p, "a tensor of %u sizes and %u strides", rank, p->nodes[stride].length);
    t->ndim = (int)rank;
    for (uint32_t d = 0; d < rank; d++)
        if (!item_int(p, size, d, &t->shape[d]) || !item_int(p, stride, d, &t->stride[d]))
            return pickle_fail(p, "a tensor's sizes and strides must be whole numbers from 0");
    return true;
}

static bool call_tensor(struct pickle *p, uint32_t args, uint32_t *result)
{
    struct torch_values *v = p->context;
    struct torch_tensor t = {0};
    uint64_t count;
    int64_t last;
    if (!take_tensor(p, args, &t))
        return false;
    const struct torch_storage *s = &v->storages[t.storage];
    if (!measure(&t, &count, &last))
        return pickle_fail(p, "a tensor that is too large");
    if (last >= s->count)
        return pickle_fail(p, "a tensor reaches element %lld of a storage of %lld", (long long)last,
                           (long long)s->count);
    if (count == 0)
        t.offset = 0; /* an empty slice keeps the place where it was cut, maybe past the end */
    uint64_t bytes = count * (uint64_t)dtype_size(s->dtype);
    if (bytes > v->budget)
        return pickle_fail(p, "the tensors repeat the file's bytes too often");
    v->budget -= bytes;
    if (v->tensor_count == WEIGHTS_MAX_TENSORS)
        return pickle_fail(p, "more than %d tensors", WEIGHTS_MAX_TENSORS);
    if (v->tensor_count == v->tensor_capacity) {
        v->tensor_capacity = v->tensor_capacity ? v->tensor_capacity * 2 : 64;
        v->tensors = dn_realloc(v->tensors, v->tensor_capacity, sizeof *v->tensors);
    }
    v->tensors[v->tensor_count] = t;
    return pickle_add(p, (struct pickle_node){.kind = PICKLE_TENSOR, .index = v->tensor_count++},
                      result);
}

/* --- the allow-list of globals --- */

#define IS_STORAGE 0x100
#define STORAGE(name, dtype)                                                                       \
    {                                                                                              \
        "torch", name, NULL, IS_STORAGE | (int)(dtype)                                             \
    }

static const struct pickle_global globals[] = {
    {"collections", "OrderedDict", call_ordered_dict, 0},
    {"torch._utils", "_rebuild_tensor_v2", call_tensor, 0},
    {"torch._utils", "_rebuild_parameter", call_parameter, 0},
    {"torch", "Size", call_size, 0},
    STORAGE("FloatStorage", DTYPE_F32),
    STORAGE("HalfStorage", DTYPE_F16),
    STORAGE("BFloat16Storage", DTYPE_BF16),
    STORAGE("DoubleStorage", DTYPE_F64),
    STORAGE("LongStorage", DTYPE_I64),
    STORAGE("IntStorage", DTYPE_I32),
    STORAGE("ShortStorage", DTYPE_I16),
    STORAGE("CharStorage", DTYPE_I8),
    STORAGE("ByteStorage", DTYPE_U8),
    STORAGE("BoolStorage", DTYPE_BOOL),
    /* bytes and sets, as protocol 2 writes them beside the weights */
    {"_codecs", "encode", call_opaque, 0},
    {"__builtin__", "set", call_opaque, 0},
    {"builtins", "set", call_opaque, 0},
};

/* --- storages --- */

static bool is_digits(const struct pickle *p, const struct pickle_node *n)
{
    if (n->kind != PICKLE_TEXT || n->length == 0 || n->length > TORCH_MAX_KEY)
        return false;
    for (uint32_t i = 0; i < n->length; i++)
        if (p->bytes[n->offset + i] < '0' || p->bytes[n->offset + i] > '9')
            return false;
    return true;
}

/* The storage of that key, added when new; one key always means one type and length. */
static bool keep_storage(struct pickle *p, const struct pickle_node *key, enum dtype dtype,
                         int64_t count, uint32_t *index)
{
    struct torch_values *v = p->context;
    const char *text = (const char *)p->bytes + key->offset;
    if (v->storage_count >= v->by_key_capacity / 2)
        grow_hash(v);
    uint32_t *slot = slot_of(v, text, key->length);
    *index = *slot;
    if (*slot != FREE_SLOT) {
        const struct torch_storage *s = &v->storages[*slot];
        return (s->dtype == dtype && s->count == count) ||
               pickle_fail(p, "storage %s has two types or lengths", s->key);
    }
    if (v->storage_count == MAX_STORAGES)
        return pickle_fail(p, "more than %d storages", MAX_STORAGES);
    if (v->storage_count == v->storage_capacity) {
        v->storage_capacity = v->storage_capacity ? v->storage_capacity * 2 : 64;
        v->storages = dn_realloc(v->storages, v->storage_capacity, sizeof *v->storages);
    }
    *index = *slot = v->storage_count++;
    v->storages[*index] = (struct torch_storage){.dtype = dtype, .count = count};
    memcpy(v->storages[*index].key, text, key->length);
    return true;
}

/* ("storage", type, key, location, count[, view]): the location is of no interest. */
static bool persistent(struct pickle *p, uint32_t id, uint32_t *result)
{
    const struct torch_values *v = p->context;
    uint32_t index;
    int64_t count;
    if (p->nodes[id].kind != PICKLE_TUPLE || p->nodes[id].length != (v->legacy ? 6u : 5u) ||
        !pickle_text_is(p, pickle_item(p, id, 0), "storage") ||
        !has_kind(p, id, 1, PICKLE_GLOBAL) || !has_kind(p, id, 3, PICKLE_TEXT))
        return pickle_fail(p, "a persistent id that is no storage");
    int tag = p->rules->globals[p->nodes[pickle_item(p, id, 1)].index].tag;
    const struct pickle_node *key = &p->nodes[pickle_item(p, id, 2)];
    if (!(tag & IS_STORAGE))
        return pickle_fail(p, "a storage of a type that is none");
    if (!is_digits(p, key))
        return pickle_fail(p, "a storage's key must be a number");
    if (!item_int(p, id, 4, &count) || count > INT64_MAX / 16)
        return pickle_fail(p, "a storage's length must be a whole number from 0");
    if (v->legacy && !has_kind(p, id, 5, PICKLE_NONE))
        return pickle_fail(p, "a storage that is a view of another");
    return keep_storage(p, key, (enum dtype)(tag & ~IS_STORAGE), count, &index) &&
           pickle_add(p, (struct pickle_node){.kind = PICKLE_STORAGE, .index = index}, result);
}

static bool build(struct pickle *p, uint32_t target, uint32_t state)
{
    (void)target;
    return p->nodes[state].kind == PICKLE_DICT ||
           pickle_fail(p, "an OrderedDict's attributes are %s",
                       pickle_kind_name(p->nodes[state].kind));
}

const struct pickle_rules torch_rules = {
    .globals = globals,
    .global_count = sizeof globals / sizeof globals[0],
    .persistent = persistent,
    .build = build,
};

void torch_values_done(struct torch_values *v)
{
    free(v->storages);
    free(v->tensors);
    free(v->by_key);
    *v = (struct torch_values){0};
}
