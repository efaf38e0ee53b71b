/* base64: see base64.h */
#include "base/base64.h"

#include "base/mem.h"

char *dn_base64(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = dn_malloc((size + 2) / 3 * 4 + 1), *o = out;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        *o++ = digits[three >> 18];
        *o++ = digits[three >> 12 & 63];
        *o++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *o++ = left > 2 ? digits[three & 63] : '=';
    }
    *o = '\0';
    return out;
}
