/* clip_names: see clip_names.h */
#include "commands/clip_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/strbuf.h"

#define SLUG_MAX 40

char *clip_slug(const char *text)
{
    struct strbuf out = {0};
    bool gap = false;
    for (const char *c = text; *c; c++) {
        char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        if ((lower < 'a' || lower > 'z') && (lower < '0' || lower > '9')) {
            gap = out.length > 0;
            continue;
        }
        if (out.length + gap >= SLUG_MAX)
            break;
        if (gap)
            strbuf_append(&out, "-", 1);
        strbuf_append(&out, &lower, 1);
        gap = false;
    }
    if (out.length == 0)
        strbuf_append_text(&out, "clip");
    return strbuf_take(&out);
}

static bool is_folder(const char *path)
{
    struct stat st;
    size_t n = strlen(path);
    return (n > 0 && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

char *clip_output_name(const char *pattern, int64_t index, int64_t clips, uint64_t seed,
                       const char *prompt)
{
    if (pattern && clips == 1)
        return dn_strdup(pattern);
    char *out;
    if (!pattern || is_folder(pattern)) {
        char *slug = clip_slug(prompt);
        size_t n = pattern ? strlen(pattern) : 0;
        if (clips == 1)
            out = dn_asprintf("%" PRIu64 "-%s.mp4", seed, slug);
        else
            out = dn_asprintf("%s%s%04" PRId64 "-%" PRIu64 "-%s.mp4", pattern ? pattern : "",
                              n == 0 || pattern[n - 1] == '/' ? "" : "/", index + 1, seed, slug);
        free(slug);
        return out;
    }
    return dn_path_number(pattern, index + 1);
}
