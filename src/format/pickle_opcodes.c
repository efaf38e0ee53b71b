/* pickle_opcodes: the opcodes that torch.save writes (protocols 2 to 4), one function each, and
 * the allow-list. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "base/utf8.h"
#include "format/pickle_machine.h"

#define MAX_STACK (1u << 20)
#define MAX_MARKS 1000
#define MAX_MEMO (1u << 20)
#define MAX_TEXT (1u << 20)
#define MAX_GLOBAL 128 /* bytes of a module or name */

/* --- operands, stack, memo --- */

/* Takes n bytes behind the opcode. NULL: they are not there. */
static const uint8_t *take(struct pickle *p, uint64_t n)
{
    if (n > p->size - p->used) {
        pickle_fail_at(p, "it is cut short: %llu bytes are left, %llu needed",
                       (unsigned long long)(p->size - p->used), (unsigned long long)n);
        return NULL;
    }
    p->used += n;
    return p->bytes + p->used - n;
}

static bool take_uint(struct pickle *p, int bytes, uint64_t *out)
{
    const uint8_t *at = take(p, (uint64_t)bytes);
    uint64_t value = 0;
    if (!at)
        return false;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    *out = value;
    return true;
}

static bool push(struct pickle *p, struct pickle_machine *m, uint32_t node)
{
    if (m->depth == MAX_STACK)
        return pickle_fail(p, "the stack is full");
    if (m->depth == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 64;
        m->stack = dn_realloc(m->stack, m->capacity, sizeof *m->stack);
    }
    m->stack[m->depth++] = node;
    return true;
}

static bool push_node(struct pickle *p, struct pickle_machine *m, struct pickle_node node)
{
    uint32_t index;
    return pickle_add(p, node, &index) && push(p, m, index);
}

/* How much of the stack the current opcode may use: down to the last mark. */
static uint32_t available(const struct pickle_machine *m)
{
    return m->depth - (m->mark_count ? m->marks[m->mark_count - 1] : 0);
}

static bool pop(struct pickle *p, struct pickle_machine *m, uint32_t *node)
{
    if (available(m) == 0)
        return pickle_fail(p, "nothing is on the stack");
    *node = m->stack[--m->depth];
    return true;
}

static bool top(struct pickle *p, struct pickle_machine *m, uint32_t *node)
{
    if (available(m) == 0)
        return pickle_fail(p, "nothing is on the stack");
    *node = m->stack[m->depth - 1];
    return true;
}

static bool pop_mark(struct pickle *p, struct pickle_machine *m, uint32_t *height)
{
    if (m->mark_count == 0)
        return pickle_fail(p, "there is no mark");
    *height = m->marks[--m->mark_count];
    return true;
}

/* The slot of key, or the free one where it belongs. capacity is a power of two. */
static struct memo_slot *memo_slot(struct memo_slot *memo, uint32_t capacity, uint32_t key)
{
    uint32_t i = key * 2654435769u & (capacity - 1);
    while (memo[i].node != PICKLE_NONE_LEFT && memo[i].key != key)
        i = (i + 1) & (capacity - 1);
    return &memo[i];
}

static void memo_grow(struct pickle_machine *m)
{
    uint32_t capacity = m->memo_capacity ? m->memo_capacity * 2 : 64;
    struct memo_slot *bigger = dn_malloc(dn_mul_or_abort(capacity, sizeof *bigger));
    for (uint32_t i = 0; i < capacity; i++)
        bigger[i].node = PICKLE_NONE_LEFT;
    for (uint32_t i = 0; i < m->memo_capacity; i++)
        if (m->memo[i].node != PICKLE_NONE_LEFT)
            *memo_slot(bigger, capacity, m->memo[i].key) = m->memo[i];
    free(m->memo);
    m->memo = bigger;
    m->memo_capacity = capacity;
}

/* Remembers the top of the stack as key. Writers count keys up from 0. */
static bool memo_put(struct pickle *p, struct pickle_machine *m, uint64_t key)
{
    uint32_t node;
    if (!top(p, m, &node))
        return false;
    if (key >= MAX_MEMO)
        return pickle_fail(p, "memo index %llu is over the limit", (unsigned long long)key);
    if (m->memo_count >= m->memo_capacity / 2)
        memo_grow(m);
    struct memo_slot *slot = memo_slot(m->memo, m->memo_capacity, (uint32_t)key);
    if (slot->node == PICKLE_NONE_LEFT)
        m->memo_count++;
    *slot = (struct memo_slot){.key = (uint32_t)key, .node = node};
    return true;
}

