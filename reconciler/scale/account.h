/* account.h: money: what an instance has cost, by UTC day and month.
 * Owns:   nothing; values of the caller's. Calls: GLib only. No clock.
 * Holds:  exact: amounts keep the rest of a millionth, so that the sum is the same however an interval is
 * split, however instances are added up, and in whatever order the parts come in. What is accrued is integer;
 * time whose price is not known is counted apart, never as 0. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_MS_PER_H   INT64_C(3600000)
#define ACCOUNT_MS_PER_DAY INT64_C(86400000)

/* micro + rest / ACCOUNT_MS_PER_H millionths of a currency; rest is below ACCOUNT_MS_PER_H. */
typedef struct {
    int64_t micro, rest;
} Money;
/* A price per hour for so long; neither below 0. */
void money_add(Money *money, int64_t price_micro_per_h, int64_t ms);

typedef struct {
    int64_t day, month; /* the latest that was accrued to: days, months since 1970 */
    Money of_day, of_month, total;
    int64_t unknown_day_ms, unknown_month_ms, unknown_ms; /* instance time without a price */
} Account;

/* Adds [from_ms, to_ms) at a price, SCALE_UNKNOWN (-1) included. Parts that lie before the account's day or
 * month count for what they belong to: the total, and the month if it is that. */
void account_accrue(Account *account, int64_t price_micro_per_h, int64_t from_ms, int64_t to_ms);
/* Begins the day and the month of now_ms where they are later than the account's. */
void account_roll(Account *account, int64_t now_ms);

/* The UTC day's and month's end: the first millisecond of the next one. */
int64_t account_day_end(int64_t now_ms);
int64_t account_month_end(int64_t now_ms);
