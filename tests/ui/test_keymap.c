/* keymap, studio_config: the tables' keys, the user's, the file they stand in. Run from the top
 * folder. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/read_file.h"
#include "base/strbuf.h"
#include "check.h"
#include "config/option_value.h"
#include "ui/studio/screen.h"
#include "ui/studio/studio_config.h"

static struct keymap *keys;
static struct studio_config config;

/* Defaults, changed by lines below `studio:`. */
static bool take(const char *lines, struct dn_error *err)
{
    struct strbuf text = {0};
    keymap_free(keys);
    option_free(studio_option_rows, STUDIO_OPTIONS, &config);
    keys = keymap_new(key_contexts());
    option_defaults(studio_option_rows, STUDIO_OPTIONS, &config);
    strbuf_printf(&text, "frames: 9\nstudio:\n%s", lines);
    bool ok = studio_config_read(&config, keys, strbuf_text(&text), text.length, "my.yaml", err);
    strbuf_done(&text);
    return ok;
}

static void taken(const char *lines)
{
    struct dn_error err = {0};
    CHECK_OK(take(lines, &err), err);
}

static void refused(const char *lines, const char *want)
{
    struct dn_error err = {0};
    CHECK_MSG(!take(lines, &err), "%s was taken", lines);
    CHECK_MSG(strncmp(err.message, "my.yaml:", 8) == 0, "%s", err.message);
    CHECK_MSG(strstr(err.message, want), "\"%s\" without \"%s\"", err.message, want);
}

static const struct binding *find(const char *context, unsigned where, const char *first, const char *key)
{
    const struct binding *b = NULL;
    enum action_match match =
        keymap_find(keys, keymap_context(keys, context)->table, where,
                    first ? input_key_parse(first, strlen(first)) : 0, input_key_parse(key, strlen(key)), &b);
    return match == MATCH_WHOLE ? b : NULL;
}

/* Does the key do the action of that name (NULL: nothing at all)? */
static bool does(const char *context, unsigned where, const char *key, const char *name)
{
    const struct binding *b = find(context, where, NULL, key);
    return name ? b && b->action && strcmp(b->action->name, name) == 0 : !b;
}

TEST(a_key_gets_another_meaning)
{
    taken("  keys:\n    library:\n      Ctrl-T: trash\n      x: :search tag:best\n      d: null\n");
    CHECK(does("library", WHERE_LIST, "Ctrl-T", "trash") && does("library", WHERE_TEXT, "Ctrl-T", "trash"));
    CHECK(does("library", WHERE_LIST, "x", "search") && does("library", WHERE_TEXT, "x", NULL));
    CHECK_STR(find("library", WHERE_LIST, NULL, "x")->commands[0], "search tag:best");
    const struct binding *b = find("library", WHERE_LIST, NULL, "d");
    CHECK(b && !b->action); /* it does nothing, and hides what it would do elsewhere */
    CHECK(does("library", WHERE_LIST, "Delete", "trash") && does("queue", WHERE_LIST, "d", "drop"));
    char text[128];
    const struct action *trash = action_named(keymap_context(keys, "library")->table, "trash", 5);
    keymap_keys_text(keys, trash, text, sizeof text);
    CHECK_STR(text, "Ctrl-T, Delete");
}

/* A key that means two things, one while text is typed, loses the one that is replaced. */
TEST(each_mode_for_itself)
{
    taken("");
    CHECK(does("studio", WHERE_TEXT, "Enter", "make") && does("studio", WHERE_LIST, "Enter", "enter"));
    taken("  keys:\n    studio:\n      Enter: newline\n");
    CHECK(does("studio", WHERE_TEXT, "Enter", "newline") && does("studio", WHERE_LIST, "Enter", "enter"));
    taken("  keys:\n    studio:\n      Enter: null\n      F6: sweep 3\n");
    CHECK(does("studio", WHERE_TEXT, "F6", "sweep") && does("studio", WHERE_LIST, "F6", "sweep"));
    for (unsigned where = 1; where < 3; where++) {
        const struct binding *b = find("studio", where, NULL, "Enter");
        CHECK(b && !b->action);
    }
}

TEST(several_commands)
{
    taken("  keys:\n    everywhere:\n      F6: [library, first, play]\n      F7: make\n");
    const struct binding *b = find("everywhere", WHERE_TEXT, NULL, "F6");
    char text[128];
    CHECK(b && b->commands && !b->commands[3] && binding_is_special(b));
    if (b)
        binding_commands_text(b, text, sizeof text);
    CHECK_STR(text, ":library, :first, :play");
    CHECK(find("everywhere", WHERE_LIST, NULL, "F7")->by_name); /* where there is one to be made */
    refused("  keys:\n    library:\n      x: [play, fly]\n", "my.yaml:5:7: x: there is no command fly");
}

