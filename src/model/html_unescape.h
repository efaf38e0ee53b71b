/* html_unescape: character references (&amp; &#233; &#x4e2d;) to characters. */
#ifndef DANAUS_MODEL_HTML_UNESCAPE_H
#define DANAUS_MODEL_HTML_UNESCAPE_H

#include "model/codepoints.h"

/* Appends text with every reference resolved as browsers do (HTML Living Standard 13.2.5.72..80):
 * the ';' may be missing, "&notit;" is "¬it;", forbidden numbers vanish, numbers outside Unicode
 * become U+FFFD. Same results as Python's html.unescape. */
void html_unescape(const struct codepoints *text, struct codepoints *out);

/* The careful form, for text that may not be HTML at all: only whole references that end in ';',
 * and names written in capitals (&EACUTE;) where no other reading exists. Same results as ftfy's
 * unescape_html. */
void html_unescape_strict(const struct codepoints *text, struct codepoints *out);

#endif
