/* words.h: figures of a result as people and programs read them.
 * Owns:   nothing; texts are new, the caller frees them.
 * Calls:  spec/base/units.
 * Holds:  a missing figure reads "unknown" or "-", never 0; texts are equal on every machine (UTC, no
 * locale). */
#pragma once
#include "reconciler/forecast/result.h"

char *words_time(int64_t at_ms);                        /* "Mon 14:02:11" of the simulated clock */
char *words_date(int64_t at_ms);                        /* "2026-01-05 14:02" */
char *words_duration(int64_t ms);                       /* "-" below 0 */
char *words_money(int64_t micro, const char *currency); /* "$13.40", "CNY 13.40"; "unknown" below 0 */
char *words_percent(int64_t ratio_e4);                  /* "71.4 %"; "-" below 0 */
char *words_slowdown(int64_t e3);                       /* "1.42" */
char *words_need(const ResourceNeed *need);             /* "8 vCPU, 61,000 MiB, 1 GPU" */
char *words_vcpus(int64_t vcpus_e4);                    /* "64" */
/* "$13.40"; where prices are missing "at least $13.40, at most $25.10", "at most $25.10" where none is known,
 * "unknown" where nothing is. */
char *words_paid(const ResultMoney *money);
/* Whether any of it is known: a figure of 0 among missing prices is none. */
bool money_is_known(const ResultMoney *money);
/* Σ of a result's costs, by currency: "$13.40 and CNY 7.00", "unknown", "nothing"; each as words_paid(). */
char *words_cost(const SimulationResult *result);
