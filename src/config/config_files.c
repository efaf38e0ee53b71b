/* config_files: see config_files.h */
#include "config/config_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "config/yaml_reader.h"

/* configs/samplers/NAME.yaml, NULL when there is none. */
static char *sampler_file(const char *name)
{
    char *relative = dn_asprintf("samplers/%s.yaml", name);
    char *path = dn_find_share(relative);
    free(relative);
    return path;
}

/* Names the configs that come with danaus. */
static void hint_names(struct dn_error *err)
{
    char *dir = dn_find_share("samplers");
    struct dirent **entries = NULL;
    struct strbuf names = {0};
    int count = dir ? scandir(dir, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(entries[i]->d_name);
        if (length > 5 && strcmp(entries[i]->d_name + length - 5, ".yaml") == 0)
            strbuf_printf(&names, "%s%.*s", names.length ? ", " : " or one of ", (int)length - 5,
                          entries[i]->d_name);
        free(entries[i]);
    }
    dn_error_hint(err, "give a YAML file%s", strbuf_text(&names));
    strbuf_done(&names);
    free(entries);
    free(dir);
}

char *config_find(const char *name, struct dn_error *err)
{
    char *path = strpbrk(name, "/.") ? NULL : sampler_file(name);
    if (path)
        return path;
    if (dn_path_exists(name))
        return dn_strdup(name);
    dn_fail(err, DN_E_IO, "cannot find the config %s", name);
    hint_names(err);
    return NULL;
}

/* Reads dir/danaus.yaml if it is there. */
static bool read_optional(struct settings *s, const char *dir, enum settings_level level,
                          struct dn_error *err)
{
    char *path = dn_path_join(dir, "danaus.yaml");
    bool ok = !dn_path_exists(path) || yaml_read_file(s, path, level, err);
    free(path);
    return ok;
}

static bool read_user(struct settings *s, struct dn_error *err)
{
    char *dir = dn_xdg_dir(DN_XDG_CONFIG);
    bool ok = !dir || read_optional(s, dir, LEVEL_USER, err);
    free(dir);
    return ok;
}

static bool read_named(struct settings *s, struct dn_error *err)
{
    if (!s->config)
        return true;
    char *path = config_find(s->config, err);
    bool ok = path && yaml_read_file(s, path, LEVEL_CONFIG, err);
    free(path);
    return ok;
}

static bool read_model(struct settings *s, struct dn_error *err)
{
    struct request *r = &s->request;
    if (!r->model_dir)
        r->model_dir = dn_find_share("demo");
    return !r->model_dir || read_optional(s, r->model_dir, LEVEL_MODEL, err);
}

static bool read_sampler(struct settings *s, struct dn_error *err)
{
    char *path = sampler_file(s->request.sampler);
    bool ok = !path || yaml_read_file(s, path, LEVEL_SAMPLER, err);
    free(path);
    return ok;
}

bool config_load(struct settings *s, struct dn_error *err)
{
    /* the model is named by the first two, and the sampler by the first three */
    return read_user(s, err) && read_named(s, err) && read_model(s, err) && read_sampler(s, err);
}
