/* prompt_list: see prompt_list.h */
#include "commands/prompt_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/utf8.h"

#define MAX_PROMPT 65536
#define MAX_PROMPTS 1000000
#define BYTE_ORDER_MARK "\xEF\xBB\xBF" /* what editors of Windows begin a UTF-8 file with */

void prompt_list_add(struct prompt_list *list, const char *prompt)
{
    list->prompts = dn_realloc(list->prompts, (size_t)list->count + 1, sizeof *list->prompts);
    list->prompts[list->count++] = dn_strdup(prompt);
}

static bool add_line(struct prompt_list *list, char *line, ssize_t length, int64_t number,
                     const char *name, struct dn_error *err)
{
    if (number == 1 && strncmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        line += strlen(BYTE_ORDER_MARK);
        length -= (ssize_t)strlen(BYTE_ORDER_MARK);
    }
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        line[--length] = '\0';
    if (strlen(line) != (size_t)length || !dn_utf8_valid(line, (size_t)length)) {
        dn_fail(err, DN_E_ARG, "%s:%" PRId64 ": the prompt is not UTF-8 text", name, number);
        return dn_error_hint(err, "convert it, for instance with iconv -t UTF-8");
    }
    if (length > MAX_PROMPT)
        return dn_fail(err, DN_E_ARG, "%s:%" PRId64 ": the prompt is %zd bytes long, at most %d fit",
                       name, number, length, MAX_PROMPT);
    if (list->count == MAX_PROMPTS)
        return dn_fail(err, DN_E_ARG, "%s has more than %d prompts", name, MAX_PROMPTS);
    if (line[strspn(line, " \t")])
        prompt_list_add(list, line);
    return true;
}

bool prompt_list_read(struct prompt_list *list, const char *path, struct dn_error *err)
{
    bool from_stdin = strcmp(path, "-") == 0;
    const char *name = from_stdin ? "standard input" : path;
    FILE *f = from_stdin ? stdin : fopen(path, "r");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0 || S_ISDIR(st.st_mode)) {
        int error = f ? EISDIR : errno;
        if (f && !from_stdin)
            fclose(f);
        return dn_fail(err, DN_E_IO, "cannot read prompts from %s: %s", name, strerror(error));
    }
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool ok = true;
    for (int64_t number = 1; ok && (length = getline(&line, &size, f)) >= 0; number++)
        ok = add_line(list, line, length, number, name, err);
    if (ok && ferror(f))
        ok = dn_fail(err, DN_E_IO, "cannot read prompts from %s: %s", name, strerror(errno));
    if (ok && list->count == 0)
        ok = dn_fail(err, DN_E_ARG, "%s holds no prompt", name);
    free(line);
    if (!from_stdin)
        fclose(f);
    return ok;
}

void prompt_list_done(struct prompt_list *list)
{
    for (int64_t i = 0; i < list->count; i++)
        free(list->prompts[i]);
    free(list->prompts);
    *list = (struct prompt_list){0};
}
