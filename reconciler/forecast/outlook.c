#include "reconciler/forecast/outlook.h"
#include "reconciler/forecast/assertion.h"
#include "reconciler/forecast/words.h"

#define QUEUES_TOLD    3
#define PURCHASES_TOLD 3
#define NOTES_TOLD     3
#define MOVED_MS       60000 /* jobs that wait so much longer are told of */

static const ResultQueue *queue_find(const SimulationResult *result, const char *name)
{
    for (size_t i = 0; result && i < result->queues_len; i++)
        if (strcmp(result->queues[i].name, name) == 0)
            return &result->queues[i];
    return NULL;
}

/* -1: it has work that does not end. */
static int64_t drain_ms(const SimulationResult *result, const ResultQueue *queue)
{
    return queue->drained_ms < 0 ? -1 : queue->drained_ms - result->start_ms;
}

static bool has_work(const ResultQueue *queue)
{
    return queue && queue->jobs.submitted > 0;
}

static void separate(GString *out)
{
    if (out->len > 0)
        g_string_append(out, "; ");
}

/* ---- Schedule: ---- */

static void append_undrained(const ResultQueue *queue, GString *out)
{
    if (queue->jobs.infeasible > 0)
        g_string_append_printf(out, "queue %s: %" G_GINT64_FORMAT " job%s can never run", queue->name,
                               queue->jobs.infeasible, queue->jobs.infeasible == 1 ? "" : "s");
    else
        g_string_append_printf(out, "queue %s does not drain: %" G_GINT64_FORMAT " job%s wait%s", queue->name,
                               queue->jobs.unfinished, queue->jobs.unfinished == 1 ? "" : "s",
                               queue->jobs.unfinished == 1 ? "s" : "");
}

static void append_before(const SimulationResult *without, const ResultQueue *before, int64_t now_ms,
                          GString *out)
{
    if (!has_work(before))
        return;
    int64_t ms = drain_ms(without, before);
    g_autofree char *text = ms < 0 ? g_strdup("never") : duration_human(ms);
    g_autofree char *same = duration_human(MAX(now_ms, 0));
    if (ms < 0 || strcmp(text, same) != 0)
        g_string_append_printf(out, " (now: %s)", text);
}

static void append_queue(const SimulationResult *with, const SimulationResult *without,
                         const ResultQueue *queue, GString *out)
{
    int64_t ms = drain_ms(with, queue);
    separate(out);
    if (ms < 0) {
        append_undrained(queue, out);
    } else {
        g_autofree char *text = duration_human(ms);
        g_string_append_printf(out, "queue %s drains in %s", queue->name, text);
    }
    append_before(without, queue_find(without, queue->name), ms, out);
}

static void append_queues(const SimulationResult *with, const SimulationResult *without, GString *out)
{
    size_t told = 0, more = 0;
    for (size_t i = 0; i < with->queues_len; i++) {
        if (!has_work(&with->queues[i]))
            continue;
        if (told++ < QUEUES_TOLD)
            append_queue(with, without, &with->queues[i], out);
        else
            more++;
    }
    if (more > 0)
        g_string_append_printf(out, "; %zu more queue%s", more, more == 1 ? "" : "s");
}

/* Whose jobs move: those that others overtake now. */
static void append_moved(const SimulationResult *with, const SimulationResult *without, GString *out)
{
    for (size_t i = 0; without && i < with->queues_len; i++) {
        const ResultQueue *queue = &with->queues[i], *before = queue_find(without, queue->name);
        if (!has_work(before) || !has_work(queue))
            continue;
        int64_t longer = queue->waits.wait_ms[AT_P95] - before->waits.wait_ms[AT_P95];
        if (longer < MOVED_MS && longer > -MOVED_MS)
            continue;
        g_autofree char *text = duration_human(longer < 0 ? -longer : longer);
        separate(out);
        g_string_append_printf(out, "jobs of queue %s wait %s %s (p95)", queue->name, text,
                               longer < 0 ? "less" : "longer");
    }
}

typedef struct {
    const char *type;
    bool spot;
    int64_t count, last_ms;
} Purchase;

static int purchase_compare(const void *a, const void *b)
{
    const Purchase *left = a, *right = b;
    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    int order = strcmp(left->type, right->type);
    return order ? order : (int)left->spot - (int)right->spot;
}

