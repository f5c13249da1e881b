#include "tests/simulation/manifests.h"
#include "spec/base/rng.h"
#include <glib.h>
#include <string.h>

/* ---- what there is ---- */

/* What kinds of things systems are made of: in how many of ten seeds, what else it takes, and what it is. */
static const struct {
    unsigned of_ten;
    Thing needs;
    const char *what;
} things[THING_COUNT] = {
    [THING_ALWAYS] = {10, THING_ALWAYS,
                      "queues main and other over environments here and there, jobs, arrays, dependencies, "
                      "runs, a pipeline, licences (a consumable resource); here, there, licences and a "
                      "definition are renamed"},
    [THING_INSTANCES] =
        {5, THING_ALWAYS,
         "here and there buy EC2 and Spot instances, and newer images come; else they share one "
         "machine"},
    [THING_MONEY] = {6, THING_INSTANCES, "prices are known, and here and there have budgets at times"},
    [THING_SHARES] = {5, THING_ALWAYS,
                      "queue main is shared by a policy: weights, decay, reservation, limits; other at "
                      "times; policy, pipeline and runs are renamed"},
    [THING_TASKS] = {5, THING_INSTANCES, "queue tasks runs on Fargate: each task is its own capacity"},
    [THING_HOSTS] =
        {5, THING_INSTANCES,
         "queue own, and main at times, has an UNMANAGED environment, which hosts join and leave"},
    [THING_GANGS] = {6, THING_ALWAYS,
                     "multinode jobs, where here has On-Demand instances, or is the machine"},
};

#define RETRIES                                                                                              \
    "  retryStrategy:\n    attempts: 10\n    evaluateOnExit:\n"                                              \
    "      - {onStatusReason: \"Host EC2*\", action: RETRY}\n"                                               \
    "      - {onReason: \"CannotStartContainerError*\", action: RETRY}\n"                                    \
    "      - {onExitCode: \"1\", action: RETRY}\n      - {onExitCode: \"3\", action: EXIT}\n"

#define LICENCE "@licence" /* which is renamed */

#define FOR_EVER INT64_C(100000000)

static const Definition definitions[] = {
    {.name = "d0", .run_ms = 400, .vcpus = 1, .memory_mib = 64, .more = RETRIES},
    {.name = "d1",
     .fails = true,
     .run_ms = 900,
     .first_code = 3,
     .later_code = 3,
     .vcpus = 1,
     .memory_mib = 32,
     .more = RETRIES},
    {.name = "d2", .run_ms = 5000, .vcpus = 2, .memory_mib = 128, .more = RETRIES},
    {.name = "d3",
     .fails = true,
     .run_ms = FOR_EVER,
     .vcpus = 1,
     .memory_mib = 16,
     .more = RETRIES "  timeout: {attemptDurationSeconds: 60}\n"},
    {.name = "d4",
     .run_ms = 3000,
     .first_code = 1,
     .vcpus = 1,
     .memory_mib = 200,
     .more = RETRIES "  consumableResourceProperties:\n"
                     "    consumableResourceList: [{consumableResource: " LICENCE ", quantity: 1}]\n"},
    {.name = "task",
     .needs = THING_TASKS,
     .queue = "tasks",
     .run_ms = 2500,
     .first_code = 1,
     .vcpus = 1,
     .memory_mib = 2048,
     .more = RETRIES "  platformCapabilities: [FARGATE]\n"},
    {.name = "hosted",
     .needs = THING_HOSTS,
     .queue = "own",
     .run_ms = 1500,
     .first_code = 1,
     .vcpus = 1,
     .memory_mib = 300,
     .more = RETRIES},
    {.name = "gang",
     .needs = THING_GANGS,
     .queue = "main",
     .is_gang = true,
     .run_ms = 4000,
     .first_code = 1,
     .vcpus = 1,
     .memory_mib = 100,
     .more = RETRIES},
};

Scene scene_draw(uint64_t seed)
{
    Rng rng = rng_from_seed(seed);
    Scene scene = {.seed = seed};
    for (int thing = 0; thing < THING_COUNT; thing++)
        if (rng_below(&rng, 10) < things[thing].of_ten &&
            (things[thing].needs == THING_ALWAYS || scene_has(&scene, things[thing].needs)))
            scene.things |= 1u << thing;
    return scene;
}

