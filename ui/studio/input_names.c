/* input_names: keys and their names, see input.h. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "ui/studio/input.h"

static const struct {
    uint32_t key;
    const char *name;
} special[] = {
    {INPUT_UP, "Up"},           {INPUT_DOWN, "Down"},         {INPUT_RIGHT, "Right"},
    {INPUT_LEFT, "Left"},       {INPUT_HOME, "Home"},         {INPUT_END, "End"},
    {INPUT_PAGE_UP, "PgUp"},    {INPUT_PAGE_DOWN, "PgDn"},    {INPUT_INSERT, "Insert"},
    {INPUT_DELETE, "Delete"},   {INPUT_BACKSPACE, "Backspace"}, {INPUT_TAB, "Tab"},
    {INPUT_ENTER, "Enter"},     {INPUT_ESCAPE, "Esc"},        {' ', "Space"},
};
enum { SPECIALS = sizeof special / sizeof special[0] };

static const struct {
    uint32_t bit;
    const char *name;
} modifiers[] = {{INPUT_CTRL, "Ctrl-"}, {INPUT_ALT, "Alt-"}, {INPUT_SHIFT, "Shift-"}};

void input_key_name(uint32_t key, char out[32])
{
    size_t n = 0;
    uint32_t bare = key & ~(uint32_t)(INPUT_CTRL | INPUT_ALT | INPUT_SHIFT);
    for (int i = 0; i < 3; i++)
        if (key & modifiers[i].bit)
            n += (size_t)snprintf(out + n, 32 - n, "%s", modifiers[i].name);
    for (int i = 0; i < SPECIALS; i++)
        if (special[i].key == bare) {
            snprintf(out + n, 32 - n, "%s", special[i].name);
            return;
        }
    if (bare >= INPUT_F1 && bare <= INPUT_F12) {
        snprintf(out + n, 32 - n, "F%u", bare - INPUT_F1 + 1);
        return;
    }
    if (key & INPUT_CTRL && bare >= 'a' && bare <= 'z')
        bare -= 32; /* shown as on the key */
    char text[4];
    size_t size = bare < INPUT_SPECIAL ? dn_utf8_encode(bare, text) : 0;
    snprintf(out + n, 32 - n, "%.*s", (int)size, text);
}

uint32_t input_key_parse(const char *name, size_t length)
{
    uint32_t bits = 0, c = 0;
    for (int i = 0; i < 3; i++) { /* in any order, each once */
        size_t n = strlen(modifiers[i].name);
        if (length > n && !(bits & modifiers[i].bit) && strncmp(name, modifiers[i].name, n) == 0) {
            bits |= modifiers[i].bit;
            name += n;
            length -= n;
            i = -1;
        }
    }
    for (int i = 0; i < SPECIALS; i++)
        if (strlen(special[i].name) == length && memcmp(special[i].name, name, length) == 0)
            return special[i].key | bits;
    int number = 0, used = 0;
    if (length >= 2 && sscanf(name, "F%2d%n", &number, &used) == 1 && (size_t)used == length &&
        number >= 1 && number <= 12)
        return (INPUT_F1 + (uint32_t)number - 1) | bits;
    if (length == 0 || dn_utf8_decode(name, length, &c) != length)
        return 0;
    if (bits & INPUT_CTRL && c >= 'A' && c <= 'Z')
        c += 32;
    return c | bits;
}