/* What is bought after the beginning, by type and market, the most first. New, of Purchase. */
static GArray *purchases_of(const SimulationResult *result)
{
    GArray *purchases = g_array_new(FALSE, FALSE, sizeof(Purchase));
    for (size_t i = 0; i < result->instances_len; i++) {
        const ResultInstance *instance = &result->instances[i];
        guint at = 0;
        if (instance->started_ms <= result->start_ms || !*instance->type)
            continue;
        for (; at < purchases->len; at++) {
            const Purchase *known = &g_array_index(purchases, Purchase, at);
            if (known->spot == instance->spot && strcmp(known->type, instance->type) == 0)
                break;
        }
        if (at == purchases->len)
            g_array_append_val(purchases, ((Purchase){instance->type, instance->spot, 0, 0}));
        Purchase *purchase = &g_array_index(purchases, Purchase, at);
        purchase->count++;
        purchase->last_ms = MAX(purchase->last_ms, instance->started_ms);
    }
    g_array_sort(purchases, purchase_compare);
    return purchases;
}

static void append_purchases(const SimulationResult *with, GString *out)
{
    g_autoptr(GArray) purchases = purchases_of(with);
    for (guint i = 0; i < MIN(purchases->len, PURCHASES_TOLD); i++) {
        const Purchase *purchase = &g_array_index(purchases, Purchase, i);
        g_autofree char *at = words_date(purchase->last_ms);
        separate(out);
        g_string_append_printf(out, "%" G_GINT64_FORMAT " x %s%s bought by %s", purchase->count,
                               purchase->type, purchase->spot ? " Spot" : "", at);
    }
    if (purchases->len > PURCHASES_TOLD)
        g_string_append_printf(out, "; %u more type%s", purchases->len - PURCHASES_TOLD,
                               purchases->len - PURCHASES_TOLD == 1 ? "" : "s");
}

static char *schedule_text(const SimulationResult *with, const SimulationResult *without)
{
    g_autoptr(GString) out = g_string_new(NULL);
    append_queues(with, without, out);
    append_moved(with, without, out);
    append_purchases(with, out);
    if (out->len > 0 && with->is_cut)
        g_string_append(out, "; cut: there is more");
    return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* ---- Cost: ---- */

static bool costs_something(const SimulationResult *result)
{
    return result && (result->costs_len > 0 || result->unpriced > 0);
}

static char *cost_text(const SimulationResult *with, const SimulationResult *without,
                       const OutlookRates *rates)
{
    if (!costs_something(with) && !costs_something(without) && !rates->currency)
        return NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *cost = words_cost(with), *before = without ? words_cost(without) : NULL;
    g_string_append_printf(out, "%s for the work at hand", cost);
    if (before && strcmp(before, cost) != 0)
        g_string_append_printf(out, " (now: %s)", before);
    if (!rates->currency)
        return g_string_free(g_steal_pointer(&out), FALSE);
    g_autofree char *low = words_money(rates->min, rates->currency),
                    *now = words_money(rates->now, rates->currency),
                    *high = words_money(rates->max, rates->currency),
                    *high_before = words_money(rates->max_before, rates->currency);
    g_string_append_printf(out, "; %s/h at least, %s/h at present, at most %s/h", low, now, high);
    if (rates->max_before >= 0 && rates->max_before != rates->max)
        g_string_append_printf(out, " (now: %s/h)", high_before);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *inputs_text(const SimulationResult *with, const OutlookRates *rates, bool has_cost)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (size_t i = 0; with->notes && with->notes[i] && i < NOTES_TOLD; i++) {
        separate(out);
        g_string_append(out, with->notes[i]);
    }
    if (has_cost) {
        separate(out);
        g_string_append_printf(out, "prices %s%s, without EBS, NAT and logs",
                               rates->prices ? rates->prices : "unknown",
                               rates->is_incomplete ? " (some are unknown)" : "");
    }
    separate(out);
    g_string_append_printf(out, "seed %" G_GUINT64_FORMAT, with->seed);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- for programs ---- */

static json_t *seconds(int64_t ms)
{
    return ms < 0 ? json_null() : json_real((double)ms / 1000);
}

static json_t *amount(int64_t micro)
{
    return micro < 0 ? json_null() : json_real((double)micro / 1e6);
}

static json_t *queues_json(const SimulationResult *with, const SimulationResult *without)
{
    json_t *list = json_array();
    for (size_t i = 0; i < with->queues_len; i++) {
        const ResultQueue *queue = &with->queues[i], *before = queue_find(without, queue->name);
        if (!has_work(queue))
            continue;
        json_t *item = json_pack(
            "{s:s,s:o,s:o,s:I,s:I}", "name", queue->name, "drainSeconds", seconds(drain_ms(with, queue)),
            "p95WaitSeconds", seconds(queue->waits.wait_ms[AT_P95]), "jobs",
            (json_int_t)queue->jobs.submitted, "infeasible", (json_int_t)queue->jobs.infeasible);
        if (has_work(before)) {
            json_object_set_new(item, "drainSecondsNow", seconds(drain_ms(without, before)));
            json_object_set_new(item, "p95WaitSecondsNow", seconds(before->waits.wait_ms[AT_P95]));
        }
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *purchases_json(const SimulationResult *with)
{
    g_autoptr(GArray) purchases = purchases_of(with);
    json_t *list = json_array();
    for (guint i = 0; i < purchases->len; i++) {
        const Purchase *purchase = &g_array_index(purchases, Purchase, i);
        json_array_append_new(list, json_pack("{s:s,s:b,s:I,s:I}", "type", purchase->type, "spot",
                                              purchase->spot, "count", (json_int_t)purchase->count, "by",
                                              (json_int_t)purchase->last_ms));
    }
    return list;
}

static json_t *cost_json(const ResultMoney *money)
{
    return json_pack("{s:o,s:o,s:s}", "amount", amount(money_is_known(money) ? money->micro : -1), "atMost",
                     amount(money->most_micro), "currency", money->currency);
}

static json_t *costs_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; result && i < result->costs_len; i++)
        json_array_append_new(list, cost_json(&result->costs[i].money));
    return list;
}

static json_t *rates_json(const OutlookRates *rates)
{
    if (!rates->currency)
        return json_null();
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:b}", "currency", rates->currency, "min", amount(rates->min),
                     "now", amount(rates->now), "max", amount(rates->max), "maxNow",
                     amount(rates->max_before), "incomplete", rates->is_incomplete);
}

