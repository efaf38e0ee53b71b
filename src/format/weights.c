/* weights: opening by content and the table of views; see weights.h. */
#include "format/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/file_kind.h"
#include "format/model_file.h"
#include "format/weight_format.h"

#define NAME_BLOCK 65536

/* Names are packed into blocks that never move. */
struct name_block {
    struct name_block *next;
    size_t used, size;
    char text[];
};

const char *weights_keep_name(struct weights *w, const char *name, size_t length)
{
    if (length > WEIGHTS_MAX_NAMES_BYTES || w->name_bytes > WEIGHTS_MAX_NAMES_BYTES - length)
        return NULL;
    w->name_bytes += length;
    if (!w->names || w->names->size - w->names->used < length + 1) {
        size_t size = length + 1 > NAME_BLOCK ? length + 1 : NAME_BLOCK;
        struct name_block *block = dn_malloc(sizeof *block + size);
        *block = (struct name_block){.next = w->names, .size = size};
        w->names = block;
    }
    char *copy = w->names->text + w->names->used;
    memcpy(copy, name, length);
    copy[length] = '\0';
    w->names->used += length + 1;
    return copy;
}

int weights_add_file(struct weights *w, const char *path, struct dn_error *err)
{
    struct mapped_file file;
    if (!mapped_file_open(&file, path, err))
        return -1;
    w->files = dn_realloc(w->files, (size_t)w->file_count + 1, sizeof *w->files);
    w->files[w->file_count] = file;
    return w->file_count++;
}

void weight_view_set_row_major(struct weight_view *view)
{
    int64_t stride = 1;
    for (int d = view->ndim - 1; d >= 0; d--) {
        view->stride[d] = stride;
        stride *= view->shape[d] ? view->shape[d] : 1;
    }
}

static bool is_contiguous(const struct weight_view *view)
{
    int64_t stride = 1;
    if (view->count == 0)
        return true;
    for (int d = view->ndim - 1; d >= 0; d--) {
        if (view->shape[d] != 1 && view->stride[d] != stride)
            return false;
        stride *= view->shape[d];
    }
    return true;
}

bool weights_add_view(struct weights *w, const struct weight_view *view, const char *path,
                      struct dn_error *err)
{
    if (w->all_count == WEIGHTS_MAX_TENSORS)
        return dn_fail(err, DN_E_FORMAT, "%s: more than %d tensors", path, WEIGHTS_MAX_TENSORS);
    if (w->all_count == w->all_capacity) {
        w->all_capacity = w->all_capacity ? w->all_capacity * 2 : 64;
        w->all = dn_realloc(w->all, (size_t)w->all_capacity, sizeof *w->all);
    }
    struct weight_view *kept = &w->all[w->all_count++];
    *kept = *view;
    kept->count = 1;
    for (int d = 0; d < WEIGHTS_MAX_DIMS; d++) {
        if (d >= kept->ndim) {
            kept->shape[d] = 1;
            kept->stride[d] = 0;
        }
        kept->count *= kept->shape[d];
    }
    kept->contiguous = is_contiguous(kept);
    kept->aligned = (uintptr_t)kept->data % (uintptr_t)dtype_size(kept->dtype) == 0;
    return true;
}

bool weights_add_metadata(struct weights *w, const char *key, const char *value)
{
    w->metadata_bytes += strlen(key) + strlen(value);
    if (w->metadata_bytes > WEIGHTS_MAX_METADATA || w->metadata_count == WEIGHTS_MAX_PAIRS)
        return false;
    if (w->metadata_count == w->metadata_capacity) {
        w->metadata_capacity = w->metadata_capacity ? w->metadata_capacity * 2 : 8;
        w->metadata = dn_realloc(w->metadata, (size_t)w->metadata_capacity, 2 * sizeof(char *));
    }
    w->metadata[2 * w->metadata_count] = dn_strdup(key);
    w->metadata[2 * w->metadata_count + 1] = dn_strdup(value);
    w->metadata_count++;
    return true;
}

static const struct weight_view *shown(const struct weights *w)
{
    return w->shown ? w->shown : w->all;
}

