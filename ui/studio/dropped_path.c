/* dropped_path: see dropped_path.h */
#include "ui/studio/dropped_path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/strbuf.h"

enum { TEXT_MAX = 8192 };

/* A path that is there, ~/ put out; NULL otherwise. */
static char *existing(const char *path, bool relative)
{
    const char *home = getenv("HOME");
    bool whole = path[0] == '/' || strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0;
    char *found = strncmp(path, "~/", 2) == 0 && home ? dn_path_join(home, path + 2)
                  : path[0] && (whole || relative)    ? dn_strdup(path)
                                                      : NULL;
    if (found && access(found, F_OK) == 0)
        return found;
    free(found);
    return NULL;
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* The path of a file URI on this machine; NULL: it is none. */
static char *from_uri(const char *text)
{
    struct strbuf path = {0};
    if (strncmp(text, "file:/", 6) != 0)
        return NULL;
    text += 5;
    if (text[1] == '/') { /* an authority: the machine, which may be left out */
        text += 2;
        size_t host = strcspn(text, "/");
        if (host != 0 && !(host == 9 && strncmp(text, "localhost", 9) == 0))
            return NULL;
        text += host;
    }
    for (const char *p = text; *p; p++) {
        int high = *p == '%' ? hex_digit(p[1]) : -1, low = high >= 0 ? hex_digit(p[2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : *p;
        if (c == '\0') { /* %00 ends no path */
            strbuf_done(&path);
            return NULL;
        }
        strbuf_append(&path, &c, 1);
        p += low >= 0 ? 2 : 0;
    }
    return strbuf_take(&path);
}

/* The one word that a shell would read; NULL: there are more, or a quote does not end. */
static char *from_shell(const char *text)
{
    struct strbuf word = {0};
    char quote = '\0';
    bool ok = true;
    for (const char *p = text; ok && *p; p++) {
        bool escape = *p == '\\' && quote != '\'' && p[1] &&
                      (!quote || strchr("\"\\$`", p[1]));
        if (escape)
            strbuf_append(&word, ++p, 1);
        else if (quote && *p == quote)
            quote = '\0';
        else if (!quote && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (!quote && *p == ' ')
            ok = false;
        else
            strbuf_append(&word, p, 1);
    }
    if (ok && !quote)
        return strbuf_take(&word);
    strbuf_done(&word);
    return NULL;
}

char *dropped_path(const char *text, size_t length, bool relative)
{
    while (length > 0 && isspace((unsigned char)text[length - 1]) &&
           (length < 2 || text[length - 2] != '\\'))
        length--;
    while (length > 0 && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    if (length == 0 || length > TEXT_MAX || memchr(text, '\n', length) || memchr(text, '\0', length))
        return NULL;
    char *line = dn_strndup(text, length), *found = existing(line, relative);
    char *(*const forms[])(const char *) = {from_uri, from_shell};
    for (int i = 0; i < 2 && !found; i++) {
        char *path = forms[i](line);
        found = path ? existing(path, relative) : NULL;
        free(path);
    }
    free(line);
    return found;
}