static bool memo_get(struct pickle *p, struct pickle_machine *m, uint64_t key)
{
    const struct memo_slot *slot = m->memo_capacity && key < MAX_MEMO
                                       ? memo_slot(m->memo, m->memo_capacity, (uint32_t)key)
                                       : NULL;
    if (!slot || slot->node == PICKLE_NONE_LEFT)
        return pickle_fail(p, "memo index %llu was never set", (unsigned long long)key);
    return push(p, m, slot->node);
}

/* --- the opcodes --- */

static bool op_proto(struct pickle *p, struct pickle_machine *m)
{
    uint64_t version;
    (void)m;
    if (p->opcode_at != 0)
        return pickle_fail(p, "it occurs twice");
    if (!take_uint(p, 1, &version))
        return false;
    return (version >= 2 && version <= 4) ||
           pickle_fail(p, "protocol %llu; 2, 3 and 4 are read", (unsigned long long)version);
}

static bool op_frame(struct pickle *p, struct pickle_machine *m)
{
    uint64_t bytes;
    (void)m;
    if (!take_uint(p, 8, &bytes))
        return false;
    return bytes <= p->size - p->used ||
           pickle_fail(p, "it is cut short: a frame of %llu bytes", (unsigned long long)bytes);
}

static bool op_stop(struct pickle *p, struct pickle_machine *m)
{
    if (m->mark_count || m->depth != 1)
        return pickle_fail(p, "one value was expected, %u are there", m->depth);
    p->root = m->stack[0];
    m->stopped = true;
    return true;
}

static bool op_mark(struct pickle *p, struct pickle_machine *m)
{
    if (m->mark_count == MAX_MARKS)
        return pickle_fail(p, "more than %d marks", MAX_MARKS);
    if (m->mark_count == m->mark_capacity) {
        m->mark_capacity = m->mark_capacity ? m->mark_capacity * 2 : 16;
        m->marks = dn_realloc(m->marks, m->mark_capacity, sizeof *m->marks);
    }
    m->marks[m->mark_count++] = m->depth;
    return true;
}

static bool op_none(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_NONE});
}

static bool op_true(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_BOOL, .integer = 1});
}

static bool op_false(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_BOOL, .integer = 0});
}

static bool push_int(struct pickle *p, struct pickle_machine *m, int64_t value)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_INT, .integer = value});
}

static bool op_binint(struct pickle *p, struct pickle_machine *m)
{
    uint64_t value;
    return take_uint(p, 4, &value) && push_int(p, m, (int32_t)(uint32_t)value);
}

static bool op_binint1(struct pickle *p, struct pickle_machine *m)
{
    uint64_t value;
    return take_uint(p, 1, &value) && push_int(p, m, (int64_t)value);
}

static bool op_binint2(struct pickle *p, struct pickle_machine *m)
{
    uint64_t value;
    return take_uint(p, 2, &value) && push_int(p, m, (int64_t)value);
}

/* Two's complement of any length; up to 8 bytes it is an ordinary integer. */
static bool op_long1(struct pickle *p, struct pickle_machine *m)
{
    uint64_t length, value = 0;
    const uint8_t *at;
    if (!take_uint(p, 1, &length) || !(at = take(p, length)))
        return false;
    if (length > 8)
        return push_node(p, m,
                         (struct pickle_node){.kind = PICKLE_BIG,
                                              .length = (uint32_t)length,
                                              .offset = (uint64_t)(at - p->bytes)});
    if (length && at[length - 1] & 0x80)
        value = UINT64_MAX;
    for (uint64_t i = length; i-- > 0;)
        value = value << 8 | at[i];
    return push_int(p, m, (int64_t)value);
}

static bool op_binfloat(struct pickle *p, struct pickle_machine *m)
{
    const uint8_t *at = take(p, 8);
    struct pickle_node node = {.kind = PICKLE_FLOAT};
    uint64_t bits = 0;
    if (!at)
        return false;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | at[i];
    memcpy(&node.real, &bits, 8);
    return push_node(p, m, node);
}

