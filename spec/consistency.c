#include "spec/consistency.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
    Locator *locator;
    const Manifest *manifest;
} Check;

static void G_GNUC_PRINTF(5, 6) report(const Check *check, const char *path, const char *wanted,
                                       const char *cure, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    const char *const paths[] = {path, NULL};
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message, cure};
    locate_report(check->locator, check->manifest, paths, wanted ? view_from(wanted) : (View){NULL, 0},
                  &fault);
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* ---- shares */

/* "User*" covers "User", "User1" and "UserA*". */
static bool share_covers(const char *wide, const char *narrow)
{
    size_t len = strlen(wide);
    return len > 0 && wide[len - 1] == '*' ? strncmp(wide, narrow, len - 1) == 0 : strcmp(wide, narrow) == 0;
}

static int share_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of bytes a prefix comes before all that it covers, save for "*", which is less than letters
 * and digits: "User*" may come after "User", and directly so. */
static void shares_check(const Check *check, const json_t *list, const char *path)
{
    size_t len = json_array_size(list);
    g_autofree const char **shares = g_new0(const char *, len + 1);
    for (size_t i = 0; i < len; i++)
        shares[i] = text_of(json_array_get(list, i), "shareIdentifier");
    qsort(shares, len, sizeof *shares, share_compare);
    const char *wide = NULL;
    for (size_t i = 0; i < len; i++) {
        const char *share = shares[i], *before = i > 0 ? shares[i - 1] : NULL;
        const char *other = wide && share_covers(wide, share)       ? wide
                            : before && share_covers(share, before) ? before
                                                                    : NULL;
        if (before && strcmp(before, share) == 0)
            report(check, path, share, "keep one of them", "the share \"%s\" is given twice", share);
        else if (other)
            report(check, path, share, "a share may match one entry only: remove one of them",
                   "the shares \"%s\" and \"%s\" overlap", other, share);
        if (g_str_has_suffix(share, "*") && !(wide && share_covers(wide, share)))
            wide = share;
    }
}

static void policy_check(const Check *check, const json_t *spec)
{
    shares_check(check, json_object_get(json_object_get(spec, "fairsharePolicy"), "shareDistribution"),
                 "spec.fairsharePolicy.shareDistribution[].shareIdentifier");
    shares_check(check, json_object_get(spec, "shareLimits"), "spec.shareLimits[].shareIdentifier");
}

/* ---- time limits of a queue */

/* In the canonical form the list is sorted by reason. */
static void time_limits_check(const Check *check, const json_t *list)
{
    for (size_t i = 1; i < json_array_size(list); i++) {
        const char *reason = text_of(json_array_get(list, i), "reason");
        if (!strcmp(text_of(json_array_get(list, i - 1), "reason"), reason))
            report(check, "spec.jobStateTimeLimitActions[].reason", reason,
                   "one entry for each reason: keep one of them", "the reason \"%s\" is given twice", reason);
    }
}

/* ---- nodes */

#define RANGES_PATH "spec.nodeProperties.nodeRangeProperties[].targetNodes"

typedef struct {
    const char *text;
    int64_t first, last;
} NodeSpan;

/* N, A:B, A:, :B or : (the schema's pattern); a missing end is the highest node. */
static NodeSpan range_of(const char *text, int64_t nodes)
{
    const char *colon = strchr(text, ':');
    NodeSpan range = {text, 0, nodes - 1};
    if (*text != ':')
        range.first = g_ascii_strtoll(text, NULL, 10);
    if (!colon)
        range.last = range.first;
    else if (colon[1])
        range.last = g_ascii_strtoll(colon + 1, NULL, 10);
    return range;
}

static bool range_check(const Check *check, const NodeSpan *range, int64_t nodes)
{
    g_autofree char *cure = g_strdup_printf("the nodes are 0 to %" G_GINT64_FORMAT, nodes - 1);
    if (range->first > range->last && range->first < nodes)
        report(check, RANGES_PATH, range->text, cure, "the range \"%s\" ends before it begins", range->text);
    else if (range->last >= nodes || range->first >= nodes)
        report(check, RANGES_PATH, range->text, cure,
               "the range \"%s\" goes beyond the last of %" G_GINT64_FORMAT " nodes", range->text, nodes);
    else
        return true;
    return false;
}

static bool is_within(const NodeSpan *inner, const NodeSpan *outer)
{
    return outer->first <= inner->first && inner->last <= outer->last;
}

