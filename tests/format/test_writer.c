/* safetensors writer: what goes in comes out, and a failure leaves nothing behind. */
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "format/safetensors_write.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* How many files the folder holds; removes them. */
static int empty_folder(void)
{
    int count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        count++;
        remove(in_folder(e->d_name));
    }
    if (d)
        closedir(d);
    return count;
}

static const uint8_t flags[3] = {1, 0, 1};
static const float floats[6] = {0, -1, 2.5f, 1e30f, 1e-30f, 7};
static const uint16_t halves[4] = {0x3F80, 0x4000, 0, 0x8000};
static const int64_t whole[1] = {-5};

static struct safetensors_writer *sample(void)
{
    struct safetensors_writer *w = safetensors_writer_new();
    safetensors_writer_metadata(w, "prompt",
                                "a \"blue\" butterfly\n\\ \303\251 \360\237\246\213\001");
    safetensors_writer_metadata(w, "seed", "7");
    safetensors_writer_tensor(w, "flags", DTYPE_BOOL, 1, (int64_t[]){3}, flags);
    safetensors_writer_tensor(w, "halves", DTYPE_BF16, 2, (int64_t[]){2, 2}, halves);
    safetensors_writer_tensor(w, "floats", DTYPE_F32, 2, (int64_t[]){2, 3}, floats);
    safetensors_writer_tensor(w, "whole \"\303\251\"", DTYPE_I64, 0, NULL, whole);
    safetensors_writer_tensor(w, "none", DTYPE_F32, 2, (int64_t[]){0, 3}, NULL);
    return w;
}

TEST(what_goes_in_comes_out)
{
    struct dn_error err;
    struct weights *w;
    struct safetensors_writer *s = sample();
    CHECK_OK(safetensors_writer_finish(s, in_folder("a"), false, &err), err);
    CHECK_OK(weights_open(in_folder("a"), &w, &err), err);
    CHECK(w && weights_count(w) == 5);
    const struct weight_view *v = weights_find(w, "floats");
    CHECK(v && v->dtype == DTYPE_F32 && v->shape[1] == 3 && v->aligned);
    CHECK(v && memcmp(v->data, floats, sizeof floats) == 0);
    v = weights_find(w, "halves");
    CHECK(v && v->dtype == DTYPE_BF16 && v->aligned && memcmp(v->data, halves, 8) == 0);
    v = weights_find(w, "whole \"\303\251\"");
    CHECK(v && v->ndim == 0 && v->aligned && memcmp(v->data, whole, 8) == 0);
    v = weights_find(w, "none");
    CHECK(v && v->count == 0 && v->shape[1] == 3);
    CHECK_STR(weights_metadata(w, "prompt"),
              "a \"blue\" butterfly\n\\ \303\251 \360\237\246\213\001");
    CHECK_STR(weights_metadata(w, "seed"), "7");
    weights_close(w);
    safetensors_writer_free(s);
    CHECK(empty_folder() == 1);
}

TEST(same_content_same_bytes)
{
    struct dn_error err;
    char first[65], second[65];
    struct safetensors_writer *a = sample(), *b = sample();
    CHECK_OK(safetensors_writer_finish(a, in_folder("a"), false, &err), err);
    CHECK_OK(weights_sha256(in_folder("a"), first, &err), err);
    CHECK_OK(safetensors_writer_finish(a, in_folder("a"), true, &err), err);
    CHECK_OK(weights_sha256(in_folder("a"), second, &err), err);
    CHECK_STR(first, second);
    CHECK_OK(safetensors_writer_finish(b, in_folder("b"), true, &err), err);
    CHECK_OK(weights_sha256(in_folder("b"), second, &err), err);
    CHECK_STR(first, second);
    safetensors_writer_free(a);
    safetensors_writer_free(b);
    CHECK(empty_folder() == 2);
}