/* A string whose length is in length_bytes bytes. */
static bool text(struct pickle *p, struct pickle_machine *m, int length_bytes, bool ascii)
{
    uint64_t length;
    const uint8_t *at;
    if (!take_uint(p, length_bytes, &length) || !(at = take(p, length)))
        return false;
    if (length > MAX_TEXT)
        return pickle_fail(p, "a string of %llu bytes", (unsigned long long)length);
    /* Python 2 strings may hold any bytes; those are no names, so nobody needs them. */
    bool valid = dn_utf8_valid((const char *)at, length);
    if (!valid && !ascii)
        return pickle_fail(p, "a string that is not UTF-8");
    return push_node(p, m,
                     (struct pickle_node){.kind = valid ? PICKLE_TEXT : PICKLE_OPAQUE,
                                          .length = (uint32_t)length,
                                          .offset = (uint64_t)(at - p->bytes)});
}

static bool op_binunicode(struct pickle *p, struct pickle_machine *m)
{
    return text(p, m, 4, false);
}

static bool op_short_binunicode(struct pickle *p, struct pickle_machine *m)
{
    return text(p, m, 1, false);
}

static bool op_short_binstring(struct pickle *p, struct pickle_machine *m)
{
    return text(p, m, 1, true);
}

static bool op_empty_tuple(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_TUPLE});
}

static bool op_empty_list(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_LIST});
}

static bool op_empty_dict(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_DICT});
}

static bool op_empty_set(struct pickle *p, struct pickle_machine *m)
{
    return push_node(p, m, (struct pickle_node){.kind = PICKLE_OPAQUE});
}

/* The stack from height up becomes one tuple. */
static bool make_tuple(struct pickle *p, struct pickle_machine *m, uint32_t height)
{
    uint32_t tuple;
    if (!pickle_add(p, (struct pickle_node){.kind = PICKLE_TUPLE}, &tuple))
        return false;
    for (uint32_t i = height; i < m->depth; i++)
        if (!pickle_append(p, tuple, m->stack[i]))
            return false;
    m->depth = height;
    return push(p, m, tuple);
}

static bool op_tuple(struct pickle *p, struct pickle_machine *m)
{
    uint32_t height;
    return pop_mark(p, m, &height) && make_tuple(p, m, height);
}

static bool tuple_of(struct pickle *p, struct pickle_machine *m, uint32_t n)
{
    if (available(m) < n)
        return pickle_fail(p, "nothing is on the stack");
    return make_tuple(p, m, m->depth - n);
}

static bool op_tuple1(struct pickle *p, struct pickle_machine *m)
{
    return tuple_of(p, m, 1);
}

static bool op_tuple2(struct pickle *p, struct pickle_machine *m)
{
    return tuple_of(p, m, 2);
}

static bool op_tuple3(struct pickle *p, struct pickle_machine *m)
{
    return tuple_of(p, m, 3);
}

/* The stack from height up is added to the container below it, in groups of `group` (2: dict). */
static bool extend(struct pickle *p, struct pickle_machine *m, uint32_t height, uint32_t group)
{
    uint32_t target, count = m->depth - height;
    m->depth = height;
    if (!top(p, m, &target))
        return false;
    uint32_t kind = p->nodes[target].kind;
    if (kind != (group == 2 ? PICKLE_DICT : PICKLE_LIST))
        return pickle_fail(p, "its target is %s", pickle_kind_name(kind));
    if (count % group)
        return pickle_fail(p, "a key without a value");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = m->stack[height + i];
        uint32_t item_kind = p->nodes[item].kind;
        if (group == 2 && i % 2 == 0 && item_kind != PICKLE_TEXT && item_kind != PICKLE_INT)
            return pickle_fail(p, "a key is %s", pickle_kind_name(item_kind));
        if (!pickle_append(p, target, item))
            return false;
    }
    return true;
}

static bool op_append(struct pickle *p, struct pickle_machine *m)
{
    if (available(m) < 2)
        return pickle_fail(p, "nothing is on the stack");
    return extend(p, m, m->depth - 1, 1);
}

static bool op_setitem(struct pickle *p, struct pickle_machine *m)
{
    if (available(m) < 3)
        return pickle_fail(p, "nothing is on the stack");
    return extend(p, m, m->depth - 2, 2);
}

static bool op_appends(struct pickle *p, struct pickle_machine *m)
{
    uint32_t height;
    return pop_mark(p, m, &height) && extend(p, m, height, 1);
}

