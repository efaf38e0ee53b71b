/* studio_config: see studio_config.h. In this section a name that is not known is an error: a
 * warning would be under the studio at once. */
#include "ui/studio/studio_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/read_file.h"
#include "config/option_value.h"
#include "config/yaml_tree.h"

#define AT(field) .offset = offsetof(struct studio_config, field)
const struct option studio_option_rows[STUDIO_OPTIONS] = {
    {.name = "graphics",
     .type = OPTION_WORD,
     .group = GROUP_COMMAND,
     AT(graphics),
     .fallback = "auto",
     .argument = "WAY",
     .choices = "auto|kitty|sixel|blocks|none",
     .help = "How pictures are drawn; auto asks the terminal."},
    {.name = "passthrough",
     .type = OPTION_WORD,
     .group = GROUP_COMMAND,
     AT(passthrough),
     .fallback = "auto",
     .argument = "WHEN",
     .choices = "auto|on|off",
     .help = "Pictures in tmux, through its passthrough to a terminal with sixel or to kitty (0.28 or "
             "later), which takes tmux 3.3 and its allow-passthrough on: auto to a terminal on this "
             "machine, on also over SSH, where a slow line makes keys late. Else half blocks are drawn."},
    {.name = "mouse",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(mouse),
     .fallback = "true",
     .help = "Take clicks and the wheel. With Shift the terminal's own selection works all the "
             "same."},
    {.name = "notify",
     .type = OPTION_WORD,
     .group = GROUP_COMMAND,
     AT(notify),
     .fallback = "none",
     .argument = "WAY",
     .choices = "none|bell|osc9",
     .help = "What tells that a clip is done or failed: the terminal's bell, or a notice of the "
             "desktop by OSC 9, which some terminals know."},
    {.name = "clipboard",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(clipboard),
     .fallback = "false",
     .help = "Prompts copied with y also go to the terminal's clipboard, by OSC 52: over SSH to the "
             "one of the machine you sit at. In tmux that takes its set-clipboard on, or "
             "allow-passthrough."},
};

struct section {
    struct studio_config *config;
    struct keymap *keys;
    const struct yaml_tree *tree;
    const char *name;
    struct dn_error *err;
};

/* "FILE:LINE:COLUMN: WHAT: WHY" */
static bool complain(const struct section *c, const struct yaml_node *at, const char *what,
                     const char *why)
{
    return dn_fail(c->err, DN_E_FORMAT, "%s:%d:%d: %.200s: %s", c->name,
                   at->key_line ? at->key_line : at->line,
                   at->key_line ? at->key_column : at->column, what, why);
}

static const struct yaml_node *child(const struct section *c, int index)
{
    return index >= 0 ? &c->tree->nodes[index] : NULL;
}

static bool is_null(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && !yaml_node_text(node);
}

static bool read_binding(const struct section *c, const struct key_context *context,
                         const struct yaml_node *node)
{
    const char *commands[KEYS_COMMANDS_MAX + 1];
    char why[KEYS_WHY_SIZE];
    int count = 0;
    if (node->kind == YAML_MAP)
        return complain(c, node, node->key, "must be a command, a list of commands, or null");
    if (node->kind == YAML_TEXT && !is_null(node))
        commands[count++] = node->text;
    const struct yaml_node *item = node->kind == YAML_LIST ? child(c, node->first) : NULL;
    for (; item && count <= KEYS_COMMANDS_MAX; item = child(c, item->next)) {
        if (item->kind != YAML_TEXT || is_null(item))
            return complain(c, item, node->key, "the list must be one of commands");
        commands[count++] = item->text;
    }
    return keymap_bind(c->keys, context, node->key, commands, count, node->key_line, why) ||
           complain(c, node, node->key, why);
}

static bool read_keys(const struct section *c, const struct yaml_node *keys)
{
    bool ok = true;
    if (is_null(keys))
        return true;
    if (keys->kind != YAML_MAP)
        return complain(c, keys, "keys", "must be a map of contexts");
    for (const struct yaml_node *n = child(c, keys->first); ok && n; n = child(c, n->next)) {
        const struct key_context *context = keymap_context(c->keys, n->key);
        if (!context)
            return complain(c, n, n->key, "there is no such context (danaus keys lists them)");
        if (is_null(n))
            continue;
        if (n->kind != YAML_MAP)
            return complain(c, n, n->key, "must be a map of keys to commands");
        for (const struct yaml_node *b = child(c, n->first); ok && b; b = child(c, b->next))
            ok = read_binding(c, context, b);
    }
    if (ok && !keymap_reaches(c->keys, "quit") && !keymap_reaches(c->keys, "command"))
        return complain(c, keys, "keys", "no key is left that quits, nor one for the command line");
    return ok;
}

static bool read_option(const struct section *c, const struct yaml_node *node)
{
    char why[OPTION_WHY_SIZE];
    const struct option *row = option_find(studio_option_rows, STUDIO_OPTIONS, node->key);
    if (!row)
        return complain(c, node, node->key, "the studio has no such setting");
    if (node->kind != YAML_TEXT)
        return complain(c, node, node->key, "must be a single value");
    return option_set(row, c->config, yaml_node_text(node), why) ||
           complain(c, node, node->key, why);
}

static bool read_section(const struct section *c, const struct yaml_node *section)
{
    bool ok = true;
    if (is_null(section))
        return true;
    if (section->kind != YAML_MAP)
        return complain(c, section, "studio", "must be a map");
    for (const struct yaml_node *n = child(c, section->first); ok && n; n = child(c, n->next))
        ok = strcmp(n->key, "keys") == 0 ? read_keys(c, n) : read_option(c, n);
    return ok;
}

bool studio_config_read(struct studio_config *config, struct keymap *keys, const char *bytes,
                        size_t size, const char *name, struct dn_error *err)
{
    struct yaml_tree tree;
    bool ok = yaml_tree_parse(&tree, bytes, size, name, err);
    struct section c = {config, keys, &tree, name, err};
    const struct yaml_node *n = NULL;
    if (ok && tree.count && tree.nodes[0].kind == YAML_MAP)
        n = child(&c, tree.nodes[0].first);
    while (n && strcmp(n->key, "studio") != 0)
        n = child(&c, n->next);
    ok = ok && (!n || read_section(&c, n));
    yaml_tree_done(&tree);
    return ok;
}

bool studio_config_load(struct studio_config *config, struct keymap *keys, struct dn_error *err)
{
    char *dir = dn_xdg_dir(DN_XDG_CONFIG), *path = dir ? dn_path_join(dir, "danaus.yaml") : NULL;
    char *bytes = NULL;
    size_t size = 0;
    bool ok = !path || !dn_path_exists(path) ||
              (dn_read_file(path, YAML_MAX_BYTES, &bytes, &size, err) &&
               studio_config_read(config, keys, bytes, size, path, err));
    free(bytes);
    free(path);
    free(dir);
    return ok;
}
