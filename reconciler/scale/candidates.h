/* candidates.h: the instance types that an environment may launch, with what they really offer and cost.
 * Owns:   ScaleCandidates owns its names; facts are borrowed for the call only.
 * Calls:  scale/catalogue, spec/decode, spec/base. No I/O, no clock.
 * Holds:  candidates are sorted by name and each stands once; all have one CPU architecture. A price, a rank
 * or a size that is not known is SCALE_UNKNOWN, never 0. What was observed goes before what a provider says
 * live, and that before the embedded table. */
#pragma once
#include "reconciler/scale/catalogue.h"
#include "reconciler/world/record.h"

#define SCALE_UNKNOWN (-1)

/* What is known of one type beyond the embedded table. */
typedef struct {
    const char *type;
    /* The least that hosts of this type registered for containers; memory_mib 0: none was seen yet. */
    Capacity registered;
    int64_t price_micro_per_h; /* live On-Demand price; SCALE_UNKNOWN: the table's */
    int64_t spot_micro_per_h;  /* live Spot price, of the cheapest zone; or SCALE_UNKNOWN */
    /* How likely its Spot capacity is to be taken away: 0 the least, SCALE_RANK_MAX the most; or
     * SCALE_UNKNOWN. */
    int64_t rank;
} TypeFacts;
#define SCALE_RANK_MAX 10

/* Of one region; every list sorted by name in byte order, and empty where nothing is known. */
typedef struct {
    const char *region; /* whose prices of the table count where the environment names none; may be NULL */
    const TypeFacts *types;
    size_t types_len;
    const InstanceType *live; /* types as the provider describes them: new ones, and better descriptions */
    size_t live_len;
    const char *const *offered; /* types that the region and the zones have; offered_len 0: not known */
    size_t offered_len;
} CatalogueFacts;

typedef struct {
    char *name;
    Capacity planned;    /* what a host will offer to tasks */
    int64_t vcpus;       /* whole: what counts against minvCpus and maxvCpus */
    int64_t nominal_mib; /* for messages */
    int64_t price_micro_per_h, spot_micro_per_h, rank;
    Architecture architecture;
    bool is_learned; /* planned is what hosts registered, no estimate */
} ScaleCandidate;

typedef struct {
    ScaleCandidate *types;
    size_t len;
    char *currency; /* of the prices; NULL: none is known */
    bool is_open;   /* an entry of instanceTypes is known to nobody: there may be more types than these */
} ScaleCandidates;

/* The types that spec's instanceTypes name, made once and kept by the caller until spec or facts change.
 * facts may be NULL. A bundle (optimal, default_x86_64) of which the region offers nothing falls back
 * generation by generation. Where types of several architectures are named (which validation refuses), those
 * of x86_64 remain. */
ScaleCandidates *scale_candidates_new(const ComputeEnvironmentSpec *spec, const CatalogueFacts *facts);
void scale_candidates_free(ScaleCandidates *candidates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScaleCandidates, scale_candidates_free)
/* False: not among them. */
bool scale_candidates_find(const ScaleCandidates *candidates, View name, size_t *ret_index);
bool scale_candidate_fits(const ScaleCandidate *candidate, Capacity need);