bool scene_has(const Scene *scene, Thing thing)
{
    return scene->things >> thing & 1;
}

const char *scene_what(Thing thing)
{
    return things[thing].what;
}

size_t scene_definitions(const Scene *scene, const Definition *ret_definitions[DEFINITIONS_MAX])
{
    size_t len = 0;
    G_STATIC_ASSERT(G_N_ELEMENTS(definitions) <= DEFINITIONS_MAX);
    for (size_t i = 0; i < G_N_ELEMENTS(definitions); i++)
        if (scene_has(scene, definitions[i].needs))
            ret_definitions[len++] = &definitions[i];
    return len;
}

/* ---- documents ---- */

typedef struct {
    const Scene *scene;
    const Revision *revision;
    Rng rng; /* of this revision */
    GString *out;
} Writer;

static int draw(Writer *writer, int from, int to)
{
    return (int)rng_between(&writer->rng, from, to);
}

static void add(Writer *writer, const char *kind, const char *name, const char *metadata)
{
    g_string_append_printf(writer->out, "---\napiVersion: muster/v1\nkind: %s\nmetadata: {name: %s%s}\n",
                           kind, name, metadata);
}

/* command: "sim", milliseconds, exit code of the first attempt, of the later ones. */
static char *container(Writer *writer, const Definition *definition)
{
    /* One of them changes: its revisions. */
    int more_mib = writer->revision->is_last || definition != &definitions[0] ? 0 : draw(writer, -4, 2);
    return g_strdup_printf(
        "{command: [sim, \"%" G_GINT64_FORMAT "\", \"%d\", \"%d\"],\n"
        "      resourceRequirements: [{type: VCPU, value: \"%d\"}, {type: MEMORY, value: \"%d\"}]}",
        definition->run_ms, definition->first_code, definition->later_code, definition->vcpus,
        definition->memory_mib + more_mib);
}

#define NAMES 3

/* What it is called in a revision: as often as not, what it was called in the one before. */
static const char *name_now(const Writer *writer, const char *name, int *ret_number)
{
    static const char *const numbers[NAMES] = {"", "1", "2"};
    Rng rng = rng_from_seed(writer->scene->seed * 13 + (uint64_t)(writer->revision->number / 2) * 17 +
                            (uint64_t)name[0]);
    *ret_number = (int)rng_below(&rng, NAMES);
    return numbers[*ret_number];
}

/* The same as text, and with which names it was called otherwise; both new. */
static char *renamed(const Writer *writer, const char *name, char **ret_formerly)
{
    int number;
    const char *suffix = name_now(writer, name, &number);
    if (ret_formerly)
        *ret_formerly = number == 0   ? g_strdup_printf("formerly: [%s1, %s2]", name, name)
                        : number == 1 ? g_strdup_printf("formerly: [%s, %s2]", name, name)
                                      : g_strdup_printf("formerly: [%s, %s1]", name, name);
    return g_strconcat(name, suffix, NULL);
}

static void add_definition(Writer *writer, const Definition *definition)
{
    g_autofree char *what = container(writer, definition), *licence = renamed(writer, "licence", NULL);
    g_auto(GStrv) parts = g_strsplit(definition->more, LICENCE, -1);
    g_autofree char *more = g_strjoinv(licence, parts);
    add(writer, "JobDefinition", definition->name, "");
    if (definition->is_gang)
        g_string_append_printf(
            writer->out,
            "spec:\n  type: multinode\n  nodeProperties:\n    numNodes: %d\n    mainNode: 0\n"
            "    nodeRangeProperties:\n    - targetNodes: \"0:\"\n      container: %s\n%s",
            GANG_NODES, what, more);
    else
        g_string_append_printf(writer->out, "spec:\n  type: container\n  containerProperties: %s\n%s", what,
                               more);
}

