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

/* Every code is itself; between two neighbours the nearer one, in the middle the even one. */
TEST(e4m3_rounds_to_even)
{
    for (int code = 0; code < 256; code++) {
        float at = f32_from_e4m3((uint8_t)code);
        if ((code & 0x7F) == 0x7F) {
            CHECK(isnan(at) && (e4m3_from_f32(at) & 0x7F) == 0x7F);
            continue;
        }
        CHECK(e4m3_from_f32(at) == code && (signbit(at) != 0) == (code >= 0x80));
        if ((code & 0x7F) == 0x7E)
            continue;
        float next = f32_from_e4m3((uint8_t)(code + 1)), middle = (at + next) / 2;
        CHECK(fabsf(next) > fabsf(at));
        CHECK(e4m3_from_f32(middle) == code + (code & 1));
        CHECK(e4m3_from_f32(nextafterf(middle, at)) == code);
        CHECK(e4m3_from_f32(nextafterf(middle, next)) == code + 1);
    }
    CHECK(f32_from_e4m3(0x38) == 1 && f32_from_e4m3(0x01) == 1 / 512.0f);
    CHECK(f32_from_e4m3(0x7E) == E4M3_MAX && f32_from_e4m3(0xBC) == -1.5f);
    const float large[] = {449, 464, 480, 1e9f, INFINITY};
    for (int i = 0; i < 5; i++)
        CHECK(e4m3_from_f32(large[i]) == 0x7E && e4m3_from_f32(-large[i]) == 0xFE);
    CHECK(e4m3_from_f32(1e-30f) == 0 && e4m3_from_f32(-1e-30f) == 0x80);
}

TESTS(T(safetext_escapes_control), T(utf8_is_strict), T(bf16_rounds_to_even),
      T(e4m3_rounds_to_even), T(sizes_fail_closed), T(errors_are_one_safe_line))
