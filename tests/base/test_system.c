/* base: paths, small files, numbers, clock, log. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/paths.h"
#include "base/read_file.h"
#include "check.h"

static struct dn_error error;

/* Compares and frees. */
static void is(char *got, const char *want)
{
    CHECK_STR(got ? got : "(none)", want);
    free(got);
}

TEST(join_and_split)
{
    is(dn_path_join("a", "b"), "a/b");
    is(dn_path_join("a/", "b"), "a/b");
    is(dn_path_join("", "b"), "b");
    is(dn_path_join("a", "/b"), "/b");
    is(dn_path_number("a.b/night.mp4", 3), "a.b/night-0003.mp4");
    is(dn_path_number("a.b/night", 12345), "a.b/night-12345");
    is(dn_path_dir("a/b/c"), "a/b");
    is(dn_path_dir("/c"), "/");
    is(dn_path_dir("c"), ".");
}

TEST(xdg)
{
    setenv("HOME", "/home/x", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    is(dn_xdg_dir(DN_XDG_CONFIG), "/home/x/.config/danaus");
    is(dn_xdg_dir(DN_XDG_RUNTIME), "(none)");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    is(dn_xdg_dir(DN_XDG_CONFIG), "/home/x/.config/danaus");
    setenv("XDG_CONFIG_HOME", "/c", 1);
    is(dn_xdg_dir(DN_XDG_CONFIG), "/c/danaus");
    is(dn_path_expand("~/a"), "/home/x/a");
    is(dn_path_expand("~"), "/home/x");
    is(dn_path_expand("~other/a"), "~other/a");
    is(dn_path_expand("a~"), "a~");
}

TEST(make_dirs)
{
    char dir[] = "/tmp/danaus-test-XXXXXX";
    struct stat st;
    CHECK(mkdtemp(dir));
    char *deep = dn_asprintf("%s/a/b//c/", dir), *file = dn_asprintf("%s/f", dir);
    char *under = dn_asprintf("%s/f/x", dir);
    CHECK_OK(dn_make_dirs(deep, &error), error);
    CHECK(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(dn_make_dirs(deep, &error));
    FILE *f = fopen(file, "w");
    CHECK(f && fclose(f) == 0);
    CHECK(!dn_make_dirs(file, &error));
    CHECK(strstr(error.message, "/f: something else has this name"));
    CHECK(!dn_make_dirs(under, &error));
    char *clean = dn_asprintf("rm -rf %s", dir);
    CHECK(system(clean) == 0);
    free(clean);
    free(under);
    free(file);
    free(deep);
}

TEST(shipped_files)
{
    char *path = dn_find_share("danaus.yaml");
    CHECK_MSG(path && access(path, R_OK) == 0, "%s", path ? path : "not found");
    free(path);
    CHECK(!dn_find_share("no-such-file"));
}

TEST(small_files)
{
    char *bytes;
    size_t size;
    CHECK(!dn_read_file("/", 10, &bytes, &size, &error));
    CHECK_STR(error.message, "cannot read /: it is a directory");
    CHECK(!dn_read_file("Makefile", 10, &bytes, &size, &error));
    CHECK(strstr(error.message, "Makefile is too large: ") && strstr(error.message, "at most 10"));
    char fifo[] = "/tmp/danaus-test-XXXXXX";
    CHECK(mkdtemp(fifo) && rmdir(fifo) == 0 && mkfifo(fifo, 0600) == 0);
    CHECK(!dn_read_file(fifo, 10, &bytes, &size, &error));
    unlink(fifo);
    CHECK_OK(dn_read_file("Makefile", 1 << 20, &bytes, &size, &error), error);
    CHECK(strlen(bytes) == size);
    free(bytes);
}

TEST(numbers)
{
    int64_t i;
    double d;
    char text[DN_NUMBER_SIZE];
    CHECK(dn_parse_int("-9223372036854775808", &i) && i == INT64_MIN);
    CHECK(dn_parse_int("9223372036854775807", &i) && i == INT64_MAX);
    static const char *const no_int[] = {
        "", "-", "-0", "00", "1 ", "1e3", "9223372036854775808", "-9223372036854775809"};
    for (size_t n = 0; n < sizeof no_int / sizeof no_int[0]; n++)
        CHECK_MSG(!dn_parse_int(no_int[n], &i), "%s", no_int[n]);
    CHECK(dn_parse_double("-1.5e2", &d) && d == -150);
    CHECK(dn_parse_double("1.", &d) && d == 1);
    static const char *const no_double[] = {"", ".", "e5", "1e", "1e+", "1 ", " 1", "inf", "0x1"};
    for (size_t n = 0; n < sizeof no_double / sizeof no_double[0]; n++)
        CHECK_MSG(!dn_parse_double(no_double[n], &d), "%s", no_double[n]);
    static const double values[] = {0, 0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -2.5, 1e21};
    for (size_t n = 0; n < sizeof values / sizeof values[0]; n++) {
        dn_format_double(text, values[n]);
        CHECK_MSG(dn_parse_double(text, &d) && d == values[n], "%s", text);
    }
    dn_format_double(text, 0.1);
    CHECK_STR(text, "0.1");
}

TEST(clock_goes_forward)
{
    int64_t before = dn_now_ns();
    usleep(2000);
    int64_t passed = dn_now_ns() - before;
    CHECK(passed >= 2000000 && passed < 5000000000);
}

static char heard[200];
static void listen(void *context, enum dn_log_level level, const char *line)
{
    (void)context;
    snprintf(heard, sizeof heard, "%d %s", level, line);
}

TEST(log_levels)
{
    dn_log_set_sink(listen, NULL);
    dn_info("not heard");
    CHECK_STR(heard, "");
    dn_warn("a %s\nb", "\033[2J");
    CHECK_STR(heard, "1 a \\x1B[2J\\nb");
    dn_log_set_level(DN_LOG_DEBUG);
    dn_debug("%d", 5);
    CHECK_STR(heard, "3 5");
    dn_log_set_level(DN_LOG_WARNING);
    dn_log_set_sink(NULL, NULL);
}

TESTS(T(join_and_split), T(xdg), T(make_dirs), T(shipped_files), T(small_files), T(numbers),
      T(clock_goes_forward), T(log_levels))
