/* kept: see kept.h */
#include "ui/studio/kept.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"

static char *state_path(struct dn_error *err)
{
    char *dir = dn_xdg_dir(DN_XDG_STATE), *path = NULL;
    if (!dir)
        dn_fail(err, DN_E_IO, "there is no home directory");
    else if (dn_make_dirs(dir, err))
        path = dn_path_join(dir, "studio.json");
    free(dir);
    return path;
}

/* What is there, else an empty object. */
static json_t *load(const char *path)
{
    struct dn_error err;
    json_t *all = dn_json_load(path, DN_JSON_MAX_CONFIG, &err);
    if (json_is_object(all))
        return all;
    json_decref(all);
    return json_object();
}

char *kept_get(const char *name)
{
    struct dn_error err;
    char *path = state_path(&err), *value = NULL;
    json_t *all = path ? load(path) : NULL;
    const char *text = json_string_value(json_object_get(all, name));
    value = text ? dn_strdup(text) : NULL;
    json_decref(all);
    free(path);
    return value;
}

bool kept_set(const char *name, const char *value, struct dn_error *err)
{
    char *path = state_path(err);
    if (!path)
        return false;
    json_t *all = load(path);
    json_object_set_new(all, name, json_string(value));
    char *text = json_dumps(all, JSON_INDENT(1));
    mode_t before = umask(077);
    bool ok = atomic_file_write(path, text, strlen(text), true, err);
    umask(before);
    json_decref(all);
    free(text);
    free(path);
    return ok;
}
