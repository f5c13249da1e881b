/* consumable.c: what consumable resources still have in this pass (batch: "Consumable resources"). */
#include "reconciler/schedule/pass.h"
#include "reconciler/world/consumable.h"

static ConsumableUse *use_of(Pass *pass, const char *name)
{
    const Consumable *consumable = world_consumable(pass->world, view_from(name));
    name = consumable ? consumable->resource->name : name; /* jobs may name it as it was called once */
    for (size_t i = 0; i < pass->consumables_len; i++)
        if (strcmp(pass->consumables[i].name, name) == 0)
            return &pass->consumables[i];
    pass->consumables = pass_grow(pass, pass->consumables, pass->consumables_len, &pass->consumables_max,
                                  sizeof *pass->consumables);
    ConsumableUse *use = &pass->consumables[pass->consumables_len++];
    *use = (ConsumableUse){name, consumable ? consumable_available(consumable) : 0};
    return use;
}

int64_t consumables_allow(Pass *pass, const RunKind *kind)
{
    int64_t allowed = INT64_MAX;
    for (size_t i = 0; i < kind->consumables_len; i++) {
        const ConsumableNeed *need = &kind->consumables[i];
        if (need->quantity > 0)
            allowed = MIN(allowed, use_of(pass, need->name)->left / need->quantity);
    }
    return allowed;
}

void consumables_use(Pass *pass, const RunKind *kind, int64_t count)
{
    for (size_t i = 0; i < kind->consumables_len; i++)
        use_of(pass, kind->consumables[i].name)->left -= count * kind->consumables[i].quantity;
}