static int by_view_name(const void *a, const void *b)
{
    const struct weight_view *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

bool weights_index(struct weights *w, struct dn_error *err)
{
    int64_t count = weights_count(w);
    const struct weight_view **order = dn_malloc(dn_mul_or_abort((size_t)count, sizeof *order));
    for (int64_t i = 0; i < count; i++)
        order[i] = &shown(w)[i];
    qsort(order, (size_t)count, sizeof *order, by_view_name);
    for (int64_t i = 1; i < count; i++) {
        if (strcmp(order[i - 1]->name, order[i]->name) == 0) {
            dn_fail(err, DN_E_FORMAT, "%s: two tensors are named %.200s", w->path, order[i]->name);
            free(order);
            return false;
        }
    }
    free(w->by_name);
    w->by_name = order;
    return true;
}

/* Finds the reader for file 0 of w. */
static const struct weight_format *sniff(const struct mapped_file *f)
{
    for (const struct weight_format *const *entry = weight_format_table; *entry; entry++)
        if ((*entry)->sniff(f))
            return *entry;
    return NULL;
}

static bool open_file(struct weights *w, const char *path, struct dn_error *err)
{
    if (weights_add_file(w, path, err) < 0)
        return false;
    w->format = sniff(&w->files[0]);
    if (!w->format)
        return file_kind_refuse(&w->files[0], err);
    if (!w->format->read(w, 0, err) || !weights_index(w, err))
        return false;
    for (int i = 0; i < w->file_count; i++)
        if (!mapped_file_settle(&w->files[i], err))
            return false;
    return true;
}

bool weights_open(const char *path, struct weights **out, struct dn_error *err)
{
    char *file = NULL;
    *out = NULL;
    if (!model_file_find(path, &file, err))
        return false;
    struct weights *w = dn_calloc(1, sizeof *w);
    w->path = dn_strdup(path);
    if (open_file(w, file, err)) {
        *out = w;
    } else {
        if (err && err->code == DN_E_FORMAT)
            dn_error_hint(err, "the file is damaged or not what it seems; get it again");
        weights_close(w);
    }
    free(file);
    return *out != NULL;
}

void weights_close(struct weights *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->file_count; i++)
        mapped_file_close(&w->files[i]);
    for (int64_t i = 0; i < 2 * w->metadata_count; i++)
        free(w->metadata[i]);
    while (w->names) {
        struct name_block *next = w->names->next;
        free(w->names);
        w->names = next;
    }
    free(w->files);
    free(w->metadata);
    free(w->all);
    free(w->shown);
    free(w->by_name);
    free(w->crcs);
    free(w->path);
    free(w);
}

const char *weights_path(const struct weights *w)
{
    return w->path;
}

const char *weights_kind(const struct weights *w)
{
    return w->format->name;
}

int64_t weights_file_bytes(const struct weights *w)
{
    int64_t sum = 0;
    for (int i = 0; i < w->file_count; i++)
        sum += (int64_t)w->files[i].size;
    return sum;
}

int64_t weights_count(const struct weights *w)
{
    return w->shown ? w->shown_count : w->all_count;
}

const struct weight_view *weights_at(const struct weights *w, int64_t i)
{
    return i >= 0 && i < weights_count(w) ? &shown(w)[i] : NULL;
}

const struct weight_view *weights_find(const struct weights *w, const char *name)
{
    int64_t low = 0, high = weights_count(w);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(name, w->by_name[middle]->name);
        if (order == 0)
            return w->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int64_t weights_metadata_count(const struct weights *w)
{
    return w->metadata_count;
}

void weights_metadata_at(const struct weights *w, int64_t i, const char **key, const char **value)
{
    *key = w->metadata[2 * i];
    *value = w->metadata[2 * i + 1];
}

const char *weights_metadata(const struct weights *w, const char *key)
{
    for (int64_t i = 0; i < w->metadata_count; i++)
        if (strcmp(w->metadata[2 * i], key) == 0)
            return w->metadata[2 * i + 1];
    return NULL;
}
