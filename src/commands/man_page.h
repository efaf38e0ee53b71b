/* man_page: what the manual pages share, and the page that is drawn from the message table. */
#ifndef DANAUS_COMMANDS_MAN_PAGE_H
#define DANAUS_COMMANDS_MAN_PAGE_H

#include <stdio.h>

/* Plain text as roff: hyphens and backslashes escaped, a line that begins with a dot or quote
 * guarded, indented lines kept as they are. */
void man_print_roff(FILE *out, const char *text);

/* danaus-protocol(7). */
void man_print_protocol(FILE *out);

#endif