/* What is renamed from revision to revision: "NAME", "NAME1" or "NAME2", and was one of the others. */
static const char *add_renamed(Writer *writer, const char *kind, const char *name)
{
    static char text[32];
    g_autoptr(GString) formerly = g_string_new(", formerly: [");
    int now = draw(writer, 0, NAMES - 1);
    for (int i = 0; i < NAMES; i++) {
        g_autofree char *number = i ? g_strdup_printf("%d", i) : g_strdup("");
        if (i == now)
            g_snprintf(text, sizeof text, "%s%s", name, number);
        else
            g_string_append_printf(formerly, "%s%s, ", name, number);
    }
    g_string_truncate(formerly, formerly->len - 2);
    g_string_append_c(formerly, ']');
    add(writer, kind, text, formerly->str);
    return text;
}

static void add_definitions(Writer *writer)
{
    const Definition *there[DEFINITIONS_MAX];
    size_t len = scene_definitions(writer->scene, there);
    for (size_t i = 0; i < len; i++)
        add_definition(writer, there[i]);
    g_autofree char *formerly = NULL, *now = renamed(writer, "licence", &formerly),
                    *metadata = g_strconcat(", ", formerly, NULL), *step_formerly = NULL,
                    *step = renamed(writer, "step", &step_formerly),
                    *step_metadata = g_strconcat(", ", step_formerly, NULL);
    /* Only runs have it: who submits by hand has to know what it is called. */
    add(writer, "JobDefinition", step, step_metadata);
    g_string_append(
        writer->out,
        "spec:\n  type: container\n  containerProperties: {command: [sim, \"700\", \"0\", \"0\"],\n"
        "      resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"40\"}]}\n" RETRIES);
    add(writer, "ConsumableResource", now, metadata);
    g_string_append_printf(writer->out, "spec: {resourceType: REPLENISHABLE, totalQuantity: %d}\n",
                           writer->revision->is_last ? 3 : draw(writer, 1, 3));
}

/* Weights by name and by prefix, and none for some; in the last revision nothing is held back from anybody.
 */
static char *add_policy(Writer *writer)
{
    static const char *const distributions[] = {
        "", "{shareIdentifier: \"team*\", weightFactor: 0.5}",
        "{shareIdentifier: team1, weightFactor: 3}, {shareIdentifier: solo}",
        "{shareIdentifier: \"team*\", weightFactor: 2.5}, {shareIdentifier: solo, weightFactor: 0.25}"};
    static const int decays_s[] = {0, 0, 900, 5000};
    bool limited = rng_below(&writer->rng, 3) == 0 && !writer->revision->is_last;
    int reservation = writer->revision->is_last ? 0 : draw(writer, 0, 2) * 40, decay = draw(writer, 0, 3),
        distribution = draw(writer, 0, 3);
    char *name = g_strdup(add_renamed(writer, "SchedulingPolicy", "fair"));
    g_string_append_printf(writer->out,
                           "spec:\n  fairsharePolicy: {shareDecaySeconds: %d, computeReservation: %d,\n"
                           "    shareDistribution: [%s]}\n",
                           decays_s[decay], reservation, distributions[distribution]);
    if (limited)
        g_string_append_printf(writer->out, "  shareLimits: [{shareIdentifier: \"team*\", maxvCpus: %d}]\n",
                               draw(writer, 1, 3));
    return name;
}

/* policy: NULL: none. */
static void add_queue(Writer *writer, const char *name, const char *environments, const char *metadata,
                      const char *policy)
{
    add(writer, "JobQueue", name, metadata);
    g_string_append_printf(writer->out, "spec: {priority: %d, computeEnvironmentOrder: [%s]%s%s}\n",
                           draw(writer, 0, 4), environments, policy ? ", schedulingPolicy: " : "",
                           policy ? policy : "");
}

/* An hour of the smallest instance costs 0.085. */
static void add_budget(Writer *writer)
{
    static const char *const budgets[] = {"{perDay: 0.05}", "{perDay: 0.1}", "{perDay: 0.2, perMonth: 10}",
                                          "{perMonth: 0.15}", "{perDay: 2, perMonth: 0.3}"};
    int budget = draw(writer, 0, 2 * (int)G_N_ELEMENTS(budgets) - 1);
    if (budget < (int)G_N_ELEMENTS(budgets) && !writer->revision->is_last)
        g_string_append_printf(writer->out, "  budget: %s\n", budgets[budget]);
}

