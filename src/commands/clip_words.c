/* clip_words: see clip_words.h */
#include "commands/clip_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "store/catalog_search.h"
#include "store/library.h"
#include "store/library_rebuild.h"

bool library_read(struct catalog **out, struct dn_error *err)
{
    char *path = library_find(NULL, err);
    *out = NULL;
    bool ok = path != NULL;
    if (ok && !catalog_exists(path)) {
        ok = dn_fail(err, DN_E_IO, "there is no library in %s yet", path);
        dn_error_hint(err, "%s", library_has_clips(path)
                                     ? "danaus library rebuild makes a catalog for its clips"
                                     : "danaus generate \"a red butterfly\" makes its first clip");
    }
    ok = ok && catalog_open(path, CATALOG_READ, out, err);
    free(path);
    return ok;
}

static bool newest(struct catalog *catalog, int64_t *out, struct dn_error *err)
{
    struct catalog_page page = {.limit = 1};
    struct clip_list list = {0};
    bool ok = catalog_search(catalog, NULL, &page, &list, err) &&
              (list.count == 1 || dn_fail(err, DN_E_ARG, "the library has no clip yet"));
    if (ok)
        *out = list.items[0].id;
    clip_list_done(&list);
    return ok;
}

bool clip_word_read(struct catalog *catalog, const char *word, bool with_chunk,
                    struct clip_word *out, struct dn_error *err)
{
    const char *at = with_chunk ? strchr(word, '@') : NULL;
    char *name = dn_strdup(word);
    *out = (struct clip_word){.chunk = -1};
    if (at)
        name[at - word] = '\0';
    const char *digits = name[0] == '#' ? name + 1 : name;
    bool ok = strcmp(name, "last") == 0
                  ? newest(catalog, &out->clip, err)
                  : (dn_parse_int(digits, &out->clip) && out->clip > 0) ||
                        dn_fail(err, DN_E_ARG, "\"%s\" is no clip's number", word);
    if (ok && at)
        ok = (dn_parse_int(at + 1, &out->chunk) && out->chunk >= 0) ||
             dn_fail(err, DN_E_ARG, "\"%s\": behind the @ stands a number of chunks", word);
    free(name);
    return ok;
}
