/* sentencepiece_model: see sentencepiece_model.h. Field numbers: sentencepiece_model.proto,
 * messages ModelProto, SentencePiece, TrainerSpec, NormalizerSpec. */
#define _GNU_SOURCE /* qsort_r */

#include "model/sentencepiece_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/protobuf_reader.h"

/* Text inside the file. */
struct span {
    const char *text;
    size_t length;
};

/* What is needed only until the ids are known. */
struct draft {
    struct spm_model *model;
    const char *what;
    int64_t model_type;   /* 1 = unigram */
    int64_t named_ids[4]; /* unk, bos, eos, pad as the trainer wrote them; -1 = absent */
    struct span eos_piece, pad_piece;
    size_t capacity; /* of model->pieces */
};

static bool fail(const struct draft *d, struct dn_error *err, const char *rule)
{
    dn_fail(err, DN_E_FORMAT, "%s: %s", d->what, rule);
    return false;
}

static bool add_piece(struct draft *d, const struct protobuf_reader *r, struct spm_piece piece,
                      size_t at, struct dn_error *err)
{
    struct spm_model *m = d->model;
    const char *text = m->bytes + piece.offset;
    if (piece.length == 0)
        return protobuf_fail(r, at, "a piece is empty", err);
    if (!dn_utf8_valid(text, piece.length))
        return protobuf_fail(r, at, "a piece is not UTF-8", err);
    if (!isfinite(piece.score))
        return protobuf_fail(r, at, "a piece's score is not a finite number", err);
    if (m->count == SPM_PIECES_MAX)
        return protobuf_fail(r, at, "too many pieces", err);
    if ((size_t)m->count == d->capacity) {
        d->capacity = d->capacity ? d->capacity + d->capacity / 2 : 256;
        m->pieces = dn_realloc(m->pieces, d->capacity, sizeof m->pieces[0]);
    }
    m->pieces[m->count++] = piece;
    return true;
}

static bool read_piece(struct draft *d, struct protobuf_reader r, struct dn_error *err)
{
    struct spm_piece piece = {.type = SPM_NORMAL};
    struct protobuf_field f;
    size_t at = r.at;
    for (bool more = true;;) {
        if (!protobuf_next(&r, &f, &more, err))
            return false;
        if (!more)
            return add_piece(d, &r, piece, at, err);
        if (f.number == 1) {
            if (!protobuf_expect(&r, &f, PROTOBUF_BYTES, err))
                return false;
            if (f.end - f.start > SPM_PIECE_MAX_BYTES)
                return protobuf_fail(&r, f.start, "a piece is longer than 1024 bytes", err);
            piece.offset = (uint32_t)f.start;
            piece.length = (uint16_t)(f.end - f.start);
        } else if (f.number == 2) {
            if (!protobuf_expect(&r, &f, PROTOBUF_32, err))
                return false;
            uint32_t bits = (uint32_t)f.value;
            memcpy(&piece.score, &bits, sizeof bits);
        } else if (f.number == 3) {
            if (!protobuf_expect(&r, &f, PROTOBUF_VARINT, err))
                return false;
            if (f.value < SPM_NORMAL || f.value > SPM_BYTE)
                return protobuf_fail(&r, at, "a piece is of no known type", err);
            piece.type = (uint8_t)f.value;
        }
    }
}

static bool read_trainer(struct draft *d, struct protobuf_reader r, struct dn_error *err)
{
    struct protobuf_field f;
    for (bool more = true;;) {
        if (!protobuf_next(&r, &f, &more, err))
            return false;
        if (!more)
            return true;
        bool is_number =
            f.number == 3 || f.number == 24 || f.number == 35 || (f.number >= 40 && f.number <= 43);
        bool is_text = f.number == 47 || f.number == 48;
        if ((is_number && !protobuf_expect(&r, &f, PROTOBUF_VARINT, err)) ||
            (is_text && !protobuf_expect(&r, &f, PROTOBUF_BYTES, err)))
            return false;
        struct span text = {d->model->bytes + f.start, f.end - f.start};
        if (f.number == 3)
            d->model_type = f.value <= INT32_MAX ? (int64_t)f.value : 0;
        else if (f.number == 24)
            d->model->whitespace_as_suffix = f.value != 0;
        else if (f.number == 35)
            d->model->byte_fallback = f.value != 0;
        else if (is_number)
            d->named_ids[f.number - 40] = (int32_t)(uint32_t)f.value;
        else if (f.number == 47)
            d->eos_piece = text;
        else if (f.number == 48)
            d->pad_piece = text;
    }
}

static bool read_normalizer(struct draft *d, struct protobuf_reader r, struct dn_error *err)
{
    struct spm_model *m = d->model;
    bool *const flags[] = {&m->add_dummy_prefix, &m->remove_extra_whitespaces,
                           &m->escape_whitespaces};
    struct protobuf_field f;
    for (bool more = true;;) {
        if (!protobuf_next(&r, &f, &more, err))
            return false;
        if (!more)
            return true;
        if (f.number == 2) {
            if (!protobuf_expect(&r, &f, PROTOBUF_BYTES, err))
                return false;
            m->charsmap_size = f.end - f.start;
            m->charsmap = m->charsmap_size ? m->bytes + f.start : NULL;
        } else if (f.number >= 3 && f.number <= 5) {
            if (!protobuf_expect(&r, &f, PROTOBUF_VARINT, err))
                return false;
            *flags[f.number - 3] = f.value != 0;
        }
    }
}

