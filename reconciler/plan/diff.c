/* diff.c: one walk over what is desired and what is actual, both sorted by kind and name. */
#include "reconciler/plan/change.h"
#include "reconciler/plan/json_walk.h"
#include <jansson.h>
#include "reconciler/world/world.h"
#include "spec/formerly.h"
#include "spec/reference.h"

typedef struct {
    Plan *plan;
    const PlanActual *actual;
    const PlanOptions *options;
    GArray *specs;       /* View: the spec of each change, for the order */
    size_t next_run;     /* in actual->runs, which are sorted as everything else */
    GHashTable *renames; /* Manifest* → Rename*, which it owns; NULL: there is none */
    GHashTable *former;  /* RenameKey → Rename* */
    bool has_formerly;   /* a manifest says what it was called */
} Diff;

/* What is there under a former name of a manifest, and becomes what the manifest says. */
typedef struct {
    Kind kind;
    View name;                      /* first two: its key */
    const ResourceRecord *resource; /* NULL: of a Job */
    const Manifest *manifest;       /* that it becomes */
} Rename;

static int compare_key(Kind kind, View name, Kind other_kind, View other_name)
{
    if (kind != other_kind)
        return kind < other_kind ? -1 : 1;
    return view_compare(name, other_name);
}

const ResourceRecord *actual_find(const PlanActual *actual, Kind kind, View name)
{
    size_t low = 0, high = actual->resources_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const ResourceRecord *resource = &actual->resources[middle];
        int order = compare_key(resource->kind, resource->name, kind, name);
        if (order == 0)
            return resource;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static View resource_spec(const Diff *diff, const ResourceRecord *resource)
{
    if (resource->spec.len == 0 && diff->actual->spec)
        return diff->actual->spec(resource->kind, resource->name, diff->actual->data);
    return resource->spec;
}

static View run_spec(const Diff *diff, const RunRecord *run)
{
    return run->spec.len == 0 && diff->actual->run_spec ? diff->actual->run_spec(run, diff->actual->data)
                                                        : run->spec;
}

static OnDelete on_delete_of(const Diff *diff, const RunRecord *run)
{
    RunRecord whole = *run;
    whole.spec = run_spec(diff, run);
    return run_on_delete(&whole);
}

static size_t busy_with(const Diff *diff, Kind kind, View name)
{
    return diff->actual->busy ? diff->actual->busy(kind, name, diff->actual->data) : 0;
}

static bool is_ours(const Diff *diff, const ResourceRecord *resource)
{
    return view_is(resource->owner, diff->options->source_name);
}

bool only_selects(const char *only, Kind kind, View name)
{
    const char *slash = only ? strchr(only, '/') : NULL;
    Kind only_kind;
    return !only || (slash && kind_from_name((View){only, (size_t)(slash - only)}, &only_kind) &&
                     only_kind == kind && view_is(name, slash + 1));
}

static bool is_selected(const Diff *diff, Kind kind, View name)
{
    return only_selects(diff->options->only, kind, name);
}

static void add_change(Diff *diff, Change *change, View spec)
{
    g_ptr_array_add(diff->plan->changes, change);
    g_array_append_val(diff->specs, spec);
    if (change->recorded)
        diff->plan->recorded++;
    else
        diff->plan->counts[change->action]++;
}

static void add_note(GPtrArray *notes, Kind kind, View name, char *message)
{
    g_ptr_array_add(notes, plan_note_new(kind, name, message));
}

static void add_sub_step(GPtrArray **steps, char *step)
{
    if (!*steps)
        *steps = g_ptr_array_new();
    g_ptr_array_add(*steps, step);
}

/* ---- runs
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct {
    const RunRecord *same;       /* the newest with the wanted key */
    const RunRecord *newest;     /* of any key */
    const RunRecord *unfinished; /* the newest that has not ended */
    const RunRecord *stoppable;  /* the newest unfinished whose onDelete is not keep */
    size_t unfinished_len;
} RunsOfName;

/* Reads the runs of one (kind, name) and goes on behind them. key may be NULL. */
static RunsOfName take_runs(Diff *diff, Kind kind, View name, const Digest *key)
{
    RunsOfName found = {0};
    const PlanActual *actual = diff->actual;
    for (; diff->next_run < actual->runs_len; diff->next_run++) {
        const RunRecord *run = &actual->runs[diff->next_run];
        if (run->kind != kind || !view_equal(run->name, name))
            break;
        found.newest = run;
        if (key && digest_equal(&run->key, key))
            found.same = run;
        if (!run_is_unfinished(run))
            continue;
        found.unfinished = run;
        found.unfinished_len++;
        if (!key && on_delete_of(diff, run) != ON_DELETE_KEEP)
            found.stoppable = run;
    }
    return found;
}

static void note_unfinished_run(Diff *diff, Kind kind, View name, const RunRecord *run, const char *addition)
{
    add_note(diff->plan->pending, kind, name,
             g_strdup_printf("run %" G_GINT64_FORMAT " is %s%s", run->number,
                             run->state == RUN_WAITING ? "waiting" : "running", addition));
}

/* How the run that is still going on and the new one get along; batch jobs of a Job manifest run side by side
 * unless its spec says otherwise, so only what the spec states is told. */