static bool op_setitems(struct pickle *p, struct pickle_machine *m)
{
    uint32_t height;
    return pop_mark(p, m, &height) && extend(p, m, height, 2);
}

static bool op_binput(struct pickle *p, struct pickle_machine *m)
{
    uint64_t key;
    return take_uint(p, 1, &key) && memo_put(p, m, key);
}

static bool op_long_binput(struct pickle *p, struct pickle_machine *m)
{
    uint64_t key;
    return take_uint(p, 4, &key) && memo_put(p, m, key);
}

static bool op_memoize(struct pickle *p, struct pickle_machine *m)
{
    return memo_put(p, m, m->memo_count);
}

static bool op_binget(struct pickle *p, struct pickle_machine *m)
{
    uint64_t key;
    return take_uint(p, 1, &key) && memo_get(p, m, key);
}

static bool op_long_binget(struct pickle *p, struct pickle_machine *m)
{
    uint64_t key;
    return take_uint(p, 4, &key) && memo_get(p, m, key);
}

/* Pushes the global of that name, when it is on the caller's list. */
static bool push_global(struct pickle *p, struct pickle_machine *m, const char *module,
                        uint64_t module_length, const char *name, uint64_t name_length)
{
    for (int i = 0; i < p->rules->global_count; i++) {
        const struct pickle_global *g = &p->rules->globals[i];
        if (strlen(g->module) == module_length && memcmp(g->module, module, module_length) == 0 &&
            strlen(g->name) == name_length && memcmp(g->name, name, name_length) == 0)
            return push_node(p, m,
                             (struct pickle_node){.kind = PICKLE_GLOBAL, .index = (uint32_t)i});
    }
    char shown[4 * (2 * MAX_GLOBAL + 1) + 1], text[2 * MAX_GLOBAL + 1];
    memcpy(text, module, module_length);
    text[module_length] = ' ';
    memcpy(text + module_length + 1, name, name_length);
    dn_safetext(shown, sizeof shown, text, module_length + 1 + name_length);
    pickle_fail_at(p, "it names %s, which is not allowed here", shown);
    return dn_error_hint(p->err, "loading this file with Python may run code; get the weights as "
                                 "safetensors from a source you trust");
}

/* A line of text behind the opcode, without its end. */
static bool take_line(struct pickle *p, const char **line, uint64_t *length)
{
    uint64_t left = p->size - p->used;
    const uint8_t *start = p->bytes + p->used;
    const uint8_t *end = memchr(start, '\n', left < MAX_GLOBAL + 1 ? left : MAX_GLOBAL + 1);
    if (!end)
        return pickle_fail(p, left <= MAX_GLOBAL ? "it is cut short: a name does not end"
                                                 : "a name of more than 128 bytes");
    *line = (const char *)start;
    *length = (uint64_t)(end - start);
    p->used += *length + 1;
    return true;
}

static bool op_global(struct pickle *p, struct pickle_machine *m)
{
    const char *module, *name;
    uint64_t module_length, name_length;
    return take_line(p, &module, &module_length) && take_line(p, &name, &name_length) &&
           push_global(p, m, module, module_length, name, name_length);
}

static bool op_stack_global(struct pickle *p, struct pickle_machine *m)
{
    uint32_t module, name;
    if (!pop(p, m, &name) || !pop(p, m, &module))
        return false;
    const struct pickle_node *a = &p->nodes[module], *b = &p->nodes[name];
    if (a->kind != PICKLE_TEXT || b->kind != PICKLE_TEXT || a->length > MAX_GLOBAL ||
        b->length > MAX_GLOBAL)
        return pickle_fail(p, "module and name must be short strings");
    return push_global(p, m, (const char *)p->bytes + a->offset, a->length,
                       (const char *)p->bytes + b->offset, b->length);
}

static bool op_reduce(struct pickle *p, struct pickle_machine *m)
{
    uint32_t args, callable, result;
    if (!pop(p, m, &args) || !pop(p, m, &callable))
        return false;
    const struct pickle_node *c = &p->nodes[callable];
    if (c->kind != PICKLE_GLOBAL || !p->rules->globals[c->index].call)
        return pickle_fail(p, "%s is called",
                           c->kind == PICKLE_GLOBAL ? p->rules->globals[c->index].name
                                                    : pickle_kind_name(c->kind));
    if (p->nodes[args].kind != PICKLE_TUPLE)
        return pickle_fail(p, "the arguments are %s", pickle_kind_name(p->nodes[args].kind));
    return p->rules->globals[c->index].call(p, args, &result) && push(p, m, result);
}