TEST(existing_files_stay)
{
    struct dn_error err;
    struct safetensors_writer *s = sample();
    FILE *f = fopen(in_folder("a"), "w");
    fputs("precious", f);
    fclose(f);
    CHECK(!safetensors_writer_finish(s, in_folder("a"), false, &err));
    CHECK(err.code == DN_E_EXISTS && strstr(err.hint, "--force"));
    size_t size = 0;
    uint8_t *bytes = slurp(in_folder("a"), &size);
    CHECK(size == 8 && memcmp(bytes, "precious", 8) == 0);
    free(bytes);
    /* A link to nowhere is there as well. */
    CHECK(symlink("/nonexistent", in_folder("b")) == 0);
    CHECK(!safetensors_writer_finish(s, in_folder("b"), false, &err) && err.code == DN_E_EXISTS);
    CHECK_OK(safetensors_writer_finish(s, in_folder("a"), true, &err), err);
    safetensors_writer_free(s);
    CHECK(empty_folder() == 2);
}

/* A disk that fills up, stood in for by a limit on the size of files: at every size of the file
 * the writing fails cleanly and the old file stays. */
TEST(a_full_disk_leaves_nothing)
{
    struct dn_error err;
    struct rlimit old, tight;
    struct stat st;
    struct safetensors_writer *s = sample();
    CHECK_OK(safetensors_writer_finish(s, in_folder("a"), false, &err), err);
    CHECK(stat(in_folder("a"), &st) == 0);
    empty_folder();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    for (off_t limit = 0; limit < st.st_size; limit += 7) {
        tight.rlim_cur = (rlim_t)limit;
        setrlimit(RLIMIT_FSIZE, &tight);
        bool ok = safetensors_writer_finish(s, in_folder("a"), false, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        CHECK_MSG(!ok && err.code == DN_E_IO, "limit %lld", (long long)limit);
        CHECK_MSG(empty_folder() == 0, "limit %lld leaves a file", (long long)limit);
    }
    signal(SIGXFSZ, SIG_DFL);
    safetensors_writer_free(s);
}

TEST(places_that_cannot_be_written)
{
    struct dn_error err;
    struct safetensors_writer *s = sample();
    CHECK(!safetensors_writer_finish(s, in_folder("no/such/folder"), false, &err));
    CHECK_MSG(err.code == DN_E_IO && strstr(err.message, "No such file"), "%s", err.message);
    CHECK(mkdir(in_folder("d"), 0700) == 0);
    CHECK(!safetensors_writer_finish(s, in_folder("d"), true, &err));
    CHECK_MSG(err.code == DN_E_IO, "%s", err.message);
    CHECK(empty_folder() == 1);
    safetensors_writer_free(s);
}

TEST(content_that_readers_would_refuse)
{
    static const struct {
        const char *key, *value, *name, *twin;
    } rows[] = {
        {"k", "\377", "a", "b"}, {"\300\257", "v", "a", "b"}, {"k", "v", "__metadata__", "b"},
        {"k", "v", "\377", "b"}, {"k", "v", "a", "a"},        {"seed", "8", "a", "b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dn_error err;
        struct safetensors_writer *s = safetensors_writer_new();
        safetensors_writer_metadata(s, "seed", "7");
        safetensors_writer_metadata(s, rows[i].key, rows[i].value);
        safetensors_writer_tensor(s, rows[i].name, DTYPE_U8, 1, (int64_t[]){1}, flags);
        safetensors_writer_tensor(s, rows[i].twin, DTYPE_U8, 1, (int64_t[]){1}, flags);
        CHECK_MSG(!safetensors_writer_finish(s, in_folder("a"), false, &err), "row %zu", i);
        CHECK_MSG(err.code == DN_E_ARG, "row %zu: %s", i, err.message);
        safetensors_writer_free(s);
    }
    CHECK(empty_folder() == 0);
}

TEST(setup)
{
    strcpy(folder, "/tmp/danaus-writer-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

TEST(teardown)
{
    CHECK(rmdir(folder) == 0);
}

TESTS(T(setup), T(what_goes_in_comes_out), T(same_content_same_bytes), T(existing_files_stay),
      T(a_full_disk_leaves_nothing), T(places_that_cannot_be_written),
      T(content_that_readers_would_refuse), T(teardown))
