/* Where the socket may be, and the places where it may not. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "engine/client.h"
#include "engine/engine_paths.h"

static char top[64];

static void begin(void)
{
    strcpy(top, "/tmp/danaus-paths-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    setenv("XDG_RUNTIME_DIR", top, 1);
    setenv("XDG_STATE_HOME", top, 1);
}

static void end(void)
{
    char *command = dn_asprintf("rm -rf %s", top);
    CHECK(system(command) == 0);
    free(command);
}

/* Is the socket's directory, after make() put something there, refused with these words? */
static void refused(void (*make)(const char *path), const char *words)
{
    struct engine_paths paths;
    struct dn_error err = {0};
    begin();
    CHECK_OK(engine_paths_find("/library", &paths, &err), err);
    make(paths.dir);
    bool ok = engine_paths_secure(&paths, &err);
    CHECK_MSG(words ? !ok && strstr(err.message, words) : ok, "\"%s\", not \"%s\"", err.message,
              words ? words : "fine");
    engine_paths_done(&paths);
    end();
}

static void make_nothing(const char *path)
{
    (void)path;
}
static void make_open_dir(const char *path)
{
    CHECK(mkdir(path, 0700) == 0 && chmod(path, 0777) == 0);
}
static void make_readable_dir(const char *path)
{
    CHECK(mkdir(path, 0700) == 0 && chmod(path, 0750) == 0);
}
static void make_file(const char *path)
{
    close(open(path, O_CREAT | O_WRONLY, 0600));
}
static void make_fifo(const char *path)
{
    CHECK(mkfifo(path, 0600) == 0);
}
static void make_link(const char *path)
{
    char *other = dn_asprintf("%s-other", path);
    CHECK(mkdir(other, 0700) == 0 && symlink(other, path) == 0);
    free(other);
}
static void make_dangling_link(const char *path)
{
    CHECK(symlink("/nowhere/at/all", path) == 0);
}
static void make_anothers_dir(const char *path)
{
    CHECK(mkdir(path, 0700) == 0);
    if (chown(path, 65534, 65534) != 0) /* only root can: it is refused for another reason then */
        CHECK(rmdir(path) == 0 && symlink("/", path) == 0);
}

TEST(directories_that_cannot_be_trusted)
{
    refused(make_nothing, NULL);
    refused(make_open_dir, "is open to other users");
    refused(make_readable_dir, "is open to other users");
    refused(make_file, "is not a directory");
    refused(make_fifo, "is not a directory");
    refused(make_link, "is not a directory");
    refused(make_dangling_link, "is not a directory");
    refused(make_anothers_dir, getuid() == 0 ? "belongs to another user" : "is not a directory");
}

TEST(no_runtime_directory)
{
    struct engine_paths paths;
    struct dn_error err;
    char want[64];
    snprintf(want, sizeof want, "/tmp/danaus-%u", (unsigned)getuid());
    begin();
    unsetenv("XDG_RUNTIME_DIR");
    CHECK_OK(engine_paths_find("/library", &paths, &err), err);
    CHECK_STR(paths.dir, want);
    engine_paths_done(&paths);
    setenv("XDG_RUNTIME_DIR", "/run/it/went/at/logout", 1);
    CHECK_OK(engine_paths_find("/library", &paths, &err), err);
    CHECK_STR(paths.dir, want);
    engine_paths_done(&paths);
    end();
}

TEST(a_path_that_is_too_long)
{
    struct engine_paths paths;
    struct dn_error err;
    begin();
    char *deep = dn_asprintf("%s/%090d", top, 7);
    CHECK(mkdir(deep, 0700) == 0);
    setenv("XDG_RUNTIME_DIR", deep, 1);
    CHECK(!engine_paths_find("/library", &paths, &err) && strstr(err.message, "too long"));
    engine_paths_done(&paths);
    free(deep);
    end();
}

TEST(locks)
{
    struct dn_error err;
    bool busy;
    begin();
    char *path = dn_asprintf("%s/lock", top), *fifo = dn_asprintf("%s/fifo", top);
    int first = engine_lock(path, 0, &busy, &err);
    CHECK(first >= 0);
    CHECK(engine_lock(path, 20, &busy, &err) == -1 && busy);
    close(first);
    first = engine_lock(path, 0, &busy, &err);
    CHECK(first >= 0);
    close(first);
    CHECK(mkfifo(fifo, 0600) == 0);
    CHECK(engine_lock(fifo, 0, &busy, &err) == -1 && !busy); /* is not waited for */
    CHECK(unlink(fifo) == 0 && symlink(path, fifo) == 0);
    CHECK(engine_lock(fifo, 0, &busy, &err) == -1 && !busy);
    free(path);
    free(fifo);
    end();
}

TEST(what_is_not_an_engine)
{
    struct engine_paths paths;
    struct dn_error err;
    struct client *c;
    struct client_options options = {.library = "/library", .name = "test"};
    begin();
    CHECK_OK(engine_paths_find("/library", &paths, &err) && engine_paths_secure(&paths, &err), err);
    for (int i = 0; i < 4; i++) { /* nothing, a file, a directory, a FIFO of the socket's name */
        if (i == 1)
            make_file(paths.socket);
        else if (i == 2)
            CHECK(mkdir(paths.socket, 0700) == 0);
        else if (i == 3)
            make_fifo(paths.socket);
        CHECK(!client_connect(&options, &c, &err) && !c);
        CHECK_STR(err.message, "no engine is running");
        remove(paths.socket);
    }
    engine_paths_done(&paths);
    end();
}

TESTS(T(directories_that_cannot_be_trusted), T(no_runtime_directory), T(a_path_that_is_too_long),
      T(locks), T(what_is_not_an_engine))
