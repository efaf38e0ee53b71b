/* The text that a terminal makes of a file that is dropped on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "ui/studio/dropped_path.h"

static char folder[] = "/tmp/danaus-drop-XXXXXX";

/* text with every @ as the folder. */
static char *with_folder(const char *text)
{
    char out[4096];
    size_t n = 0;
    for (const char *p = text; *p && n < sizeof out - 64; p++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s", *p == '@' ? 64 : 1,
                              *p == '@' ? folder : p);
    out[n] = '\0';
    return dn_strdup(out);
}

static void path_is(const char *text, bool relative, const char *want)
{
    char *whole = with_folder(text), *wanted = want ? with_folder(want) : NULL;
    char *got = dropped_path(whole, strlen(whole), relative);
    CHECK_MSG((!got && !wanted) || (got && wanted && strcmp(got, wanted) == 0), "%s: %s", whole,
              got ? got : "none");
    free(got);
    free(whole);
    free(wanted);
}

static void make_file(const char *name)
{
    char *path = with_folder(name);
    FILE *f = fopen(path, "w");
    CHECK_MSG(f, "%s", path);
    if (f)
        fclose(f);
    free(path);
}

TEST(every_form_of_a_dropped_file)
{
    CHECK(mkdtemp(folder));
    static const char *const names[] = {"@/a.mp4", "@/a b's \"c\".mp4", "@/caf\xc3\xa9%20.mp4", "@/$x`y\\z"};
    for (int i = 0; i < 4; i++)
        make_file(names[i]);
    path_is("@/a.mp4", false, "@/a.mp4");
    path_is("  @/a.mp4 \n", false, "@/a.mp4");
    path_is("@/a b's \"c\".mp4", false, "@/a b's \"c\".mp4");             /* as it is */
    path_is("'@/a b'\\''s \"c\".mp4' ", false, "@/a b's \"c\".mp4");      /* GNOME, KDE */
    path_is("@/a\\ b\\'s\\ \\\"c\\\".mp4", false, "@/a b's \"c\".mp4");   /* macOS */
    path_is("\"@/a b's \\\"c\\\".mp4\"", false, "@/a b's \"c\".mp4");     /* Windows Terminal */
    path_is("\"@/\\$x\\`y\\\\z\"", false, "@/$x`y\\z");
    path_is("file://@/a%20b's%20%22c%22.mp4\r\n", false, "@/a b's \"c\".mp4");
    path_is("file://localhost@/caf%C3%A9%2520.mp4", false, "@/caf\xc3\xa9%20.mp4");
    path_is("file:@/a.mp4", false, "@/a.mp4");
    path_is("@", false, "@");
    setenv("HOME", folder, 1);
    path_is("~/a.mp4", false, "@/a.mp4");
    CHECK(chdir(folder) == 0);
    path_is("./a.mp4", false, "./a.mp4");
    path_is("a.mp4", true, "a.mp4");
    path_is("'a.mp4'", true, "a.mp4");
}

TEST(what_is_no_file)
{
    static const char *const texts[] = {
        "", " ", "a.mp4", "'a.mp4'", "a red fox", "/nowhere/at/all.mp4", "@/a.mp4 @/a.mp4", "@/a.mp4\n@/a.mp4",
        "'@/a.mp4", "@/a.mp4\\", "file://otherhost@/a.mp4", "file://@/a.mp4%00.png", "file:///%", "file:",
        "file://", "http://@/a.mp4", "~", "~root/x", "'", "\"", "\\", "{@/a.mp4|b}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        path_is(texts[i], false, NULL);
    CHECK(!dropped_path("/tmp\0x", 6, false)); /* what ends early is another file */
    char *huge = dn_malloc(100000);
    memset(huge, '/', 100000);
    CHECK(!dropped_path(huge, 100000, false));
    free(huge);
    char line[64];
    CHECK(chdir("/") == 0);
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    CHECK(system(line) == 0);
}

TESTS(T(every_form_of_a_dropped_file), T(what_is_no_file))
