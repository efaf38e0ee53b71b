/* cmd_import: videos from outside become clips of the library.
 *
 * Names of the Self-Forcing project's output (inference.py): PROMPT-SAMPLE.mp4, the prompt's first
 * 100 characters, or with --save_with_index INDEX-SAMPLE_MODEL.mp4, the line of the prompt list. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/paths.h"
#include "base/utf8.h"
#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "commands/print_usage.h"
#include "commands/prompt_list.h"
#include "config/recipe.h"
#include "store/clip_import.h"

struct import_args {
    char *prompt, *file, *tag;
    bool json;
};

#define AT(field) .offset = offsetof(struct import_args, field)
static const struct option own_rows[] = {
    {.name = "prompt",
     .type = OPTION_TEXT,
     .group = GROUP_COMMAND,
     AT(prompt),
     .max = 65536,
     .argument = "TEXT",
     .help = "What they show; without it the recipe in the file says so, or "
             "its name."},
    {.name = "file",
     .letter = 'f',
     .type = OPTION_PATH,
     .group = GROUP_COMMAND,
     AT(file),
     .argument = "FILE",
     .help = "The list of prompts that they were made from, one a line: what "
             "INDEX-SAMPLE in a name means, and how a prompt that a name "
             "cuts short goes on."},
    {.name = "tag",
     .type = OPTION_TEXT,
     .group = GROUP_COMMAND,
     AT(tag),
     .max = 100,
     .argument = "TAG",
     .help = "Give them this tag."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "Tell each clip as JSON, one object a line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "import", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};

enum { NAME_PROMPT = 100 }; /* characters of a prompt that are in a name */

struct import {
    const struct import_args *args;
    struct prompt_list prompts;
    struct catalog *catalog;
    struct client *client;
};

/* "-3", "-3_ema", "-3_regular": where it begins in name, else its end. */
static char *sample_of(char *name)
{
    char *dash = strrchr(name, '-'), *end = dash ? dash + 1 : NULL;
    if (!dash || !isdigit((unsigned char)*end))
        return name + strlen(name);
    end += strspn(end, "0123456789");
    return !*end || strcmp(end, "_ema") == 0 || strcmp(end, "_regular") == 0 ? dash
                                                                             : name + strlen(name);
}

static char *prompt_from_name(const struct import *im, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = dn_strdup(slash ? slash + 1 : path), *dot = strrchr(name, '.'), *found = NULL;
    if (dot)
        *dot = '\0';
    char *sample = sample_of(name);
    bool indexed = *sample && name[0] && strspn(name, "0123456789") == (size_t)(sample - name);
    *sample = '\0';
    int64_t index = indexed ? strtoll(name, NULL, 10) : -1;
    if (index >= 0 && index < im->prompts.count)
        found = im->prompts.prompts[index];
    for (int64_t i = 0; !indexed && !found && i < im->prompts.count; i++)
        if (strlen(name) >= NAME_PROMPT && strncmp(im->prompts.prompts[i], name, strlen(name)) == 0)
            found = im->prompts.prompts[i];
    found = dn_strdup(found ? found : dn_utf8_valid(name, strlen(name)) ? name : "");
    free(name);
    return found;
}

/* Our own recipe, when the file has one that can be believed. */
static void add_recipe(const char *path, json_t *message)
{
    struct dn_error ignored;
    struct request r;
    char *recipe = NULL;
    request_init(&r);
    if (media_read_recipe(path, &recipe, &ignored) && recipe_read(recipe, &r, &ignored)) {
        char *text = request_to_json(&r);
        json_t *root = json_loads(recipe, 0, NULL);
        json_t *model = json_object_get(json_object_get(root, "model"), "name");
        json_object_set_new(message, "request", json_loads(text, 0, NULL));
        json_object_set_new(message, "prompt", json_string(r.prompt));
        if (json_is_string(model))
            json_object_set(message, "model", model);
        json_decref(root);
        free(text);
    }
    free(recipe);
    request_done(&r);
}

