/* cmd_keys: the studio's keys as they are with the user's danaus.yaml. */
#include <jansson.h>
#include <stdlib.h>

#include "commands/command.h"
#include "commands/job.h"
#include "config/option_value.h"
#include "ui/studio/screen.h"
#include "ui/studio/studio_config.h"

struct keys_args {
    bool json, yaml, defaults;
};

#define AT(field) .offset = offsetof(struct keys_args, field)
static const struct option own_rows[] = {
    {.name = "yaml",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(yaml),
     .fallback = "false",
     .help = "Print them as the section of danaus.yaml that would make them so."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "Print a list with one object a key."},
    {.name = "defaults",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(defaults),
     .fallback = "false",
     .help = "Print them as they are without danaus.yaml."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "keys", .own = own_rows, .own_count = OWN_COUNT};

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

static json_t *row_json(const struct key_context *c, const struct binding *b)
{
    char keys[80];
    json_t *commands = json_array();
    binding_keys_text(b, keys, sizeof keys);
    if (b->action && !b->commands)
        json_array_append_new(commands, json_string(b->action->name));
    for (char **line = b->commands; line && *line; line++)
        json_array_append_new(commands, json_string(*line));
    return json_pack("{s:s, s:s, s:o, s:s, s:b, s:b, s:b}", "context", c->name, "keys", keys,
                     "commands", commands, "help", b->action ? b->action->help : "", "yours",
                     b->line > 0, "while_typing", !!(b->where & WHERE_TEXT), "while_not_typing",
                     !!(b->where & WHERE_LIST));
}

static void print_json(const struct keymap *m)
{
    json_t *list = json_array();
    for (const struct key_context *c = m->contexts; c->name; c++)
        for (size_t i = 0; i < m->count; i++)
            if (m->rows[i].table == c->table)
                json_array_append_new(list, row_json(c, &m->rows[i]));
    json_dumpf(list, stdout, JSON_COMPACT);
    puts("");
    json_decref(list);
}

static int run_keys(int argc, char **argv)
{
    struct keys_args args = {0};
    struct studio_config config = {0};
    struct settings settings;
    struct dn_error err;
    struct keymap *m = keymap_new(key_contexts());
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    option_defaults(studio_option_rows, STUDIO_OPTIONS, &config);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err) &&
              (args.defaults || studio_config_load(&config, m, &err));
    if (ok && args.json)
        print_json(m);
    else if (ok && args.yaml)
        keymap_print_yaml(m, stdout);
    else if (ok)
        keymap_print_text(m, stdout);
    option_free(studio_option_rows, STUDIO_OPTIONS, &config);
    keymap_free(m);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("keys", &err);
}

const struct command cmd_keys_entry = {
    .name = "keys",
    .summary = "Print the studio's keys and commands",
    .synopsis = "[--yaml | --json] [--defaults]",
    .details = "Prints every command of the studio with its keys, those that danaus.yaml gives\n"
               "another meaning among them. The word in parentheses is the context that\n"
               "danaus.yaml knows the table by. To begin a key map of your own:\n"
               "  danaus keys --yaml >>~/.config/danaus/danaus.yaml\n"
               "and leave of it the lines that you change.\n",
    .print_options = print_options,
    .run = run_keys,
};
