/* sharded: an index (JSON) that says which tensor is in which safetensors file beside it.
 * {"metadata": {"total_size": BYTES}, "weight_map": {TENSOR: FILE, ...}} */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json_cursor.h"
#include "format/safetensors.h"
#include "format/weight_format.h"

#define MAX_INDEX (1u << 20)
#define MAX_FILE_NAME 255

/* One line of weight_map. */
struct place {
    char *tensor;
    int shard;
};

struct index {
    const struct mapped_file *file;
    struct json_cursor json;
    char **shards; /* file names without directory */
    int shard_count;
    struct place *places;
    int64_t place_count, place_capacity;
    uint64_t total_size;
    bool has_total, has_map;
};

static bool sharded_sniff(const struct mapped_file *f)
{
    uint64_t i = 0;
    while (i < f->size && i < 64 && strchr(" \t\r\n", f->data[i] ? f->data[i] : 1))
        i++;
    /* A safetensors file whose header length happens to begin with this byte has its own { at 8,
     * and a NUL within the length. */
    return i < f->size && f->data[i] == '{' && !memchr(f->data, 0, f->size < 9 ? f->size : 9);
}

/* A plain file name: nothing that leaves the directory. */
static bool is_plain_name(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/') && !strchr(name, '\\') &&
           !strstr(name, "..");
}

/* The number of the shard of that name, added when new; -1 past the limit. */
static int shard_number(struct index *x, const char *name)
{
    for (int i = x->shard_count - 1; i >= 0; i--)
        if (strcmp(x->shards[i], name) == 0)
            return i;
    if (x->shard_count == WEIGHTS_MAX_FILES - 1)
        return -1;
    x->shards = dn_realloc(x->shards, (size_t)x->shard_count + 1, sizeof *x->shards);
    x->shards[x->shard_count] = dn_strdup(name);
    return x->shard_count++;
}

static bool read_place(struct index *x)
{
    char tensor[WEIGHTS_MAX_NAME + 1], file[MAX_FILE_NAME + 1];
    size_t length;
    if (!json_take_string(&x->json, tensor, sizeof tensor, &length) ||
        !json_expect(&x->json, ':', "a colon was expected") ||
        !json_take_string(&x->json, file, sizeof file, &length))
        return false;
    if (!is_plain_name(file))
        return json_problem(&x->json, "a shard's name must be a plain file name");
    int shard = shard_number(x, file);
    if (shard < 0 || x->place_count == WEIGHTS_MAX_TENSORS)
        return json_problem(&x->json, "too many shards or tensors");
    if (x->place_count == x->place_capacity) {
        x->place_capacity = x->place_capacity ? x->place_capacity * 2 : 64;
        x->places = dn_realloc(x->places, (size_t)x->place_capacity, sizeof *x->places);
    }
    x->places[x->place_count++] = (struct place){.tensor = dn_strdup(tensor), .shard = shard};
    return true;
}

static bool read_map(struct index *x)
{
    if (x->has_map)
        return json_problem(&x->json, "weight_map occurs twice");
    x->has_map = true;
    if (!json_expect(&x->json, '{', "weight_map must be an object"))
        return false;
    do {
        if (!read_place(x))
            return false;
    } while (json_take(&x->json, ','));
    return json_expect(&x->json, '}', "a comma or } was expected");
}

/* The object "metadata": total_size is used, the rest is for others. */
static bool read_totals(struct index *x)
{
    char key[64];
    size_t length;
    if (!json_expect(&x->json, '{', "metadata must be an object"))
        return false;
    if (json_take(&x->json, '}'))
        return true;
    do {
        if (!json_take_string(&x->json, key, sizeof key, &length) ||
            !json_expect(&x->json, ':', "a colon was expected"))
            return false;
        if (strcmp(key, "total_size") != 0) {
            if (!json_skip(&x->json))
                return false;
            continue;
        }
        if (x->has_total)
            return json_problem(&x->json, "total_size occurs twice");
        x->has_total = true;
        if (!json_uint(&x->json, UINT64_MAX, &x->total_size))
            return false;
    } while (json_take(&x->json, ','));
    return json_expect(&x->json, '}', "a comma or } was expected");
}

static bool read_index(struct index *x)
{
    bool has_metadata = false;
    if (!json_expect(&x->json, '{', "it does not start with {"))
        return false;
    do {
        char key[64];
        size_t length;
        if (!json_take_string(&x->json, key, sizeof key, &length) ||
            !json_expect(&x->json, ':', "a colon was expected"))
            return false;
        bool map = strcmp(key, "weight_map") == 0, metadata = strcmp(key, "metadata") == 0;
        if (!map && !metadata)
            return json_problem(&x->json, "only metadata and weight_map belong here");
        if (metadata && has_metadata)
            return json_problem(&x->json, "metadata occurs twice");
        has_metadata = has_metadata || metadata;
        if (!(map ? read_map(x) : read_totals(x)))
            return false;
    } while (json_take(&x->json, ','));
    if (!json_expect(&x->json, '}', "a comma or } was expected"))
        return false;
    while (x->json.at < x->json.length && strchr(" \t\r\n", x->json.text[x->json.at]) &&
           x->json.text[x->json.at])
        x->json.at++;
    if (x->json.at != x->json.length)
        return json_problem(&x->json, "text behind the last }");
    return x->has_map || json_problem(&x->json, "there is no weight_map");
}

