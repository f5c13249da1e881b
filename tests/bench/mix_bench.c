/* mix_bench: what the instances that the scaler chooses cost, against the cheapest mix for the same jobs or a
 * lower bound of it. Prints a line for each demand, then "name<TAB>value<TAB>unit"; run by `make bench`,
 * never a test. Arguments: the first and the last seed (1 to 200); a folder that exists and keeps the
 * programmes and what the solver said of them. Needs cbc (Debian: coinor-cbc).
 *
 * Exact: where the ways to fill one instance are few enough to list (PATTERNS_MAX), the programme counts
 * instances by what lies on them. Its optimum is the cheapest feasible mix.
 *
 * Pooled: else the instances of one type pool what they offer: its vCPUs, memory and GPUs hold the jobs
 * assigned to it in sum. The optimum of that is never above the cheapest mix, and below it where jobs would
 * have to be cut to fill instances. Rows that every packing keeps make that rarer: of one size an instance
 * holds no more than fit, of jobs above 1/(k+1) of it no more than k.
 *
 * Where optimality is not proven in SOLVE_SECONDS, what is proven by then is compared with. Rules that are
 * not about cost bind both sides: types, hosts with GPUs, maxvCpus with the one that may exceed it; both
 * serve the jobs that the scaler served. */
#include <math.h>
#include <string.h>
#include "reconciler/scale/scale.h"
#include "spec/base/rng.h"
#include "spec/base/units.h"
#include "tests/bench/figures.h"

#define DEMAND_MAX     24
#define NOW            INT64_C(1700000000000)
#define SOLVE_SECONDS  "10"
#define RATIO_GAP      "0.0005"
#define PATTERNS_MAX   10000
#define PATTERNS_TRIES 2000000

typedef struct {
    const char *name;
    void (*make)(Rng *rng, ScaleDemand *demand, size_t *ret_len);
    const char *types[3][14]; /* instanceTypes, one list by chance */
} Shape;

typedef struct {
    uint64_t seed;
    const Shape *shape;
    ComputeEnvironmentSpec spec;
    ScaleCandidates *candidates;
    ScaleDemand demand[DEMAND_MAX];
    size_t demand_len;
    int64_t served[DEMAND_MAX];
    ScaleDecisions decisions;
} Case;

typedef struct {
    double bound,
        found;   /* per hour; found: of the programme's best solution; pooled, it need not be feasible */
    bool proven; /* to RATIO_GAP */
    bool exact;
} Solution;

/* ---- demand */

