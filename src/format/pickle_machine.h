/* pickle_machine: the stack machine inside pickle_reader; no one else includes it. */
#ifndef DANAUS_FORMAT_PICKLE_MACHINE_H
#define DANAUS_FORMAT_PICKLE_MACHINE_H

#include "format/pickle_reader.h"

struct memo_slot {
    uint32_t key;
    uint32_t node; /* PICKLE_NONE_LEFT: free */
};

struct pickle_machine {
    uint32_t *stack; /* nodes */
    uint32_t depth, capacity;
    uint32_t *marks; /* heights of the stack */
    uint32_t mark_count, mark_capacity;
    struct memo_slot *memo; /* open addressing; never sized by an index of the file */
    uint32_t memo_count, memo_capacity;
    bool stopped;
};

struct pickle_opcode {
    const char *name;
    bool (*run)(struct pickle *p, struct pickle_machine *m);
};

/* The row of an opcode on the allow-list, else NULL. */
const struct pickle_opcode *pickle_opcode_find(uint8_t code);
/* The error for any other; false. */
bool pickle_refuse_opcode(struct pickle *p, uint8_t code);
/* Adds item at the end of a tuple, list or dict. */
bool pickle_append(struct pickle *p, uint32_t container, uint32_t item);

#endif
