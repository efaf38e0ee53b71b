/* base: safe text, number formats, size arithmetic, errors. */
#include <math.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/mem.h"
#include "base/safetext.h"
#include "base/utf8.h"
#include "check.h"

TEST(safetext_escapes_control)
{
    char out[64];
    const char hostile[] = "a\033[2J\177\302\233b\342\200\256\377\303\251\n";
    dn_safetext(out, sizeof out, hostile, sizeof hostile - 1);
    CHECK_STR(out, "a\\x1B[2J\\x7F\\x9Bb\\u{202E}\\xFF\303\251\\n");
    CHECK(dn_safetext(out, 4, "ab\033", 3) == 2);
}

TEST(utf8_is_strict)
{
    CHECK(dn_utf8_valid("h\303\251\360\237\246\213", 7));
    CHECK(!dn_utf8_valid("\300\257", 2));
    CHECK(!dn_utf8_valid("\355\240\200", 3));
    CHECK(!dn_utf8_valid("\364\220\200\200", 4));
    CHECK(!dn_utf8_valid("\342\202", 2));
}

TEST(bf16_rounds_to_even)
{
    CHECK(bf16_from_f32(1.0f) == 0x3F80);
    CHECK(bf16_from_f32(1.00390625f) == 0x3F80);
    CHECK(bf16_from_f32(1.01171875f) == 0x3F82);
    CHECK(isnan(f32_from_bf16(bf16_from_f32(NAN))));
    CHECK(f32_from_f16(f16_from_f32(0.333251953125f)) == 0.333251953125f);
}

TEST(sizes_fail_closed)
{
    uint64_t out = 7;
    CHECK(!dn_mul(1ull << 32, 1ull << 32, &out) && out == 7);
    CHECK(!dn_add(UINT64_MAX, 1, &out) && out == 7);
    CHECK(!dn_align(UINT64_MAX - 3, 16, &out));
    CHECK(dn_align(17, 16, &out) && out == 32);
}

TEST(errors_are_one_safe_line)
{
    struct dn_error err;
    CHECK(!dn_fail(&err, DN_E_IO, "cannot read %s: %s", "x\ny", "gone"));
    dn_error_while(&err, "loading %s", "z");
    CHECK_STR(err.message, "cannot read x\\ny: gone (while loading z)");
    CHECK(!dn_fail(NULL, DN_E_IO, "nobody listens"));
}

TESTS(T(safetext_escapes_control), T(utf8_is_strict), T(bf16_rounds_to_even),
      T(sizes_fail_closed), T(errors_are_one_safe_line))