TEST(one_key_after_another)
{
    taken("  keys:\n    library:\n      g: null\n      Ctrl-X g: first\n      Ctrl-X Alt-Ctrl-t: last\n");
    const struct binding *b = NULL;
    const struct action *table = keymap_context(keys, "library")->table;
    CHECK(keymap_find(keys, table, WHERE_LIST, 0, INPUT_CTRL | 'x', &b) == MATCH_PREFIX);
    CHECK(find("library", WHERE_LIST, "Ctrl-X", "g") && find("library", WHERE_TEXT, "Ctrl-X", "Ctrl-Alt-T"));
    /* a longer one takes the place of the shorter, which could not be told from its beginning */
    taken("  keys:\n    library:\n      g g: first\n");
    CHECK(find("library", WHERE_LIST, "g", "g") && does("library", WHERE_LIST, "g", NULL));
    taken("  keys:\n    studio:\n      Ctrl-X: make\n");
    CHECK(!find("studio", WHERE_TEXT, "Ctrl-X", "Ctrl-E") && does("studio", WHERE_TEXT, "Ctrl-X", "make"));
    refused("  keys:\n    library:\n      z: first\n      z z: last\n", "one is the beginning of the other: line 5");
}

TEST(what_is_wrong_is_told_with_its_place)
{
    refused("  mose: on\n", "my.yaml:3:3: mose: the studio has no such setting");
    refused("  mouse: maybe\n", "my.yaml:3:3: mouse: ");
    refused("  notify: [bell]\n", "must be a single value");
    refused("  - mouse\n", "must be a map");
    refused("  keys: x\n", "must be a map of contexts");
    refused("  keys:\n    nowhere:\n      x: make\n", "my.yaml:4:5: nowhere: there is no such context");
    refused("  keys:\n    library: play\n", "must be a map of keys");
    refused("  keys:\n    library:\n      Hyper-x: play\n", "my.yaml:5:7: Hyper-x: is no key");
    refused("  keys:\n    library:\n      x y z: play\n", "is no key");
    refused("  keys:\n    library:\n      Ctrl-M: play\n", "is Enter to a terminal");
    refused("  keys:\n    library:\n      Shift-a: play\n", "needs no Shift");
    refused("  keys:\n    library:\n      x: ply\n", "there is no command ply in library");
    refused("  keys:\n    library:\n      x: make\n", "there is no command make in library");
    refused("  keys:\n    library:\n      x: play 5\n", "play takes no argument");
    refused("  keys:\n    library:\n      x: {a: b}\n", "must be a command, a list");
    refused("  keys:\n    library:\n      x: [[play]]\n", "must be one of commands");
    refused("  keys:\n    library:\n      Alt-Ctrl-t: play\n      Ctrl-Alt-t: mark\n", "is already in line 5");
    refused("  keys:\n    typing:\n      x: left\n", "is text while text is typed");
    refused("  keys:\n    everywhere: {q: null, Ctrl-Q: null, \":\": null, Alt-x: null}\n", "no key is left");
    refused("  keys:\n    library:\n      x: [mark,mark,mark,mark,mark,mark,mark,mark,mark,mark,mark,mark,"
            "mark,mark,mark,mark,mark]\n", "more than 16");
}

TEST(settings)
{
    taken("  mouse: off\n  graphics: blocks\n  notify: bell\n");
    CHECK(!config.mouse);
    CHECK_STR(config.graphics, "blocks");
    CHECK_STR(config.notify, "bell");
    CHECK(!config.clipboard);
    taken("  clipboard: on\n");
    CHECK(config.clipboard);
    taken("  keys:\n");
    CHECK(config.mouse);
    CHECK_STR(config.notify, "none");
}

/* The map as print writes it, in out. */
static void printed(void (*print)(const struct keymap *m, FILE *out), char *out, size_t size)
{
    FILE *f = fmemopen(out, size, "w");
    print(keys, f);
    CHECK(fclose(f) == 0 && strlen(out) + 1 < size);
}

/* What is printed as a file makes the same map: every key can be written there. */
TEST(there_and_back)
{
    static const char *const start[] = {
        "", "  keys:\n    library:\n      \"\\\"\": [mark, \"search a \\\\ \\\"b\\\"\"]\n      Ctrl-X g: first\n      d: null\n"};
    for (int i = 0; i < 2; i++) {
        taken(start[i]);
        static char yaml[65536], want[65536], is[65536];
        printed(keymap_print_yaml, yaml, sizeof yaml);
        printed(keymap_print_text, want, sizeof want);
        taken(strchr(yaml, '\n') + 1);
        printed(keymap_print_text, is, sizeof is);
        CHECK_STR(is, want);
    }
}