static bool read_message(struct draft *d, struct dn_error *err)
{
    struct protobuf_reader r = {d->model->bytes, 0, d->model->size, d->what};
    struct protobuf_field f;
    for (bool more = true;;) {
        if (!protobuf_next(&r, &f, &more, err))
            return false;
        if (!more)
            return true;
        if (f.number < 1 || f.number > 3)
            continue;
        if (!protobuf_expect(&r, &f, PROTOBUF_BYTES, err))
            return false;
        struct protobuf_reader nested = protobuf_nested(&r, &f);
        bool ok = f.number == 1   ? read_piece(d, nested, err)
                  : f.number == 2 ? read_trainer(d, nested, err)
                                  : read_normalizer(d, nested, err);
        if (!ok)
            return false;
    }
}

static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_ids(const void *a, const void *b, void *context)
{
    const struct spm_model *m = context;
    const struct spm_piece *pa = &m->pieces[*(const int32_t *)a];
    const struct spm_piece *pb = &m->pieces[*(const int32_t *)b];
    return compare_bytes(m->bytes + pa->offset, pa->length, m->bytes + pb->offset, pb->length);
}

static bool sort_pieces(const struct draft *d, struct dn_error *err)
{
    struct spm_model *m = d->model;
    m->sorted = dn_calloc((size_t)m->count, sizeof m->sorted[0]);
    for (int64_t i = 0; i < m->count; i++)
        m->sorted[i] = (int32_t)i;
    qsort_r(m->sorted, (size_t)m->count, sizeof m->sorted[0], compare_ids, m);
    for (int64_t i = 1; i < m->count; i++) {
        if (compare_ids(&m->sorted[i - 1], &m->sorted[i], m) == 0)
            return dn_fail(err, DN_E_FORMAT, "%s: pieces %d and %d are the same", d->what,
                           (int)m->sorted[i - 1], (int)m->sorted[i]);
    }
    return true;
}

/* The id of a control piece by name, -1 when there is none. */
static int32_t find_control(const struct spm_model *m, struct span name)
{
    int64_t low = 0, high = m->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        const struct spm_piece *p = &m->pieces[m->sorted[middle]];
        int order = compare_bytes(name.text, name.length, m->bytes + p->offset, p->length);
        if (order == 0)
            return p->type == SPM_CONTROL ? m->sorted[middle] : -1;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0x4A>" stands for, -1 when the piece is not of that form. */
static int byte_value(const char *text, size_t length)
{
    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int high = hex_digit(text[3]), low = hex_digit(text[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool check_types(const struct draft *d, struct dn_error *err)
{
    struct spm_model *m = d->model;
    int bytes = 0;
    m->unk_id = -1;
    for (int i = 0; i < 256; i++)
        m->byte_ids[i] = -1;
    for (int64_t i = 0; i < m->count; i++) {
        const struct spm_piece *p = &m->pieces[i];
        if (p->type == SPM_UNKNOWN) {
            if (m->unk_id >= 0)
                return fail(d, err, "two pieces are the unknown piece");
            m->unk_id = (int32_t)i;
        } else if (p->type == SPM_BYTE) {
            int value = byte_value(m->bytes + p->offset, p->length);
            if (value < 0)
                return dn_fail(err, DN_E_FORMAT, "%s: piece %lld is no byte like <0x4A>", d->what,
                               (long long)i);
            m->byte_ids[value] = (int32_t)i;
            bytes++;
        }
    }
    if (m->unk_id < 0)
        return fail(d, err, "no piece is the unknown piece");
    if (bytes != (m->byte_fallback ? 256 : 0))
        return dn_fail(err, DN_E_FORMAT, "%s: byte fallback is %s but %d of 256 byte pieces exist",
                       d->what, m->byte_fallback ? "on" : "off", bytes);
    return true;
}

static bool check_model(const struct draft *d, struct dn_error *err)
{
    static const char *const names[] = {"unk_id", "bos_id", "eos_id", "pad_id"};
    struct spm_model *m = d->model;
    if (m->count == 0)
        return fail(d, err, "holds no pieces: not a SentencePiece model");
    if (d->model_type != 1)
        return dn_fail(err, DN_E_UNSUPPORTED, "%s: model type %lld, only unigram (1) is supported",
                       d->what, (long long)d->model_type);
    for (int i = 0; i < 4; i++) {
        if (d->named_ids[i] < -1 || d->named_ids[i] >= m->count)
            return dn_fail(err, DN_E_FORMAT, "%s: %s is %lld, but there are %lld pieces", d->what,
                           names[i], (long long)d->named_ids[i], (long long)m->count);
    }
    if (!sort_pieces(d, err) || !check_types(d, err))
        return false;
    m->pad_id = find_control(m, d->pad_piece);
    m->eos_id = find_control(m, d->eos_piece);
    return true;
}

bool spm_model_read(char *bytes, size_t size, const char *what, struct spm_model *out,
                    struct dn_error *err)
{
    *out = (struct spm_model){.bytes = bytes,
                              .size = size,
                              .add_dummy_prefix = true,
                              .remove_extra_whitespaces = true,
                              .escape_whitespaces = true};
    struct draft d = {.model = out,
                      .what = what,
                      .model_type = 1,
                      .named_ids = {-1, -1, -1, -1},
                      .eos_piece = {"</s>", 4},
                      .pad_piece = {"<pad>", 5}};
    if (size > SPM_FILE_MAX_BYTES)
        return fail(&d, err, "is too large for a tokenizer model, at most 64 MiB");
    if (!read_message(&d, err) || !check_model(&d, err))
        return dn_error_hint(err, "is it really spiece.model? Download it again");
    /* What follows a piece is a tag that has been read already, or the end. */
    for (int64_t i = 0; i < out->count; i++)
        bytes[out->pieces[i].offset + out->pieces[i].length] = '\0';
    return true;
}

void spm_model_done(struct spm_model *model)
{
    free(model->pieces);
    free(model->sorted);
    *model = (struct spm_model){0};
}
