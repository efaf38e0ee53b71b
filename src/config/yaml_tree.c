/* yaml_tree: see yaml_tree.h. libyaml's events are taken one by one, so that a bomb is refused
 * where it begins; its own document loader would build everything first. */
#include "config/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/utf8.h"

struct builder {
    struct yaml_tree *tree;
    const char *name;
    struct dn_error *err;
    struct {
        int node, last; /* an open map or list, its last child or -1 */
    } open[YAML_MAX_DEPTH];
    int depth;
    char *key; /* read, its value not yet */
    int key_line, key_column;
    bool done; /* the document's value is complete */
};

static bool complain(struct builder *b, yaml_mark_t at, const char *what)
{
    return dn_fail(b->err, DN_E_FORMAT, "%s:%zu:%zu: %s", b->name, at.line + 1, at.column + 1,
                   what);
}

static struct yaml_node *new_node(struct yaml_tree *tree)
{
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity ? tree->capacity * 2 : 64;
        tree->nodes = dn_realloc(tree->nodes, tree->capacity, sizeof *tree->nodes);
    }
    struct yaml_node *node = &tree->nodes[tree->count++];
    memset(node, 0, sizeof *node);
    node->first = node->next = -1;
    return node;
}

static bool is_duplicate(const struct builder *b, const char *key)
{
    const struct yaml_node *nodes = b->tree->nodes;
    for (int i = nodes[b->open[b->depth - 1].node].first; i >= 0; i = nodes[i].next)
        if (strcmp(nodes[i].key, key) == 0)
            return true;
    return false;
}

/* A key of the innermost map. */
static bool take_key(struct builder *b, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.length > 200)
        return complain(b, event->start_mark, "a key longer than 200 bytes");
    if (is_duplicate(b, text))
        return dn_fail(b->err, DN_E_FORMAT, "%s:%zu:%zu: %s appears twice", b->name,
                       event->start_mark.line + 1, event->start_mark.column + 1, text);
    b->key = dn_strdup(text);
    b->key_line = (int)event->start_mark.line + 1;
    b->key_column = (int)event->start_mark.column + 1;
    return true;
}

/* Adds a value below the innermost open node; *index is its place. */
static bool add_value(struct builder *b, const yaml_event_t *event, enum yaml_kind kind, int *index)
{
    if (b->tree->count == YAML_MAX_NODES)
        return complain(b, event->start_mark, "more than 10000 values");
    *index = (int)b->tree->count;
    struct yaml_node *node = new_node(b->tree);
    node->kind = kind;
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    if (!b->depth)
        return true;
    node->key = b->key;
    node->key_line = b->key_line;
    node->key_column = b->key_column;
    b->key = NULL;
    int *last = &b->open[b->depth - 1].last;
    struct yaml_node *nodes = b->tree->nodes;
    if (*last < 0)
        nodes[b->open[b->depth - 1].node].first = *index;
    else
        nodes[*last].next = *index;
    *last = *index;
    return true;
}

static bool in_map_without_key(const struct builder *b)
{
    return b->depth && !b->key && b->tree->nodes[b->open[b->depth - 1].node].kind == YAML_MAP;
}

static bool take_text(struct builder *b, const yaml_event_t *event)
{
    int index;
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.anchor || event->data.scalar.tag)
        return complain(b, event->start_mark, "anchors and tags are not supported");
    if (strlen(text) != event->data.scalar.length)
        return complain(b, event->start_mark, "a text with a NUL character");
    if (in_map_without_key(b))
        return take_key(b, event);
    if (!add_value(b, event, YAML_TEXT, &index))
        return false;
    struct yaml_node *node = &b->tree->nodes[index];
    node->text = dn_strndup(text, event->data.scalar.length);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return true;
}

static bool take_open(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
                      bool anchored)
{
    int index;
    if (anchored)
        return complain(b, event->start_mark, "anchors and tags are not supported");
    if (b->depth == YAML_MAX_DEPTH)
        return complain(b, event->start_mark, "nested more than 32 deep");
    if (in_map_without_key(b))
        return complain(b, event->start_mark, "a key must be a word");
    if (!add_value(b, event, kind, &index))
        return false;
    b->open[b->depth].node = index;
    b->open[b->depth++].last = -1;
    return true;
}