static json_t *strings_json(char *const *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; texts && texts[i]; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *violations_json(const GPtrArray *violations)
{
    json_t *list = json_array();
    for (guint i = 0; violations && i < violations->len; i++) {
        const Violation *violation = violations->pdata[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:s}", "queue", violation->queue, "message", violation->text));
    }
    return list;
}

static char *outlook_json(const SimulationResult *with, const SimulationResult *without,
                          const OutlookRates *rates, const GPtrArray *violations)
{
    json_t *root = json_pack(
        "{s:I,s:I,s:o,s:o,s:{s:o,s:o,s:o,s:I},s:o,s:o,s:b}", "seed", (json_int_t)with->seed, "at",
        (json_int_t)with->start_ms, "queues", queues_json(with, without), "purchases", purchases_json(with),
        "cost", "workAtHand", costs_json(with), "workAtHandNow", without ? costs_json(without) : json_null(),
        "perHour", rates_json(rates), "unpriced", (json_int_t)with->unpriced, "inputs",
        strings_json(with->notes), "failedAssertions", violations_json(violations), "cut", with->is_cut);
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12));
    char *copy = g_strdup(text);
    free(text);
    json_decref(root);
    return copy;
}

/* ---- */

Outlook *outlook_new(const SimulationResult *with, const SimulationResult *without, const OutlookRates *rates,
                     const GPtrArray *violations)
{
    Outlook *outlook = g_new0(Outlook, 1);
    outlook->schedule = schedule_text(with, without);
    outlook->cost = cost_text(with, without, rates);
    if (outlook->schedule || outlook->cost)
        outlook->inputs = inputs_text(with, rates, outlook->cost != NULL);
    outlook->json = outlook_json(with, without, rates, violations);
    return outlook;
}

void outlook_free(Outlook *outlook)
{
    if (!outlook)
        return;
    g_free(outlook->schedule);
    g_free(outlook->cost);
    g_free(outlook->inputs);
    g_free(outlook->json);
    g_free(outlook);
}
