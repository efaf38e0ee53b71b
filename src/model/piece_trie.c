/* piece_trie: see piece_trie.h. Built breadth first from the sorted pieces: a node is a range of
 * them that share its bytes, and its children are the parts of that range by the next byte. */
#include "model/piece_trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct node {
    uint32_t label;        /* where its bytes lie in the model's */
    uint16_t label_length; /* 0 only in the root */
    uint16_t child_count;  /* 0..256 */
    uint32_t first_child;
    int32_t id; /* the piece that ends here, -1 = none */
};

struct piece_trie {
    const char *bytes;
    struct node *nodes; /* [0] is the root */
    size_t count;
    int32_t root_child[256]; /* node by first byte, -1 = none: most of all steps start here */
};

/* The pieces sorted[low..high) all start with the same depth bytes, those of the node. */
struct range {
    int64_t low, high;
    uint32_t depth;
};

struct builder {
    const struct spm_model *model;
    const int32_t *sorted;
    struct piece_trie *trie;
    struct range *ranges; /* one a node */
};

static const struct spm_piece *piece_at(const struct builder *b, int64_t i)
{
    return &b->model->pieces[b->sorted[i]];
}

static unsigned char byte_at(const struct builder *b, int64_t i, uint32_t depth)
{
    return (unsigned char)b->model->bytes[piece_at(b, i)->offset + depth];
}

/* How many bytes the first and last piece of a sorted range, and so all in it, share. */
static uint32_t shared_length(const struct builder *b, int64_t low, int64_t high, uint32_t depth)
{
    const struct spm_piece *first = piece_at(b, low), *last = piece_at(b, high - 1);
    uint32_t limit = first->length < last->length ? first->length : last->length;
    while (depth < limit && byte_at(b, low, depth) == byte_at(b, high - 1, depth))
        depth++;
    return depth;
}

static void add_child(struct builder *b, struct node *parent, struct range part, uint32_t depth)
{
    uint32_t shared = shared_length(b, part.low, part.high, depth);
    parent->child_count++;
    b->ranges[b->trie->count] = (struct range){part.low, part.high, shared};
    b->trie->nodes[b->trie->count++] = (struct node){
        .label = piece_at(b, part.low)->offset + depth,
        .label_length = (uint16_t)(shared - depth),
        .id = -1,
    };
}

static void grow_node(struct builder *b, size_t index)
{
    struct node *node = &b->trie->nodes[index];
    struct range range = b->ranges[index];
    if (range.low < range.high && piece_at(b, range.low)->length == range.depth)
        node->id = b->sorted[range.low++];
    node->first_child = (uint32_t)b->trie->count;
    while (range.low < range.high) {
        struct range part = range;
        unsigned char byte = byte_at(b, part.low, range.depth);
        for (part.high = part.low + 1; part.high < range.high; part.high++) {
            if (byte_at(b, part.high, range.depth) != byte)
                break;
        }
        add_child(b, node, part, range.depth);
        range.low = part.high;
    }
}

struct piece_trie *piece_trie_new(const struct spm_model *model, unsigned types)
{
    struct piece_trie *trie = dn_calloc(1, sizeof *trie);
    int32_t *sorted = dn_calloc((size_t)model->count, sizeof *sorted);
    int64_t count = 0;
    for (int64_t i = 0; i < model->count; i++) {
        if (types & 1u << model->pieces[model->sorted[i]].type)
            sorted[count++] = model->sorted[i];
    }
    size_t most = dn_mul_or_abort((size_t)count, 2) + 1;
    struct builder b = {model, sorted, trie, dn_calloc(most, sizeof *b.ranges)};
    trie->bytes = model->bytes;
    trie->nodes = dn_calloc(most, sizeof trie->nodes[0]);
    trie->nodes[0].id = -1;
    b.ranges[0] = (struct range){0, count, 0};
    trie->count = 1;
    for (size_t i = 0; i < trie->count; i++)
        grow_node(&b, i);
    for (int i = 0; i < 256; i++)
        trie->root_child[i] = -1;
    for (uint32_t i = 0; i < trie->nodes[0].child_count; i++) {
        uint32_t child = trie->nodes[0].first_child + i;
        trie->root_child[(unsigned char)trie->bytes[trie->nodes[child].label]] = (int32_t)child;
    }
    free(b.ranges);
    free(sorted);
    return trie;
}

void piece_trie_free(struct piece_trie *trie)
{
    if (!trie)
        return;
    free(trie->nodes);
    free(trie);
}

/* The child whose label starts with byte, NULL = none. */
static const struct node *find_child(const struct piece_trie *trie, const struct node *node,
                                     unsigned char byte)
{
    size_t low = node->first_child, high = low + node->child_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        unsigned char at = (unsigned char)trie->bytes[trie->nodes[middle].label];
        if (at == byte)
            return &trie->nodes[middle];
        if (at < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t piece_trie_match(const struct piece_trie *trie, const char *text, size_t length,
                        struct piece_match *out)
{
    if (length == 0 || trie->root_child[(unsigned char)text[0]] < 0)
        return 0;
    size_t found = 0, at = 0;
    const struct node *node = &trie->nodes[trie->root_child[(unsigned char)text[0]]];
    while (node && length - at >= node->label_length &&
           memcmp(text + at, trie->bytes + node->label, node->label_length) == 0) {
        at += node->label_length;
        if (node->id >= 0)
            out[found++] = (struct piece_match){node->id, (int32_t)at};
        node = at < length ? find_child(trie, node, (unsigned char)text[at]) : NULL;
    }
    return found;
}