/* What becomes of what people change outside; in the last revision all is put back. */
static void add_environment_head(Writer *writer, const char *name)
{
    static const char *const modes[] = {"", ", annotations: {muster/drift: warn}",
                                        ", annotations: {muster/drift: ignore}",
                                        ", annotations: {muster/drift: correct}"};
    Rng rng =
        rng_from_seed(writer->scene->seed + (uint64_t)writer->revision->number * 31 + (uint64_t)name[0]);
    uint64_t mode = writer->revision->is_last ? 0 : rng_below(&rng, 2 * G_N_ELEMENTS(modes));
    g_autofree char *formerly = NULL, *now = renamed(writer, name, &formerly),
                    *metadata =
                        g_strconcat(", ", formerly, mode < G_N_ELEMENTS(modes) ? modes[mode] : "", NULL);
    /* Not what comes and goes: a queue that is being replaced may wait for one that is INVALID and leaves. */
    bool is_renamed = strcmp(name, "here") == 0;
    if (is_renamed)
        add(writer, "ComputeEnvironment", now, metadata);
    else
        add(writer, "ComputeEnvironment", name, mode < G_N_ELEMENTS(modes) ? modes[mode] : "");
}

/* When newer images are taken: of each fleet the same in all revisions, but for some that change. */
static void add_refresh(Writer *writer, const char *name)
{
    static const char *const modes[] = {"onCommit", "continuous", "manual"};
    Rng rng =
        rng_from_seed(writer->scene->seed * 7 + (uint64_t)writer->revision->number / 3 + (uint64_t)name[0]);
    uint64_t mode = rng_below(&rng, 2 * G_N_ELEMENTS(modes));
    if (mode < G_N_ELEMENTS(modes))
        g_string_append_printf(writer->out, "  refresh: %s\n", modes[mode]);
}

/* A fleet of instances. In the last revision everything fits, and nothing is kept. */
static void add_fleet(Writer *writer, const char *name, int max_vcpus)
{
    static const char *const types[] = {"c5.large, c5.xlarge", "m5.large", "c5.large", "c5, m5"};
    static const char *const on_demand[] = {"BEST_FIT", "BEST_FIT_PROGRESSIVE"};
    static const char *const on_spot[] = {"BEST_FIT_PROGRESSIVE", "SPOT_CAPACITY_OPTIMIZED",
                                          "SPOT_PRICE_CAPACITY_OPTIMIZED"};
    bool is_last = writer->revision->is_last, money = scene_has(writer->scene, THING_MONEY),
         spot = draw(writer, 0, 1), strict = draw(writer, 0, 1), disabled = draw(writer, 0, 7) == 0;
    if (is_last && scene_has(writer->scene, THING_GANGS))
        spot = false; /* gangs do not run there */
    const char *strategy = spot ? on_spot[draw(writer, 0, 2)] : on_demand[draw(writer, 0, 1)];
    int type = draw(writer, 0, 3), min_vcpus = 2 * draw(writer, 0, 2);
    add_environment_head(writer, name);
    g_string_append_printf(writer->out,
                           "spec:\n  type: MANAGED\n  provider: {type: simulated%s}\n  state: %s\n",
                           money ? ", region: us-east-1" : "", disabled && !is_last ? "DISABLED" : "ENABLED");
    add_refresh(writer, name);
    if (money)
        add_budget(writer);
    /* What a Spot instance may cost follows from the bid, which does not change. */
    g_string_append_printf(
        writer->out,
        "  computeResources:\n    {type: %s, allocationStrategy: %s, minvCpus: %d, maxvCpus: %d,\n"
        "     strictMaxvCpus: %s, instanceTypes: [%s]%s}\n",
        spot ? "SPOT" : "EC2", strategy, is_last ? 0 : MIN(min_vcpus, max_vcpus), max_vcpus,
        strict ? "true" : "false", types[type],
        spot && money && writer->scene->seed % 2 ? ", bidPercentage: 70" : "");
}

static void add_environment(Writer *writer, const char *name, int max_vcpus)
{
    if (scene_has(writer->scene, THING_INSTANCES)) {
        add_fleet(writer, name, max_vcpus);
        return;
    }
    add_environment_head(writer, name);
    g_string_append_printf(
        writer->out, "spec: {type: MANAGED, provider: local, computeResources: {type: EC2, maxvCpus: %d}}\n",
        max_vcpus);
}

