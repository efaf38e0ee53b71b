/* sheet_labels: see sheet_labels.h */
#include "ui/studio/sheet_labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "config/option_value.h"
#include "config/request.h"

/* --- words --- */

enum { WORDS_MAX = 400 }; /* of a prompt that are compared; later ones count as common */

struct words {
    const char *starts[WORDS_MAX];
    size_t lengths[WORDS_MAX];
    int count;
};

static void split(const char *text, struct words *out)
{
    out->count = 0;
    for (const char *p = text + strspn(text, " \t\n"); *p && out->count < WORDS_MAX;) {
        size_t n = strcspn(p, " \t\n");
        out->starts[out->count] = p;
        out->lengths[out->count++] = n;
        p += n + strspn(p + n, " \t\n");
    }
}

static bool same(const struct words *a, int i, const struct words *b, int k)
{
    return a->lengths[i] == b->lengths[k] && memcmp(a->starts[i], b->starts[k], a->lengths[i]) == 0;
}

/* Keeps of common what is also in words, in the same order: the longest common subsequence. */
static void keep_common(struct words *common, const struct words *words)
{
    int rows = common->count + 1, cols = words->count + 1;
    uint16_t *best = dn_calloc((size_t)rows * (size_t)cols, sizeof *best); /* of what is behind */
    for (int i = common->count; i-- > 0;)
        for (int k = words->count; k-- > 0;) {
            uint16_t down = best[(i + 1) * cols + k], right = best[i * cols + k + 1];
            uint16_t both = (uint16_t)(best[(i + 1) * cols + k + 1] + 1);
            best[i * cols + k] = same(common, i, words, k) ? both : down > right ? down : right;
        }
    int kept = 0;
    for (int i = 0, k = 0; i < rows - 1 && k < cols - 1;) {
        if (same(common, i, words, k)) {
            common->starts[kept] = common->starts[i];
            common->lengths[kept++] = common->lengths[i];
            i++;
            k++;
        } else if (best[(i + 1) * cols + k] >= best[i * cols + k + 1]) {
            i++;
        } else {
            k++;
        }
    }
    common->count = kept;
    free(best);
}

/* The words that are not common, those that do not follow each other with a comma between. */
static void add_own_words(struct strbuf *out, const struct words *words, const struct words *common)
{
    int next = 0, last = -2;
    for (int i = 0; i < words->count; i++) {
        if (next < common->count && same(words, i, common, next)) {
            next++;
            continue;
        }
        size_t length = words->lengths[i];
        length -= length > 1 && strchr(",.;", words->starts[i][length - 1]) != NULL;
        strbuf_append_text(out, out->length == 0 ? "" : last == i - 1 ? " " : ", ");
        strbuf_append(out, words->starts[i], length);
        last = i;
    }
}

static void label_prompts(const struct clip *clips, size_t count, struct strbuf *labels)
{
    struct words common, words;
    bool differ = false;
    for (size_t i = 1; i < count && !differ; i++)
        differ = strcmp(clips[i].prompt, clips[0].prompt) != 0;
    if (!differ)
        return;
    split(clips[0].prompt, &common);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(clips[i].prompt, clips[i - 1].prompt) == 0)
            continue;
        split(clips[i].prompt, &words);
        keep_common(&common, &words);
    }
    for (size_t i = 0; i < count; i++) {
        split(clips[i].prompt, &words);
        add_own_words(&labels[i], &words, &common);
        if (labels[i].length == 0) /* it has nothing that not all have */
            strbuf_append_text(&labels[i], "-");
    }
}

/* --- settings --- */

/* Not what a clip is made from, or told by other means. */
static bool is_left_out(const struct option *o)
{
    return o->group == GROUP_OUTPUT || strcmp(o->name, "prompt") == 0;
}

static void label_option(const struct option *o, const struct request *requests, size_t count,
                         struct strbuf *labels)
{
    bool differ = false;
    char *first = option_get(o, &requests[0]);
    for (size_t i = 1; i < count && !differ; i++) {
        char *value = option_get(o, &requests[i]);
        differ = strcmp(value ? value : "", first ? first : "") != 0;
        free(value);
    }
    free(first);
    for (size_t i = 0; differ && i < count; i++) {
        char *value = option_get(o, &requests[i]);
        const char *slash = value && o->type == OPTION_PATH ? strrchr(value, '/') : NULL;
        strbuf_printf(&labels[i], "%s%s %s", labels[i].length ? ", " : "", o->name,
                      slash ? slash + 1 : value && value[0] ? value : "none");
        free(value);
    }
}

char **sheet_labels(const struct clip *clips, size_t count)
{
    struct strbuf *texts = dn_calloc(count + 1, sizeof *texts);
    struct request *requests = dn_calloc(count + 1, sizeof *requests);
    char **labels = dn_calloc(count + 1, sizeof *labels);
    struct dn_error ignored; /* a request that cannot be read counts as the default one */
    for (size_t i = 0; i < count; i++) {
        request_init(&requests[i]);
        (void)request_from_json(&requests[i], clips[i].request_json, &ignored);
    }
    if (count > 1)
        label_prompts(clips, count, texts);
    for (size_t i = 0; i < option_count && count > 1; i++)
        if (!is_left_out(&option_rows[i]))
            label_option(&option_rows[i], requests, count, texts);
    for (size_t i = 0; i < count; i++) {
        if (texts[i].length == 0)
            strbuf_printf(&texts[i], "seed %llu", (unsigned long long)clips[i].seed);
        labels[i] = strbuf_take(&texts[i]);
        request_done(&requests[i]);
    }
    free(requests);
    free(texts);
    return labels;
}

char *sheet_label_short(const char *label)
{
    static const char word[] = "seed ";
    enum { WORD = sizeof word - 1, KEPT = 4 };
    struct strbuf out = {0};
    for (const char *p = label; *p;) {
        bool starts = p == label || p[-1] == ' ';
        size_t digits = starts && strncmp(p, word, WORD) == 0 ? strspn(p + WORD, "0123456789") : 0;
        if (digits == 0) {
            strbuf_append(&out, p, 1);
            p += *p == ',' && p[1] == ' ' ? 2 : 1;
            continue;
        }
        size_t cut = digits > KEPT + 2 ? digits - KEPT : 0;
        strbuf_append_text(&out, cut ? ".." : "");
        strbuf_append(&out, p + WORD + cut, digits - cut);
        p += WORD + digits;
    }
    return strbuf_take(&out);
}
