/* recall_file: see recall_file.h */
#include "ui/studio/recall_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/recipe.h"
#include "store/media_probe.h"
#include "ui/studio/dropped_path.h"

struct reading {
    struct studio *studio;
    char *path, *pasted;
    char *recipe; /* NULL: err */
    struct dn_error err;
};

bool recall_file_suits(const char *path)
{
    static const char *const endings[] = {".mp4", ".webm", ".mov", ".mkv", ".gif", ".webp", ".png",
                                          ".apng", ".json"};
    const char *dot = strrchr(path, '.');
    struct stat st;
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void read_recipe(void *data)
{
    struct reading *r = data;
    if (!media_read_recipe(r->path, &r->recipe, &r->err))
        r->recipe = NULL;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* What was pasted is text like any other, then. */
static void give_up(struct studio *s, const struct reading *r, const struct dn_error *err)
{
    if (r->pasted)
        studio_insert_text(s, r->pasted);
    studio_tell_error(s, err);
}

static void was_read(void *data, bool dropped)
{
    struct reading *r = data;
    if (!dropped && !r->recipe) {
        give_up(r->studio, r, &r->err);
    } else if (!dropped) {
        struct request request;
        struct dn_error err;
        request_copy(&request, &r->studio->settings->request);
        if (recipe_read(r->recipe, &request, &err)) {
            recall_file_ask(r->studio, &request, name_of(r->path), r->pasted);
        } else {
            struct dn_error whole;
            dn_fail(&whole, err.code, "%s: %s", name_of(r->path), err.message);
            give_up(r->studio, r, &whole);
        }
        request_done(&request);
    }
    free(r->path);
    free(r->pasted);
    free(r->recipe);
    free(r);
}

void recall_file_read(struct studio *s, const char *path, const char *pasted)
{
    struct reading *r = dn_calloc(1, sizeof *r);
    r->studio = s;
    r->path = dn_strdup(path);
    r->pasted = pasted ? dn_strdup(pasted) : NULL;
    tasks_add(s->tasks, LANE_LOAD, (struct task){read_recipe, was_read, r});
}

void recall_file_command(struct studio *s, const char *argument)
{
    char *path = dropped_path(argument, strlen(argument), true);
    if (path)
        recall_file_read(s, path, NULL);
    else
        studio_tell(s, ROLE_BAD, "there is no file %.200s", argument);
    free(path);
}
