/* weight_format: what a kind of weights file is, and how its reader fills a `weights`. Only the
 * readers in this folder include it. */
#ifndef DANAUS_FORMAT_WEIGHT_FORMAT_H
#define DANAUS_FORMAT_WEIGHT_FORMAT_H

#include <stddef.h>

#include "format/mapped_file.h"
#include "format/weights.h"

/* Limits on what a file may make us allocate. */
#define WEIGHTS_MAX_TENSORS 100000
#define WEIGHTS_MAX_NAME 1024
#define WEIGHTS_MAX_NAMES_BYTES (32u << 20) /* all names together */
#define WEIGHTS_MAX_METADATA (1u << 20)     /* all keys and values together */
#define WEIGHTS_MAX_PAIRS 4096              /* of metadata */
#define WEIGHTS_MAX_FILES 1000

struct weight_format {
    const char *name;
    /* Does the content look like this kind? Reads at most a few bytes of f. */
    bool (*sniff)(const struct mapped_file *f);
    /* Reads file number `file` of w: adds its views. False: err is filled, w is thrown away. */
    bool (*read)(struct weights *w, int file, struct dn_error *err);
};

/* All kinds, NULL-terminated, in the order in which they are tried. */
extern const struct weight_format *const weight_format_table[];
extern const struct weight_format safetensors_entry;
extern const struct weight_format sharded_entry;
extern const struct weight_format torch_zip_entry;
extern const struct weight_format torch_legacy_entry;

/* A range of bytes that has to match a CRC-32. */
struct weight_crc {
    int file;
    uint64_t offset, size;
    uint32_t crc;
    char name[40];
};

struct weights {
    const struct weight_format *format;
    char *path; /* as the user gave it */
    struct mapped_file *files;
    int file_count;
    struct weight_view *all; /* as in the file */
    int64_t all_count, all_capacity;
    struct weight_view *shown; /* after weights_select(); else NULL: all */
    int64_t shown_count;
    bool grouped;                       /* names begin with the state dict they belong to */
    const struct weight_view **by_name; /* the shown, sorted */
    char **metadata;                    /* key, value, key, value, ... */
    int64_t metadata_count, metadata_capacity;
    uint64_t metadata_bytes, name_bytes;
    struct weight_crc *crcs;
    int64_t crc_count;
    struct name_block *names; /* where name strings live */
};

/* Maps one more file; returns its number, or -1. */
int weights_add_file(struct weights *w, const char *path, struct dn_error *err);
/* A copy of name that lives as long as w. NULL when the limit on name bytes is reached. */
const char *weights_keep_name(struct weights *w, const char *name, size_t length);
/* Adds a view (its name kept by w already); false past the limit on tensors. The fields count,
 * contiguous and aligned are set here. */
bool weights_add_view(struct weights *w, const struct weight_view *view, const char *path,
                      struct dn_error *err);
/* Adds a metadata string pair; false past the limit. */
bool weights_add_metadata(struct weights *w, const char *key, const char *value);
/* Fills stride for a contiguous tensor. */
void weight_view_set_row_major(struct weight_view *view);
/* Sorts names; false when one occurs twice. */
bool weights_index(struct weights *w, struct dn_error *err);

#endif
