/* Temporaries of a killed writer go; everything else of a similar name stays. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "store/atomic_sweep.h"

TEST(only_temporaries_of_that_name)
{
    char dir[] = "/tmp/danaus-sweep-XXXXXX", path[64];
    static const char *const files[] = {
        "a.mp4", ".a.mp4-0123456.part", ".a.mp4-0123456g.part", ".a.mp4-01234567.part2",
        ".b.mp4-01234567.part", "a.mp4-01234567.part", ".a.mp4-01234567"};
    static const char *const gone[] = {".a.mp4-01234567.part", ".a.mp4-deadbeef.part"};
    enum { FILES = sizeof files / sizeof files[0] };
    CHECK(mkdtemp(dir) != NULL && chdir(dir) == 0);
    for (int i = 0; i < FILES; i++)
        close(open(files[i], O_CREAT | O_WRONLY, 0600));
    close(open(gone[0], O_CREAT | O_WRONLY, 0600));
    CHECK(mkdir(gone[1], 0700) == 0); /* a directory of pictures */
    close(open(".a.mp4-deadbeef.part/frame-00001.png", O_CREAT | O_WRONLY, 0600));
    snprintf(path, sizeof path, "%s/a.mp4", dir);
    atomic_sweep(path);
    CHECK(access(gone[0], F_OK) != 0 && access(gone[1], F_OK) != 0);
    for (int i = 0; i < FILES; i++)
        CHECK_MSG(unlink(files[i]) == 0, "%s", files[i]);
    atomic_sweep("/tmp/there/is/none/a.mp4");
    atomic_sweep("");
    CHECK(chdir("/") == 0 && rmdir(dir) == 0);
}

TESTS(T(only_temporaries_of_that_name))
