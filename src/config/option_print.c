/* option_print: see option_print.h */
#include "config/option_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_WIDTH = 80, HELP_COLUMN = 28 };

/* Adds text, broken at blanks so that no line passes LINE_WIDTH; the line is at column now, and
 * each further line begins with prefix, padded to indent. */
static void wrap(struct strbuf *out, const char *text, size_t column, const char *prefix,
                 size_t indent)
{
    bool line_start = true;
    for (const char *p = text; *p;) {
        p += strspn(p, " ");
        size_t n = strcspn(p, " ");
        if (!n)
            break;
        if (!line_start && column + 1 + n > LINE_WIDTH) {
            strbuf_printf(out, "\n%-*s", (int)indent, prefix);
            column = indent;
            line_start = true;
        }
        strbuf_printf(out, "%s%.*s", line_start ? "" : " ", (int)n, p);
        column += n + !line_start;
        line_start = false;
        p += n;
    }
}

/* Help, choices and default as one text; the caller frees. */
static char *sentence(const struct option *o)
{
    struct strbuf text = {0};
    strbuf_append_text(&text, o->help);
    if (o->choices) {
        char range[OPTION_WHY_SIZE];
        option_describe_range(o, range);
        strbuf_printf(&text, " (%s)", range);
    }
    if (o->fallback && o->fallback[0] && !(o->type == OPTION_BOOL && o->group == GROUP_COMMAND))
        strbuf_printf(&text, " [%s]",
                      o->type != OPTION_BOOL             ? o->fallback
                      : strcmp(o->fallback, "true") == 0 ? "on"
                                                         : "off");
    return strbuf_take(&text);
}

/* "--size WxH", "--prompt-changes, --at CHUNK:TEXT", "--[no-]causal", "--use-ema, --no-ema" */
static void flag_text(const struct option *o, struct strbuf *out)
{
    if (o->type != OPTION_BOOL)
        strbuf_printf(out, "--%s%s%s %s", o->name, o->also ? ", --" : "", o->also ? o->also : "",
                      o->argument ? o->argument : "VALUE");
    else if (o->off)
        strbuf_printf(out, "--%s, --%s", o->name, o->off);
    else if (o->group == GROUP_COMMAND)
        strbuf_printf(out, "--%s", o->name);
    else
        strbuf_printf(out, "--[no-]%s", o->name);
}

static void help_row(struct strbuf *out, const struct option *o)
{
    size_t start = out->length;
    if (o->letter)
        strbuf_printf(out, "  -%c, ", o->letter);
    else
        strbuf_append_text(out, "      ");
    flag_text(o, out);
    size_t column = out->length - start;
    if (column + 2 > HELP_COLUMN) {
        strbuf_append_text(out, "\n");
        column = 0;
    }
    strbuf_printf(out, "%*s", (int)(HELP_COLUMN - column), "");
    char *text = sentence(o);
    wrap(out, text, HELP_COLUMN, "", HELP_COLUMN);
    free(text);
    strbuf_append_text(out, "\n");
}

void option_print_help(struct strbuf *out, const struct option_usage *usage)
{
    for (int group = 0; group < GROUP_COUNT; group++) {
        const struct option *row;
        bool titled = false;
        for (size_t cursor = 0; (row = option_usage_next(usage, &cursor));) {
            if ((int)row->group != group)
                continue;
            if (!titled)
                strbuf_printf(out, "\n%s:\n", option_group_title(row->group));
            titled = true;
            help_row(out, row);
        }
    }
}

/* A default as YAML: quoted where a plain one would mean something else. */
static void yaml_value(const struct option *o, struct strbuf *out)
{
    if (!o->fallback)
        strbuf_append_text(out, "null");
    else if (o->type == OPTION_STEPS)
        strbuf_printf(out, "[%s]", o->fallback);
    else if (o->type == OPTION_TEXT || o->type == OPTION_RULES || o->type == OPTION_CHANGES)
        strbuf_printf(out, "\"%s\"", o->fallback);
    else
        strbuf_append_text(out, o->fallback);
}