static int64_t any_of(Rng *rng, const int64_t *values, size_t len)
{
    return values[rng_below(rng, len)];
}
#define ANY_OF(rng, ...)                                                                                     \
    any_of(rng, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static ScaleDemand job(int64_t vcpus_e4, int64_t mib_per_vcpu, int64_t count)
{
    return (ScaleDemand){.need = {vcpus_e4, MAX(vcpus_e4 * mib_per_vcpu / DECIMAL_SCALE, 128), 0},
                         .count = count};
}

static void many_small(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    *ret_len = (size_t)rng_between(rng, 2, 8);
    for (size_t i = 0; i < *ret_len; i++)
        demand[i] = job(ANY_OF(rng, 2500, 5000, 10000, 10000, 20000, 40000),
                        ANY_OF(rng, 512, 1024, 1900, 2048, 4096), rng_between(rng, 20, 400));
}

static void few_large(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    *ret_len = (size_t)rng_between(rng, 1, 5);
    for (size_t i = 0; i < *ret_len; i++)
        demand[i] = job(rng_between(rng, 8, 48) * DECIMAL_SCALE, rng_between(rng, 1000, 7000),
                        rng_between(rng, 1, 6));
}

static void mixed(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    *ret_len = (size_t)rng_between(rng, 4, 12);
    for (size_t i = 0; i < *ret_len; i++)
        demand[i] = job(rng_between(rng, 1, 16) * DECIMAL_SCALE, rng_between(rng, 500, 14000),
                        rng_between(rng, 1, 50));
}

static void handful(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    *ret_len = (size_t)rng_between(rng, 1, 4);
    for (size_t i = 0; i < *ret_len; i++)
        demand[i] = job(rng_between(rng, 1, 32) * 5000, rng_between(rng, 500, 8000), rng_between(rng, 1, 3));
}

static void memory_bound(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    *ret_len = (size_t)rng_between(rng, 2, 8);
    for (size_t i = 0; i < *ret_len; i++)
        demand[i] = job(ANY_OF(rng, 10000, 20000, 40000), ANY_OF(rng, 4096, 7000, 8192, 12000, 16384, 24000),
                        rng_between(rng, 1, 60));
}

static void with_gpus(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    *ret_len = (size_t)rng_between(rng, 2, 8);
    for (size_t i = 0; i < *ret_len; i++) {
        demand[i] = job(rng_between(rng, 1, 12) * DECIMAL_SCALE, rng_between(rng, 1000, 6000),
                        rng_between(rng, 1, 20));
        demand[i].need.gpus = rng_below(rng, 3) ? ANY_OF(rng, 1, 1, 1, 2, 4) : 0;
    }
}

static void everything(Rng *rng, ScaleDemand *demand, size_t *ret_len)
{
    size_t small, large;
    many_small(rng, demand, &small);
    few_large(rng, demand + small, &large);
    handful(rng, demand + small + large, ret_len);
    *ret_len += small + large;
}

#define WIDE "c5", "m5", "r5", "c5a", "m5a", "r5a", "c6a", "m6a", "r6a", "m7i", "r7i"
static const Shape shapes[] = {
    {"many small", many_small, {{"default_x86_64"}, {"optimal"}, {"c6a", "m6a", "r6a"}}},
    {"few large", few_large, {{"default_x86_64"}, {"optimal"}, {WIDE}}},
    {"mixed ratios", mixed, {{"default_x86_64"}, {WIDE}, {"m5", "c5", "r5"}}},
    {"a handful", handful, {{"optimal"}, {WIDE}, {"default_arm64"}}},
    {"memory-bound", memory_bound, {{"optimal"}, {"m6i", "r6i"}, {WIDE}}},
    {"GPUs", with_gpus, {{"g4dn", "g5", "m5", "c5"}, {"g6", "g6e", "m6i"}, {"g4dn", "g5", "g6", "p3dn"}}},
    {"few types",
     mixed,
     {{"m5.4xlarge", "c5.4xlarge", "r5.4xlarge"},
      {"m6i.xlarge", "m6i.8xlarge", "r6i.8xlarge", "c6i.8xlarge"},
      {"m5.2xlarge", "r5.24xlarge", "c5.18xlarge"}}},
    {"one family", everything, {{"m6i"}, {"r5"}, {"m7i"}}},
    {"everything", everything, {{"default_x86_64"}, {WIDE}, {"optimal"}}},
};

static int64_t demand_vcpus(const Case *c)
{
    int64_t vcpus_e4 = 0;
    for (size_t i = 0; i < c->demand_len; i++)
        vcpus_e4 += c->demand[i].need.vcpus_e4 * c->demand[i].count;
    return vcpus_e4 / DECIMAL_SCALE + 1;
}

/* Of three cases one may not have all that it asks for. BEST_FIT and BEST_FIT_PROGRESSIVE, whose aim is the
 * cost, in turn: without cool-downs they differ in who may exceed maxvCpus. */
static void case_make(Case *c, uint64_t seed)
{
    Rng rng = rng_from_seed(seed);
    c->seed = seed;
    c->shape = &shapes[seed % G_N_ELEMENTS(shapes)];
    c->spec = (ComputeEnvironmentSpec){
        .enabled = true,
        .region = (char *)(uintptr_t) "us-east-1",
        .type = CE_TYPE_EC2,
        .allocation = rng_below(&rng, 2) ? ALLOCATION_BEST_FIT : ALLOCATION_BEST_FIT_PROGRESSIVE,
        .bid_percentage = 100,
        .instance_types = (char **)(uintptr_t)c->shape->types[rng_below(&rng, 3)]};
    c->candidates = scale_candidates_new(&c->spec, NULL);
    c->shape->make(&rng, c->demand, &c->demand_len);
    int64_t vcpus = demand_vcpus(c);
    c->spec.max_vcpus = rng_below(&rng, 3) ? 4 * vcpus + 1000 : rng_between(&rng, vcpus / 2 + 16, vcpus + 16);
}

/* ---- what the scaler chooses */

/* That every instance of the plan holds what lies on it, and that together they hold what was served. */
static void plan_check(const Case *c)
{
    int64_t planned = 0, served = 0;
    for (size_t i = 0; i < c->decisions.bins_len; i++) {
        const PackBin *bin = &c->decisions.bins[i];
        Capacity free = c->candidates->types[bin->type].planned;
        for (size_t j = 0; j < bin->parts_len; j++) {
            free.vcpus_e4 -= bin->parts[j].count * bin->parts[j].need.vcpus_e4;
            free.memory_mib -= bin->parts[j].count * bin->parts[j].need.memory_mib;
            free.gpus -= bin->parts[j].count * bin->parts[j].need.gpus;
            planned += bin->parts[j].count * bin->copies;
        }
        if (free.vcpus_e4 < 0 || free.memory_mib < 0 || free.gpus < 0)
            g_error("seed %" PRIu64 ": an instance is too full", c->seed);
    }
    for (size_t i = 0; i < c->demand_len; i++)
        served += c->served[i];
    if (planned != served)
        g_error("seed %" PRIu64 ": %" PRId64 " jobs planned, %" PRId64 " served", c->seed, planned, served);
}

static void case_run(Case *c, Arena *arena)
{
    ScaleInput input = {.spec = &c->spec,
                        .candidates = c->candidates,
                        .now_ms = NOW,
                        .generation = 1,
                        .demand = c->demand,
                        .demand_len = c->demand_len};
    scale_run(&input, arena, &c->decisions);
    for (size_t i = 0; i < c->demand_len; i++)
        c->served[i] = c->demand[i].count;
    for (size_t i = 0; i < c->decisions.unmet_len; i++)
        c->served[c->decisions.unmet[i].demand] -= c->decisions.unmet[i].count;
    plan_check(c);
}

/* ---- the programme */

static bool may_use(const Case *c, size_t demand, size_t type)
{
    Capacity need = c->demand[demand].need;
    bool on_gpu_hosts = true;
    for (size_t i = 0; need.gpus == 0 && i < c->candidates->len; i++)
        if (c->candidates->types[i].planned.gpus == 0 && scale_candidate_fits(&c->candidates->types[i], need))
            on_gpu_hosts = false;
    return c->served[demand] && scale_candidate_fits(&c->candidates->types[type], need) &&
           (on_gpu_hosts || c->candidates->types[type].planned.gpus == 0);
}

/* Whether no mix needs b, because a has as much of all, at no higher price. */
static bool makes_needless(const ScaleCandidate *a, const ScaleCandidate *b)
{
    return a->vcpus == b->vcpus && scale_candidate_fits(a, b->planned) &&
           (a->planned.gpus > 0) == (b->planned.gpus > 0) && a->price_micro_per_h <= b->price_micro_per_h &&
           (a < b || !scale_candidate_fits(b, a->planned) || a->price_micro_per_h < b->price_micro_per_h);
}

static bool is_needless(const Case *c, size_t type)
{
    const ScaleCandidate *types = c->candidates->types;
    if (types[type].price_micro_per_h < 0)
        return true; /* comes after those with a price in the scaler's order as well */
    for (size_t i = 0; i < c->candidates->len; i++)
        if (i != type && types[i].price_micro_per_h >= 0 && makes_needless(&types[i], &types[type]))
            return true;
    return false;
}

/* ---- patterns: everything that an instance of a type can hold, but what is part of more */

typedef struct {
    const Case *c;
    size_t type;
    int64_t counts[DEMAND_MAX];
    size_t tries;     /* left */
    GString *columns; /* the sum of this type's, as n = z1 + z2 + ... */
    GString *rows[DEMAND_MAX];
    size_t len;
} Patterns;

static Capacity less(Capacity of, Capacity need, int64_t count)
{
    return (Capacity){of.vcpus_e4 - count * need.vcpus_e4, of.memory_mib - count * need.memory_mib,
                      of.gpus - count * need.gpus};
}

static bool holds(Capacity free)
{
    return free.vcpus_e4 >= 0 && free.memory_mib >= 0 && free.gpus >= 0;
}

static void pattern_add(Patterns *patterns)
{
    g_string_append_printf(patterns->columns, " + z%zu", patterns->len);
    for (size_t i = 0; i < patterns->c->demand_len; i++)
        if (patterns->counts[i])
            g_string_append_printf(patterns->rows[i], " + %" PRId64 " z%zu", patterns->counts[i],
                                   patterns->len);
    patterns->len++;
}

/* False: too many. */
static bool patterns_walk(Patterns *patterns, size_t demand, Capacity free)
{
    const Case *c = patterns->c;
    if (!patterns->tries--)
        return false;
    if (demand == c->demand_len) {
        for (size_t i = 0; i < c->demand_len; i++)
            if (may_use(c, i, patterns->type) && patterns->counts[i] < c->served[i] &&
                holds(less(free, c->demand[i].need, 1)))
                return true; /* part of more */
        pattern_add(patterns);
        return patterns->len < PATTERNS_MAX;
    }
    int64_t most = 0;
    while (may_use(c, demand, patterns->type) && most < c->served[demand] &&
           holds(less(free, c->demand[demand].need, most + 1)))
        most++;
    for (int64_t count = most; count >= 0; count--) {
        patterns->counts[demand] = count;
        if (!patterns_walk(patterns, demand + 1, less(free, c->demand[demand].need, count)))
            return false;
    }
    patterns->counts[demand] = 0;
    return true;
}

/* NULL: too many. */
static char *pattern_rows(const Case *c, const bool *is_used, size_t *ret_len)
{
    Patterns patterns = {.c = c, .tries = PATTERNS_TRIES};
    g_autoptr(GString) out = g_string_new(NULL);
    bool whole = true;
    for (size_t i = 0; i < c->demand_len; i++)
        patterns.rows[i] = g_string_new(NULL);
    for (size_t i = 0; i < c->candidates->len && whole; i++) {
        if (!is_used[i])
            continue;
        patterns.type = i;
        patterns.columns = g_string_new(NULL);
        whole = patterns_walk(&patterns, 0, c->candidates->types[i].planned);
        g_string_append_printf(out, "%s - n%zu = 0\n", patterns.columns->str, i);
        g_string_free(patterns.columns, TRUE);
    }
    for (size_t i = 0; i < c->demand_len; i++) {
        if (c->served[i])
            g_string_append_printf(out, "%s >= %" PRId64 "\n", patterns.rows[i]->str, c->served[i]);
        g_string_free(patterns.rows[i], TRUE);
    }
    *ret_len = patterns.len;
    return whole ? g_strdup(out->str) : NULL;
}

/* ---- pooled: what instances of one type hold in sum */

static int64_t amount(Capacity of, int dimension)
{
    return dimension == 0 ? of.vcpus_e4 : dimension == 1 ? of.memory_mib : of.gpus;
}

/* The sum over what a type holds, of amounts or of the jobs above a part of it. */
static void type_rows(const Case *c, size_t type, GString *out)
{
    Capacity offers = c->candidates->types[type].planned;
    for (int dimension = 0; dimension < 3; dimension++) {
        int64_t has = amount(offers, dimension);
        g_autoptr(GString) sum = g_string_new(NULL);
        for (size_t i = 0; i < c->demand_len; i++)
            if (may_use(c, i, type) && amount(c->demand[i].need, dimension))
                g_string_append_printf(sum, " + %" PRId64 " x%zu_%zu", amount(c->demand[i].need, dimension),
                                       i, type);
        if (sum->len)
            g_string_append_printf(out, "%s - %" PRId64 " n%zu <= 0\n", sum->str, has, type);
        for (int64_t k = 1; k <= 5; k++) {
            g_string_truncate(sum, 0);
            for (size_t i = 0; i < c->demand_len; i++)
                if (may_use(c, i, type) && amount(c->demand[i].need, dimension) * (k + 1) > has)
                    g_string_append_printf(sum, " + x%zu_%zu", i, type);
            if (sum->len)
                g_string_append_printf(out, "%s - %" PRId64 " n%zu <= 0\n", sum->str, k, type);
        }
    }
    for (size_t i = 0; i < c->demand_len; i++) {
        Capacity need = c->demand[i].need;
        int64_t most = c->served[i];
        for (int dimension = 0; dimension < 3; dimension++)
            if (amount(need, dimension))
                most = MIN(most, amount(offers, dimension) / amount(need, dimension));
        if (may_use(c, i, type))
            g_string_append_printf(out, "x%zu_%zu - %" PRId64 " n%zu <= 0\n", i, type, most, type);
    }
}

static void max_rows(const Case *c, const bool *is_used, GString *out)
{
    bool may_exceed = strategy_may_exceed(&c->spec);
    g_autoptr(GString) one = g_string_new(NULL);
    for (size_t i = 0; i < c->candidates->len; i++) {
        if (!is_used[i])
            continue;
        int64_t vcpus = c->candidates->types[i].vcpus;
        g_string_append_printf(out, " + %" PRId64 " n%zu", vcpus, i);
        if (may_exceed) {
            g_string_append_printf(out, " - %" PRId64 " y%zu", vcpus, i);
            g_string_append_printf(one, " + y%zu", i);
        }
    }
    g_string_append_printf(out, " <= %" PRId64 "\n", c->spec.max_vcpus - may_exceed);
    if (may_exceed)
        g_string_append_printf(out, "%s <= 1\n", one->str);
    for (size_t i = 0; may_exceed && i < c->candidates->len; i++)
        if (is_used[i])
            g_string_append_printf(out, "y%zu - n%zu <= 0\n", i, i);
}

static void pooled_rows(const Case *c, const bool *is_used, GString *out)
{
    for (size_t i = 0; i < c->demand_len; i++) {
        if (!c->served[i])
            continue;
        for (size_t j = 0; j < c->candidates->len; j++)
            if (is_used[j] && may_use(c, i, j))
                g_string_append_printf(out, " + x%zu_%zu", i, j);
        g_string_append_printf(out, " = %" PRId64 "\n", c->served[i]);
    }
    for (size_t i = 0; i < c->candidates->len; i++)
        if (is_used[i])
            type_rows(c, i, out);
}

/* patterns: how many; 0: pooled. */
static void variables(const Case *c, const bool *is_used, size_t patterns, GString *out)
{
    for (size_t i = 0; i < c->candidates->len; i++) {
        if (!is_used[i])
            continue;
        g_string_append_printf(out, "n%zu\n", i);
        if (strategy_may_exceed(&c->spec))
            g_string_append_printf(out, "y%zu\n", i);
        for (size_t j = 0; j < c->demand_len && !patterns; j++)
            if (may_use(c, j, i))
                g_string_append_printf(out, "x%zu_%zu\n", j, i);
    }
    for (size_t i = 0; i < patterns; i++)
        g_string_append_printf(out, "z%zu\n", i);
}

static char *programme(const Case *c, bool *ret_exact)
{
    GString *out = g_string_new("Minimize\n cost:");
    g_autofree bool *is_used = g_new0(bool, c->candidates->len);
    for (size_t i = 0; i < c->candidates->len; i++) {
        for (size_t j = 0; j < c->demand_len; j++)
            is_used[i] = is_used[i] || may_use(c, j, i);
        is_used[i] = is_used[i] && !is_needless(c, i);
        if (is_used[i])
            g_string_append_printf(out, " + %" PRId64 " n%zu\n", c->candidates->types[i].price_micro_per_h,
                                   i);
    }
    size_t patterns = 0;
    g_autofree char *exact = pattern_rows(c, is_used, &patterns);
    *ret_exact = exact != NULL;
    g_string_append(out, "Subject To\n");
    if (exact)
        g_string_append(out, exact);
    else
        pooled_rows(c, is_used, out);
    max_rows(c, is_used, out);
    g_string_append(out, "Generals\n");
    variables(c, is_used, exact ? patterns : 0, out);
    g_string_append(out, "End\n");
    return g_string_free(out, FALSE);
}

static double value_after(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    return at ? g_ascii_strtod(at + strlen(label), NULL) : NAN;
}

/* What cbc says, kept beside the programme: the same one is not solved twice. */
static char *solver_says(const Case *c, const char *dir, bool *ret_exact)
{
    g_autofree char *text = programme(c, ret_exact), *kept = NULL;
    g_autofree char *path = g_strdup_printf("%s/%" PRIu64 ".lp", dir, c->seed);
    g_autofree char *out_path = g_strdup_printf("%s/%" PRIu64 ".out", dir, c->seed);
    g_autoptr(GError) error = NULL;
    char *said = NULL;
    char *argv[] = {(char *)(uintptr_t) "cbc",       path,
                    (char *)(uintptr_t) "-sec",      (char *)(uintptr_t)SOLVE_SECONDS,
                    (char *)(uintptr_t) "-ratioGap", (char *)(uintptr_t)RATIO_GAP,
                    (char *)(uintptr_t) "-solve",    NULL};
    if (g_file_get_contents(path, &kept, NULL, NULL) && !strcmp(kept, text) &&
        g_file_get_contents(out_path, &said, NULL, NULL))
        return said;
    if (!g_file_set_contents(path, text, -1, &error) ||
        !g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, NULL, NULL, &error) ||
        !g_file_set_contents(out_path, said, -1, &error))
        g_error("%s", error->message);
    return said;
}

