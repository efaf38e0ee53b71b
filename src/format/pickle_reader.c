/* pickle_reader: see pickle_reader.h */
#include "format/pickle_reader.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/pickle_machine.h"

#define MAX_NODES (1u << 20)
#define MAX_LINKS (1u << 20)

void pickle_fail_at(struct pickle *p, const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    dn_fail(p->err, DN_E_FORMAT, "%s: pickle at byte %llu, %s: %s", p->path,
            (unsigned long long)(p->base + p->opcode_at), p->opcode, what);
}

const char *pickle_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [PICKLE_NONE] = "None",         [PICKLE_BOOL] = "a bool",
        [PICKLE_INT] = "an integer",    [PICKLE_BIG] = "a long integer",
        [PICKLE_FLOAT] = "a number",    [PICKLE_TEXT] = "a string",
        [PICKLE_TUPLE] = "a tuple",     [PICKLE_LIST] = "a list",
        [PICKLE_DICT] = "a dict",       [PICKLE_OPAQUE] = "a set or bytes",
        [PICKLE_GLOBAL] = "a callable", [PICKLE_STORAGE] = "a storage",
        [PICKLE_TENSOR] = "a tensor",
    };
    return kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

bool pickle_add(struct pickle *p, struct pickle_node node, uint32_t *out)
{
    if (p->node_count == MAX_NODES)
        return pickle_fail(p, "more than %u values", MAX_NODES);
    if (p->node_count == p->node_capacity) {
        p->node_capacity = p->node_capacity ? p->node_capacity * 2 : 256;
        p->nodes = dn_realloc(p->nodes, p->node_capacity, sizeof *p->nodes);
    }
    p->nodes[p->node_count] = node;
    *out = p->node_count++;
    return true;
}

bool pickle_append(struct pickle *p, uint32_t container, uint32_t item)
{
    if (p->link_count == MAX_LINKS)
        return pickle_fail(p, "more than %u items", MAX_LINKS);
    if (p->link_count == p->link_capacity) {
        p->link_capacity = p->link_capacity ? p->link_capacity * 2 : 256;
        p->links = dn_realloc(p->links, p->link_capacity, sizeof *p->links);
    }
    uint32_t link = p->link_count++;
    struct pickle_node *node = &p->nodes[container];
    p->links[link] = (struct pickle_link){.node = item, .next = PICKLE_NONE_LEFT};
    if (node->length == 0)
        node->chain.first = link;
    else
        p->links[node->chain.last].next = link;
    node->chain.last = link;
    node->length++;
    return true;
}

uint32_t pickle_item(const struct pickle *p, uint32_t node, uint32_t i)
{
    uint32_t link = p->nodes[node].chain.first;
    while (i-- > 0)
        link = p->links[link].next;
    return p->links[link].node;
}

bool pickle_text_is(const struct pickle *p, uint32_t node, const char *text)
{
    const struct pickle_node *n = &p->nodes[node];
    return n->kind == PICKLE_TEXT && n->length == strlen(text) &&
           memcmp(p->bytes + n->offset, text, n->length) == 0;
}

/* Reads opcodes until STOP. */
static bool run(struct pickle *p)
{
    struct pickle_machine *m = p->machine;
    while (!m->stopped) {
        p->opcode_at = p->used;
        p->opcode = "the next opcode";
        if (p->used == p->size)
            return pickle_fail(p, "it is cut short: there is no STOP");
        uint8_t code = p->bytes[p->used++];
        const struct pickle_opcode *op = pickle_opcode_find(code);
        if (!op)
            return pickle_refuse_opcode(p, code);
        p->opcode = op->name;
        if (p->opcode_at == 0 && code != 0x80)
            return pickle_fail(p, "it does not start with PROTO");
        if (!op->run(p, m))
            return false;
    }
    return true;
}

bool pickle_read(struct pickle *p, const uint8_t *bytes, uint64_t size,
                 const struct pickle_rules *rules, void *context, const char *path, uint64_t base,
                 struct dn_error *err)
{
    struct pickle_machine machine = {0};
    *p = (struct pickle){.bytes = bytes,
                         .size = size,
                         .context = context,
                         .rules = rules,
                         .path = path,
                         .base = base,
                         .err = err,
                         .machine = &machine};
    bool ok = run(p);
    p->machine = NULL;
    free(machine.stack);
    free(machine.marks);
    free(machine.memo);
    if (!ok)
        pickle_done(p);
    return ok;
}

void pickle_done(struct pickle *p)
{
    free(p->nodes);
    free(p->links);
    *p = (struct pickle){0};
}
