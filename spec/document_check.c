#include "spec/document_check.h"

#include <glib.h>

#include "spec/cycle.h"

typedef struct {
    const ManifestContext *context;
    DiagnosticList *diagnostics;
    bool good;
} Check;

static void G_GNUC_PRINTF(5, 6) check_report(Check *check, const Node *node, const char *path,
                                             const char *detail, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    node_report(check->diagnostics, check->context->file, check->context->text, check->context->first_line,
                node, SEVERITY_ERROR, path, message, detail);
    check->good = false;
}

/* ---- pipelines */

typedef struct {
    View name;
    const Node *node;
    int64_t size; /* of its array; 0: no array; -1: known only when the pipeline starts */
    uint32_t index;
} Step;

typedef struct {
    Check *check;
    Step *steps;        /* in document order */
    const Step **named; /* sorted by name */
    size_t len;
} Steps;

static int step_compare(const void *a, const void *b)
{
    const Step *left = *(const Step *const *)a, *right = *(const Step *const *)b;
    int order = view_compare(left->name, right->name);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static const Step *step_find(const Steps *steps, View name)
{
    size_t low = 0, high = steps->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view_compare(steps->named[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < steps->len && view_equal(steps->named[low]->name, name) ? steps->named[low] : NULL;
}

static int64_t step_size(const Node *step)
{
    const Node *size = node_get(node_get(step, "arrayProperties"), "size");
    if (size)
        return size->integer;
    return node_get(step, "array") ? -1 : 0;
}

static void steps_read(Steps *steps, const Node *list)
{
    for (size_t i = 0; i < steps->len; i++) {
        const Node *node = list->sequence.items[i];
        steps->steps[i] = (Step){node_get(node, "name")->text, node, step_size(node), (uint32_t)i};
        steps->named[i] = &steps->steps[i];
    }
    qsort(steps->named, steps->len, sizeof *steps->named, step_compare);
    for (size_t i = 1; i < steps->len; i++) {
        const Step *first = steps->named[i - 1], *second = steps->named[i];
        if (!view_equal(first->name, second->name))
            continue;
        g_autofree char *path = g_strdup_printf("spec.jobs[%u].name", second->index);
        g_autofree char *detail = g_strdup_printf("first at line %d", first->node->line);
        check_report(steps->check, node_get(second->node, "name"), path, detail,
                     "two steps are named \"" VIEW_FMT "\"", VIEW_ARG(second->name));
    }
}

static void step_unknown(const Steps *steps, const Node *name, const char *path)
{
    g_autofree char **names = g_new0(char *, steps->len + 1);
    g_autoptr(Arena) arena = arena_new();
    for (size_t i = 0; i < steps->len; i++)
        names[i] = arena_strndup(arena, steps->steps[i].name.data, steps->steps[i].name.len);
    const char *near = suggest_nearest(name->text, (const char *const *)names);
    if (near)
        check_report(steps->check, name, path, NULL,
                     "no step is named \"" VIEW_FMT "\"; did you mean \"%s\"?", VIEW_ARG(name->text), near);
    else
        check_report(steps->check, name, path, NULL, "no step is named \"" VIEW_FMT "\"",
                     VIEW_ARG(name->text));
}

/* Appends the steps that step waits for to targets. */
static void step_dependencies(const Steps *steps, const Step *step, GArray *targets)
{
    const Node *list = node_get(step->node, "dependsOn");
    for (size_t i = 0; list && i < list->sequence.len; i++) {
        const Node *item = list->sequence.items[i], *name = node_get(item, "job"),
                   *type = node_get(item, "type");
        if (!name)
            continue;
        g_autofree char *path = g_strdup_printf("spec.jobs[%u].dependsOn[%zu].job", step->index, i);
        const Step *target = step_find(steps, name->text);
        if (!target) {
            step_unknown(steps, name, path);
            continue;
        }
        g_array_append_val(targets, target->index);
        bool pairwise = type && view_is(type->text, "N_TO_N");
        if (!pairwise || target->size == step->size || target->size < 0 || step->size < 0)
            continue;
        if (target->size == 0)
            check_report(steps->check, name, path, NULL,
                         "N_TO_N joins two arrays, and \"" VIEW_FMT "\" is none", VIEW_ARG(target->name));
        else
            check_report(steps->check, name, path, NULL,
                         "N_TO_N joins arrays of equal size: \"" VIEW_FMT "\" has %" G_GINT64_FORMAT
                         ", this step %" G_GINT64_FORMAT,
                         VIEW_ARG(target->name), target->size, step->size);
    }
}

static void steps_cycle(const uint32_t *nodes, size_t len, void *data)
{
    const Steps *steps = data;
    g_autoptr(GString) chain = g_string_new(NULL);
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(chain, VIEW_FMT " -> ", VIEW_ARG(steps->steps[nodes[i]].name));
    g_string_append_len(chain, steps->steps[nodes[0]].name.data, (gssize)steps->steps[nodes[0]].name.len);
    const Step *first = &steps->steps[nodes[0]];
    g_autofree char *path = g_strdup_printf("spec.jobs[%u].dependsOn", first->index);
    const Node *place = node_get(first->node, "dependsOn");
    check_report(steps->check, place ? place : first->node, path, NULL, "the steps wait for each other: %s",
                 chain->str);
}

static void pipeline_check(const Node *spec, Check *check)
{
    const Node *list = node_get(spec, "jobs");
    g_autofree Step *all = g_new0(Step, list->sequence.len + 1);
    g_autofree const Step **named = g_new0(const Step *, list->sequence.len + 1);
    g_autofree uint32_t *first = g_new0(uint32_t, list->sequence.len + 1);
    Steps steps = {check, all, named, list->sequence.len};
    steps_read(&steps, list);
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (size_t i = 0; i < steps.len; i++) {
        step_dependencies(&steps, &all[i], targets);
        first[i + 1] = targets->len;
    }
    cycle_find(steps.len, first, (const uint32_t *)(const void *)targets->data, steps_cycle, &steps);
}

/* ---- queues, environments */

static void queue_pair_check(Check *check, const Node *first, const Node *second, size_t index)
{
    const Node *name = node_get(second, "computeEnvironment"), *order = node_get(second, "order");
    g_autofree char *path = g_strdup_printf("spec.computeEnvironmentOrder[%zu]", index);
    if (view_equal(node_get(first, "computeEnvironment")->text, name->text))
        check_report(check, name, path, NULL, "the queue names \"" VIEW_FMT "\" twice", VIEW_ARG(name->text));
    else if (node_get(first, "order")->integer == order->integer)
        check_report(check, order, path, NULL,
                     "two environments of the queue have the order %" G_GINT64_FORMAT, order->integer);
}

static void queue_check(const Node *spec, Check *check)
{
    const Node *list = node_get(spec, "computeEnvironmentOrder");
    for (size_t i = 1; list && i < list->sequence.len; i++)
        for (size_t j = 0; j < i; j++)
            queue_pair_check(check, list->sequence.items[j], list->sequence.items[i], i);
}

/* Where the environment itself says so; under --provider one set of manifests serves a laptop too. */
static void budget_check(const Node *spec, const Check *check)
{
    const Node *budget = node_get(spec, "budget"), *type = node_get(node_get(spec, "provider"), "type");
    bool is_free = type && (view_is(type->text, "local") || view_is(type->text, "docker"));
    if (!budget || !is_free)
        return;
    g_autofree char *message =
        g_strdup_printf("a budget has no effect with provider " VIEW_FMT, VIEW_ARG(type->text));
    node_report(check->diagnostics, check->context->file, check->context->text, check->context->first_line,
                budget, SEVERITY_WARNING, "spec.budget", message, "nothing is bought there: remove it");
}

static void environment_check(const Node *spec, Check *check)
{
    budget_check(spec, check);
    const Node *resources = node_get(spec, "computeResources");
    const Node *low = node_get(resources, "minvCpus"), *high = node_get(resources, "maxvCpus");
    if (low && high && low->integer > high->integer)
        check_report(check, low, "spec.computeResources.minvCpus", NULL,
                     "minvCpus is %" G_GINT64_FORMAT ", more than maxvCpus, %" G_GINT64_FORMAT, low->integer,
                     high->integer);
}

bool document_check(Kind kind, const Node *spec, const ManifestContext *context, DiagnosticList *diagnostics)
{
    Check check = {context, diagnostics, true};
    switch (kind) {
    case KIND_PIPELINE: pipeline_check(spec, &check); break;
    case KIND_JOB_QUEUE: queue_check(spec, &check); break;
    case KIND_COMPUTE_ENVIRONMENT: environment_check(spec, &check); break;
    case KIND_SCHEDULING_POLICY:
    case KIND_CONSUMABLE_RESOURCE:
    case KIND_JOB_DEFINITION:
    case KIND_JOB:
    case KIND_COUNT: break;
    }
    return check.good;
}