static char *concurrency_step(const Manifest *manifest, const RunRecord *unfinished)
{
    ConcurrencyPolicy policy = CONCURRENCY_WAIT;
    View stated, text;
    if (json_walk_find(manifest->spec, "concurrencyPolicy", &stated) &&
        json_walk_plain_string(stated, &text)) {
        if (view_is(text, "allow"))
            policy = CONCURRENCY_ALLOW;
        else if (view_is(text, "skip"))
            policy = CONCURRENCY_SKIP;
        else if (view_is(text, "replace"))
            policy = CONCURRENCY_REPLACE;
    }
    switch (policy) {
    case CONCURRENCY_WAIT:
        return g_strdup_printf("waits for run %" G_GINT64_FORMAT ", which has not ended", unfinished->number);
    case CONCURRENCY_ALLOW:
        return g_strdup_printf("runs beside run %" G_GINT64_FORMAT ", which has not ended",
                               unfinished->number);
    case CONCURRENCY_SKIP:
        return g_strdup_printf("is skipped while run %" G_GINT64_FORMAT " has not ended", unfinished->number);
    case CONCURRENCY_REPLACE:
        return g_strdup_printf("run %" G_GINT64_FORMAT " is terminated first", unfinished->number);
    }
    g_assert_not_reached();
}

/* The fields of two specs, and how many are equal. New array. */
static GPtrArray *compare_with_actual(const Diff *diff, Kind kind, View before, View after,
                                      size_t *ret_unchanged)
{
    if (diff->actual->is_redacted) {
        Redaction redaction = {.salt = diff->plan->salt};
        return compare_redacted(kind, before, after, &redaction, ret_unchanged);
    }
    *ret_unchanged = compare_unchanged(kind, before, after);
    return compare_specs(kind, before, after);
}

/* ---- renames ---- */

static guint rename_hash(gconstpointer key)
{
    const Rename *rename = key;
    guint hash = (guint)rename->kind;
    for (size_t i = 0; i < rename->name.len; i++)
        hash = hash * 33 + (guchar)rename->name.data[i];
    return hash;
}

static gboolean rename_equal(gconstpointer a, gconstpointer b)
{
    const Rename *left = a, *right = b;
    return left->kind == right->kind && view_equal(left->name, right->name);
}

static const Rename *rename_of(const Diff *diff, const Manifest *manifest)
{
    return diff->renames && manifest ? g_hash_table_lookup(diff->renames, manifest) : NULL;
}

static bool is_renamed(const Diff *diff, Kind kind, View name)
{
    return diff->former && g_hash_table_contains(diff->former, &(Rename){.kind = kind, .name = name});
}

