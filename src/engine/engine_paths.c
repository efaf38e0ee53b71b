/* engine_paths: see engine_paths.h */
#define _GNU_SOURCE
#include "engine/engine_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/paths.h"
#include "base/read_file.h"

/* $XDG_RUNTIME_DIR is taken only when it is there: it goes at the last logout. */
static char *socket_dir(void)
{
    char *dir = dn_xdg_dir(DN_XDG_RUNTIME);
    char *above = dir ? dn_path_dir(dir) : NULL;
    struct stat st;
    if (dir && (stat(above, &st) != 0 || !S_ISDIR(st.st_mode))) {
        free(dir);
        dir = NULL;
    }
    free(above);
    return dir ? dir : dn_asprintf("/tmp/danaus-%u", (unsigned)getuid());
}

static char *absolute(const char *path)
{
    if (path[0] == '/')
        return dn_strdup(path);
    char *here = getcwd(NULL, 0);
    char *out = dn_path_join(here ? here : "/", path);
    free(here);
    return out;
}

bool engine_paths_find(const char *library, struct engine_paths *paths, struct dn_error *err)
{
    *paths = (struct engine_paths){.library = absolute(library), .dir = socket_dir()};
    paths->socket = dn_path_join(paths->dir, "engine.sock");
    paths->socket_lock = dn_path_join(paths->dir, "engine.lock");
    paths->start_lock = dn_path_join(paths->dir, "start.lock");
    paths->library_lock = dn_path_join(paths->library, "engine.lock");
    char *state = dn_xdg_dir(DN_XDG_STATE);
    if (!state)
        return dn_fail(err, DN_E_IO, "there is no home directory to keep a log in");
    paths->log = dn_path_join(state, "engine.log");
    free(state);
    if (strlen(paths->socket) >= sizeof ((struct sockaddr_un *)0)->sun_path) {
        dn_fail(err, DN_E_ARG, "the socket's path %s is too long", paths->socket);
        return dn_error_hint(err, "set XDG_RUNTIME_DIR to a shorter directory");
    }
    return true;
}

void engine_paths_done(struct engine_paths *paths)
{
    free(paths->library);
    free(paths->dir);
    free(paths->socket);
    free(paths->socket_lock);
    free(paths->start_lock);
    free(paths->library_lock);
    free(paths->log);
    *paths = (struct engine_paths){0};
}

bool engine_paths_secure(const struct engine_paths *paths, struct dn_error *err)
{
    struct stat st;
    if (mkdir(paths->dir, 0700) != 0 && errno != EEXIST)
        return dn_fail(err, DN_E_IO, "cannot make the directory %s: %s", paths->dir,
                       strerror(errno));
    if (lstat(paths->dir, &st) != 0)
        return dn_fail(err, DN_E_IO, "cannot look at %s: %s", paths->dir, strerror(errno));
    const char *wrong = !S_ISDIR(st.st_mode) ? "is not a directory"
                        : st.st_uid != getuid() ? "belongs to another user"
                        : st.st_mode & 077 ? "is open to other users" : NULL;
    if (!wrong)
        return true;
    dn_fail(err, DN_E_IO, "%s, for the engine's socket, %s", paths->dir, wrong);
    return dn_error_hint(err, "remove it, or chmod 700");
}

static void sleep_ms(int ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

int engine_lock(const char *path, int wait_ms, bool *busy, struct dn_error *err)
{
    int64_t end = dn_now_ms() + wait_ms;
    *busy = false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        dn_fail(err, DN_E_IO, "%s is no regular file", path);
        return -1;
    }
    if (fd < 0) {
        dn_fail(err, DN_E_IO, "cannot open %s: %s", path, strerror(errno));
        return -1;
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            dn_fail(err, DN_E_IO, "cannot lock %s: %s", path, strerror(errno));
            close(fd);
            return -1;
        }
        if (dn_now_ms() >= end) {
            dn_fail(err, DN_E_EXISTS, "another process holds %s", path);
            *busy = true;
            close(fd);
            return -1;
        }
        sleep_ms(5);
    }
    return fd;
}

char *engine_locked_socket(const struct engine_paths *paths)
{
    char *text;
    size_t size;
    int fd = open(paths->library_lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    if (!held || !dn_read_file(paths->library_lock, 4096, &text, &size, NULL))
        return NULL;
    /* "PID SOCKET\n" */
    char *space = strchr(text, ' '), *end = space ? strchr(space, '\n') : NULL;
    char *out = end ? dn_strndup(space + 1, (size_t)(end - space - 1)) : NULL;
    free(text);
    return out;
}
