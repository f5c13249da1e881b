/* web_frame.h: what stands around every view. Inside of web/ only. */
#pragma once
#include "reconciler/api/web/web_page.h"

/* The whole document around what the view wrote. */
void frame_write(Html *html, const WebPage *page, const Html *content);
