/* weights: kinds told apart by content, choosing state dicts, values of every dtype, shards,
 * fingerprints. */
#include "scratch.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "format/mapped_file.h"
#include "format/safetensors_write.h"

static char folder[64] = "/tmp/danaus-weights-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[2][512];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static void write_text(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Writes a file with one-element float32 tensors of those names (NULL ends), values 0, 1, ... */
static void write_names(const char *file, const char *const *names)
{
    static const float values[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct dn_error err;
    struct safetensors_writer *s = safetensors_writer_new();
    for (int i = 0; names[i]; i++)
        safetensors_writer_tensor(s, names[i], DTYPE_F32, 1, (int64_t[]){1}, &values[i]);
    CHECK_OK(safetensors_writer_finish(s, in_folder(file), true, &err), err);
    safetensors_writer_free(s);
}

#define FILL "................................"
static const struct {
    const char *bytes;
    size_t size;
    const char *says;
} wrong_kinds[] = {
    {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", 63, "git-lfs pointer"},
    {"<!DOCTYPE html><html>" FILL, 53, "HTML"},
    {"\n\n  <HTML>" FILL, 42, "HTML"},
    {"\x89PNG\r\n\x1a\n" FILL, 40, "PNG"},
    {"\x1f\x8b\x08" FILL, 35, "gzip"},
    {"\x7f"
     "ELF\2\1\1" FILL,
     39, "ELF"},
    {"GGUF\3\0\0\0" FILL, 40, "GGUF"},
    {"\xff\xd8\xff\xe0" FILL, 36, "JPEG"},
    {"\0\0\0\40ftypisom" FILL, 44, "MP4"},
    {"7z\xbc\xaf\x27\x1c" FILL, 38, "7-Zip"},
    {"\x89HDF\r\n\x1a\n" FILL, 40, "HDF5"},
    {"SQLite format 3\0" FILL, 48, "SQLite"},
    {"\x80\2}q\0." FILL, 38, "pickle"},
    {"PK\5\6" FILL, 36, "empty zip"},
    {"just some words in a text file\n", 31, "text file"},
    {"#!/bin/sh\necho\n", 15, "script"},
    {"\1", 1, "too short"},
    {"", 0, "empty"},
};

TEST(wrong_kinds_are_named)
{
    struct dn_error err;
    for (size_t i = 0; i < sizeof wrong_kinds / sizeof wrong_kinds[0]; i++) {
        CHECK(!opens(scratch(wrong_kinds[i].bytes, wrong_kinds[i].size), &err));
        CHECK_MSG(strstr(err.message, wrong_kinds[i].says) && err.hint[0], "\"%s\", want \"%s\"",
                  err.message, wrong_kinds[i].says);
    }
}

TEST(what_is_no_file)
{
    struct dn_error err;
    CHECK(!opens(in_folder("missing"), &err) && strstr(err.message, "No such file"));
    CHECK(!opens(folder, &err) && strstr(err.message, "is a directory without"));
    CHECK(mkfifo(in_folder("fifo"), 0600) == 0);
    CHECK(!opens(in_folder("fifo"), &err) && strstr(err.message, "a FIFO"));
    CHECK(!opens("/dev/zero", &err) && strstr(err.message, "a device"));
    CHECK(!opens("/dev/null", &err) && strstr(err.message, "a device"));
    CHECK(!opens("/proc/self/status", &err));
    CHECK(mkdir(in_folder("m"), 0700) == 0);
    CHECK(mkdir(in_folder("m/diffusion_pytorch_model.safetensors"), 0700) == 0);
    CHECK(!opens(in_folder("m"), &err) && strstr(err.message, "directory"));
    unlink(in_folder("fifo"));
    rmdir(in_folder("m/diffusion_pytorch_model.safetensors"));
    rmdir(in_folder("m"));
}

/* The name says one thing, the content another: the content counts. */
TEST(names_do_not_matter)
{
    struct dn_error err;
    struct weights *w;
    write_names("lie.png", (const char *const[]){"a", NULL});
    CHECK_OK(weights_open(in_folder("lie.png"), &w, &err), err);
    CHECK_STR(weights_kind(w), "safetensors");
    CHECK_STR(weights_path(w), in_folder("lie.png"));
    weights_close(w);
    unlink(in_folder("lie.png"));
}

TEST(public_names)
{
    struct dn_error err;
    struct weights *w;
    write_names("a",
                (const char *const[]){
                    "model._fsdp_wrapped_module.blocks.0._checkpoint_wrapped_module.ffn.w",
                    "model._orig_mod.head.model.bias", "module.model.x", "plain_orig_mod.y", NULL});
    CHECK_OK(weights_open(in_folder("a"), &w, &err), err);
    CHECK(!weights_has_ema(w) && weights_find(w, "module.model.x"));
    for (int again = 0; again < 3; again++) {
        CHECK_OK(weights_select(w, again & 1, &err), err);
        CHECK(weights_count(w) == 4);
        CHECK(weights_find(w, "blocks.0.ffn.w") && weights_find(w, "head.model.bias"));
        CHECK(weights_find(w, "x") && weights_find(w, "plain_orig_mod.y"));
    }
    weights_close(w);
    write_names("a", (const char *const[]){"generator.model.a", "generator_ema.model.a",
                                           "critic.model.a", NULL});
    CHECK_OK(weights_open(in_folder("a"), &w, &err), err);
    CHECK(weights_has_ema(w) && weights_count(w) == 3);
    CHECK_OK(weights_select(w, true, &err), err);
    CHECK(weights_count(w) == 1 && *(const float *)weights_find(w, "a")->data == 1);
    CHECK_OK(weights_select(w, false, &err), err);
    CHECK(weights_count(w) == 1 && *(const float *)weights_find(w, "a")->data == 0);
    weights_close(w);
    write_names("a", (const char *const[]){"model.a", "a", NULL});
    CHECK_OK(weights_open(in_folder("a"), &w, &err), err);
    CHECK(!weights_select(w, true, &err) && strstr(err.message, "two tensors are named a"));
    CHECK(weights_count(w) == 2 && weights_find(w, "model.a") && weights_find(w, "a"));
    weights_close(w);
    unlink(in_folder("a"));
}

/* Each dtype with the same values where it can hold them. */
TEST(values_of_every_dtype)
{
    static const double f64[3] = {0, 1, -2};
    static const uint16_t bf16[3] = {0, 0x3F80, 0xC000}, f16[3] = {0, 0x3C00, 0xC000};
    static const int64_t i64[3] = {0, 1, -2};
    static const int32_t i32[3] = {0, 1, -2};
    static const int16_t i16[3] = {0, 1, -2};
    static const int8_t i8[3] = {0, 1, -2};
    static const uint8_t e4m3[3] = {0, 0x38, 0xC0}, e5m2[3] = {0, 0x3C, 0xC0};
    static const float f32[3] = {0, 1, -2};
    static const struct {
        enum dtype dtype;
        const void *data;
    } rows[] = {{DTYPE_F32, f32},      {DTYPE_F64, f64},     {DTYPE_BF16, bf16}, {DTYPE_F16, f16},
                {DTYPE_I64, i64},      {DTYPE_I32, i32},     {DTYPE_I16, i16},   {DTYPE_I8, i8},
                {DTYPE_F8_E4M3, e4m3}, {DTYPE_F8_E5M2, e5m2}};
    uint8_t shifted[3 * 8 + 1];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float got[3], misaligned[3];
        struct weight_view v = {.name = "a",
                                .dtype = rows[i].dtype,
                                .ndim = 1,
                                .shape = {3},
                                .stride = {1},
                                .count = 3,
                                .data = rows[i].data,
                                .contiguous = true,
                                .aligned = true};
        weights_copy_f32(&v, got);
        CHECK_MSG(memcmp(got, f32, sizeof f32) == 0, "%s", dtype_name(rows[i].dtype));
        memcpy(shifted + 1, rows[i].data, 3 * (size_t)dtype_size(rows[i].dtype));
        v.data = shifted + 1;
        v.aligned = false;
        weights_copy_f32(&v, misaligned);
        CHECK_MSG(memcmp(misaligned, f32, sizeof f32) == 0, "%s misaligned",
                  dtype_name(rows[i].dtype));
    }
}

/* Permuted strides over more elements than one chunk holds, against plain indexing. */
TEST(strided_values)
{
    enum { A = 7, B = 33, C = 19 };
    float *base = dn_malloc(sizeof(float) * A * B * C), *got = dn_malloc(sizeof(float) * A * B * C);
    for (int i = 0; i < A * B * C; i++)
        base[i] = (float)i;
    struct weight_view v = {.name = "a",
                            .dtype = DTYPE_F32,
                            .ndim = 3,
                            .shape = {C, A, B},
                            .stride = {1, B * C, C},
                            .count = A * B * C,
                            .data = base,
                            .aligned = true};
    weights_copy_f32(&v, got);
    for (int c = 0; c < C; c++)
        for (int a = 0; a < A; a++)
            for (int b = 0; b < B; b++)
                if (got[(c * A + a) * B + b] != base[a * B * C + b * C + c])
                    CHECK_MSG(false, "element %d %d %d", c, a, b);
    free(base);
    free(got);
}

TEST(not_finite_is_named)
{
    static const uint16_t bad[3] = {0x3F80, 0x7F80, 0x3F80};
    static const float nan_at_end[2] = {1e38f, NAN};
    struct dn_error err;
    struct weights *w;
    struct safetensors_writer *s = safetensors_writer_new();
    safetensors_writer_tensor(s, "fine", DTYPE_F32, 1, (int64_t[]){1}, nan_at_end);
    safetensors_writer_tensor(s, "broken", DTYPE_BF16, 1, (int64_t[]){3}, bad);
    CHECK_OK(safetensors_writer_finish(s, in_folder("a"), true, &err), err);
    CHECK_OK(weights_open(in_folder("a"), &w, &err), err);
    CHECK(!weights_check_finite(w, &err) && err.code == DN_E_MODEL);
    CHECK_MSG(strstr(err.message, "tensor broken") && strstr(err.message, "element 1)"), "%s",
              err.message);
    weights_close(w);
    safetensors_writer_free(s);
    s = safetensors_writer_new();
    safetensors_writer_tensor(s, "whole", DTYPE_I64, 1, (int64_t[]){0}, NULL);
    safetensors_writer_tensor(s, "late", DTYPE_F32, 1, (int64_t[]){2}, nan_at_end);
    CHECK_OK(safetensors_writer_finish(s, in_folder("a"), true, &err), err);
    CHECK_OK(weights_open(in_folder("a"), &w, &err), err);
    CHECK(!weights_check_finite(w, &err) && strstr(err.message, "tensor late"));
    weights_close(w);
    safetensors_writer_free(s);
    unlink(in_folder("a"));
}

/* 32 levels: the most that is read */
#define DEEP_OPEN "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
#define DEEP_CLOSE "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

static const struct {
    const char *index;
    const char *says; /* NULL: opens */
} indices[] = {
    {"{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}",
     NULL},
    {" {\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"},\"metadata\":{\"x\":[{\"y\":-1.5e3}]}}"
     "\n",
     NULL},
    {"{\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}", NULL},
    {"{\"metadata\":{\"total_size\":13},\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}",
     "total_size is 13"},
    {"{\"metadata\":{\"total_size\":-1},\"weight_map\":{}}", "without sign"},
    {"{\"weight_map\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"2\"}}", "b is not in 2"},
    {"{\"weight_map\":{\"a\":\"1\",\"c\":\"2\"}}", "does not list tensor b"},
    {"{\"weight_map\":{\"a\":\"1\",\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}", "listed twice"},
    {"{\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\",\"d\":\"2\"}}", "d is not in 2"},
    {"{\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"3\"}}", "No such file"},
    {"{\"weight_map\":{\"a\":\"../1\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\".\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\"\"}}", "plain file name"},
    {"{\"weight_map\":{\"a\":\"1\\u0000\"}}", "NUL"},
    {"{\"weight_map\":{\"a\":\"index\"}}", "not a safetensors file"},
    {"{\"weight_map\":{\"a\":1}}", "string was expected"},
    {"{\"weight_map\":{}}", "string was expected"},
    {"{\"weight_map\":[]}", "must be an object"},
    {"{\"weight_map\":{\"a\":\"1\"},\"weight_map\":{\"a\":\"1\"}}", "occurs twice"},
    {"{\"metadata\":{},\"metadata\":{},\"weight_map\":{}}", "occurs twice"},
    {"{\"metadata\":{}}", "no weight_map"},
    {"{\"auto_map\":{}}", "only metadata and weight_map"},
    {"{\"metadata\":{\"x\":" DEEP_OPEN DEEP_CLOSE "},"
     "\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}",
     NULL},
    {"{\"metadata\":{\"x\":[" DEEP_OPEN DEEP_CLOSE "]},"
     "\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}",
     "too deeply"},
    {"{\"metadata\":{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]", "too deeply"},
    {"{\"metadata\":{\"x\":tru}}", "value was expected"},
    {"{\"metadata\":{\"x\":[1,]}}", "value was expected"},
    {"{\"metadata\":{\"x\":01}}", "bad number"},
    {"{\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}} x", "behind the last }"},
    {"{\"weight_map\":{\"a\":\"1\"", "ends too early"},
};

