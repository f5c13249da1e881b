#include "reconciler/scale/account.h"

void money_add(Money *money, int64_t price_micro_per_h, int64_t ms)
{
    if (price_micro_per_h <= 0 || ms <= 0)
        return;
    __int128 sum = (__int128)price_micro_per_h * ms + money->rest;
    money->micro += (int64_t)(sum / ACCOUNT_MS_PER_H);
    money->rest = (int64_t)(sum % ACCOUNT_MS_PER_H);
}

/* ---- the UTC calendar */

static int64_t day_of(int64_t ms)
{
    return ms >= 0 ? ms / ACCOUNT_MS_PER_DAY : -((ACCOUNT_MS_PER_DAY - 1 - ms) / ACCOUNT_MS_PER_DAY);
}

/* Months since January 1970 of a day since 1970, by eras of 400 years that begin with March 1st
 * (the civil calendar's usual integer formula). */
static int64_t month_of_day(int64_t day)
{
    int64_t shifted = day + 719468; /* days since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    return (year_of_era + era * 400 - 1970) * 12 + from_march + 2;
}

static int64_t month_of(int64_t ms)
{
    return month_of_day(day_of(ms));
}

int64_t account_day_end(int64_t now_ms)
{
    return (day_of(now_ms) + 1) * ACCOUNT_MS_PER_DAY;
}

int64_t account_month_end(int64_t now_ms)
{
    int64_t month = month_of(now_ms), day = day_of(now_ms) + 28;
    /* 28 days on it is the next month, or the last days of this one. */
    while (month_of_day(day) > month)
        day--;
    while (month_of_day(day) == month)
        day++;
    return day * ACCOUNT_MS_PER_DAY;
}

/* ---- accounts */

static void roll(Account *account, int64_t day, int64_t month)
{
    if (day > account->day) {
        account->day = day;
        account->of_day = (Money){0};
        account->unknown_day_ms = 0;
    }
    if (month > account->month) {
        account->month = month;
        account->of_month = (Money){0};
        account->unknown_month_ms = 0;
    }
}

void account_roll(Account *account, int64_t now_ms)
{
    roll(account, day_of(now_ms), month_of(now_ms));
}

static void accrue_within_day(Account *account, int64_t price_micro_per_h, int64_t day, int64_t ms)
{
    int64_t month = month_of_day(day), unknown_ms = price_micro_per_h < 0 ? ms : 0;
    roll(account, day, month);
    money_add(&account->total, price_micro_per_h, ms);
    account->unknown_ms += unknown_ms;
    if (day == account->day) {
        money_add(&account->of_day, price_micro_per_h, ms);
        account->unknown_day_ms += unknown_ms;
    }
    if (month == account->month) {
        money_add(&account->of_month, price_micro_per_h, ms);
        account->unknown_month_ms += unknown_ms;
    }
}

void account_accrue(Account *account, int64_t price_micro_per_h, int64_t from_ms, int64_t to_ms)
{
    while (from_ms < to_ms) {
        int64_t end = MIN(to_ms, account_day_end(from_ms));
        accrue_within_day(account, price_micro_per_h, day_of(from_ms), end - from_ms);
        from_ms = end;
    }
}
