/* history: see history.h */
#define _GNU_SOURCE
#include "ui/studio/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"

enum { PROMPT_MAX = 65536 };

static char *state_path(const char *name)
{
    char *dir = dn_xdg_dir(DN_XDG_STATE);
    char *path = dir ? dn_path_join(dir, name) : NULL;
    free(dir);
    return path;
}

static bool make_dir(struct dn_error *err)
{
    char *dir = dn_xdg_dir(DN_XDG_STATE);
    bool ok = dir ? dn_make_dirs(dir, err) : dn_fail(err, DN_E_IO, "there is no home directory");
    free(dir);
    return ok;
}

static void remember(struct history *h, const char *prompt)
{
    if (h->count == HISTORY_MAX) {
        free(h->prompts[0]);
        memmove(h->prompts, h->prompts + 1, (HISTORY_MAX - 1) * sizeof *h->prompts);
        h->count--;
    }
    h->prompts = dn_realloc(h->prompts, h->count + 1, sizeof *h->prompts);
    h->prompts[h->count++] = dn_strdup(prompt);
}

void history_load(struct history *h)
{
    char *path = state_path("prompts"), *line = NULL;
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t capacity = 0;
    while (file && getline(&line, &capacity, file) > 0) {
        json_t *text = json_loads(line, JSON_DECODE_ANY, NULL);
        if (json_is_string(text) && json_string_length(text) <= PROMPT_MAX)
            remember(h, json_string_value(text));
        json_decref(text);
    }
    if (file)
        fclose(file);
    free(line);
    free(path);
}

bool history_add(struct history *h, const char *prompt, struct dn_error *err)
{
    if (h->count && strcmp(h->prompts[h->count - 1], prompt) == 0)
        return true;
    remember(h, prompt);
    json_t *text = json_string(prompt);
    char *line = text ? json_dumps(text, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *path = state_path("prompts");
    bool ok = line && path && make_dir(err);
    int fd = ok ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (ok && fd < 0)
        ok = dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (ok) { /* one write, so that lines of two studios do not mix */
        char *whole = dn_asprintf("%s\n", line);
        ok = atomic_write_all(fd, whole, strlen(whole)) || atomic_write_failed(err, path, fd, errno);
        free(whole);
    }
    if (fd >= 0)
        close(fd);
    json_decref(text);
    free(line);
    free(path);
    return ok;
}

void history_done(struct history *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->prompts[i]);
    free(h->prompts);
    *h = (struct history){0};
}

char *history_load_draft(void)
{
    char *path = state_path("draft"), *text = dn_calloc(1, PROMPT_MAX + 1);
    FILE *file = path ? fopen(path, "re") : NULL;
    if (file) {
        text[fread(text, 1, PROMPT_MAX, file)] = '\0';
        fclose(file);
    }
    free(path);
    return text;
}

bool history_save_draft(const char *text, struct dn_error *err)
{
    char *path = state_path("draft");
    mode_t before = umask(077);
    bool ok = path && make_dir(err) && atomic_file_write(path, text, strlen(text), true, err);
    umask(before);
    free(path);
    return ok;
}
