/* web_diff.h: a plan as a coloured diff. Inside of web/ only. */
#pragma once
#include "reconciler/api/web/web_page.h"

/* plan: as `plan -o json` writes it. What changes, with its fields; signs say what the colours say. */
void diff_write(Html *html, const json_t *plan);
/* "2 to add, 1 to change …"; new string. */
char *diff_summary(const json_t *summary);