void option_print_yaml(struct strbuf *out)
{
    strbuf_append_text(
        out, "# danaus.yaml: every setting with its default.\n"
             "#\n"
             "# Copy it to ~/.config/danaus/danaus.yaml and take the '#' away in front of\n"
             "# what you want to change. Later ones win: these defaults, your danaus.yaml,\n"
             "# the model's own danaus.yaml, the file given with -c, the command line.\n");
    for (int group = 0; group < GROUP_COMMAND; group++) {
        strbuf_printf(out, "\n# ---- %s ----\n", option_group_title((enum option_group)group));
        for (size_t i = 0; i < option_count; i++) {
            const struct option *o = &option_rows[i];
            char key[64], range[OPTION_WHY_SIZE];
            if ((int)o->group != group)
                continue;
            struct strbuf text = {0};
            strbuf_append_text(&text, o->help);
            option_describe_range(o, range);
            if (range[0])
                strbuf_printf(&text, " (%s)", range);
            strbuf_append_text(out, "\n# ");
            wrap(out, strbuf_text(&text), 2, "#", 2);
            strbuf_done(&text);
            option_key(o, key);
            strbuf_printf(out, "\n#%s: ", key);
            yaml_value(o, out);
            strbuf_append_text(out, "\n");
        }
    }
    strbuf_append_text(out, "\n# ---- Studio ----\n\n# Pictures, mouse and keys of the studio: see "
                            "danaus.yaml(5); danaus keys --yaml\n# prints them all.\n#studio: {}\n");
}

/* Text with what troff would read as commands made plain; a line may not begin with '.' or '\''. */
static void troff(struct strbuf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            strbuf_append_text(out, "\\e");
        else if (*p == '-')
            strbuf_append_text(out, "\\-");
        else if (*p == '"')
            strbuf_append_text(out, "\\(dq");
        else
            strbuf_append(out, p, 1);
    }
}

static void man_text(struct strbuf *out, const struct option *o, bool with_range)
{
    char range[OPTION_WHY_SIZE];
    option_describe_range(o, range);
    troff(out, o->help);
    if (with_range && range[0]) {
        strbuf_append_text(out, " (");
        troff(out, range);
        strbuf_append_text(out, ")");
    }
    strbuf_append_text(out, "\n");
}

void option_table_print_man(struct strbuf *out)
{
    for (int group = 0; group < GROUP_COMMAND; group++) {
        strbuf_printf(out, ".SS %s\n", option_group_title((enum option_group)group));
        for (size_t i = 0; i < option_count; i++) {
            const struct option *o = &option_rows[i];
            char key[64];
            if ((int)o->group != group)
                continue;
            option_key(o, key);
            struct strbuf value = {0};
            yaml_value(o, &value);
            strbuf_printf(out, ".TP\n\\fB%s\\fR: ", key);
            troff(out, strbuf_text(&value));
            strbuf_append_text(out, "\n");
            strbuf_done(&value);
            man_text(out, o, true);
        }
    }
}

void option_usage_print_man(struct strbuf *out, const struct option_usage *usage)
{
    for (int group = 0; group < GROUP_COUNT; group++) {
        const struct option *row;
        for (size_t cursor = 0; (row = option_usage_next(usage, &cursor));) {
            if ((int)row->group != group)
                continue;
            struct strbuf flag = {0};
            flag_text(row, &flag);
            strbuf_append_text(out, ".TP\n.B \"");
            if (row->letter)
                strbuf_printf(out, "\\-%c, ", row->letter);
            troff(out, strbuf_text(&flag));
            strbuf_append_text(out, "\"\n");
            strbuf_done(&flag);
            char *text = sentence(row);
            troff(out, text);
            strbuf_append_text(out, "\n");
            free(text);
        }
    }
}