static json_t *message_of(const struct import *im, const char *path,
                          const struct clip_import *staged)
{
    const struct media_info *info = &staged->info;
    json_t *files = json_array(), *message = protocol_new(MESSAGE_IMPORT);
    for (size_t i = 0; i < staged->files.count; i++) {
        const struct clip_file *f = &staged->files.items[i];
        json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:s, s:I}", "kind", f->kind, "name",
                                               f->name, "bytes", (json_int_t)f->bytes, "sha256",
                                               f->sha256, "frames", (json_int_t)f->frames));
    }
    json_object_set_new(message, "folder", json_string(staged->folder));
    json_object_set_new(message, "width", json_integer(info->width));
    json_object_set_new(message, "height", json_integer(info->height));
    json_object_set_new(message, "frames", json_integer(info->frames));
    json_object_set_new(message, "fps", json_real((double)info->fps_num / info->fps_den));
    json_object_set_new(message, "files", files);
    add_recipe(path, message);
    if (im->args->prompt) {
        json_object_set_new(message, "prompt", json_string(im->args->prompt));
    } else if (!json_object_get(message, "prompt")) {
        char *prompt = prompt_from_name(im, path);
        json_object_set_new(message, "prompt", json_string(prompt));
        free(prompt);
    }
    if (im->args->tag)
        json_object_set_new(message, "tag", json_string(im->args->tag));
    return message;
}

static void tell(const struct import *im, const char *path, int64_t clip,
                 const struct media_info *info)
{
    if (!im->args->json) {
        printf("clip %lld is %s\n", (long long)clip, path);
        return;
    }
    /* a name that is not UTF-8 has no JSON */
    json_t *line = json_pack("{s:I, s:s, s:i, s:i, s:I}", "clip", (json_int_t)clip, "path",
                             dn_utf8_valid(path, strlen(path)) ? path : "", "width", info->width,
                             "height", info->height, "frames", (json_int_t)info->frames);
    char *text = json_dumps(line, JSON_COMPACT);
    printf("%s\n", text);
    free(text);
    json_decref(line);
}

static bool import_file(struct import *im, const char *path, struct dn_error *err)
{
    struct clip_import staged;
    json_t *reply = NULL;
    bool ok = clip_import_stage(im->catalog, path, &staged, err) &&
              client_ask(im->client, message_of(im, path, &staged), &reply, err);
    if (ok)
        tell(im, path, protocol_int(reply, "clip", 0), &staged.info);
    json_decref(reply);
    clip_import_done(im->catalog, &staged);
    return ok;
}

static int is_video(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return e->d_name[0] != '.' && dot && strcmp(dot, ".mp4") == 0;
}

/* The mp4 files of a folder by name. What is there already is told and passed over, so that an
 * import that was stopped can be begun again. */
static bool import_folder(struct import *im, const char *path, struct dn_error *err)
{
    struct dirent **names;
    int count = scandir(path, &names, is_video, alphasort);
    if (count < 0)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    bool ok = count > 0 || dn_fail(err, DN_E_ARG, "%s holds no mp4", path);
    for (int i = 0; i < count; i++) {
        char *file = dn_path_join(path, names[i]->d_name);
        if (ok && !import_file(im, file, err)) {
            ok = err->code == DN_E_EXISTS;
            if (ok)
                dn_warn("%s", err->message);
        }
        free(file);
        free(names[i]);
    }
    free(names);
    return ok;
}

static bool import_all(struct import *im, char **words, int count, struct dn_error *err)
{
    const struct import_args *args = im->args;
    struct stat st;
    if (args->file && !prompt_list_read(&im->prompts, args->file, err))
        return false;
    /* the engine makes the library where there is none */
    bool ok = session_connect("import", true, &im->client, err) && library_read(&im->catalog, err);
    for (int i = 0; ok && i < count; i++)
        ok = stat(words[i], &st) == 0 && S_ISDIR(st.st_mode) ? import_folder(im, words[i], err)
                                                             : import_file(im, words[i], err);
    return ok;
}

static int run_import(int argc, char **argv)
{
    struct import_args args = {0};
    struct import im = {.args = &args};
    struct settings settings;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    if (ok && words == 0) {
        ok = dn_fail(&err, DN_E_ARG, "import which file?");
        dn_error_hint(&err, "danaus import fox.mp4 --prompt \"a red fox\"");
    }
    ok = ok && import_all(&im, argv + 1, words, &err);
    catalog_close(im.catalog);
    client_close(im.client);
    prompt_list_done(&im.prompts);
    option_free(own_rows, OWN_COUNT, &args);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("import", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_import_entry = {
    .name = "import",
    .summary = "Make clips of videos from elsewhere",
    .synopsis = "FILE... [OPTIONS]",
    .details =
        "A FILE is a video, or a folder of which every mp4 is taken, as the Self-Forcing project\n"
        "writes them: PROMPT-SAMPLE.mp4 or INDEX-SAMPLE_ema.mp4, the latter beside a list of\n"
        "prompts (-f). The videos are copied. One that is in the library already is refused, in a\n"
        "folder passed over. Such a clip has no latents: it cannot be branched or extended, but\n"
        "varied and redone; the model and what its recipe does not tell come from your danaus.yaml.",
    .print_options = print_options,
    .run = run_import,
};
