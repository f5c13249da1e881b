#include "tests/simulation/bills.h"
#include "reconciler/scale/catalogue.h"
#include "tests/simulation/system.h"
#include <inttypes.h>

#define HOUR_MS       INT64_C(3600000)
#define DAY_MS        (24 * HOUR_MS)
#define PREFIX        "growth "
#define ROUNDED_MICRO 2  /* the program decides in whole millionths */
#define MEMBERS       11 /* of a written account */

/* Millionths of a currency times milliseconds of an hour: no division, nothing is lost. */
typedef __int128 Amount;

typedef struct {
    Amount of_day, of_month, total;
} Sum;

typedef struct {
    char *name;
    ComputeEnvironmentSpec *spec; /* durable */
    int64_t until_ms, day, month; /* counted up to, and of which day and month */
    Sum least, most;
    int64_t unpriced_ms; /* at least: something without a price was paid for */
    Amount written;      /* total of the program's account, as written last */
} Payer;

typedef struct {
    LaunchToken token;
    Payer *payer;
    int64_t price_micro_per_h; /* its price, or what a Spot instance was asked for at; -1: unknown */
    int64_t most_micro_per_h;  /* that, or its On-Demand price: what was asked for is forgotten if nothing is
                                  bid any more */
    bool is_gone, is_made;     /* durable */
    int64_t made_ms, over_ms;  /* really; 0: not yet */
} Bill;

struct Bills {
    System *system;
    GPtrArray *payers;   /* of Payer, as they came */
    GPtrArray *bills;    /* of Bill, as they came */
    GHashTable *outside; /* name → what an environment is called outside, where that is another one */
};

#define MUST(condition, ...)                                                                                 \
    do                                                                                                       \
        if (!(condition))                                                                                    \
            system_fail(bills->system, __VA_ARGS__);                                                         \
    while (0)

static void payer_free(void *data)
{
    Payer *payer = data;
    compute_environment_spec_free(payer->spec);
    g_free(payer->name);
    g_free(payer);
}

Bills *bills_new(System *system)
{
    Bills *bills = g_new0(Bills, 1);
    bills->system = system;
    bills->payers = g_ptr_array_new_with_free_func(payer_free);
    bills->bills = g_ptr_array_new_with_free_func(g_free);
    bills->outside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return bills;
}

void bills_free(Bills *bills)
{
    g_ptr_array_unref(bills->payers);
    g_ptr_array_unref(bills->bills);
    g_hash_table_unref(bills->outside);
    g_free(bills);
}

/* By what it is called outside: an account goes on over a rename. */
static Payer *payer_outside(Bills *bills, View name)
{
    for (guint i = 0; i < bills->payers->len; i++) {
        Payer *payer = bills->payers->pdata[i];
        if (view_is(name, payer->name))
            return payer;
    }
    Payer *payer = g_new0(Payer, 1);
    payer->name = g_strndup(name.data, name.len);
    g_ptr_array_add(bills->payers, payer);
    return payer;
}

char *bills_outside(const Bills *bills, View name)
{
    char *text = g_strndup(name.data, name.len);
    const char *outside = g_hash_table_lookup(bills->outside, text);
    if (!outside)
        return text;
    g_free(text);
    return g_strdup(outside);
}

static Payer *payer_of(Bills *bills, View name)
{
    g_autofree char *outside = bills_outside(bills, name);
    return payer_outside(bills, view_from(outside));
}

static Bill *bill_of(const Bills *bills, const LaunchToken *token)
{
    for (guint i = 0; i < bills->bills->len; i++) {
        Bill *bill = bills->bills->pdata[i];
        if (memcmp(&bill->token, token, sizeof *token) == 0)
            return bill;
    }
    return NULL;
}

/* ---- time ---- */

static int64_t month_of(int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    return g_date_time_get_year(at) * 12 + g_date_time_get_month(at);
}

static void sum_add(Sum *sum, Amount amount)
{
    sum->of_day += amount;
    sum->of_month += amount;
    sum->total += amount;
}

static void payer_roll(Payer *payer, int64_t at_ms)
{
    int64_t day = at_ms / DAY_MS, month = month_of(at_ms);
    if (day != payer->day)
        payer->least.of_day = payer->most.of_day = 0;
    if (month != payer->month)
        payer->least.of_month = payer->most.of_month = 0;
    payer->day = day;
    payer->month = month;
}

/* So long, within a day, with what is durable now. */
static void payer_add(const Bills *bills, Payer *payer, int64_t ms)
{
    bool unpriced = false;
    for (guint i = 0; i < bills->bills->len; i++) {
        const Bill *bill = bills->bills->pdata[i];
        if (bill->payer != payer || bill->is_gone)
            continue;
        unpriced = unpriced || (bill->is_made && bill->price_micro_per_h < 0);
        sum_add(&payer->most, (Amount)MAX(bill->most_micro_per_h, 0) * ms);
        if (bill->is_made)
            sum_add(&payer->least, (Amount)MAX(bill->price_micro_per_h, 0) * ms);
    }
    payer->unpriced_ms += unpriced ? ms : 0;
}