TEST(shards)
{
    struct dn_error err;
    write_names("1", (const char *const[]){"a", "b", NULL});
    write_names("2", (const char *const[]){"c", NULL});
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        write_text("index", indices[i].index);
        bool ok = opens(in_folder("index"), &err);
        CHECK_MSG(ok == !indices[i].says, "row %zu: %s", i, err.message);
        CHECK_MSG(ok || strstr(err.message, indices[i].says), "row %zu: \"%s\", want \"%s\"", i,
                  err.message, indices[i].says);
    }
    write_names("2", (const char *const[]){"a", NULL});
    write_text("index", "{\"weight_map\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"}}");
    CHECK(!opens(in_folder("index"), &err) && strstr(err.message, "two tensors are named a"));
    unlink(in_folder("1"));
    unlink(in_folder("2"));
    unlink(in_folder("index"));
}

TEST(fingerprints)
{
    struct dn_error err;
    char hex[65];
    CHECK_OK(weights_sha256(scratch("abc", 3), hex, &err), err);
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_OK(weights_sha256(scratch("", 0), hex, &err), err);
    CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(!weights_sha256(folder, hex, &err) && err.message[0]);
    CHECK(!weights_sha256(in_folder("missing"), hex, &err) && !hex[0]);
}

TEST(a_file_that_changes_is_noticed)
{
    struct dn_error err;
    struct mapped_file f;
    write_text("a", "12345678");
    CHECK_OK(mapped_file_open(&f, in_folder("a"), &err), err);
    FILE *more = fopen(in_folder("a"), "a");
    fputs("9", more);
    fclose(more);
    CHECK(!mapped_file_settle(&f, &err) && strstr(err.message, "changed"));
    mapped_file_close(&f);
    /* The same size, another time of change. */
    CHECK_OK(mapped_file_open(&f, in_folder("a"), &err), err);
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    CHECK(utimensat(AT_FDCWD, in_folder("a"), times, 0) == 0);
    CHECK(!mapped_file_settle(&f, &err) && strstr(err.message, "changed"));
    mapped_file_close(&f);
    unlink(in_folder("a"));
}

TEST(setup)
{
    CHECK(mkdtemp(folder) != NULL);
}

TEST(teardown)
{
    CHECK(rmdir(folder) == 0);
    weights_close(NULL);
}

TESTS(T(setup), T(wrong_kinds_are_named), T(what_is_no_file), T(names_do_not_matter),
      T(public_names), T(values_of_every_dtype), T(strided_values), T(not_finite_is_named),
      T(shards), T(fingerprints), T(a_file_that_changes_is_noticed), T(teardown))
