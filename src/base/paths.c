/* paths: see paths.h */
#include "base/paths.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *home_dir(void)
{
    const char *home = getenv("HOME");
    if (home && home[0] == '/')
        return dn_strdup(home);
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found &&
        found->pw_dir && found->pw_dir[0] == '/')
        return dn_strdup(found->pw_dir);
    return NULL;
}

char *dn_xdg_dir(enum dn_xdg which)
{
    static const struct {
        const char *variable, *below_home;
    } places[] = {
        [DN_XDG_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
        [DN_XDG_DATA] = {"XDG_DATA_HOME", ".local/share"},
        [DN_XDG_CACHE] = {"XDG_CACHE_HOME", ".cache"},
        [DN_XDG_STATE] = {"XDG_STATE_HOME", ".local/state"},
        [DN_XDG_RUNTIME] = {"XDG_RUNTIME_DIR", NULL},
    };
    const char *base = getenv(places[which].variable);
    if (base && base[0] == '/')
        return dn_path_join(base, "danaus");
    if (!places[which].below_home)
        return NULL;
    char *home = home_dir();
    if (!home)
        return NULL;
    char *path = dn_asprintf("%s/%s/danaus", home, places[which].below_home);
    free(home);
    return path;
}

char *dn_path_join(const char *first, const char *second)
{
    if (second[0] == '/' || first[0] == '\0')
        return dn_strdup(second);
    size_t length = strlen(first);
    return dn_asprintf("%s%s%s", first, first[length - 1] == '/' ? "" : "/", second);
}

char *dn_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return dn_strdup(".");
    return slash == path ? dn_strdup("/") : dn_strndup(path, (size_t)(slash - path));
}

char *dn_path_number(const char *path, int64_t number)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    int stem = dot ? (int)(dot - path) : (int)strlen(path);
    return dn_asprintf("%.*s-%04" PRId64 "%s", stem, path, number, dot ? dot : "");
}

char *dn_path_expand(const char *path)
{
    if (path[0] != '~' || (path[1] != '\0' && path[1] != '/'))
        return dn_strdup(path);
    char *home = home_dir();
    if (!home)
        return dn_strdup(path);
    char *out = dn_asprintf("%s%s", home, path + 1);
    free(home);
    return out;
}

bool dn_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static bool make_one(const char *path, struct dn_error *err)
{
    if (mkdir(path, 0700) == 0)
        return true;
    int why = errno;
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    return dn_fail(err, DN_E_IO, "cannot make the directory %s: %s", path,
                   why == EEXIST ? "something else has this name" : strerror(why));
}

bool dn_make_dirs(const char *path, struct dn_error *err)
{
    char *part = dn_strdup(path);
    bool ok = true;
    for (char *p = part; ok && *p; p++)
        if (*p == '/' && p != part) {
            *p = '\0';
            ok = make_one(part, err);
            *p = '/';
        }
    ok = ok && make_one(part, err);
    free(part);
    return ok;
}

/* dir/middle/name without its "..", NULL when it does not exist. */
static char *existing(const char *dir, const char *middle, const char *name)
{
    char *path = dn_asprintf("%s/%s/%s", dir, middle, name);
    char *found = realpath(path, NULL);
    free(path);
    return found;
}

char *dn_find_share(const char *name)
{
    char exe[4096];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length > 0) {
        exe[length] = '\0';
        char *dir = dn_path_dir(exe);
        char *found = existing(dir, "../share/danaus", name);
        /* build/danaus, and the test programs two levels below build/ */
        if (!found)
            found = existing(dir, "../configs", name);
        if (!found)
            found = existing(dir, "../../../configs", name);
        free(dir);
        if (found)
            return found;
    }
#ifdef DANAUS_DATADIR
    return existing(DANAUS_DATADIR, ".", name);
#else
    return NULL;
#endif
}
