/* Every file of a folder of good and hostile checkpoints is treated as the folder's manifest says:
 * exact values or a clean refusal, quickly and in little memory. DANAUS_CHECKPOINTS names another
 * folder of the same layout. */
#include "scratch.h" /* first: it chooses what the system's headers declare */

#include <sys/resource.h>
#include <sys/stat.h>

#include <jansson.h>

#define DEFAULT_FOLDER "tests/data/format"
#define REFUSAL_SECONDS 0.25
#define MEMORY_KIB (64 * 1024)

static const char *folder(void)
{
    const char *other = getenv("DANAUS_CHECKPOINTS");
    return other ? other : DEFAULT_FOLDER;
}

static json_t *manifest(void)
{
    json_error_t error;
    char *path = dn_asprintf("%s/manifest.json", folder());
    json_t *json = json_load_file(path, 0, &error);
    CHECK_MSG(json != NULL, "%s: %s", path, error.text);
    free(path);
    return json;
}

static enum dtype dtype_of(const char *name)
{
    if (strcmp(name, "bf16") == 0)
        return DTYPE_BF16;
    return strcmp(name, "fp16") == 0 ? DTYPE_F16 : DTYPE_F32;
}

/* All tensors of reference (float32), rounded to dtype, are in w and nothing else is. */
static void compare(const char *name, const struct weights *w, const char *reference,
                    enum dtype dtype)
{
    struct dn_error err;
    struct weights *want;
    CHECK_OK(weights_open(reference, &want, &err), err);
    if (!want)
        return;
    CHECK_MSG(weights_count(w) == weights_count(want), "%s: %lld tensors, want %lld", name,
              (long long)weights_count(w), (long long)weights_count(want));
    for (int64_t i = 0; i < weights_count(want); i++) {
        const struct weight_view *b = weights_at(want, i), *a = weights_find(w, b->name);
        CHECK_MSG(a && a->dtype == dtype && a->ndim == b->ndim &&
                      memcmp(a->shape, b->shape, sizeof a->shape) == 0,
                  "%s: %s is missing or of another type or shape", name, b->name);
        if (!a || a->count != b->count)
            continue;
        size_t bytes = (size_t)(b->count * dtype_size(dtype));
        uint8_t *expected = dn_malloc(bytes), *got = dn_malloc(bytes);
        float *values = dn_malloc((size_t)b->count * 4), *rounded = dn_malloc((size_t)b->count * 4);
        weights_copy_f32(b, values);
        dtype_from_f32(expected, dtype, values, b->count);
        weights_copy(a, got);
        CHECK_MSG(memcmp(expected, got, bytes) == 0, "%s: %s has other values", name, b->name);
        weights_copy_f32(a, values);
        dtype_to_f32(rounded, expected, dtype, b->count);
        CHECK_MSG(memcmp(values, rounded, (size_t)b->count * 4) == 0, "%s: %s as float32", name,
                  b->name);
        free(expected);
        free(got);
        free(values);
        free(rounded);
    }
    weights_close(want);
}

static char *reference_path(const json_t *all, const char *key, const char *fallback)
{
    const char *name = json_string_value(json_object_get(all, key));
    return dn_asprintf("%s/%s", folder(), name ? name : fallback);
}

static void check_load(const json_t *all, const char *name, const json_t *entry, const char *path)
{
    struct dn_error err;
    struct weights *w;
    enum dtype dtype = dtype_of(json_string_value(json_object_get(entry, "dtype")));
    bool ema = json_is_string(json_object_get(entry, "generator_ema"));
    CHECK_OK(weights_open(path, &w, &err), err);
    if (!w)
        return;
    char *base = reference_path(all, "base", "../dit/micro/diffusion_pytorch_model.safetensors");
    char *averaged = reference_path(all, "ema", "expected_generator_ema.safetensors");
    CHECK_MSG(weights_has_ema(w) == ema, "%s", name);
    CHECK_OK(weights_select(w, true, &err), err);
    compare(name, w, ema ? averaged : base, dtype);
    CHECK_OK(weights_select(w, false, &err), err);
    compare(name, w, base, dtype);
    CHECK_OK(weights_check_finite(w, &err), err);
    CHECK_OK(weights_verify_crc(w, &err), err);
    free(base);
    free(averaged);
    weights_close(w);
}

TEST(every_file_as_the_manifest_says)
{
    const char *name;
    json_t *entry, *all = manifest();
    struct dn_error err;
    int count = 0;
    json_object_foreach(json_object_get(all, "files"), name, entry)
    {
        char *path = dn_asprintf("%s/%s", folder(), name);
        const char *expect = json_string_value(json_object_get(entry, "expect"));
        /* Files with a defect are well formed; that they fit no model is seen by the models. */
        bool defect = strncmp(name, "defect_", 7) == 0;
        double start = seconds();
        if (strcmp(expect, "load") == 0)
            check_load(all, name, entry, path);
        else if (strcmp(expect, "parse") == 0 || defect)
            CHECK_MSG(opens(path, &err), "%s: %s", name, err.message);
        else if (opens(path, &err))
            CHECK_MSG(strcmp(expect, "load_or_reject") == 0, "%s opens", name);
        else
            CHECK_MSG(seconds() - start < REFUSAL_SECONDS, "%s: refused after %.3f s", name,
                      seconds() - start);
        free(path);
        count++;
    }
    CHECK_MSG(count >= 80, "only %d files", count);
    json_decref(all);
}

TEST(hand_made_values)
{
    struct dn_error err;
    struct weights *w;
    static const float a[] = {2, 3, 4, 5, 6, 7}, b[] = {4, 5, 6, 7};
    float got[6];
    char *path = dn_asprintf("%s/handmade_valid_small.pt", folder());
    CHECK_OK(weights_open(path, &w, &err), err);
    CHECK(w && weights_find(w, "generator.model.a"));
    CHECK_OK(weights_select(w, false, &err), err);
    const struct weight_view *v = weights_find(w, "a");
    CHECK(v && v->ndim == 2 && v->shape[0] == 2 && v->shape[1] == 3);
    weights_copy_f32(v, got);
    CHECK(memcmp(got, a, sizeof a) == 0);
    CHECK_STR(weights_kind(w), "torch zip");
    weights_close(w);
    free(path);
    path = dn_asprintf("%s/handmade_valid_small.safetensors", folder());
    CHECK_OK(weights_open(path, &w, &err), err);
    v = weights_find(w, "b");
    CHECK(v && v->ndim == 1 && v->shape[0] == 4 && v->contiguous && v->aligned);
    CHECK(v && memcmp(v->data, b, sizeof b) == 0);
    CHECK(weights_find(w, "c") == NULL && weights_at(w, 2) == NULL);
    weights_close(w);
    free(path);
}

/* The whole run above, in which each file was read, stays within the limit. */
TEST(memory_stays_small)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
#if !defined(__SANITIZE_ADDRESS__)
    CHECK_MSG(use.ru_maxrss < MEMORY_KIB, "%ld KiB", use.ru_maxrss);
#endif
    struct stat st;
    CHECK(stat("/tmp/PWNED", &st) != 0);
}

TESTS(T(every_file_as_the_manifest_says), T(hand_made_values), T(memory_stays_small))
