/* term_env: see term_env.h */
#define _GNU_SOURCE
#include "ui/term_env.h"

#include <stdlib.h>
#include <string.h>

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

bool term_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = environment(names[i]);
        if (value[0])
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

bool term_no_color(void)
{
    return environment("NO_COLOR")[0] != '\0';
}

int term_text_colours(const struct probe *probe)
{
    const char *colorterm = environment("COLORTERM");
    if (term_no_color())
        return 0;
    if (strcmp(colorterm, "truecolor") == 0 || strcmp(colorterm, "24bit") == 0 || probe->kitty ||
        strncmp(probe->version, "foot", 4) == 0 || strncmp(probe->version, "XTerm", 5) == 0)
        return 1 << 24;
    return strstr(environment("TERM"), "256color") || probe->version[0] ? 256 : 0;
}

bool term_is_multiplexer(void)
{
    const char *name = environment("TERM");
    return strncmp(name, "tmux", 4) == 0 || strncmp(name, "screen", 6) == 0;
}

bool term_may_ask(void)
{
    const char *name = environment("TERM");
    return name[0] && strcmp(name, "dumb") != 0 && strcmp(name, "linux") != 0;
}
