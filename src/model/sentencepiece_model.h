/* sentencepiece_model: a SentencePiece model file (*.model), read and checked, nothing run.
 *
 * The file is a protobuf message, sentencepiece_model.proto of github.com/google/sentencepiece.
 * Files come from strangers: every length, number and name is checked, and a file that breaks a
 * rule is refused as a whole. Immutable after reading, any thread may look. */
#ifndef DANAUS_MODEL_SENTENCEPIECE_MODEL_H
#define DANAUS_MODEL_SENTENCEPIECE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    SPM_FILE_MAX_BYTES = 64 << 20,
    SPM_PIECES_MAX = 2000000,
    SPM_PIECE_MAX_BYTES = 1024,
};

/* Numbers as in the file. */
enum spm_piece_type {
    SPM_NORMAL = 1,
    SPM_UNKNOWN,      /* stands for what no piece covers; exactly one */
    SPM_CONTROL,      /* <pad>, </s>: never found in text */
    SPM_USER_DEFINED, /* always one piece, not even normalised */
    SPM_UNUSED,
    SPM_BYTE, /* <0x00> .. <0xFF>, for byte fallback */
};

struct spm_piece {
    uint32_t offset; /* its first byte in bytes */
    uint16_t length; /* 1..SPM_PIECE_MAX_BYTES; a NUL may be among them */
    uint8_t type;    /* enum spm_piece_type */
    float score;     /* finite */
};

struct spm_model {
    char *bytes; /* the file, borrowed; each piece in it is followed by a NUL */
    size_t size;
    struct spm_piece *pieces; /* [count], the index is the id */
    int32_t *sorted;          /* [count] ids in the order of their bytes */
    int64_t count;
    int32_t unk_id;
    int32_t pad_id;            /* -1 = there is none */
    int32_t eos_id;            /* -1 = there is none */
    int32_t byte_ids[256];     /* -1 where there is none: all, or no, bytes have one */
    bool byte_fallback;        /* unknown characters become their bytes */
    bool add_dummy_prefix;     /* a space before the text */
    bool whitespace_as_suffix; /* that space behind it instead */
    bool remove_extra_whitespaces;
    bool escape_whitespaces; /* ' ' is written U+2581 in pieces */
    const char *charsmap;    /* normalisation rules inside bytes; NULL = none */
    size_t charsmap_size;
};

/* Reads bytes[0..size), which must outlive the model and be followed by a NUL; bytes are changed
 * (see there). what names them in errors. False: not a model, or one that is not unigram. The
 * caller calls spm_model_done, also after false. */
bool spm_model_read(char *bytes, size_t size, const char *what, struct spm_model *out,
                    struct dn_error *err);
void spm_model_done(struct spm_model *model);

#endif
