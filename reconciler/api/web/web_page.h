/* web_page.h: what a view is, and what it has at hand. Inside of web/ only.
 *
 * A view is a row of the table in web.c: a path, and two functions. ask() says which operations are asked; it
 * is called again when all of these are answered, with page->round one higher, until it asks for nothing
 * more. Then show() writes the content of <main>. Neither waits for anything. */
#pragma once
#include "reconciler/api/web/html.h"
#include "reconciler/api/web/web.h"

typedef struct WebPage WebPage;

typedef struct {
    const char *path;  /* "/": itself; "/sources": itself; "/queues/": what is below it, in page->rest */
    const char *place; /* the path of the entry in the navigation that it belongs to */
    const char *title; /* show() may set another one */
    void (*ask)(WebPage *page);
    void (*show)(WebPage *page, Html *html);
    bool posts; /* forms may be posted to it */
} WebView;

struct WebPage {
    Web *web;
    const WebView *view;
    char *path, *rest; /* rest: what is below the view's path, decoded */
    bool is_post;
    GHashTable *query, *form; /* text → text, decoded */
    json_t *peer;
    const Key *key; /* a copy; NULL as in WebRequest */
    unsigned scopes;
    char *name, *csrf, *sign_out;
    int64_t now_ms;

    unsigned round;
    GHashTable *answers; /* by what page_ask() called it */
    unsigned waiting;    /* calls */
    bool is_asking;

    char *title;     /* NULL: the view's */
    unsigned status; /* 0: 200 */
    char *fault;     /* is shown in place of the view */
    char *redirect;  /* where the browser goes on, after a post */
    int64_t
        refresh_ms; /* the script looks again after so long, whatever happens; 0: only when something did */

    WebAnswerFunc answer;
    void *data;
};

/* ---- asking ---- */
/* request is taken; may be NULL. What who asks may not do is not asked for: the answer is a refusal. */
void page_ask(WebPage *page, const char *called, const char *operation, json_t *request);
/* What was answered; NULL: it was not asked for, or is a refusal. Borrowed. */
const json_t *page_got(const WebPage *page, const char *called);
/* What a refusal says; NULL: it is none. Borrowed. */
const char *page_refusal(const WebPage *page, const char *called);
bool page_may(const WebPage *page, unsigned scope);
/* NULL: it was not given, or is empty. Borrowed. */
const char *page_query(const WebPage *page, const char *name);
const char *page_form(const WebPage *page, const char *name);

/* ---- what becomes of it ---- */
/* In ask() or show(): this is shown in place of the view. */
void page_fail(WebPage *page, unsigned status, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* That of an answer; a view that cannot do without it says so, and returns. True: there is one. */
bool page_fails(WebPage *page, const char *called);
/* After a post: path is taken. */
void page_redirect(WebPage *page, char *path);
void page_set_title(WebPage *page, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- members of answers ---- */
const char *member_of(const json_t *object, const char *name); /* of a text; NULL: there is none */
int64_t number_of(const json_t *object, const char *name);     /* 0: there is none */
/* Items of an array (NULL: none) in another order, as qsort() sorts json_t*; new, of borrowed. */
GPtrArray *items_sorted(const json_t *items, int (*compare)(const void *a, const void *b));

/* ---- pieces of pages (web_pieces.c) ---- */
/* <h1>, and <p> beneath it when lead is not NULL. */
void piece_heading(Html *html, const char *title, const char *lead);
/* <table> with a caption and the names of its columns, NULL-terminated; a name that begins with '#' is that
 * of a column of numbers. To be closed by piece_table_end(). */
void piece_table(Html *html, const char *caption, const char *const *columns);
void piece_table_end(Html *html);
/* Cells. */
void piece_cell(Html *html, const char *text);                        /* NULL: empty */
void piece_number(Html *html, int64_t value);                         /* with thin spaces: 100 000 */
void piece_number_text(Html *html, const char *text);                 /* right-aligned */
void piece_link_cell(Html *html, const char *path, const char *text); /* of the row: <th scope=row> */
void piece_state_cell(Html *html, const char *state);
/* A state: its colour and its name. Jobs, sources, environments, pipelines alike. */
void piece_state(Html *html, const char *state);
/* The class that has the colour of the state: "good", "busy", "wait", "bad" or "off". Static. */
const char *piece_state_class(const char *state);
/* <time>: how long ago, and the time itself as its title; empty for 0. */
void piece_ago(Html *html, const WebPage *page, int64_t at_ms);
/* A time in UTC: 2026-11-27 13:05:07. New string. */
char *time_text(int64_t at_ms);
/* "3 min", "2 h 5 min"; new string. */
char *span_text(int64_t span_ms);
/* "100 000"; new string. */
char *number_text(int64_t value);
/* <form method=post> with the token; to be closed by html_close(html, "form"). */
void piece_form(Html *html, const WebPage *page, const char *action, const char *class);
/* Says that there is nothing, and what would change that. */
void piece_nothing(Html *html, const char *text);
/* A fault, or something to take note of; kind: "bad", "wait" or "good". */
void piece_note(Html *html, const char *kind, const char *text);