static void add_tasks(Writer *writer)
{
    bool is_last = writer->revision->is_last, disabled = draw(writer, 0, 7) == 0, spot = draw(writer, 0, 1);
    int max_vcpus = is_last ? 4 : draw(writer, 1, 4);
    add_environment_head(writer, "fargate");
    g_string_append_printf(writer->out,
                           "spec: {type: MANAGED, provider: simulated, state: %s,\n"
                           "       computeResources: {type: %s, maxvCpus: %d}}\n",
                           disabled && !is_last ? "DISABLED" : "ENABLED", spot ? "FARGATE_SPOT" : "FARGATE",
                           max_vcpus);
    add_queue(writer, "tasks", "fargate", "", NULL);
}

static void add_hosts(Writer *writer)
{
    add_environment_head(writer, "hosts");
    g_string_append(writer->out, "spec: {type: UNMANAGED, provider: simulated, unmanagedvCpus: 4}\n");
    add_queue(writer, "own", "hosts", "", NULL);
}

/* Runs are kept when their manifest goes, or ended. */
static void add_runs(Writer *writer)
{
    static const char *const on_delete[] = {"keep", "cancel", "terminate"};
    const char *share = scene_has(writer->scene, THING_SHARES) ? ", shareIdentifier: runs" : "";
    g_autofree char *step = renamed(writer, "step", NULL);
    for (int i = 0; i < 3; i++) {
        bool there = draw(writer, 0, 2), which = draw(writer, 0, 1);
        const char *end = on_delete[draw(writer, 0, 2)];
        g_autofree char *name = g_strdup_printf("run%c", 'a' + i);
        if (!there)
            continue;
        (void)add_renamed(writer, "Job", name);
        g_string_append_printf(writer->out, "spec: {jobQueue: main, jobDefinition: %s, onDelete: %s%s}\n",
                               which ? "d4" : step, end, share);
    }
    bool there = draw(writer, 0, 2);
    const char *end = on_delete[draw(writer, 0, 2)];
    int size = draw(writer, 2, 3);
    if (!there)
        return;
    (void)add_renamed(writer, "Pipeline", "pipe");
    g_string_append_printf(
        writer->out,
        "spec:\n  jobQueue: main\n  onDelete: %s\n%s  jobs:\n"
        "    - {name: a, jobDefinition: d0}\n"
        "    - {name: b, jobDefinition: d4, arrayProperties: {size: %d}, dependsOn: [{job: a}]}\n"
        "    - {name: c, jobDefinition: %s, dependsOn: [{job: b}]}\n",
        end, *share ? "  shareIdentifier: pipe\n" : "", size, step);
}

char *scene_manifests(const Scene *scene, const Revision *revision)
{
    Writer writer = {.scene = scene,
                     .revision = revision,
                     .rng = rng_from_seed(scene->seed + (uint64_t)revision->number * 977),
                     .out = g_string_new(NULL)};
    int max_vcpus = revision->is_last ? 8 : draw(&writer, 2, 8);
    bool other = revision->is_last || draw(&writer, 0, 2), shares = scene_has(scene, THING_SHARES);
    bool both = draw(&writer, 0, 1), other_shared = draw(&writer, 0, 1);
    const char *deletion = draw(&writer, 0, 1) ? ", annotations: {muster/deletion: terminate}" : "";
    add_environment(&writer, "here", max_vcpus + revision->calm);
    if (other)
        add_environment(&writer, "there", 4 + revision->calm);
    if (scene_has(scene, THING_TASKS))
        add_tasks(&writer);
    bool hosts = scene_has(scene, THING_HOSTS), on_hosts = draw(&writer, 0, 1);
    if (hosts)
        add_hosts(&writer);
    g_autofree char *policy = shares ? add_policy(&writer) : NULL;
    g_autofree char *here = renamed(&writer, "here", NULL),
                    *hosted = g_strconcat(here, hosts && on_hosts ? ", hosts" : "", NULL),
                    *away = g_strconcat("there", both ? ", " : "", both ? here : "", NULL);
    add_queue(&writer, "main", hosted, "", policy);
    if (other)
        add_queue(&writer, "other", away, deletion, other_shared ? policy : NULL);
    add_definitions(&writer);
    add_runs(&writer);
    return g_string_free(writer.out, FALSE);
}
