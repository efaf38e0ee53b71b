/* gpu: the Engine screen tells what NVML tells of a worker's GPU, by the library of
 * tests/cli/gpu.sh in its place. Run from the top folder. */
#define _GNU_SOURCE
#include "vt_session.h"

enum { WAIT_MS = 60000 };

static char state[128];

/* The programs started from now on find the library. */
static void make_library(void)
{
    char line[512], dir[96];
    vt_make_home();
    snprintf(dir, sizeof dir, "%s/lib", vt_home);
    snprintf(state, sizeof state, "%s/gpu", vt_home);
    snprintf(line, sizeof line,
             "mkdir '%s' && ${CC:-cc} -shared -fPIC -o '%s/libcuda.so.1' tests/cli/fake_nvml.c && "
             "cp '%s/libcuda.so.1' '%s/libnvidia-ml.so.1'",
             dir, dir, dir, dir);
    CHECK(system(line) == 0);
    setenv("LD_LIBRARY_PATH", dir, 1);
    setenv("FAKE_GPU", state, 1);
}

/* See fake_nvml.c. In one step: it is read meanwhile. */
static void gpu_is(const char *words)
{
    char path[160];
    snprintf(path, sizeof path, "%s.new", state);
    FILE *f = fopen(path, "w");
    fprintf(f, "%s\n", words);
    fclose(f);
    CHECK(rename(path, state) == 0);
}

TEST(gpu_of_a_worker)
{
    char prompt[] = "a red square growing on blue";
    make_library();
    gpu_is("0 61 13958643712 150323855360 97 512400");
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", WAIT_MS));
    vt_type(v, "\033[15~"); /* F5 */
    CHECK(vt_wait(v, "not started", WAIT_MS) && vt_find(v, "Fake") < 0);
    vt_type(v, "\033OP\r"); /* F1 */
    CHECK(vt_wait(v, "#1 is in the library", WAIT_MS));
    vt_type(v, "\033[15~");
    CHECK(vt_wait(v, "Fake\\x1B[2J Two  61 \u00b0C  13.0 of 140.0 GiB  97 % busy  512 W", WAIT_MS));
    CHECK(vt_find(v, "Fake") == vt_find(v, "worker 0") + 1);
    vt_resize(v, 60, 200);
    gpu_is("0 - 15032385536 150323855360 3 -"); /* two of them vanish */
    CHECK(vt_wait(v, "Two  14.0 of 140.0 GiB  3 % busy  ", WAIT_MS));
    CHECK(vt_find(v, "512 W") < 0 && vt_find(v, "Fake") == vt_find(v, "worker 0") + 1);
    vt_type(v, "\021");
    CHECK(vt_end(v, WAIT_MS) && vt_restored(v));
    vt_free(v);
    vt_end_home();
}

TESTS(T(gpu_of_a_worker))