static bool op_build(struct pickle *p, struct pickle_machine *m)
{
    uint32_t state, target;
    if (!pop(p, m, &state) || !top(p, m, &target))
        return false;
    if (p->nodes[target].kind != PICKLE_DICT)
        return pickle_fail(p, "its target is %s", pickle_kind_name(p->nodes[target].kind));
    return p->rules->build(p, target, state);
}

static bool op_binpersid(struct pickle *p, struct pickle_machine *m)
{
    uint32_t id, result;
    return pop(p, m, &id) && p->rules->persistent(p, id, &result) && push(p, m, result);
}

/* --- the allow-list --- */

static const struct pickle_opcode opcodes[256] = {
    [0x80] = {"PROTO", op_proto},
    ['.'] = {"STOP", op_stop},
    ['('] = {"MARK", op_mark},
    ['c'] = {"GLOBAL", op_global},
    ['R'] = {"REDUCE", op_reduce},
    ['b'] = {"BUILD", op_build},
    ['Q'] = {"BINPERSID", op_binpersid},
    ['a'] = {"APPEND", op_append},
    ['e'] = {"APPENDS", op_appends},
    ['s'] = {"SETITEM", op_setitem},
    ['u'] = {"SETITEMS", op_setitems},
    ['t'] = {"TUPLE", op_tuple},
    [0x85] = {"TUPLE1", op_tuple1},
    [0x86] = {"TUPLE2", op_tuple2},
    [0x87] = {"TUPLE3", op_tuple3},
    [')'] = {"EMPTY_TUPLE", op_empty_tuple},
    [']'] = {"EMPTY_LIST", op_empty_list},
    ['}'] = {"EMPTY_DICT", op_empty_dict},
    [0x8F] = {"EMPTY_SET", op_empty_set},
    ['N'] = {"NONE", op_none},
    [0x88] = {"NEWTRUE", op_true},
    [0x89] = {"NEWFALSE", op_false},
    ['J'] = {"BININT", op_binint},
    ['K'] = {"BININT1", op_binint1},
    ['M'] = {"BININT2", op_binint2},
    [0x8A] = {"LONG1", op_long1},
    ['G'] = {"BINFLOAT", op_binfloat},
    ['X'] = {"BINUNICODE", op_binunicode},
    ['U'] = {"SHORT_BINSTRING", op_short_binstring},
    ['q'] = {"BINPUT", op_binput},
    ['r'] = {"LONG_BINPUT", op_long_binput},
    ['h'] = {"BINGET", op_binget},
    ['j'] = {"LONG_BINGET", op_long_binget},
    /* protocol 4 */
    [0x95] = {"FRAME", op_frame},
    [0x94] = {"MEMOIZE", op_memoize},
    [0x93] = {"STACK_GLOBAL", op_stack_global},
    [0x8C] = {"SHORT_BINUNICODE", op_short_binunicode},
};

/* Opcodes that exist and are refused, so that the message can name them. */
static const struct {
    uint8_t code;
    const char *name;
} refused[] = {
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'F', "FLOAT"},
    {'I', "INT"},
    {'L', "LONG"},
    {'P', "PERSID"},
    {'S', "STRING"},
    {'T', "BINSTRING"},
    {'V', "UNICODE"},
    {'d', "DICT"},
    {'l', "LIST"},
    {'g', "GET"},
    {'p', "PUT"},
    {'i', "INST"},
    {'o', "OBJ"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {0x81, "NEWOBJ"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x8B, "LONG4"},
    {0x8D, "BINUNICODE8"},
    {0x8E, "BINBYTES8"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

const struct pickle_opcode *pickle_opcode_find(uint8_t code)
{
    return opcodes[code].run ? &opcodes[code] : NULL;
}

bool pickle_refuse_opcode(struct pickle *p, uint8_t code)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (refused[i].code == code)
            return pickle_fail(p, "opcode %s is not allowed here", refused[i].name);
    return pickle_fail(p, "unknown opcode 0x%02X", code);
}

void pickle_explain(FILE *out)
{
    for (int code = 0; code < 256; code++)
        if (opcodes[code].run)
            fprintf(out, "opcode 0x%02X %s\n", (unsigned)code, opcodes[code].name);
}
