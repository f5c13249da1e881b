/* web_view.h: the views of the daily round; each in a file of its name. Inside of web/ only. */
#pragma once
#include "reconciler/api/web/web_page.h"

void overview_ask(WebPage *page);
void overview_show(WebPage *page, Html *html);
void queue_ask(WebPage *page);
void queue_show(WebPage *page, Html *html);
void jobs_ask(WebPage *page);
void jobs_show(WebPage *page, Html *html);
void job_ask(WebPage *page);
void job_show(WebPage *page, Html *html);
void sources_ask(WebPage *page);
void sources_show(WebPage *page, Html *html);
void activity_ask(WebPage *page);
void activity_show(WebPage *page, Html *html);

/* ---- web_job_table.c ---- */
/* Jobs as the operation `jobs` tells them. */
void job_table(Html *html, const WebPage *page, const char *caption, const json_t *jobs);
/* The link to a job as a cell, with its name under it. */
void job_cell(Html *html, const char *id, const char *name);
/* A link to the next page of this view, with the query as it is and one member of it set. */
void more_link(Html *html, const WebPage *page, const char *text, const char *member, const char *value);

/* ---- web_reason.c ---- */
/* Why a job is where it is, as `explain` tells it: a list, the first the most telling; without its place. */
void reason_list(Html *html, const json_t *explanation);
