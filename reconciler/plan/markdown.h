/* markdown.h: text from outside inside Markdown of GitHub and GitLab.
 * Owns:   nothing.
 * Calls:  render.h.
 * Holds:  whatever the text, it stays one line of plain text: no markup, no HTML, no table column, no link,
 * no mention of a person, issue or request; at most max bytes are appended, a cut shows as "...". */
#pragma once
#include "reconciler/plan/render.h"

void markdown_text(GString *out, const char *text, size_t max);
/* As a code span. */
void markdown_code(GString *out, const char *text, size_t max);
/* For a line of a fenced block: it must not begin the line. */
void markdown_verbatim(GString *out, const char *text, size_t max);
/* For inside <!-- -->: percent-encoded. */
void markdown_marker(GString *out, const char *text, size_t max);