/* Reads every shard; first_of[i] is the first tensor of shard i, first_of[count] the end. */
static bool read_shards(struct weights *w, const struct index *x, const char *directory,
                        int64_t *first_of, struct dn_error *err)
{
    for (int i = 0; i < x->shard_count; i++) {
        first_of[i] = w->all_count;
        char *path = dn_asprintf("%s%s", directory, x->shards[i]);
        int file = weights_add_file(w, path, err);
        if (file >= 0 && !safetensors_sniff(&w->files[file])) {
            dn_fail(err, DN_E_FORMAT, "%s is not a safetensors file", path);
            file = -1;
        }
        free(path);
        bool ok = file >= 0 && safetensors_read(w, file, err);
        if (file < 0)
            dn_error_hint(err, "every shard that the index names must lie beside it, complete");
        if (!ok)
            return dn_error_while(err, "reading shard %d of %d of %s", i + 1, x->shard_count,
                                  x->file->path);
    }
    first_of[x->shard_count] = w->all_count;
    return true;
}

/* Every tensor of the index is in the shard it names, and no shard holds others. */
static bool check_places(const struct weights *w, const struct index *x, const int64_t *first_of,
                         struct dn_error *err)
{
    bool *seen = dn_calloc((size_t)w->all_count, sizeof *seen);
    bool ok = true;
    for (int64_t i = 0; ok && i < x->place_count; i++) {
        const struct place *p = &x->places[i];
        const struct weight_view *view = weights_find(w, p->tensor);
        int64_t n = view ? view - w->all : -1;
        if (n < first_of[p->shard] || n >= first_of[p->shard + 1])
            ok = dn_fail(err, DN_E_FORMAT, "%s: tensor %.200s is not in %s", x->file->path,
                         p->tensor, x->shards[p->shard]);
        else if (seen[n])
            ok = dn_fail(err, DN_E_FORMAT, "%s: tensor %.200s is listed twice", x->file->path,
                         p->tensor);
        else
            seen[n] = true;
    }
    for (int64_t n = 0; ok && n < w->all_count; n++)
        if (!seen[n])
            ok = dn_fail(err, DN_E_FORMAT, "%s does not list tensor %.200s of its shards",
                         x->file->path, w->all[n].name);
    free(seen);
    return ok;
}

static bool check_total(const struct weights *w, const struct index *x, struct dn_error *err)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < w->all_count; i++)
        sum += (uint64_t)(w->all[i].count * dtype_size(w->all[i].dtype));
    if (!x->has_total || x->total_size == sum)
        return true;
    return dn_fail(err, DN_E_FORMAT, "%s: total_size is %llu bytes, the shards hold %llu",
                   x->file->path, (unsigned long long)x->total_size, (unsigned long long)sum);
}

static bool read_parts(struct weights *w, struct index *x, struct dn_error *err)
{
    const char *slash = strrchr(x->file->path, '/');
    char *directory = dn_strndup(x->file->path, slash ? (size_t)(slash - x->file->path) + 1 : 0);
    int64_t *first_of = dn_calloc((size_t)x->shard_count + 1, sizeof *first_of);
    bool ok = read_shards(w, x, directory, first_of, err) && weights_index(w, err) &&
              check_places(w, x, first_of, err) && check_total(w, x, err);
    free(first_of);
    free(directory);
    return ok;
}

static bool sharded_read(struct weights *w, int file, struct dn_error *err)
{
    /* A copy: adding the shards moves w's array of files. */
    const struct mapped_file f = w->files[file];
    if (f.size > MAX_INDEX)
        return dn_fail(err, DN_E_FORMAT, "%s: an index of %llu bytes is over the limit of 1 MiB",
                       f.path, (unsigned long long)f.size);
    struct index x = {.file = &f, .json = {.text = (const char *)f.data, .length = f.size}};
    bool ok = read_index(&x);
    if (!ok)
        dn_fail(err, DN_E_FORMAT, "%s: no index of safetensors shards: at byte %llu: %s", f.path,
                (unsigned long long)x.json.problem_at, x.json.problem);
    ok = ok && read_parts(w, &x, err);
    for (int64_t i = 0; i < x.place_count; i++)
        free(x.places[i].tensor);
    for (int i = 0; i < x.shard_count; i++)
        free(x.shards[i]);
    free(x.places);
    free(x.shards);
    return ok;
}

const struct weight_format sharded_entry = {
    .name = "sharded safetensors",
    .sniff = sharded_sniff,
    .read = sharded_read,
};
