#include "reconciler/schedule/misfits.h"

static bool at_least(const Capacity *need, const Capacity *failed)
{
    return need->vcpus_e4 >= failed->vcpus_e4 && need->memory_mib >= failed->memory_mib &&
           need->gpus >= failed->gpus;
}

static MisfitKind *kind_of(Misfits *misfits, uint32_t kind, Arena *arena)
{
    for (size_t i = 0; i < misfits->len; i++)
        if (misfits->kinds[i].kind == kind)
            return &misfits->kinds[i];
    if (misfits->len == misfits->max) {
        size_t max = misfits->max ? 2 * misfits->max : 1;
        MisfitKind *grown = arena_alloc_raw(arena, max * sizeof *grown);
        if (misfits->len > 0)
            memcpy(grown, misfits->kinds, misfits->len * sizeof *grown);
        misfits->kinds = grown;
        misfits->max = max;
    }
    MisfitKind *found = &misfits->kinds[misfits->len++];
    found->kind = kind;
    found->len = 0;
    found->all = false;
    return found;
}

void misfits_add(Misfits *misfits, uint32_t kind, const Capacity *need, Arena *arena)
{
    MisfitKind *entry = kind_of(misfits, kind, arena);
    unsigned kept = 0;
    for (unsigned i = 0; i < entry->len; i++)
        if (!at_least(&entry->needs[i], need))
            entry->needs[kept++] = entry->needs[i];
    entry->len = kept;
    if (entry->len < MISFITS_MAX)
        entry->needs[entry->len++] = *need;
}

void misfits_add_all(Misfits *misfits, uint32_t kind, Arena *arena)
{
    kind_of(misfits, kind, arena)->all = true;
}

static bool covers(const MisfitKind *entry, const Capacity *need)
{
    for (unsigned i = 0; i < entry->len; i++)
        if (at_least(need, &entry->needs[i]))
            return true;
    return entry->all;
}

bool misfits_cover(const Misfits *misfits, const Capacity *least, uint64_t kinds)
{
    for (size_t i = 0; i < misfits->len && kinds; i++) {
        const MisfitKind *entry = &misfits->kinds[i];
        if (entry->kind < 63 && (kinds & kind_bit(entry->kind)) && covers(entry, least))
            kinds &= ~kind_bit(entry->kind);
    }
    return kinds == 0;
}

bool misfits_cover_kind(const Misfits *misfits, const Capacity *need, uint32_t kind)
{
    for (size_t i = 0; i < misfits->len; i++)
        if (misfits->kinds[i].kind == kind)
            return covers(&misfits->kinds[i], need);
    return false;
}
