/* prompt_clean: see prompt_clean.h. Reference: Wan2.1, wan/modules/tokenizers.py, functions
 * basic_clean and whitespace_clean. */
#include "model/prompt_clean.h"

#include "model/codepoints.h"
#include "model/html_unescape.h"
#include "model/text_fix.h"

static void collapse_spaces(struct codepoints *text)
{
    size_t kept = 0;
    bool pending = false;
    for (size_t i = 0; i < text->length; i++) {
        uint32_t c = text->data[i];
        if (codepoint_is_space(c)) {
            pending = kept > 0;
            continue;
        }
        if (pending)
            text->data[kept++] = ' ';
        pending = false;
        text->data[kept++] = c;
    }
    text->length = kept;
}

bool prompt_clean(const char *text, size_t length, struct strbuf *out, struct dn_error *err)
{
    if (length > PROMPT_MAX_BYTES) {
        dn_fail(err, DN_E_ARG, "the prompt has %zu bytes, at most %d are taken", length,
                (int)PROMPT_MAX_BYTES);
        return dn_error_hint(err, "shorten it; the model reads about the first 500 words");
    }
    struct codepoints typed = {0}, fixed = {0};
    codepoints_append_utf8(&typed, text, length);
    text_fix(&typed, &fixed);
    for (int i = 0; i < 2; i++) {
        typed.length = 0;
        html_unescape(&fixed, &typed);
        codepoints_swap(&typed, &fixed);
    }
    collapse_spaces(&fixed);
    codepoints_to_utf8(&fixed, out);
    codepoints_done(&typed);
    codepoints_done(&fixed);
    return true;
}
