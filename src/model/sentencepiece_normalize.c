/* sentencepiece_normalize: see sentencepiece_normalize.h. Rules of white space:
 * sentencepiece's normalizer.cc, Normalizer::Normalize. The map is a Darts-clone double array
 * (github.com/s-yata/darts-clone, darts.h, class DoubleArrayUnit): [u32 size][array][strings]. */
#include "model/sentencepiece_normalize.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/piece_trie.h"

enum {
    REPLACEMENT_MAX_BYTES = 64, /* the longest of NFKC has 33 */
    MATCHES_MAX = 32,           /* as many prefixes as the reference looks at */
    BLOCK_BYTES = 1024,         /* double arrays grow by 256 units */
};

static const char space_symbol[] = "\xE2\x96\x81"; /* U+2581 */

static uint32_t unit_at(const struct spm_normalizer *n, size_t i)
{
    const unsigned char *p = (const unsigned char *)n->units + i * 4;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool unit_is_value(uint32_t unit)
{
    return unit >> 31;
}

static size_t unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The replacement that a unit holds; NULL when it leads outside the strings. */
static const char *unit_replacement(const struct spm_normalizer *n, uint32_t unit, size_t *length)
{
    size_t start = unit & 0x7FFFFFFF;
    if (start >= n->strings_size)
        return NULL;
    size_t left = n->strings_size - start;
    size_t most = left < REPLACEMENT_MAX_BYTES + 1 ? left : REPLACEMENT_MAX_BYTES + 1;
    const char *text = n->strings + start, *end = memchr(text, '\0', most);
    *length = end ? (size_t)(end - text) : 0;
    return end ? text : NULL;
}

/* Every unit, reachable or not, must stay inside: then no text can lead outside. */
static bool check_units(const struct spm_normalizer *n)
{
    for (size_t i = 0; i < n->unit_count; i++) {
        uint32_t unit = unit_at(n, i);
        size_t length;
        if (unit_is_value(unit)) {
            const char *text = unit_replacement(n, unit, &length);
            if (!text || !dn_utf8_valid(text, length))
                return false;
            continue;
        }
        size_t base = i ^ unit_offset(unit);
        if (base >= n->unit_count || (unit >> 8 & 1 && !unit_is_value(unit_at(n, base))))
            return false;
    }
    return true;
}

/* Adds the children of a node to queue, each once: equal branches are shared. False: a dead end,
 * where no value lies behind. */
static bool add_children(const struct spm_normalizer *n, uint32_t node, unsigned char *seen,
                         uint32_t *queue, size_t *queued)
{
    uint32_t unit = unit_at(n, node);
    size_t base = node ^ unit_offset(unit);
    bool any = unit >> 8 & 1;
    for (uint32_t byte = 1; byte < 256; byte++) {
        size_t child = base ^ byte;
        if (child >= n->unit_count || (unit_at(n, child) & (1u << 31 | 0xFF)) != byte)
            continue;
        any = true;
        if (!seen[child])
            queue[(*queued)++] = (uint32_t)child;
        seen[child] = 1;
    }
    return any;
}

/* Every branch that can be reached must end in a value. */
static bool check_branches(const struct spm_normalizer *n)
{
    unsigned char *seen = dn_calloc(n->unit_count, 1);
    uint32_t *queue = dn_calloc(n->unit_count, sizeof queue[0]); /* starts with the root, 0 */
    size_t queued = 1;
    bool ok = true;
    seen[0] = 1;
    for (size_t i = 0; i < queued && ok; i++)
        ok = add_children(n, queue[i], seen, queue, &queued);
    free(seen);
    free(queue);
    return ok;
}

bool spm_normalizer_init(struct spm_normalizer *n, const struct spm_model *model,
                         const struct piece_trie *verbatim, const char *what, struct dn_error *err)
{
    *n = (struct spm_normalizer){.model = model, .verbatim = verbatim};
    if (!model->charsmap)
        return true;
    const unsigned char *head = (const unsigned char *)model->charsmap;
    size_t size = model->charsmap_size, array = 0;
    if (size > 4)
        array =
            (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (size <= 4 || array == 0 || array % BLOCK_BYTES || array >= size - 4)
        return dn_fail(err, DN_E_FORMAT, "%s: the character map has an impossible size", what);
    n->units = model->charsmap + 4;
    n->unit_count = array / 4;
    n->strings = n->units + array;
    n->strings_size = size - 4 - array;
    if (n->strings[n->strings_size - 1] != '\0' || !check_units(n) || !check_branches(n))
        return dn_fail(err, DN_E_FORMAT, "%s: the character map is broken", what);
    return true;
}

/* Longest rule of the map that text starts with. Returns the bytes it takes, 0 = none. */
static size_t match_rule(const struct spm_normalizer *n, const char *text, size_t length,
                         const char **replacement, size_t *replacement_length)
{
    if (!n->units)
        return 0;
    size_t best = 0, found = 0, at = unit_offset(unit_at(n, 0));
    for (size_t i = 0; i < length && found < MATCHES_MAX; i++) {
        unsigned char byte = (unsigned char)text[i];
        at ^= byte;
        if (at >= n->unit_count)
            break;
        uint32_t unit = unit_at(n, at);
        if ((unit & (1u << 31 | 0xFF)) != byte)
            break;
        at ^= unit_offset(unit);
        if (at >= n->unit_count)
            break;
        if (unit >> 8 & 1) {
            size_t bytes;
            const char *text_of = unit_replacement(n, unit_at(n, at), &bytes);
            if (!text_of)
                break;
            best = i + 1;
            *replacement = text_of;
            *replacement_length = bytes;
            found++;
        }
    }
    return best;
}

/* The next thing in text[0..length): returns the bytes it takes and sets what to write for it. */
static size_t next_part(const struct spm_normalizer *n, const char *text, size_t length,
                        const char **part, size_t *part_length)
{
    struct piece_match matches[SPM_PIECE_MAX_BYTES];
    size_t found = piece_trie_match(n->verbatim, text, length, matches);
    size_t taken = found ? (size_t)matches[found - 1].length : 0;
    if (!taken && (taken = match_rule(n, text, length, part, part_length)) != 0)
        return taken;
    uint32_t c;
    if (!taken)
        taken = dn_utf8_decode(text, length, &c);
    *part = taken ? text : "\xEF\xBF\xBD";
    *part_length = taken ? taken : 3;
    return taken ? taken : 1;
}

static void append_space(const struct spm_normalizer *n, struct strbuf *out)
{
    strbuf_append_text(out, n->model->escape_whitespaces ? space_symbol : " ");
}

static void append_part(const struct spm_normalizer *n, const char *part, size_t length,
                        struct strbuf *out)
{
    for (size_t i = 0; i < length; i++) {
        if (part[i] == ' ')
            append_space(n, out);
        else
            strbuf_append(out, part + i, 1);
    }
}

static void trim_end(const struct spm_normalizer *n, size_t start, struct strbuf *out)
{
    const char *space = n->model->escape_whitespaces ? space_symbol : " ";
    size_t size = strlen(space);
    while (out->length - start >= size &&
           memcmp(out->data + out->length - size, space, size) == 0) {
        out->length -= size;
        out->data[out->length] = '\0';
    }
}

bool spm_normalize(const struct spm_normalizer *n, const char *text, size_t length, size_t max,
                   struct strbuf *out, struct dn_error *err)
{
    const struct spm_model *m = n->model;
    size_t start = out->length, at = 0, part_length = 0;
    const char *part = NULL;
    bool collapse = m->remove_extra_whitespaces, after_space = collapse;
    while (collapse && at < length) {
        size_t taken = next_part(n, text + at, length - at, &part, &part_length);
        if (part_length != 1 || part[0] != ' ')
            break;
        at += taken;
    }
    if (at == length)
        return true;
    if (m->add_dummy_prefix && !m->whitespace_as_suffix)
        append_space(n, out);
    while (at < length) {
        at += next_part(n, text + at, length - at, &part, &part_length);
        while (after_space && part_length && part[0] == ' ') {
            part++;
            part_length--;
        }
        append_part(n, part, part_length, out);
        if (part_length)
            after_space = collapse && part[part_length - 1] == ' ';
        if (out->length - start > max)
            return dn_fail(err, DN_E_ARG, "the prompt is too long: over %zu bytes normalised", max);
    }
    if (collapse)
        trim_end(n, start, out);
    if (m->add_dummy_prefix && m->whitespace_as_suffix)
        append_space(n, out);
    return true;
}
