/* man_page: see man_page.h */
#include "commands/man_page.h"

#include <stdbool.h>

void man_print_roff(FILE *out, const char *text)
{
    bool verbatim = false, line_start = true;
    for (const char *c = text; *c; c++) {
        if (line_start) {
            bool indented = *c == ' ';
            if (indented != verbatim && *c != '\n') {
                fputs(indented ? ".nf\n" : ".fi\n", out);
                verbatim = indented;
            }
            if (*c == '.' || *c == '\'')
                fputs("\\&", out);
            if (*c == '\n') {
                fputs(verbatim ? "\n" : ".PP\n", out);
                continue;
            }
        }
        if (*c == '-')
            fputs("\\-", out);
        else if (*c == '\\')
            fputs("\\e", out);
        else
            fputc(*c, out);
        line_start = *c == '\n';
    }
    if (!line_start)
        fputc('\n', out);
    if (verbatim)
        fputs(".fi\n", out);
}
