/* web_pictures.h: the views of pipelines, of the time line, and the guide; each in a file of its name. Inside
 * of web/ only. */
#pragma once
#include "reconciler/api/web/web_page.h"

void pipelines_ask(WebPage *page);
void pipelines_show(WebPage *page, Html *html);
void pipeline_ask(WebPage *page);
void pipeline_show(WebPage *page, Html *html);
void guide_ask(WebPage *page);
void guide_show(WebPage *page, Html *html);
void timeline_ask(WebPage *page);
void timeline_show(WebPage *page, Html *html);