static void payer_pass(const Bills *bills, Payer *payer, int64_t now_ms)
{
    int64_t at_ms = payer->until_ms ? payer->until_ms : now_ms;
    while (at_ms < now_ms) {
        int64_t end_ms = MIN(now_ms, (at_ms / DAY_MS + 1) * DAY_MS);
        payer_roll(payer, at_ms);
        payer_add(bills, payer, end_ms - at_ms);
        at_ms = end_ms;
    }
    payer_roll(payer, now_ms);
    payer->until_ms = now_ms;
}

/* ---- what becomes durable ---- */

static void take_spec(Bills *bills, const ResourceRecord *record)
{
    if (record->kind != KIND_COMPUTE_ENVIRONMENT || record->removed || record->spec.len == 0)
        return;
    Payer *payer = payer_of(bills, record->name);
    g_clear_pointer(&payer->spec, compute_environment_spec_free);
    payer->spec = compute_environment_spec_decode(record->spec, NULL);
}

/* The known price; of Spot what may be asked for, which is the part of the On-Demand price that the
 * environment bids. */
static void price_bill(Bill *bill, const InstanceRecord *record)
{
    const ComputeEnvironmentSpec *spec = bill->payer->spec;
    const InstanceType *type = catalogue_find(record->type);
    int64_t bid = spec->bid_percentage, price = record->price_micro_per_h;
    bool unknown =
        price < 0 && record->spot && type && spec->region && catalogue_price_usd(type, spec->region, &price);
    bill->most_micro_per_h = price;
    bill->price_micro_per_h = unknown && bid > 0 && bid < 100 ? price * bid / 100 : price;
}

/* Rate of everything that is there or asked for. */
static Amount rate_of(const Bills *bills, const Payer *payer)
{
    Amount rate = 0;
    for (guint i = 0; i < bills->bills->len; i++) {
        const Bill *bill = bills->bills->pdata[i];
        rate += bill->payer == payer && !bill->is_gone ? bill->price_micro_per_h : 0;
    }
    return rate;
}

static int64_t month_end_ms(int64_t now_ms)
{
    int64_t at_ms = (now_ms / DAY_MS + 1) * DAY_MS;
    while (month_of(at_ms) == month_of(now_ms))
        at_ms += DAY_MS;
    return at_ms;
}

static void check_budget(const Bills *bills, const Payer *payer, const char *of, int64_t budget_micro,
                         Amount spent, int64_t end_ms)
{
    Amount ahead_ms = MIN(HOUR_MS, end_ms - payer->until_ms),
           needed = spent + rate_of(bills, payer) * ahead_ms;
    MUST(budget_micro == 0 || needed <= ((Amount)budget_micro + ROUNDED_MICRO) * HOUR_MS,
         "%s buys beyond the budget of the %s: %" PRId64 " of %" PRId64 " spent, %" PRId64 " an hour",
         payer->name, of, (int64_t)(spent / HOUR_MS), budget_micro, (int64_t)rate_of(bills, payer));
}

/* Something was bought in this batch. */
static void check_bought(const Bills *bills, const Payer *payer)
{
    const ComputeEnvironmentSpec *spec = payer->spec;
    int64_t now_ms = payer->until_ms;
    check_budget(bills, payer, "day", spec->budget_day_micro, payer->least.of_day,
                 (now_ms / DAY_MS + 1) * DAY_MS);
    check_budget(bills, payer, "month", spec->budget_month_micro, payer->least.of_month,
                 month_end_ms(now_ms));
}

/* Whether it was bought with this. */
static bool take_instance(Bills *bills, const InstanceRecord *record)
{
    Bill *bill = bill_of(bills, &record->token);
    Payer *payer = bill ? bill->payer : payer_of(bills, record->environment);
    if (payer->spec->type == CE_TYPE_UNMANAGED)
        return false; /* hosts cost nothing here */
    if (!bill) {
        bill = g_new0(Bill, 1);
        *bill = (Bill){.token = record->token, .payer = payer};
        price_bill(bill, record);
        g_ptr_array_add(bills->bills, bill);
    }
    bill->is_made = record->provider_id.len > 0;
    bill->is_gone = record->state == INSTANCE_GONE;
    MUST(!bill->is_made || bill->made_ms, "instance %" PRIu64 " is paid for before it is made",
         record->number);
    MUST(!record->is_new || bill->price_micro_per_h >= 0 ||
             (payer->spec->budget_day_micro == 0 && payer->spec->budget_month_micro == 0),
         "%s has a budget and buys what has no price", payer->name);
    return record->is_new;
}

/* ---- the program's account ---- */

static Amount amount_at(const int64_t *members)
{
    return (Amount)members[0] * HOUR_MS + members[1];
}