static void pair_check(const Check *check, const NodeSpan *earlier, const NodeSpan *later)
{
    if (earlier->first == later->first && earlier->last == later->last)
        report(check, RANGES_PATH, later->text, "keep one of them",
               "the ranges \"%s\" and \"%s\" are the same nodes", earlier->text, later->text);
    else if (earlier->first <= later->last && later->first <= earlier->last && !is_within(earlier, later) &&
             !is_within(later, earlier))
        report(check, RANGES_PATH, later->text,
               "let one lie within the other (the narrower counts for its nodes), or apart from it",
               "the ranges \"%s\" and \"%s\" overlap in part", earlier->text, later->text);
}

static void coverage_check(const Check *check, const NodeSpan *ranges, size_t len, int64_t nodes)
{
    int64_t first = 0;
    for (bool is_covered = true; is_covered && first < nodes;) {
        is_covered = false;
        for (size_t i = 0; i < len; i++)
            if (ranges[i].first <= first && first <= ranges[i].last) {
                first = ranges[i].last + 1;
                is_covered = true;
            }
    }
    if (first >= nodes)
        return;
    g_autofree char *cure = g_strdup_printf("the ranges must cover the nodes 0 to %" G_GINT64_FORMAT
                                            "; a range \":\" covers what the others leave",
                                            nodes - 1);
    report(check, "spec.nodeProperties.nodeRangeProperties", NULL, cure,
           "no range of targetNodes covers node %" G_GINT64_FORMAT, first);
}

static void nodes_check(const Check *check, const json_t *properties)
{
    const json_t *list = json_object_get(properties, "nodeRangeProperties");
    int64_t nodes = json_integer_value(json_object_get(properties, "numNodes"));
    int64_t main_node = json_integer_value(json_object_get(properties, "mainNode"));
    size_t len = json_array_size(list);
    g_autofree NodeSpan *ranges = g_new0(NodeSpan, len + 1);
    bool are_ranges = true;
    if (main_node >= nodes)
        report(check, "spec.nodeProperties.mainNode", NULL, "nodes are counted from 0",
               "mainNode is %" G_GINT64_FORMAT ", but there are %" G_GINT64_FORMAT " nodes", main_node,
               nodes);
    for (size_t i = 0; i < len; i++) {
        ranges[i] = range_of(text_of(json_array_get(list, i), "targetNodes"), nodes);
        are_ranges = range_check(check, &ranges[i], nodes) && are_ranges;
    }
    for (size_t i = 0; are_ranges && i < len; i++)
        for (size_t j = 0; j < i; j++)
            pair_check(check, &ranges[j], &ranges[i]);
    if (are_ranges)
        coverage_check(check, ranges, len, nodes);
}

/* A quote inside a string is escaped in the canonical form: the text is the member. */
static bool has_member(const Manifest *manifest, const char *text)
{
    return memmem(manifest->spec.data, manifest->spec.len, text, strlen(text)) != NULL;
}

/* Whether it may have something that is checked here: most manifests are not decoded for it. */
static bool is_checked(const Manifest *manifest)
{
    switch (manifest->kind) {
    case KIND_SCHEDULING_POLICY:
        return has_member(manifest, "\"shareDistribution\":") || has_member(manifest, "\"shareLimits\":");
    case KIND_JOB_QUEUE: return has_member(manifest, "\"jobStateTimeLimitActions\":");
    case KIND_JOB_DEFINITION: return has_member(manifest, "\"nodeProperties\":");
    case KIND_CONSUMABLE_RESOURCE:
    case KIND_COMPUTE_ENVIRONMENT:
    case KIND_JOB:
    case KIND_PIPELINE:
    case KIND_COUNT: break;
    }
    return false;
}

void consistency_check(Locator *locator, const Manifest *manifest)
{
    Check check = {locator, manifest};
    if (!is_checked(manifest))
        return;
    json_t *spec = json_loadb(manifest->spec.data, manifest->spec.len, 0, NULL);
    if (manifest->kind == KIND_SCHEDULING_POLICY)
        policy_check(&check, spec);
    else if (manifest->kind == KIND_JOB_QUEUE)
        time_limits_check(&check, json_object_get(spec, "jobStateTimeLimitActions"));
    else if (json_object_get(spec, "nodeProperties"))
        nodes_check(&check, json_object_get(spec, "nodeProperties"));
    json_decref(spec);
}