static Solution solve(const Case *c, const char *dir)
{
    bool exact;
    g_autofree char *said = solver_says(c, dir, &exact);
    double found = value_after(said, "Objective value:"), bound = value_after(said, "Lower bound:");
    bool stopped = strstr(said, "Result - Stopped on time limit") != NULL;
    if (isnan(bound) && (isnan(found) || stopped))
        g_error("seed %" PRIu64 ": cbc says:\n%s", c->seed, said);
    return (Solution){isnan(bound) ? found : bound, found, !stopped, exact};
}

/* ---- figures */

static int compare_double(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void case_print(const Case *c, Solution solution, double ratio)
{
    printf("%4" PRIu64 " %-13s %-22s %8.4f of %.4f/h (%.4f%s): %.4f;", c->seed, c->shape->name,
           c->spec.instance_types[0], (double)c->decisions.price_micro_per_h / 1e6, solution.bound / 1e6,
           solution.found / 1e6,
           solution.exact    ? solution.proven ? " exact" : " exact, unproven"
           : solution.proven ? ""
                             : " unproven",
           ratio);
    for (size_t i = 0; i < c->decisions.launches_len; i++)
        printf(" %" PRId64 " %s", c->decisions.launches[i].count,
               c->candidates->types[c->decisions.launches[i].type].name);
    printf("\n");
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1,
             last = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
    const char *dir = argc > 3 ? argv[3] : ".";
    g_autofree double *ratios = g_new0(double, last - first + 1);
    size_t len = 0, above = 0, unproven = 0, exact = 0;
    for (uint64_t seed = first; seed <= last; seed++) {
        g_autoptr(Arena) arena = arena_new();
        Case c = {0};
        case_make(&c, seed);
        case_run(&c, arena);
        if (c.decisions.launches_len) {
            Solution solution = solve(&c, dir);
            ratios[len] = (double)c.decisions.price_micro_per_h / solution.bound;
            above += ratios[len] > 1.03;
            exact += solution.exact;
            unproven += !solution.proven;
            case_print(&c, solution, ratios[len++]);
            fflush(stdout);
        }
        scale_candidates_free(c.candidates);
    }
    qsort(ratios, len, sizeof *ratios, compare_double);
    report("mix: cases", (double)len, "");
    report("mix: median", ratios[len / 2], "");
    report("mix: p95", ratios[len * 95 / 100], "");
    report("mix: max", ratios[len - 1], "");
    report("mix: above 1.03", (double)above, "cases");
    report("mix: exact", (double)exact, "cases");
    report("mix: unproven", (double)unproven, "cases");
    return 0;
}
