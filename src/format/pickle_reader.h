/* pickle_reader: a Python pickle, read as data. Nothing is executed and no object is built: the
 * result is a graph of small nodes in one array, and everything that is not on the two allow-lists
 * (opcodes in pickle_reader.c, globals of the caller) ends the reading.
 *
 * Nodes are shared by index: a memo reference costs one index, however large what it names. Only
 * lists and dicts grow, at their end, and only while reading. Nothing here recurses.
 * Source: the Python library's pickletools.py (opcodes), torch/_weights_only_unpickler.py (which
 * of them torch.save needs). */
#ifndef DANAUS_FORMAT_PICKLE_READER_H
#define DANAUS_FORMAT_PICKLE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define PICKLE_NONE_LEFT UINT32_MAX /* no such node, end of a chain */

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,    /* integer 0 or 1 */
    PICKLE_INT,     /* integer */
    PICKLE_BIG,     /* an integer over 64 bits: length bytes at offset, little-endian */
    PICKLE_FLOAT,   /* real */
    PICKLE_TEXT,    /* UTF-8: length bytes at offset */
    PICKLE_TUPLE,   /* length items from first */
    PICKLE_LIST,    /* the same */
    PICKLE_DICT,    /* length items: key, value, key, value, ... */
    PICKLE_OPAQUE,  /* something whose value nobody needs: a set, bytes */
    PICKLE_GLOBAL,  /* index: row of the caller's table */
    PICKLE_STORAGE, /* index: the caller's */
    PICKLE_TENSOR,  /* index: the caller's */
};

struct pickle_node {
    uint32_t kind; /* enum pickle_kind */
    uint32_t length;
    union {
        int64_t integer;
        double real;
        uint64_t offset; /* in the pickle's bytes */
        uint32_t index;
        struct {
            uint32_t first, last; /* links */
        } chain;
    };
};

/* One item of a tuple, list or dict. */
struct pickle_link {
    uint32_t node;
    uint32_t next;
};

struct pickle;

/* A callable (or class) that a pickle may name, and what calling it gives. */
struct pickle_global {
    const char *module, *name;
    /* args is a tuple node. Sets *result; false after pickle_fail(). NULL: not callable. */
    bool (*call)(struct pickle *p, uint32_t args, uint32_t *result);
    int tag; /* for the caller */
};

/* What a pickle may name; tables are const and known at compile time. */
struct pickle_rules {
    const struct pickle_global *globals;
    int global_count;
    /* BINPERSID: id is any node. */
    bool (*persistent)(struct pickle *p, uint32_t id, uint32_t *result);
    /* BUILD on a dict (an OrderedDict's attributes): checks state, which is then dropped. */
    bool (*build)(struct pickle *p, uint32_t target, uint32_t state);
};

struct pickle {
    const uint8_t *bytes;
    uint64_t size;
    uint64_t used; /* bytes read: behind STOP when all went well */
    uint32_t root;
    struct pickle_node *nodes;
    struct pickle_link *links;
    uint32_t node_count, link_count;
    void *context; /* the caller's, for the calls of rules */
    /* PRIVATE */
    const struct pickle_rules *rules;
    const char *path; /* of the file, for messages */
    uint64_t base;    /* where bytes lies in it */
    struct dn_error *err;
    const char *opcode; /* being executed */
    uint64_t opcode_at;
    struct pickle_machine *machine;
    uint32_t node_capacity, link_capacity;
};

/* Reads one pickle from the start of bytes[0..size). p->used tells where it ended; bytes behind
 * it are the caller's matter. path and base (offset in that file) are for messages. bytes must
 * live as long as p. False: p is empty again. */
bool pickle_read(struct pickle *p, const uint8_t *bytes, uint64_t size,
                 const struct pickle_rules *rules, void *context, const char *path, uint64_t base,
                 struct dn_error *err);
void pickle_done(struct pickle *p);

/* For the calls of rules: the error, with the opcode and its place. Its value is false. (A macro,
 * so that the compiler knows that and sees which variables are set.) */
#define pickle_fail(p, ...) (pickle_fail_at((p), __VA_ARGS__), false)
void pickle_fail_at(struct pickle *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A new node; false at the limit. */
bool pickle_add(struct pickle *p, struct pickle_node node, uint32_t *out);

/* Item i (< length) of a tuple, list or dict. Walks the chain: for short ones. */
uint32_t pickle_item(const struct pickle *p, uint32_t node, uint32_t i);
/* Does the text node equal text? */
bool pickle_text_is(const struct pickle *p, uint32_t node, const char *text);
/* "a dict", "a list", ... for messages */
const char *pickle_kind_name(uint32_t kind);

/* Prints the opcodes that are understood, one a line. */
void pickle_explain(FILE *out);

#endif
