/* library: see library.h
 *
 * The place is remembered in a file of one line. While the library moves it has two, the new place
 * and the old one, and the first that holds a catalog counts, wherever a crash comes. */
#define _GNU_SOURCE
#include "store/library.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "store/atomic_file.h"
#include "store/catalog_internal.h"
#include "store/file_tree.h"

enum { MAX_POINTER = 3 * PATH_MAX };

static char *pointer_path(void)
{
    char *config = dn_xdg_dir(DN_XDG_CONFIG);
    char *path = config ? dn_path_join(config, "library") : NULL;
    free(config);
    return path;
}

/* The first line's place, or the second's when only that holds a catalog. NULL = none told. */
static char *read_pointer(void)
{
    char *path = pointer_path(), *text = dn_calloc(MAX_POINTER + 1, 1), *place = NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd >= 0 && read(fd, text, MAX_POINTER) > 0) {
        char *rest = text, *line;
        while ((line = strsep(&rest, "\n"))) {
            if (line[0] != '/' || (place && (catalog_exists(place) || !catalog_exists(line))))
                continue;
            free(place);
            place = dn_strdup(line);
        }
    }
    if (fd >= 0)
        close(fd);
    free(path);
    free(text);
    return place;
}

static bool write_pointer(const char *first, const char *second, struct dn_error *err)
{
    struct strbuf text = {0};
    char *path = pointer_path(), *parent = path ? dn_path_dir(path) : NULL;
    strbuf_printf(&text, "%s\n", first);
    if (second)
        strbuf_printf(&text, "%s\n", second);
    bool ok = path ? dn_make_dirs(parent, err) &&
                         atomic_file_write(path, text.data, text.length, true, err)
                   : dn_fail(err, DN_E_IO, "there is no home to remember the library's place in");
    strbuf_done(&text);
    free(path);
    free(parent);
    return ok;
}

char *library_find(const char *given, struct dn_error *err)
{
    const char *variable = getenv("DANAUS_LIBRARY");
    char *place = NULL;
    if (given && given[0])
        return dn_path_expand(given);
    if (variable && variable[0])
        return dn_path_expand(variable);
    place = read_pointer();
    if (!place)
        place = dn_xdg_dir(DN_XDG_DATA);
    if (!place) {
        dn_fail(err, DN_E_IO, "there is no home directory to keep the library in");
        dn_error_hint(err, "set DANAUS_LIBRARY to a folder");
    }
    return place;
}

bool library_free_bytes(const char *path, int64_t *out, struct dn_error *err)
{
    struct statvfs fs;
    char *at = dn_strdup(path);
    while (statvfs(at, &fs) != 0) {
        char *parent = dn_path_dir(at);
        bool top = errno != ENOENT || strcmp(parent, at) == 0;
        free(at);
        at = parent;
        if (top) {
            free(at);
            return dn_fail(err, DN_E_IO, "cannot look at the disk of %s: %s", path,
                           strerror(errno));
        }
    }
    free(at);
    *out = (int64_t)(fs.f_bavail * fs.f_frsize);
    return true;
}

/* to as an absolute path whose parent exists and that is free: not there, or an empty folder,
 * which is removed. */
static char *check_target(const char *from, const char *to, struct dn_error *err)
{
    char *expanded = dn_path_expand(to), *full = NULL, *parent, *real;
    size_t length = strlen(expanded);
    while (length > 1 && expanded[length - 1] == '/')
        expanded[--length] = '\0';
    parent = dn_path_dir(expanded);
    char *slash = strrchr(expanded, '/');
    real = dn_make_dirs(parent, err) ? realpath(parent, NULL) : NULL;
    if (real)
        full = dn_path_join(real, slash ? slash + 1 : expanded);
    size_t inside = strlen(from);
    if (full && strncmp(full, from, inside) == 0 && (full[inside] == '/' || !full[inside])) {
        dn_fail(err, DN_E_ARG, "cannot move the library to %s: it is there or above it", full);
    } else if (full && rmdir(full) != 0 && errno != ENOENT) {
        if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
            dn_fail(err, DN_E_EXISTS, "cannot move the library to %s: something is there", full);
        else
            dn_fail(err, DN_E_IO, "cannot move the library to %s: %s", full, strerror(errno));
    } else {
        free(expanded), free(parent), free(real);
        return full;
    }
    free(expanded), free(parent), free(real), free(full);
    return NULL;
}

/* The write ahead log goes into the database; what is returned holds the writer's lock. */
static int settle(const char *from, struct dn_error *err)
{
    struct catalog *c;
    if (!catalog_open(from, CATALOG_WRITE, &c, err))
        return -1;
    int lock = fcntl(c->lock_fd, F_DUPFD_CLOEXEC, 0);
    if (lock < 0)
        dn_fail(err, DN_E_IO, "cannot lock %s: %s", from, strerror(errno));
    catalog_close(c);
    return lock;
}

static bool copy_over(const char *from, const char *to, struct dn_error *err)
{
    char *part = dn_asprintf("%s.part", to), *parent = dn_path_dir(to);
    bool ok = tree_remove(part, err) && tree_copy(from, part, err);
    if (ok && atomic_rename(AT_FDCWD, part, AT_FDCWD, to, false) != 0)
        ok = dn_fail(err, DN_E_IO, "cannot rename to %s: %s", to, strerror(errno));
    ok = ok && tree_sync(parent, err);
    if (!ok)
        tree_remove(part, NULL);
    free(part);
    free(parent);
    return ok;
}

/* Between file systems by copying: the old one goes when the new one is whole and remembered. */
static bool move_tree(const char *from, const char *to, bool *copied, struct dn_error *err)
{
    char *parent = dn_path_dir(to);
    *copied = atomic_rename(AT_FDCWD, from, AT_FDCWD, to, false) != 0;
    bool ok = *copied ? (errno == EXDEV ? copy_over(from, to, err)
                                        : dn_fail(err, DN_E_IO, "cannot move %s to %s: %s", from,
                                                  to, strerror(errno)))
                      : tree_sync(parent, err);
    free(parent);
    return ok;
}

bool library_move(const char *from, const char *to, struct dn_error *err)
{
    char *old = realpath(from, NULL), *new = NULL;
    int lock = -1;
    bool copied = false, ok = old != NULL;
    if (!ok || !catalog_exists(old)) {
        ok = dn_fail(err, DN_E_ARG, "there is no library in %s", from);
        goto out;
    }
    new = check_target(old, to, err);
    ok = new && (lock = settle(old, err)) >= 0 && write_pointer(new, old, err);
    if (!ok)
        goto out;
    ok = move_tree(old, new, &copied, err);
    /* Moved but not synced: both lines stay, whichever place a power cut leaves is found. */
    if (!ok && !catalog_exists(new))
        write_pointer(old, NULL, NULL);
    ok = ok && write_pointer(new, NULL, err) && (!copied || tree_remove(old, err));
out:
    if (lock >= 0)
        close(lock);
    free(old);
    free(new);
    return ok;
}