static void check_between(const Bills *bills, const Payer *payer, const char *of, Amount least, Amount amount,
                          Amount most)
{
    MUST(least <= amount && amount <= most,
         "%s: spent in %s: %" PRId64 "; between %" PRId64 " and %" PRId64 " is right", payer->name, of,
         (int64_t)(amount / HOUR_MS), (int64_t)(least / HOUR_MS), (int64_t)(most / HOUR_MS));
}

static void check_account(const Bills *bills, Payer *payer, int64_t at_ms, const int64_t *members)
{
    MUST(at_ms == payer->until_ms, "%s: the account is of another time than its commit", payer->name);
    if (members[0] == payer->day)
        check_between(bills, payer, "the day", payer->least.of_day, amount_at(members + 2),
                      payer->most.of_day);
    if (members[0] == payer->day)
        check_between(bills, payer, "the month", payer->least.of_month, amount_at(members + 4),
                      payer->most.of_month);
    check_between(bills, payer, "all", payer->least.total, amount_at(members + 6), payer->most.total);
    MUST(members[10] >= payer->unpriced_ms, "%s: time without a price: %" PRId64 " ms, it was %" PRId64,
         payer->name, members[10], payer->unpriced_ms);
    payer->written = amount_at(members + 6);
}

static void take_setting(Bills *bills, const SettingRecord *record)
{
    int64_t members[MEMBERS];
    if (record->name.len <= strlen(PREFIX) || strncmp(record->name.data, PREFIX, strlen(PREFIX)) != 0)
        return;
    json_t *root = json_loadb(record->value.data, record->value.len, 0, NULL);
    for (size_t i = 0; i < MEMBERS; i++)
        members[i] = json_integer_value(json_array_get(json_object_get(root, "account"), i));
    View name = {record->name.data + strlen(PREFIX), record->name.len - strlen(PREFIX)};
    check_account(bills, payer_outside(bills, name), json_integer_value(json_object_get(root, "accruedMs")),
                  members);
    json_decref(root);
}

static void take_outside(Bills *bills, const SettingRecord *record)
{
    static const char prefix[] = "outside ";
    const size_t len = sizeof prefix - 1;
    if (record->name.len <= len || memcmp(record->name.data, prefix, len) != 0)
        return;
    g_autofree char *name = g_strndup(record->name.data + len, record->name.len - len);
    if (record->value.len > 0)
        g_hash_table_insert(bills->outside, g_steal_pointer(&name),
                            g_strndup(record->value.data, record->value.len));
    else
        g_hash_table_remove(bills->outside, name);
}

void bills_commit(Bills *bills, const Batch *batch, int64_t now_ms)
{
    size_t len;
    const SettingRecord *settings = batch_setting(batch, &len);
    for (size_t i = 0; i < len; i++)
        take_outside(bills, &settings[i]);
    const ResourceRecord *resources = batch_resource(batch, &len);
    for (size_t i = 0; i < len; i++)
        take_spec(bills, &resources[i]);
    for (guint i = 0; i < bills->payers->len; i++)
        payer_pass(bills, bills->payers->pdata[i], now_ms);
    const InstanceRecord *instances = batch_instance(batch, &len);
    g_autoptr(GPtrArray) bought = g_ptr_array_new();
    for (size_t i = 0; i < len; i++)
        if (take_instance(bills, &instances[i]))
            g_ptr_array_add(bought, payer_of(bills, instances[i].environment));
    for (guint i = 0; i < bought->len; i++)
        check_bought(bills, bought->pdata[i]);
    settings = batch_setting(batch, &len);
    for (size_t i = 0; i < len; i++)
        take_setting(bills, &settings[i]);
}

/* ---- what really happens ---- */

void bills_truth(Bills *bills, SimulatedTruth truth, const LaunchToken *token)
{
    Bill *bill = bill_of(bills, token);
    if (bill && truth == SIMULATED_INSTANCE_MADE)
        bill->made_ms = bills->system->now_ms;
    if (bill && truth == SIMULATED_INSTANCE_OVER)
        bill->over_ms = bills->system->now_ms;
}

void bills_end(Bills *bills)
{
    for (guint i = 0; i < bills->payers->len; i++) {
        const Payer *payer = bills->payers->pdata[i];
        Amount real = 0;
        for (guint j = 0; j < bills->bills->len; j++) {
            const Bill *bill = bills->bills->pdata[j];
            if (bill->payer == payer && bill->made_ms)
                real += (Amount)MAX(bill->price_micro_per_h, 0) * (bill->over_ms - bill->made_ms);
        }
        check_between(bills, payer, "all, in the end", MAX(payer->least.total, real), payer->written,
                      payer->most.total);
        system_log(bills->system, "%s has spent %" PRId64 ", really %" PRId64, payer->name,
                   (int64_t)(payer->written / HOUR_MS), (int64_t)(real / HOUR_MS));
    }
}
