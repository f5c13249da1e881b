#include "reconciler/scale/growth_memory.h"

#include <jansson.h>

void growth_memory_clear(GrowthMemory *memory)
{
    cooldowns_clear(&memory->cooldowns);
    *memory = (GrowthMemory){0};
}

char *growth_memory_setting(const char *environment)
{
    return g_strconcat(GROWTH_MEMORY_PREFIX, environment, NULL);
}

static json_t *account_json(const Account *account)
{
    return json_pack("[I,I,I,I,I,I,I,I,I,I,I]", (json_int_t)account->day, (json_int_t)account->month,
                     (json_int_t)account->of_day.micro, (json_int_t)account->of_day.rest,
                     (json_int_t)account->of_month.micro, (json_int_t)account->of_month.rest,
                     (json_int_t)account->total.micro, (json_int_t)account->total.rest,
                     (json_int_t)account->unknown_day_ms, (json_int_t)account->unknown_month_ms,
                     (json_int_t)account->unknown_ms);
}

static void account_parse(const json_t *list, Account *account)
{
    int64_t *const members[] = {&account->day,
                                &account->month,
                                &account->of_day.micro,
                                &account->of_day.rest,
                                &account->of_month.micro,
                                &account->of_month.rest,
                                &account->total.micro,
                                &account->total.rest,
                                &account->unknown_day_ms,
                                &account->unknown_month_ms,
                                &account->unknown_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        *members[i] = json_integer_value(json_array_get(list, i));
}

char *growth_memory_print(const GrowthMemory *memory)
{
    g_autofree char *cooling = cooldowns_print(&memory->cooldowns);
    json_t *root = json_pack("{s:I,s:o,s:s,s:I,s:I}", "accruedMs", (json_int_t)memory->accrued_ms, "account",
                             account_json(&memory->account), "cooling", cooling, "rate",
                             (json_int_t)memory->rate_micro_per_h, "unpriced", (json_int_t)memory->unpriced);
    char *printed = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(printed);
    free(printed);
    json_decref(root);
    return text;
}

void growth_memory_parse(GrowthMemory *memory, const char *text)
{
    json_t *root = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *cooling = json_string_value(json_object_get(root, "cooling"));
    growth_memory_clear(memory);
    memory->accrued_ms = json_integer_value(json_object_get(root, "accruedMs"));
    account_parse(json_object_get(root, "account"), &memory->account);
    memory->rate_micro_per_h = json_integer_value(json_object_get(root, "rate"));
    memory->unpriced = json_integer_value(json_object_get(root, "unpriced"));
    if (cooling)
        cooldowns_parse(&memory->cooldowns, view_from(cooling));
    json_decref(root);
}
