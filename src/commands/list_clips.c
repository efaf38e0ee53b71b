/* list_clips: see list_clips.h */
#include "commands/list_clips.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "commands/clip_print.h"
#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/job.h"
#include "store/catalog_search.h"

struct list_args {
    int64_t limit, before;
    bool json, count;
};

#define AT(field) .offset = offsetof(struct list_args, field)
static const struct option own_rows[] = {
    {.name = "limit",
     .letter = 'n',
     .type = OPTION_INT,
     .group = GROUP_COMMAND,
     AT(limit),
     .fallback = "50",
     .min = 1,
     .max = 1000000,
     .argument = "N",
     .help = "At most so many clips."},
    {.name = "before",
     .type = OPTION_INT,
     .group = GROUP_COMMAND,
     AT(before),
     .fallback = "0",
     .min = 0,
     .max = 9e15,
     .argument = "CLIP",
     .help = "Only clips older than this one: the next page begins behind the last number shown."},
    {.name = "count",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(count),
     .fallback = "false",
     .help = "Only how many there are."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "Clips as JSON, one a line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static struct option_usage usage_of(const char *name)
{
    return (struct option_usage){
        .command = name, .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};
}

static bool print_all(struct catalog *catalog, const struct clip_list *list, bool json,
                      struct dn_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!json) {
            clip_print_line(&list->items[i], 0, ' ');
            continue;
        }
        json_t *clip = clip_to_json(catalog, &list->items[i], false, err);
        if (!clip)
            return false;
        json_dumpf(clip, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(clip);
    }
    return true;
}

/* Page by page: a long list costs no memory. */
static bool list(struct catalog *catalog, const struct clip_query *query,
                 const struct list_args *args, struct dn_error *err)
{
    enum { PAGE = 500 };
    int64_t left = args->limit, shown = 0;
    struct catalog_page page = {.below = args->before};
    bool ok = true, more = true;
    while (ok && more && left > 0 && !*command_stop()) {
        struct clip_list found = {0};
        page.limit = left < PAGE ? (int)left : PAGE;
        ok = catalog_search(catalog, query, &page, &found, err) &&
             print_all(catalog, &found, args->json, err);
        more = found.count == (size_t)page.limit;
        if (found.count)
            page.below = found.items[found.count - 1].id;
        left -= (int64_t)found.count;
        shown += (int64_t)found.count;
        clip_list_done(&found);
    }
    if (ok && shown == 0 && !args->json)
        puts("no clip");
    return ok;
}

static bool answer(const char *text, const struct list_args *args, struct dn_error *err)
{
    struct catalog *catalog = NULL;
    struct clip_query *query = NULL;
    int64_t count = 0;
    bool ok = library_read(&catalog, err) && clip_query_parse(text, &query, err);
    if (ok && args->count) {
        ok = catalog_count(catalog, query, INT64_MAX, &count, err);
        if (ok)
            printf("%lld\n", (long long)count);
    } else if (ok) {
        ok = list(catalog, query, args, err);
    }
    clip_query_free(query);
    catalog_close(catalog);
    return ok;
}

bool list_clips_print(const char *query, int64_t limit, bool json, struct dn_error *err)
{
    const struct list_args args = {.limit = limit, .json = json};
    return answer(query, &args, err);
}

int list_clips_run(const char *name, bool needs_query, int argc, char **argv)
{
    const struct option_usage usage = usage_of(name);
    struct list_args args = {0};
    struct settings settings;
    struct strbuf text = {0};
    struct dn_error err;
    int words = 0;
    command_catch_interrupt();
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    for (int i = 0; ok && i < words; i++)
        strbuf_printf(&text, "%s%s", i ? " " : "", argv[1 + i]);
    if (ok && needs_query && words == 0) {
        ok = dn_fail(&err, DN_E_ARG, "search for what?");
        dn_error_hint(&err, "danaus search red fox; danaus list shows everything");
    }
    ok = ok && answer(strbuf_text(&text), &args, &err);
    strbuf_done(&text);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail(name, &err);
}

void list_clips_print_options(const char *name, FILE *out, bool man)
{
    const struct option_usage usage = usage_of(name);
    job_print_options(out, man, &usage);
}
