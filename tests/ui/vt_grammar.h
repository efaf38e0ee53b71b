/* vt_grammar: is every byte that went to a terminal one that the studio's own drawing makes?
 * Anything else got through from outside text. */
#ifndef DANAUS_TESTS_UI_VT_GRAMMAR_H
#define DANAUS_TESTS_UI_VT_GRAMMAR_H

#include "base/utf8.h"
#include "check.h"

/* A CSI sequence, from behind `ESC [` to its final byte. */
static bool vt_csi_is_ours(const char *text, size_t length)
{
    static const char *const exact[] = {
        "?2004h", "?2004l", "?1000h", "?1000l", "?1002h", "?1002l", "?1006h", "?1006l", "?1049h",
        "?1049l", "?1h", "?1l", "?7h", "?7l", "?12l", "?12h", "?25h", "?25l", "?2026h", "?2026l",
        "4l", "4h", "22;0;0t", "23;0;0t", ">0q", "?1;1;0S", "?2;1;0S", "?2;4;0S", "14t", "16t",
        "?2026$p", "c", "5n", "!p", "?3;4l", "39;49m", "?1034h", "?1034l"};
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (strlen(exact[i]) == length && memcmp(exact[i], text, length) == 0)
            return true;
    if (!strchr("HJKmrdGABCDXbSTLMP@", text[length - 1]))
        return false;
    for (size_t i = 0; i + 1 < length; i++)
        if (!strchr("0123456789;", text[i]))
            return false;
    return true;
}

/* Where the first foreign byte is, or length. */
static size_t vt_foreign(const char *bytes, size_t length)
{
    static const char *const strings[] = {"\033]11;?\033\\", "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\"};
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)bytes[i];
        size_t left = length - i, n = 0;
        uint32_t codepoint;
        if (c == '\r' || c == '\n' || c == '\b' || c == '\t' || (c >= 0x20 && c < 0x7F)) {
            n = 1;
        } else if (c >= 0x80) {
            n = dn_utf8_decode(bytes + i, left, &codepoint);
            bool turns = (codepoint >= 0x202A && codepoint <= 0x202E) || /* what follows, round */
                         (codepoint >= 0x2066 && codepoint <= 0x2069);
            n = n && codepoint >= 0xA0 && !turns ? n : 0;
        } else if (c == 0x1B && left > 1 && bytes[i + 1] == '[') {
            for (n = 2; n < left && (bytes[i + n] < 0x40 || bytes[i + n] > 0x7E);)
                n++;
            n = n < left && vt_csi_is_ours(bytes + i + 2, n - 1) ? n + 1 : 0;
        } else if (c == 0x1B && left > 1 && strchr("78=>\\M", bytes[i + 1])) {
            n = 2;
        } else if (c == 0x1B && left > 2 && strchr("()", bytes[i + 1]) && strchr("B0", bytes[i + 2])) {
            n = 3;
        } else {
            for (int k = 0; k < 2 && !n; k++)
                if (strlen(strings[k]) <= left && memcmp(bytes + i, strings[k], strlen(strings[k])) == 0)
                    n = strlen(strings[k]);
        }
        if (n == 0)
            return i;
        i += n;
    }
    return length;
}

#endif
