/* mojibake_tables: code pages and character kinds, data only. */
#ifndef DANAUS_MODEL_MOJIBAKE_TABLES_H
#define DANAUS_MODEL_MOJIBAKE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

enum { CODE_PAGE_COUNT = 9, KIND_RANGE_COUNT = 205 };

/* A one-byte encoding whose lower half is ASCII. */
struct code_page {
    const char *name;
    bool filled;        /* a windows page with filled holes: byte 1A stands for U+FFFD there */
    bool restore_space; /* a space may stand for byte A0 */
    uint16_t upper[128];
};

/* In the order in which they are tried, after Latin-1 (which needs no table). */
extern const struct code_page code_pages[CODE_PAGE_COUNT];
enum { CODE_PAGE_WINDOWS_1252 = 0 };

/* What a character is when text looks wrong. The first 19 come from the table, the last six are
 * computed. */
enum kind {
    KIND_COMMON = 1 << 0, /* means nothing either way */
    KIND_C1 = 1 << 1,     /* U+0080..U+009F */
    KIND_BAD = 1 << 2,    /* hardly ever meant */
    KIND_LAW = 1 << 3,    /* paragraph and section signs */
    KIND_CURRENCY = 1 << 4,
    KIND_START = 1 << 5, /* punctuation that opens */
    KIND_END = 1 << 6,   /* punctuation that closes */
    KIND_NUMERIC = 1 << 7,
    KIND_KAOMOJI = 1 << 8,   /* letters that make faces */
    KIND_UPPER_ACC = 1 << 9, /* capitals with accents */
    KIND_LOWER_ACC = 1 << 10,
    KIND_UPPER = 1 << 11, /* Greek and Cyrillic capitals */
    KIND_LOWER = 1 << 12,
    KIND_BOX = 1 << 13,          /* box drawing */
    KIND_LEAD2 = 1 << 14,        /* what C2..DF look like in some code page */
    KIND_LEAD3 = 1 << 15,        /* E0..EF */
    KIND_LEAD4 = 1 << 16,        /* F0 and F3 */
    KIND_TRAIL = 1 << 17,        /* 80..BF */
    KIND_TRAIL_STRICT = 1 << 18, /* of those, the ones that are not plain punctuation */
    KIND_A_TO_Z = 1 << 19,       /* a..z */
    KIND_LATIN = 1 << 20,        /* A..Z, a..z */
    KIND_NOT_LATIN = 1 << 21,
    KIND_SPACE = 1 << 22, /* white space of any kind */
    KIND_WORD = 1 << 23,  /* letters, numbers, '_' */
    KIND_NOT_NEWLINE = 1 << 24,
};

struct kind_range {
    uint16_t first, last;
    uint32_t kinds;
};

/* Sorted, without overlap. */
extern const struct kind_range kind_ranges[KIND_RANGE_COUNT];

#endif
