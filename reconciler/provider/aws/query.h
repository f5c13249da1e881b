/* query.h: bodies of the query protocols of EC2, IAM and STS. Computes only.
 * Source: the EC2 query protocol: names begin with a capital, are joined by dots, lists are Name.1, Name.2 …;
 * those of IAM and STS are Name.member.1. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Query Query;

/* "Action=…&Version=…" stand first. */
Query *query_new(const char *action, const char *version);
/* Goes on behind a text that another one made. */
Query *query_continued(const char *text);
void query_free(Query *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Query, query_free)
/* Nothing where value is NULL. */
void query_add(Query *query, const char *name, const char *value);
void query_add_number(Query *query, const char *name, int64_t value);
void query_add_bool(Query *query, const char *name, bool value);
/* name.1 … name.N; Nothing where values is NULL or empty. */
void query_add_list(Query *query, const char *name, const char *const *values);
/* name is made by printf, for structures in lists: query_addf(q, value, "Filter.%d.Name", i). */
void query_addf(Query *query, const char *value, const char *format, ...) G_GNUC_PRINTF(3, 4);
const char *query_text(const Query *query);