/* Every key in the tables is one, no two actions of a screen want the same, and all have help. */
static void check_table(const char *title, const struct action *table)
{
    size_t rows = 0;
    for (const struct action *a = table; a && a->name; a++) {
        CHECK_MSG(a->run && a->help && a->help[0], "%s: %s", title, a->name);
        CHECK_MSG(action_named(table, a->name, strlen(a->name)) == a, "%s: two %s", title, a->name);
        bool in_word = false;
        for (const char *p = a->keys ? a->keys : ""; *p; p++) {
            rows += *p != ' ' && !in_word;
            in_word = *p != ' ';
        }
    }
    for (size_t i = 0; i < keys->count; i++) {
        const struct binding *b = &keys->rows[i], *found = NULL;
        if (b->table != table)
            continue;
        rows--;
        CHECK_MSG(b->key != 0, "%s: %s: no key in \"%s\"", title, b->action->name, b->action->keys);
        for (unsigned where = 1; where < 3; where++) {
            bool typed = where == WHERE_TEXT && !b->first && b->key < INPUT_SPECIAL;
            CHECK_MSG(!(b->where & where) || typed ||
                          (keymap_find(keys, table, where, b->first, b->key, &found) == MATCH_WHOLE && found == b),
                      "%s: the key of %s is also that of %s", title, b->action->name,
                      found ? found->action->name : "nothing");
        }
    }
    CHECK_MSG(rows == 0, "%s: %d keys were lost", title, (int)rows);
}

TEST(tables_of_actions)
{
    taken("");
    for (const struct key_context *c = keys->contexts; c->name; c++)
        check_table(c->title, c->table);
    for (int i = 0; i < SCREEN_COUNT; i++)
        CHECK(screen_table[i] && screen_table[i]->number == (enum screen_number)i);
}

static char *slurp(const char *path)
{
    struct dn_error err = {0};
    char *bytes = NULL;
    size_t size;
    CHECK_OK(dn_read_file(path, 1 << 20, &bytes, &size, &err), err);
    return bytes ? bytes : dn_strdup("");
}

/* text as roff writes it */
static char *roff(const char *text)
{
    struct strbuf out = {0};
    for (const char *c = text; *c; c++)
        strbuf_printf(&out, *c == '-' ? "\\-" : *c == '\\' ? "\\e" : "%c", *c);
    return out.data ? out.data : dn_strdup("");
}

/* man danaus has every key and every command, in the section of its context. */
TEST(the_manual_has_every_key_and_command)
{
    taken("");
    char *page = slurp("man/danaus.1");
    int commands = 0;
    for (const struct key_context *c = keys->contexts; c->name; c++) {
        char *title = dn_asprintf("\n.SS %s (%s)\n", c->title, c->name), *section = strstr(page, title);
        CHECK_MSG(section, "%s is missing", c->title);
        char *end = section ? strstr(section + 2, "\n.SS ") : NULL;
        char *text = section ? dn_strndup(section, end ? (size_t)(end - section) : strlen(section)) : NULL;
        for (const struct action *a = c->table; text && a->name; a++, commands++) {
            char all[128], *name = roff(a->name), *help = roff(a->help);
            keymap_keys_text(keys, a, all, sizeof all);
            char *shown = roff(all);
            char *want = dn_asprintf(all[0] ? "\n.TP\n.B %s\n%s; \n.B :%s" : "\n.TP\n.B %s:%s", shown,
                                     all[0] ? help : name, name);
            CHECK_MSG(strstr(text, want), "%s, :%s of %s", all, a->name, c->name);
            free(want);
            free(shown);
            free(help);
            free(name);
        }
        free(text);
        free(title);
    }
    CHECK_MSG(commands > 100, "%d", commands);
    free(page);
}

/* danaus.yaml(5) has every context, every setting of the section, and an example that is taken. */
TEST(the_manual_of_the_file)
{
    taken("");
    char *page = slurp("man/danaus.yaml.5"), *section = strstr(page, ".SH STUDIO\n");
    CHECK(section);
    for (const struct key_context *c = keys->contexts; section && c->name; c++)
        CHECK_MSG(strstr(section, c->name), "%s", c->name);
    for (int i = 0; section && i < STUDIO_OPTIONS; i++)
        CHECK_MSG(strstr(section, studio_option_rows[i].name), "%s", studio_option_rows[i].name);
    char *example = section ? strstr(section, ".nf\nstudio:\n") : NULL;
    char *end = example ? strstr(example, ".fi") : NULL;
    CHECK(end);
    if (end) {
        *end = '\0';
        for (char *c; (c = strstr(example, "\\-"));) /* as it is read */
            memmove(c, c + 1, strlen(c));
        taken(strchr(example + 4, '\n') + 1);
        CHECK(find("library", WHERE_LIST, NULL, "x") && !config.mouse);
    }
    free(page);
}

static void end(void)
{
    keymap_free(keys);
    option_free(studio_option_rows, STUDIO_OPTIONS, &config);
}

TESTS(T(a_key_gets_another_meaning), T(each_mode_for_itself), T(several_commands),
      T(one_key_after_another), T(what_is_wrong_is_told_with_its_place), T(settings), T(there_and_back),
      T(tables_of_actions), T(the_manual_has_every_key_and_command), T(the_manual_of_the_file), T(end))
