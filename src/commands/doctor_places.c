/* doctor_places: the models, terminal and paths sections of doctor. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/safetext.h"
#include "commands/doctor.h"
#include "model/model_dir.h"
#include "ui/term.h"

enum { SHOWN_MODELS = 4 };

/* --- models --- */

struct check {
    char first[1024]; /* the first fatal finding */
    int64_t fatal;
};

static void on_finding(void *context, bool fatal, const char *line)
{
    struct check *check = context;
    if (fatal && check->fatal++ == 0)
        snprintf(check->first, sizeof check->first, "%s", line);
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One model: a row while there is room for it, always an entry. Returns whether it fits. */
static bool look_at(struct doctor_finding *f, json_t *list, const char *path)
{
    struct model_dir dir;
    struct dn_error err;
    struct check check = {0};
    if (model_dir_open(path, NULL, &dir, &err))
        model_dir_check(&dir, false, on_finding, &check);
    else
        on_finding(&check, true, err.message);
    model_dir_done(&dir);
    char *safe = dn_safetext_dup(path, strlen(path));
    if (json_array_size(list) < SHOWN_MODELS) {
        strbuf_append_text(&f->text, json_array_size(list) ? "\n" : "");
        doctor_outside(&f->text, path);
        strbuf_printf(&f->text, check.fatal ? ": %lld problems" : ": complete",
                      (long long)check.fatal);
    }
    json_array_append_new(list, json_pack("{s:s, s:b, s:I, s:s}", "path", safe, "complete",
                                          check.fatal == 0, "problems", (json_int_t)check.fatal,
                                          "first_problem", check.first));
    free(safe);
    return check.fatal == 0;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void look_below(struct doctor_finding *f, json_t *list, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, visible, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = dn_path_join(folder, entries[i]->d_name);
        if (is_directory(path))
            look_at(f, list, path);
        free(path);
        free(entries[i]);
    }
    free(entries);
}

void doctor_models(struct doctor_finding *f)
{
    char *demo = dn_find_share("demo"), *data = dn_xdg_dir(DN_XDG_DATA);
    json_t *list = json_array();
    f->broken = demo && !look_at(f, list, demo);
    if (data) {
        char *folder = dn_path_join(data, "models");
        look_below(f, list, folder);
        free(folder);
    }
    size_t count = json_array_size(list);
    if (count == 0) {
        strbuf_append_text(&f->text, "none: the demo model is not installed, name one with -m DIR");
        f->broken = true;
    } else if (count > SHOWN_MODELS) {
        strbuf_printf(&f->text, "\nand %zu more: danaus model check DIR looks at one",
                      count - SHOWN_MODELS);
    }
    json_object_set_new(f->json, "demo_installed", json_boolean(demo != NULL));
    json_object_set_new(f->json, "found", list);
    free(demo);
    free(data);
}

/* --- terminal --- */

static const char *colours_text(int colours)
{
    return colours == 1 << 24 ? "16 million colours" : colours ? "256 colours" : "no colours";
}

void doctor_terminal(struct doctor_finding *f)
{
    struct term_facts facts;
    const char *name = getenv("TERM");
    bool asked = term_ask(&facts);
    strbuf_append_text(&f->text, "TERM ");
    doctor_outside(&f->text, name && name[0] ? name : "is not set");
    json_object_set_new(f->json, "interactive", json_boolean(asked));
    if (!asked) {
        strbuf_append_text(&f->text, "; input or output is no terminal of ours now");
        return;
    }
    if (facts.version[0]) {
        strbuf_append_text(&f->text, " (");
        doctor_outside(&f->text, facts.version);
        strbuf_append_text(&f->text, ")");
    }
    if (facts.cols)
        strbuf_printf(&f->text, ", %dx%d, %s, pictures: %s", facts.cols, facts.rows,
                      colours_text(facts.colours), facts.graphics ? facts.graphics : "none");
    else
        strbuf_append_text(&f->text, "; it does not say what it can do: no pictures");
    if (facts.passed)
        strbuf_printf(&f->text, "\nthe studio's pictures go through tmux to its terminal: %s",
                      facts.passed);
    else if (facts.shut)
        strbuf_printf(&f->text, "\nno pictures through tmux: %s", facts.shut);
    json_object_set_new(f->json, "passthrough", json_boolean(facts.passed != NULL));
    json_object_set_new(f->json, "passthrough_missing",
                        facts.shut ? json_string(facts.shut) : json_null());
    json_object_set_new(f->json, "columns", json_integer(facts.cols));
    json_object_set_new(f->json, "rows", json_integer(facts.rows));
    json_object_set_new(f->json, "colours", json_integer(facts.colours));
    json_object_set_new(f->json, "graphics",
                        facts.graphics ? json_string(facts.graphics) : json_null());
}

/* --- paths --- */

/* A row and an entry: where something is looked for and whether it is there. */
static void add_path(struct doctor_finding *f, const char *label, const char *key, char *path)
{
    bool exists = path && dn_path_exists(path);
    char *safe = path ? dn_safetext_dup(path, strlen(path)) : NULL;
    strbuf_printf(&f->text, "%s%s ", f->text.length ? "\n" : "", label);
    doctor_outside(&f->text, path ? path : "nowhere");
    if (path && !exists)
        strbuf_append_text(&f->text, " (not there)");
    json_object_set_new(f->json, key,
                        json_pack("{s:s?, s:b}", "path", safe, "exists", exists));
    free(safe);
    free(path);
}

/* Frees dir. */
static char *below(char *dir, const char *name)
{
    char *path = dir ? dn_path_join(dir, name) : NULL;
    free(dir);
    return path;
}

void doctor_paths(struct doctor_finding *f)
{
    add_path(f, "settings", "config", below(dn_xdg_dir(DN_XDG_CONFIG), "danaus.yaml"));
    add_path(f, "models", "models", below(dn_xdg_dir(DN_XDG_DATA), "models"));
    add_path(f, "defaults", "share", dn_find_share("danaus.yaml"));
}