static size_t first_run_of(const Diff *diff, Kind kind, View name)
{
    size_t low = 0, high = diff->actual->runs_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const RunRecord *run = &diff->actual->runs[middle];
        if (compare_key(run->kind, run->name, kind, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_runs(const Diff *diff, Kind kind, View name)
{
    size_t first = first_run_of(diff, kind, name);
    return first < diff->actual->runs_len &&
           compare_key(diff->actual->runs[first].kind, diff->actual->runs[first].name, kind, name) == 0;
}

/* What a reference to a renamed resource was; NULL: it is to none. */
static const Rename *rename_referred(const Diff *diff, const ManifestReference *reference)
{
    View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
    return rename_of(diff, manifest_set_find(diff->plan->desired, reference->kind, name));
}

/* Canonical text: a member stands in it as "MEMBER":"VALUE", and nothing else reads so. */
static void replace_value(GString *spec, const char *member, View from, View to)
{
    g_autofree char *old = g_strdup_printf("\"%s\":\"" VIEW_FMT "\"", member, VIEW_ARG(from)),
                    *fresh = g_strdup_printf("\"%s\":\"" VIEW_FMT "\"", member, VIEW_ARG(to));
    g_string_replace(spec, old, fresh, 0);
}

/* What stands before the name (an ARN) and after it (a revision) stays. */
static void restore_reference(GString *spec, const ManifestReference *reference, View former_name)
{
    View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
    const char *dot = strrchr(reference->path, '.');
    size_t before = (size_t)(name.data - reference->text.data), until = before + name.len;
    g_autofree char *former =
        g_strdup_printf("%.*s" VIEW_FMT "%.*s", (int)before, reference->text.data, VIEW_ARG(former_name),
                        (int)(reference->text.len - until), reference->text.data + until);
    replace_value(spec, dot ? dot + 1 : reference->path, reference->text, view_from(former));
}

/* The manifest as it would be under the former names, its own and of what it refers to: names are in digests
 * and run keys. False: it is the same. The text lives as long as the plan. */
static bool manifest_before(Diff *diff, const Manifest *manifest, Manifest *ret_former)
{
    const Rename *own = rename_of(diff, manifest);
    g_autoptr(GString) spec = g_string_new_len(manifest->spec.data, (gssize)manifest->spec.len);
    for (size_t i = 0; i < manifest->references_len; i++) {
        const Rename *rename = rename_referred(diff, &manifest->references[i]);
        if (rename)
            restore_reference(spec, &manifest->references[i], rename->name);
    }
    *ret_former = *manifest;
    ret_former->name = own ? own->name : manifest->name;
    ret_former->spec = (View){arena_strndup(diff->plan->arena, spec->str, spec->len), spec->len};
    canonical_digest(ret_former->kind, ret_former->name, ret_former->spec, &ret_former->digest);
    return !digest_equal(&ret_former->digest, &manifest->digest);
}

static const Manifest *referred_of(const Diff *diff, const ManifestReference *reference)
{
    View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
    return manifest_set_find(diff->plan->desired, reference->kind, name);
}

/* The manifest as it would be if what it refers to were called so. The text lives as long as the plan. */
static void manifest_naming(Diff *diff, const Manifest *manifest, const Manifest *referred, View former,
                            Manifest *ret_manifest)
{
    g_autoptr(GString) spec = g_string_new_len(manifest->spec.data, (gssize)manifest->spec.len);
    for (size_t i = 0; i < manifest->references_len; i++)
        if (referred_of(diff, &manifest->references[i]) == referred)
            restore_reference(spec, &manifest->references[i], former);
    *ret_manifest = *manifest;
    ret_manifest->spec = (View){arena_strndup(diff->plan->arena, spec->str, spec->len), spec->len};
}

static bool may_have_former_keys(const Diff *diff, const Manifest *manifest)
{
    bool may = diff->renames || manifest_has_formerly(manifest);
    for (size_t i = 0; diff->has_formerly && !may && i < manifest->references_len; i++) {
        const Manifest *referred = referred_of(diff, &manifest->references[i]);
        may = referred && manifest_has_formerly(referred);
    }
    return may;
}

static void add_run(Diff *diff, const Manifest *manifest, const Digest *key, const RunsOfName *runs)
{
    bool is_recorded = !diff->actual->source_known && diff->options->first_run == FIRST_RUN_RECORD;
    Change *change = change_new(diff->plan, ACTION_RUN, manifest->kind, manifest->name);
    change_set_manifest(change, manifest);
    change->run_key = change->after = *key;
    change->recorded = is_recorded;
    GPtrArray *steps = NULL;
    if (runs->newest) {
        change->before = runs->newest->key;
        View stored = run_spec(diff, runs->newest);
        g_autofree char *plain = stored.len > 0 ? run_manifest_spec(stored) : NULL;
        View before = view_from(plain);
        if (before.len > 0) {
            change_take_fields(change, compare_with_actual(diff, manifest->kind, before, manifest->spec,
                                                           &change->unchanged_fields));
        }
        bool is_same_spec = before.len > 0 && change->fields->len == 0;
        change_take_reason(
            diff->plan, change,
            g_strdup_printf(is_same_spec ? "a definition it names changed since run %" G_GINT64_FORMAT
                                         : "first run of this content; run %" G_GINT64_FORMAT " had another",
                            runs->newest->number));
    } else {
        change->reason = is_recorded ? "taken as done (--first-run record)" : "first run";
    }
    if (runs->unfinished && !is_recorded)
        add_sub_step(&steps, concurrency_step(manifest, runs->unfinished));
    change_take_sub_steps(diff->plan, change, steps);
    add_change(diff, change, manifest->spec);
}

static bool definition_is_renamed(View name, void *data)
{
    return is_renamed(data, KIND_JOB_DEFINITION, name);
}

/* The runs of a manifest, and its key. A key that definitions join never equals a spec's digest: where a run
 * has that, neither has to be worked out. */
static RunsOfName take_runs_of(Diff *diff, const Manifest *manifest, Digest *ret_key)
{
    size_t start = diff->next_run;
    *ret_key = manifest->digest;
    RunsOfName runs = take_runs(diff, manifest->kind, manifest->name, ret_key);
    if (runs.same)
        return runs;
    const RunKeyNames now = {.is_gone = definition_is_renamed, .data = diff};
    run_key_of(manifest, diff->plan->desired, diff->actual, diff->options->source_name, &now, ret_key);
    if (digest_equal(ret_key, &manifest->digest))
        return runs;
    diff->next_run = start;
    return take_runs(diff, manifest->kind, manifest->name, ret_key);
}

/* Of the definition that was `name` before: as it would be under the former names, its own, too. */
static bool definition_before(View name, Digest *ret_digest, void *data)
{
    Diff *diff = data;
    const Rename *rename =
        g_hash_table_lookup(diff->former, &(Rename){.kind = KIND_JOB_DEFINITION, .name = name});
    const Manifest *manifest =
        rename ? rename->manifest : manifest_set_find(diff->plan->desired, KIND_JOB_DEFINITION, name);
    Manifest former;
    if (!manifest)
        return false;
    (void)manifest_before(diff, manifest, &former);
    *ret_digest = former.digest;
    return true;
}

typedef enum { NAMES_NOW, NAMES_FORMER } Names;

/* The runs that stand under the name at, with the key that the manifest would have as name. names: of what
 * it refers to. */
static RunsOfName take_runs_as(Diff *diff, const Manifest *manifest, View name, View at, Names names,
                               Digest *ret_key)
{
    const RunKeyNames by = {.digest = names == NAMES_FORMER ? definition_before : NULL,
                            .is_gone = definition_is_renamed,
                            .data = diff};
    Manifest as = *manifest;
    size_t next = diff->next_run;
    as.name = name;
    canonical_digest(as.kind, name, as.spec, &as.digest);
    run_key_of(&as, diff->plan->desired, diff->actual, diff->options->source_name, &by, ret_key);
    diff->next_run = first_run_of(diff, manifest->kind, at);
    RunsOfName runs = take_runs(diff, manifest->kind, at, ret_key);
    diff->next_run = next;
    return runs;
}

/* By a name that one of what it refers to had, though it was renamed while this manifest was not there. */
static RunsOfName take_runs_by_references(Diff *diff, const Manifest *manifest, View name, View at,
                                          Digest *ret_key)
{
    RunsOfName runs = {0};
    for (size_t i = 0; i < manifest->references_len && !runs.same; i++) {
        const Manifest *referred = referred_of(diff, &manifest->references[i]);
        g_auto(GStrv) names = referred ? manifest_formerly(referred) : NULL;
        for (char **former = names; former && *former && !runs.same; former++) {
            Manifest other;
            manifest_naming(diff, manifest, referred, view_from(*former), &other);
            runs = take_runs_as(diff, &other, name, at, NAMES_NOW, ret_key);
        }
    }
    return runs;
}

/* The same; where it or what it refers to was renamed, now or before, also by the names that were: a run has
 * the name that it had when its content was the manifest's last. *ret_former_key: of the run found by those;
 * zero: none was. */
static RunsOfName take_runs_by_all_names(Diff *diff, const Manifest *manifest, Digest *ret_key,
                                         Digest *ret_former_key)
{
    RunsOfName runs = take_runs_of(diff, manifest, ret_key);
    const Rename *own = rename_of(diff, manifest);
    View at = own ? own->name : manifest->name;
    Manifest before = *manifest;
    memset(ret_former_key, 0, sizeof *ret_former_key);
    if (runs.same || !may_have_former_keys(diff, manifest))
        return runs;
    (void)manifest_before(diff, manifest, &before);
    g_auto(GStrv) names = manifest_formerly(manifest);
    for (guint i = 0; i <= g_strv_length(names) && !runs.same; i++) {
        View name = names[i] ? view_from(names[i]) : manifest->name;
        runs = take_runs_as(diff, manifest, name, at, NAMES_NOW, ret_former_key);
        if (!runs.same && diff->renames)
            runs = take_runs_as(diff, &before, name, at, NAMES_FORMER, ret_former_key);
        if (!runs.same && diff->has_formerly) {
            RunsOfName others = take_runs_by_references(diff, manifest, name, at, ret_former_key);
            runs = others.same ? others : runs;
        }
    }
    if (!runs.same)
        memset(ret_former_key, 0, sizeof *ret_former_key);
    return runs;
}

static bool want_run(Diff *diff, const Manifest *manifest)
{
    Digest key, former_key;
    RunsOfName runs = take_runs_by_all_names(diff, manifest, &key, &former_key);
    if (!is_selected(diff, manifest->kind, manifest->name))
        return true;
    if (!runs.same && run_triggered_by_change(manifest)) {
        add_run(diff, manifest, &key, &runs);
        return true;
    }
    if (runs.unfinished)
        note_unfinished_run(diff, manifest->kind, manifest->name, runs.unfinished, "");
    return false;
}

static char *stop_step(const Diff *diff, const RunRecord *run)
{
    return g_strdup_printf("run %" G_GINT64_FORMAT " is %s", run->number,
                           on_delete_of(diff, run) == ON_DELETE_CANCEL ? "cancelled" : "terminated");
}

/* Runs whose Job manifest is gone. */
static void unwanted_runs(Diff *diff, Kind kind, View name)
{
    RunsOfName runs = take_runs(diff, kind, name, NULL);
    if (is_renamed(diff, kind, name))
        return;
    if (!runs.unfinished || !is_selected(diff, kind, name))
        return;
    if (!runs.stoppable) {
        note_unfinished_run(diff, kind, name, runs.unfinished, "; its manifest is gone (onDelete: keep)");
        return;
    }
    Change *change = change_new(diff->plan, ACTION_DELETE, kind, name);
    change->before = runs.stoppable->key;
    change->reason = diff->options->destroy ? "destroyed" : "no longer in the source";
    GPtrArray *steps = NULL;
    add_sub_step(&steps, stop_step(diff, runs.stoppable));
    change_take_sub_steps(diff->plan, change, steps);
    add_change(diff, change, run_spec(diff, runs.stoppable));
}

/* ---- resources
 * ---------------------------------------------------------------------------------------------------- */

/* New string, or NULL: nearly no manifest has it. */
static char *annotation_of(const Manifest *manifest, const char *name)
{
    View text = manifest->metadata;
    if (!text.len || !memmem(text.data, text.len, name, strlen(name)))
        return NULL;
    json_t *root = json_loadb(text.data, text.len, 0, NULL);
    char *value = g_strdup(json_string_value(json_object_get(json_object_get(root, "annotations"), name)));
    json_decref(root);
    return value;
}

static void compare_resource(Diff *diff, const ResourceRecord *resource, const Manifest *manifest,
                             Change *change)
{
    change_take_fields(change, fields_new());
    metadata_compare(resource->metadata, manifest->metadata, change->fields, &change->unchanged_fields);
    View before = resource_spec(diff, resource);
    if (digest_equal(&resource->digest, &manifest->digest)) {
        change->unchanged_fields += compare_unchanged(manifest->kind, manifest->spec, manifest->spec);
        return;
    }
    size_t unchanged;
    GPtrArray *specs = compare_with_actual(diff, manifest->kind, before, manifest->spec, &unchanged);
    for (guint i = 0; i < specs->len; i++)
        g_ptr_array_add(change->fields, g_ptr_array_index(specs, i));
    g_ptr_array_set_free_func(specs, NULL);
    g_ptr_array_unref(specs);
    change->unchanged_fields += unchanged;
}

static char *update_reason(const Diff *diff, const ResourceRecord *resource, const Manifest *manifest,
                           const Change *change)
{
    if (resource->phase == RESOURCE_DELETING)
        return g_strdup("wanted again: its deletion is called off");
    if (resource->phase == RESOURCE_REPLACING && digest_equal(&resource->digest, &manifest->digest))
        return g_strdup("wanted as it was: its replacement is called off");
    bool is_unowned = resource->owner.len == 0;
    if (resource->kept && !is_unowned)
        return g_strdup("in the source again");
    if (change->fields->len == 0 && is_unowned)
        return g_strdup("adopted; its manifest agrees with it");
    if (change->fields->len == 0)
        return g_strdup("written anew in the present form");
    g_autofree char *reason = change_reason(change->fields);
    if (fields_effect(change->fields) == UPDATE_REVISION && manifest->kind == KIND_JOB_DEFINITION) {
        g_autofree char *plain = g_steal_pointer(&reason);
        reason = g_strdup_printf("new revision %" G_GINT64_FORMAT "%s", resource->revision + 1,
                                 strchr(plain, ':'));
    }
    return is_ours(diff, resource) ? g_steal_pointer(&reason) : g_strdup_printf("adopted; %s", reason);
}

/* What the wanted updatePolicy makes of jobs (batch: "Infrastructure update procedure"). */
static char *rolling_step(const Manifest *manifest, const char *jobs)
{
    g_autoptr(ComputeEnvironmentSpec) spec =
        manifest ? compute_environment_spec_decode(manifest->spec, NULL) : NULL;
    if (spec && spec->terminate_jobs_on_update)
        return g_strdup_printf("rolling: terminates %s at once (updatePolicy)", jobs);
    if (spec && spec->update_timeout_ms > 0)
        return g_strdup_printf("rolling: terminates %s unless finished in %" G_GINT64_FORMAT
                               " min (updatePolicy)",
                               jobs, spec->update_timeout_ms / (60 * 1000));
    return g_strdup_printf("rolling: %s finish first", jobs);
}

static void add_busy_steps(const Diff *diff, Change *change, const ResourceRecord *resource)
{
    size_t busy = busy_with(diff, resource->kind, resource->name);
    UpdateEffect effect = fields_effect(change->fields);
    GPtrArray *steps = NULL;
    g_autoptr(GString) jobs = g_string_new(NULL);
    append_count(jobs, busy, "unfinished job");
    if (change->action == ACTION_REPLACE) {
        add_sub_step(&steps, busy                 ? g_strdup_printf("drains first: %s", jobs->str)
                             : diff->actual->busy ? g_strdup("nothing runs there")
                                                  : g_strdup("drains first"));
        add_sub_step(&steps, g_strdup("then takes its new form"));
        change_take_sub_steps(diff->plan, change, steps);
        return;
    }
    const char *newer = newer_is_taken(change) ? newer_of(diff->actual, resource->name) : NULL;
    if (newer)
        add_sub_step(&steps, g_strdup_printf("takes what is newer: %s", newer));
    if ((effect == UPDATE_ROLLING || newer) && busy)
        add_sub_step(&steps, rolling_step(change->manifest, jobs->str));
    change_take_sub_steps(diff->plan, change, steps);
}

/* The run that stands for the content by the former names, and does by the new ones from then on. */
static void set_keys(Diff *diff, Change *change, const Manifest *manifest)
{
    size_t next = diff->next_run;
    Digest key, former_key;
    if (!may_have_former_keys(diff, manifest) ||
        (manifest->kind != KIND_JOB && manifest->kind != KIND_PIPELINE))
        return;
    diff->next_run = first_run_of(diff, manifest->kind, manifest->name);
    (void)take_runs_by_all_names(diff, manifest, &key, &former_key);
    diff->next_run = next;
    if (!digest_is_zero(&former_key)) {
        change->former_key = former_key;
        change->run_key = key;
    }
}

static void set_formerly(Diff *diff, Change *change, const Rename *rename)
{
    g_autofree char *what = change->fields->len ? change_reason(change->fields) : NULL;
    bool is_adopted = rename->resource && rename->resource->owner.len == 0;
    change->formerly = arena_strndup(diff->plan->arena, rename->name.data, rename->name.len);
    change_take_reason(diff->plan, change,
                       g_strdup_printf("renamed from %s%s%s%s", change->formerly,
                                       is_adopted ? "; adopted" : "", what ? "; " : "", what ? what : ""));
}

/* A pipeline that is gone left its runs: they are this one's. */
static void add_create(Diff *diff, const Manifest *manifest)
{
    const Rename *rename = rename_of(diff, manifest);
    Change *change = change_new(diff->plan, ACTION_CREATE, manifest->kind, manifest->name);
    change_set_manifest(change, manifest);
    change->after = manifest->digest;
    change->reason = "not there yet";
    set_keys(diff, change, manifest);
    if (rename) {
        change->formerly = arena_strndup(diff->plan->arena, rename->name.data, rename->name.len);
        change_take_reason(diff->plan, change,
                           g_strdup_printf("not there yet; takes the runs of %s", change->formerly));
    }
    add_change(diff, change, manifest->spec);
}

/* Of a Job there are only runs. True: they are renamed, or stand for what names something that is. */
static bool rename_job(Diff *diff, const Manifest *manifest)
{
    const Rename *rename = rename_of(diff, manifest);
    Manifest former;
    if (!may_have_former_keys(diff, manifest) || !is_selected(diff, manifest->kind, manifest->name))
        return false;
    (void)manifest_before(diff, manifest, &former);
    Change *change = change_new(diff->plan, ACTION_UPDATE, manifest->kind, manifest->name);
    change_set_manifest(change, manifest);
    change->before = former.digest;
    change->after = manifest->digest;
    set_keys(diff, change, manifest);
    if (!rename && digest_is_zero(&change->former_key))
        return false; /* the plan's arena keeps it */
    change_take_fields(change, compare_specs(manifest->kind, former.spec, manifest->spec));
    change->unchanged_fields = compare_unchanged(manifest->kind, former.spec, manifest->spec);
    if (rename)
        set_formerly(diff, change, rename);
    else
        change->reason = "its names changed; what ran by the former ones stands for it";
    add_change(diff, change, manifest->spec);
    return true;
}

static void add_update(Diff *diff, const ResourceRecord *resource, const Manifest *manifest)
{
    const Rename *rename = rename_of(diff, manifest);
    Change *change = change_new(diff->plan, ACTION_UPDATE, manifest->kind, manifest->name);
    change_set_manifest(change, manifest);
    change->before = resource->digest;
    change->after = manifest->digest;
    compare_resource(diff, resource, manifest, change);
    if (fields_effect(change->fields) == UPDATE_REPLACE)
        change->action = ACTION_REPLACE;
    set_keys(diff, change, manifest);
    if (rename)
        set_formerly(diff, change, rename);
    else
        change_take_reason(diff->plan, change, update_reason(diff, resource, manifest, change));
    add_busy_steps(diff, change, resource);
    add_change(diff, change, manifest->spec);
}

static void note_pending(Diff *diff, const ResourceRecord *resource, const char *what)
{
    size_t busy = busy_with(diff, resource->kind, resource->name);
    GString *message = g_string_new(what);
    if (resource->status_reason.len > 0)
        g_string_append_printf(message, ": " VIEW_FMT, VIEW_ARG(resource->status_reason));
    else if (busy > 0) {
        g_string_append(message, ": waits for ");
        append_count(message, busy, "unfinished job");
    }
    add_note(diff->plan->pending, resource->kind, resource->name, g_string_free(message, FALSE));
}

static bool is_in_force(const ResourceRecord *resource, const Manifest *manifest)
{
    return resource->phase == RESOURCE_ACTIVE && !resource->kept && resource->prune == manifest->prune &&
           resource->deletion == manifest->deletion && digest_equal(&resource->digest, &manifest->digest) &&
           view_equal(resource->metadata, manifest->metadata);
}

static bool is_being_replaced_by(const ResourceRecord *resource, const Manifest *manifest)
{
    return resource->phase == RESOURCE_REPLACING && !resource->kept && resource->prune == manifest->prune &&
           resource->deletion == manifest->deletion &&
           digest_equal(&resource->next_digest, &manifest->digest) &&
           view_equal(resource->metadata, manifest->metadata);
}

/* ---- what nobody owns ---- */

typedef enum { ADOPT_NEVER, ADOPT_IF_IDENTICAL, ADOPT_ALWAYS, ADOPT_UNSAID } Adoption;

static Adoption adoption_of(const Manifest *manifest)
{
    g_autofree char *word = annotation_of(manifest, "muster/adopt");
    return g_strcmp0(word, "never") == 0          ? ADOPT_NEVER
           : g_strcmp0(word, "if-identical") == 0 ? ADOPT_IF_IDENTICAL
           : g_strcmp0(word, "always") == 0       ? ADOPT_ALWAYS
                                                  : ADOPT_UNSAID;
}

/* What was let go stays so until its manifest says otherwise: a plan that took it back would undo what
 * somebody did on purpose. Of the rest one that differs is adopted, as it always was. */
static bool is_left_alone(const ResourceRecord *resource, const Manifest *manifest)
{
    if (resource->owner.len > 0)
        return false;
    switch (adoption_of(manifest)) {
    case ADOPT_NEVER: return true;
    case ADOPT_IF_IDENTICAL: return !digest_equal(&resource->digest, &manifest->digest);
    case ADOPT_ALWAYS: return false;
    case ADOPT_UNSAID: return resource->kept;
    }
    g_assert_not_reached();
}

static void note_left_alone(Diff *diff, const ResourceRecord *resource, const Manifest *manifest)
{
    bool differs = !digest_equal(&resource->digest, &manifest->digest);
    Adoption adoption = adoption_of(manifest);
    const char *why = adoption == ADOPT_NEVER          ? "muster/adopt: never"
                      : adoption == ADOPT_IF_IDENTICAL ? "muster/adopt: if-identical"
                                                       : "let go by muster forget";
    add_note(diff->plan->unmanaged, manifest->kind, manifest->name,
             g_strdup_printf("%s: its manifest (%s:%d) %s and is not carried out; the annotation "
                             "muster/adopt: always takes it over",
                             why, manifest->file ? manifest->file : "", manifest->line,
                             differs ? "differs from it" : "agrees with it"));
}

static bool is_found_by_former_key(Diff *diff, const Manifest *manifest)
{
    size_t next = diff->next_run;
    Digest key, former_key;
    if (manifest->kind != KIND_PIPELINE || !may_have_former_keys(diff, manifest))
        return false;
    diff->next_run = first_run_of(diff, manifest->kind, manifest->name);
    (void)take_runs_by_all_names(diff, manifest, &key, &former_key);
    diff->next_run = next;
    return !digest_is_zero(&former_key);
}

/* Whether something is to be done. */
static bool match_resource(Diff *diff, const ResourceRecord *resource, const Manifest *manifest)
{
    bool is_unowned = resource->owner.len == 0;
    if (!is_ours(diff, resource) && !is_unowned) { /* plan_guard stops an apply */
        diff->plan->foreign++;
        add_note(diff->plan->warnings, manifest->kind, manifest->name,
                 g_strdup_printf("belongs to source " VIEW_FMT "; this source must not declare it too",
                                 VIEW_ARG(resource->owner)));
        return true;
    }
    if (is_left_alone(resource, manifest)) {
        note_left_alone(diff, resource, manifest);
        return false;
    }
    if (is_in_force(resource, manifest) && !is_found_by_former_key(diff, manifest) &&
        !(is_unowned && adoption_of(manifest) != ADOPT_UNSAID)) {
        if (is_unowned)
            add_note(diff->plan->unmanaged, manifest->kind, manifest->name,
                     g_strdup("not made by this source; its manifest agrees with it"));
        return false;
    }
    if (is_being_replaced_by(resource, manifest)) {
        note_pending(diff, resource, "is being replaced");
        return false;
    }
    add_update(diff, resource, manifest);
    return true;
}

static GPtrArray *delete_steps(const Diff *diff, const ResourceRecord *resource, const RunsOfName *runs)
{
    GPtrArray *steps = NULL;
    size_t busy = busy_with(diff, resource->kind, resource->name);
    g_autoptr(GString) jobs = g_string_new(NULL);
    append_count(jobs, busy, "unfinished job");
    if (resource->kind == KIND_JOB_QUEUE && busy > 0)
        add_sub_step(&steps, resource->deletion == DELETION_TERMINATE
                                 ? g_strdup_printf("terminates %s first", jobs->str)
                                 : g_strdup_printf("drains first: %s", jobs->str));
    if (resource->kind == KIND_COMPUTE_ENVIRONMENT) {
        add_sub_step(&steps, g_strdup("waits until no queue refers to it"));
        if (busy > 0)
            add_sub_step(&steps, g_strdup_printf("waits until nothing runs on it: %s", jobs->str));
    }
    if (runs->stoppable)
        add_sub_step(&steps, stop_step(diff, runs->stoppable));
    return steps;
}

static void add_delete(Diff *diff, const ResourceRecord *resource, const RunsOfName *runs)
{
    Change *change = change_new(diff->plan, ACTION_DELETE, resource->kind, resource->name);
    change->before = resource->digest;
    change->file = arena_strndup(diff->plan->arena, resource->file.data, resource->file.len);
    change->line = resource->line;
    change->reason = diff->options->destroy ? "destroyed" : "no longer in the source";
    change_take_sub_steps(diff->plan, change, delete_steps(diff, resource, runs));
    add_change(diff, change, resource_spec(diff, resource));
}

static void unwanted_resource(Diff *diff, const ResourceRecord *resource)
{
    RunsOfName runs = {0};
    if (resource->kind == KIND_PIPELINE)
        runs = take_runs(diff, resource->kind, resource->name, NULL);
    if (is_renamed(diff, resource->kind, resource->name) ||
        !is_selected(diff, resource->kind, resource->name))
        return;
    if (!is_ours(diff, resource)) {
        add_note(diff->plan->unmanaged, resource->kind, resource->name,
                 resource->owner.len ? g_strdup_printf("of source " VIEW_FMT, VIEW_ARG(resource->owner))
                 : resource->kept    ? g_strdup("let go by muster forget")
                                     : g_strdup("made through the API or by hand"));
        return;
    }
    if (runs.unfinished && !runs.stoppable)
        note_unfinished_run(diff, resource->kind, resource->name, runs.unfinished,
                            "; its manifest is gone (onDelete: keep)");
    if (resource->phase == RESOURCE_DELETING)
        note_pending(diff, resource, "is being deleted");
    else if (!resource->prune && !diff->options->destroy)
        add_note(diff->plan->kept, resource->kind, resource->name,
                 g_strdup("not in the source, kept by muster/prune: \"false\""));
    else
        add_delete(diff, resource, &runs);
}

/* ---- the walk
 * ----------------------------------------------------------------------------------------------------- */

static void visit(Diff *diff, const Manifest *manifest, const ResourceRecord *resource)
{
    if (!manifest) {
        unwanted_resource(diff, resource);
        return;
    }
    bool is_changed = false, is_selected_here = is_selected(diff, manifest->kind, manifest->name);
    const Rename *rename = rename_of(diff, manifest);
    if (manifest->kind == KIND_JOB)
        is_changed = rename_job(diff, manifest);
    if (rename)
        resource = rename->resource;
    if (manifest->kind != KIND_JOB && is_selected_here) {
        if (resource) {
            is_changed = rename ? (add_update(diff, resource, manifest), true)
                                : match_resource(diff, resource, manifest);
        } else {
            add_create(diff, manifest);
            is_changed = true;
        }
    }
    bool is_left = resource && is_left_alone(resource, manifest);
    if (is_left && manifest->kind == KIND_PIPELINE) /* what is not carried out does not run either */
        take_runs(diff, manifest->kind, manifest->name, NULL);
    else if (manifest->kind == KIND_JOB || manifest->kind == KIND_PIPELINE)
        is_changed = want_run(diff, manifest) || is_changed;
    if (!is_changed && is_selected_here)
        diff->plan->unchanged++;
}

static const Manifest *manifest_at(const ManifestSet *set, size_t index)
{
    return set && index < manifest_set_len(set) ? manifest_set_get(set, index) : NULL;
}

/* Runs that lie before (kind, name) and that no manifest or resource took: their manifest is gone. */
static void pass_runs(Diff *diff, Kind kind, View name)
{
    while (diff->next_run < diff->actual->runs_len) {
        const RunRecord *run = &diff->actual->runs[diff->next_run];
        if (compare_key(run->kind, run->name, kind, name) >= 0)
            return;
        unwanted_runs(diff, run->kind, run->name);
    }
}

static void walk(Diff *diff, const ManifestSet *desired)
{
    size_t next = 0, next_resource = 0;
    for (;;) {
        const Manifest *manifest = manifest_at(desired, next);
        const ResourceRecord *resource =
            next_resource < diff->actual->resources_len ? &diff->actual->resources[next_resource] : NULL;
        if (!manifest && !resource)
            break;
        int order = !manifest   ? 1
                    : !resource ? -1
                                : compare_key(manifest->kind, manifest->name, resource->kind, resource->name);
        if (order <= 0)
            pass_runs(diff, manifest->kind, manifest->name);
        else
            pass_runs(diff, resource->kind, resource->name);
        visit(diff, order <= 0 ? manifest : NULL, order >= 0 ? resource : NULL);
        next += order <= 0;
        next_resource += order >= 0;
    }
    pass_runs(diff, KIND_COUNT, (View){"", 0});
}

/* ---- what is renamed ---- */

/* What may be taken: this source's, or nobody's where the manifest adopts it, and nothing that is going. */
static bool is_takeable(const Diff *diff, const ResourceRecord *resource, const Manifest *manifest)
{
    bool is_takeable =
        is_ours(diff, resource) || (resource->owner.len == 0 && adoption_of(manifest) == ADOPT_ALWAYS);
    return is_takeable && resource->phase == RESOURCE_ACTIVE;
}

static bool find_former(const Diff *diff, const Manifest *manifest, View name, Rename *ret_rename)
{
    const ResourceRecord *resource =
        manifest->kind == KIND_JOB ? NULL : actual_find(diff->actual, manifest->kind, name);
    bool may_be_runs = manifest->kind == KIND_JOB || manifest->kind == KIND_PIPELINE;
    bool is_there = resource      ? is_takeable(diff, resource, manifest)
                    : may_be_runs ? has_runs(diff, manifest->kind, name)
                                  : false;
    *ret_rename = (Rename){.kind = manifest->kind, .name = name, .resource = resource};
    return is_there && !is_renamed(diff, manifest->kind, name) &&
           !manifest_set_find(diff->plan->desired, manifest->kind, name);
}

static void add_rename(Diff *diff, const Manifest *manifest, const Rename *found)
{
    Rename *rename = arena_alloc(diff->plan->arena, sizeof *rename);
    *rename = *found;
    rename->name.data = arena_strndup(diff->plan->arena, found->name.data, found->name.len);
    rename->manifest = manifest;
    if (!diff->renames) {
        diff->renames = g_hash_table_new(NULL, NULL);
        diff->former = g_hash_table_new(rename_hash, rename_equal);
    }
    g_hash_table_insert(diff->renames, (gpointer)(uintptr_t)manifest, rename);
    g_hash_table_add(diff->former, rename);
}

/* Who asked for a rename is to know before anything is deleted. */
static void note_not_renamed(Diff *diff, const Manifest *manifest, const char *former)
{
    const ResourceRecord *resource = actual_find(diff->actual, manifest->kind, view_from(former));
    if (!resource || !is_ours(diff, resource))
        return;
    add_note(diff->plan->warnings, manifest->kind, manifest->name,
             g_strdup_printf("%s/%s is not renamed, but deleted, and this one made anew: %s",
                             kind_name(manifest->kind), former,
                             resource->phase != RESOURCE_ACTIVE ? "it is being deleted or replaced"
                                                                : "there are runs of this name already"));
}

static void look_for_rename(Diff *diff, const Manifest *manifest)
{
    if (actual_find(diff->actual, manifest->kind, manifest->name) ||
        !is_selected(diff, manifest->kind, manifest->name))
        return;
    g_auto(GStrv) names = manifest_formerly(manifest);
    bool is_used = has_runs(diff, manifest->kind, manifest->name);
    Rename rename;
    for (char **name = names; *name; name++) {
        if (!is_used && find_former(diff, manifest, view_from(*name), &rename)) {
            add_rename(diff, manifest, &rename);
            return;
        }
        note_not_renamed(diff, manifest, *name);
    }
}

static void find_renames(Diff *diff, const ManifestSet *desired)
{
    for (size_t i = 0; desired && i < manifest_set_len(desired); i++) {
        const Manifest *manifest = manifest_set_get(desired, i);
        if (manifest_has_formerly(manifest)) {
            diff->has_formerly = true;
            look_for_rename(diff, manifest);
        }
    }
}

static void renames_clear(Diff *diff)
{
    g_clear_pointer(&diff->renames, g_hash_table_unref);
    g_clear_pointer(&diff->former, g_hash_table_unref);
}

/* What a source owns and holds another value than it says: shown, and nothing to correct. */
static void note_overridden(Diff *diff)
{
    const GPtrArray *overrides = diff->actual->overrides;
    for (guint i = 0; overrides && i < overrides->len; i++) {
        const PlanNote *note = overrides->pdata[i];
        View name = view_from(note->name);
        const ResourceRecord *resource = actual_find(diff->actual, note->kind, name);
        if (resource && is_ours(diff, resource) && is_selected(diff, note->kind, name))
            add_note(diff->plan->overridden, note->kind, name, g_strdup(note->message));
    }
}

Plan *plan_build(ManifestSet *desired, const PlanActual *actual, const PlanOptions *options)
{
    g_assert(desired || options->destroy);
    Plan *plan = plan_new(desired, options);
    plan->salt = g_strdup(actual->salt ? actual->salt : "");
    for (const char *const *notice = options->notices; notice && *notice; notice++)
        add_note(plan->warnings, KIND_COUNT, (View){"", 0}, g_strdup(*notice));
    Diff diff = {.plan = plan, .actual = actual, .options = options};
    diff.specs = g_array_new(FALSE, FALSE, sizeof(View));
    find_renames(&diff, options->destroy ? NULL : desired);
    walk(&diff, options->destroy ? NULL : desired);
    renames_clear(&diff);
    runs_note_ending(plan, actual, options);
    note_overridden(&diff);
    note_newer(plan, actual, options);
    note_changed_outside(plan, actual, options);
    plan_order(plan, (const View *)(void *)diff.specs->data);
    g_array_unref(diff.specs);
    plan_identify(plan);
    return plan;
}