static bool take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->done || b->tree->count)
            return complain(b, event->start_mark, "a second document");
        return true;
    case YAML_DOCUMENT_END_EVENT:
        b->done = true;
        return true;
    case YAML_ALIAS_EVENT:
        return complain(b, event->start_mark, "aliases are not supported");
    case YAML_SCALAR_EVENT:
        return take_text(b, event);
    case YAML_MAPPING_START_EVENT:
        return take_open(b, event, YAML_MAP,
                         event->data.mapping_start.anchor || event->data.mapping_start.tag);
    case YAML_SEQUENCE_START_EVENT:
        return take_open(b, event, YAML_LIST,
                         event->data.sequence_start.anchor || event->data.sequence_start.tag);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        b->depth--;
        return true;
    default:
        return true;
    }
}

static bool parser_problem(struct builder *b, const yaml_parser_t *parser)
{
    const char *why = parser->problem ? parser->problem : "out of memory";
    yaml_mark_t at = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        return dn_fail(b->err, DN_E_FORMAT, "%s: byte %zu: %s", b->name, parser->problem_offset,
                       why);
    return dn_fail(b->err, DN_E_FORMAT, "%s:%zu:%zu: %s", b->name, at.line + 1, at.column + 1, why);
}

static bool run(struct builder *b, yaml_parser_t *parser)
{
    bool ok = true, end = false;
    while (ok && !end) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser_problem(b, parser);
        end = event.type == YAML_STREAM_END_EVENT;
        ok = take_event(b, &event);
        yaml_event_delete(&event);
    }
    return ok;
}

/* Whether one of YAML's line breaks, a byte order mark or nothing is before bytes[at]. */
static bool starts_line(const char *bytes, size_t at)
{
    static const char *const before[] = {"\n",           "\r",           "\xC2\x85",
                                         "\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        size_t n = strlen(before[i]);
        if (at >= n && memcmp(bytes + at - n, before[i], n) == 0)
            return true;
    }
    return at == 0;
}

/* Directives have no use here, and libyaml keeps them in a list that it searches for each new one:
 * a file of %TAG lines takes minutes. */
static bool has_directive(const char *bytes, size_t size)
{
    const char *end = bytes + size;
    for (const char *p = bytes; (p = memchr(p, '%', (size_t)(end - p))); p++)
        if (starts_line(bytes, (size_t)(p - bytes)))
            return true;
    return false;
}

bool yaml_tree_parse(struct yaml_tree *tree, const char *bytes, size_t size, const char *name,
                     struct dn_error *err)
{
    memset(tree, 0, sizeof *tree);
    if (size > YAML_MAX_BYTES)
        return dn_fail(err, DN_E_FORMAT, "%s is too large: %zu bytes, at most %d", name, size,
                       YAML_MAX_BYTES);
    if (!dn_utf8_valid(bytes, size))
        return dn_fail(err, DN_E_FORMAT, "%s is not UTF-8", name);
    if (has_directive(bytes, size))
        return dn_fail(err, DN_E_FORMAT, "%s: lines that begin with %% are not supported", name);
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return dn_fail(err, DN_E_FORMAT, "%s: the YAML parser does not start", name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    struct builder b = {.tree = tree, .name = name, .err = err};
    bool ok = run(&b, &parser);
    free(b.key);
    yaml_parser_delete(&parser);
    if (!ok)
        yaml_tree_done(tree);
    return ok;
}

void yaml_tree_done(struct yaml_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->nodes[i].key);
        free(tree->nodes[i].text);
    }
    free(tree->nodes);
    memset(tree, 0, sizeof *tree);
}

const char *yaml_node_text(const struct yaml_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; !node->quoted && i < sizeof nulls / sizeof nulls[0]; i++)
        if (strcmp(node->text, nulls[i]) == 0)
            return NULL;
    return node->text;
}
