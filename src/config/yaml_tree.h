/* yaml_tree: YAML bytes from a stranger as a small tree of maps, lists and texts.
 *
 * Held to what config files need: one document, at most 1 MiB, 32 deep, 10000 values; no anchors,
 * aliases, tags and directives (so nothing can grow or be executed), no duplicate keys, only
 * UTF-8. */
#ifndef DANAUS_CONFIG_YAML_TREE_H
#define DANAUS_CONFIG_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { YAML_MAX_BYTES = 1024 * 1024, YAML_MAX_DEPTH = 32, YAML_MAX_NODES = 10000 };

enum yaml_kind { YAML_TEXT, YAML_MAP, YAML_LIST };

struct yaml_node {
    enum yaml_kind kind;
    char *key;        /* in a map; NULL elsewhere */
    char *text;       /* YAML_TEXT */
    bool quoted;      /* the text stood in quotes (or is a block): "null" is then a word */
    int line, column; /* of the value, 1-based */
    int key_line, key_column;
    int first, next; /* index of the first child and the next sibling, -1 = none */
};

struct yaml_tree {
    struct yaml_node *nodes; /* [0] is the document's value */
    size_t count;            /* 0 for an empty document */
    size_t capacity;         /* PRIVATE */
};

/* name stands for the bytes in errors ("NAME:LINE:COLUMN: ..."). On false tree is empty. The caller
 * calls yaml_tree_done in either case. */
bool yaml_tree_parse(struct yaml_tree *tree, const char *bytes, size_t size, const char *name,
                     struct dn_error *err);
void yaml_tree_done(struct yaml_tree *tree);

/* The text of a node, NULL when it is YAML's null (null, ~ or nothing, unquoted). */
const char *yaml_node_text(const struct yaml_node *node);

#endif
