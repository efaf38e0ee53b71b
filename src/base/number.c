/* number: see number.h. The C locale is named explicitly because the terminal part of the program
 * calls setlocale(), after which strtod and printf may take a comma for the decimal point. */
#define _GNU_SOURCE
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale(void)
{
    static locale_t shared;
    locale_t locale = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
    if (locale)
        return locale;
    locale = newlocale(LC_ALL_MASK, "C", NULL);
    locale_t none = NULL;
    if (!__atomic_compare_exchange_n(&shared, &none, locale, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        freelocale(locale);
        return none; /* another thread was first */
    }
    return locale;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool dn_parse_int(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    const char *p = text + negative;
    if (!is_digit(*p) || (*p == '0' && (p[1] != '\0' || negative)))
        return false;
    int64_t value = 0;
    for (; is_digit(*p); p++) {
        int digit = *p - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    if (*p)
        return false;
    *out = value;
    return true;
}

bool dn_parse_double(const char *text, double *out)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t digits = 0;
    for (; is_digit(*p); p++)
        digits++;
    if (*p == '.')
        for (p++; is_digit(*p); p++)
            digits++;
    if (digits == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        if (!is_digit(*p))
            return false;
        while (is_digit(*p))
            p++;
    }
    if (*p)
        return false;
    double value = strtod_l(text, NULL, c_locale());
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

void dn_format_double(char out[DN_NUMBER_SIZE], double value)
{
    locale_t before = uselocale(c_locale());
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, DN_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod_l(out, NULL, c_locale()) == value)
            break;
    }
    uselocale(before);
}
