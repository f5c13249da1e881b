/* saved.c: a plan on disk: what it would do and how it was made, so that `apply --plan` can make it again and
 * compare. */
#include "reconciler/plan/change.h"
#include <jansson.h>

#define SAVED_VERSION     1
#define SAVED_BYTES_MAX   (256u << 20)
#define SAVED_CHANGES_MAX 1000000u
#define SAVED_TEXT_MAX    4096u
#define SAVED_VALUES_MAX  (64u << 20)

static GQuark saved_error_quark(void)
{
    return g_quark_from_static_string("muster-saved-plan");
}

static const char *const first_run_names[] = {"start", "record", "unset"};

static void append_optional(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, ",\"%s\":", name);
    if (value)
        json_append_string(out, view_from(value));
    else
        g_string_append(out, "null");
}

void plan_save(const Plan *plan, const char *source_path, const char *provider, const PlanOptions *options,
               GString *out)
{
    g_string_append_printf(out, "{\"savedPlan\":%d,\"id\":\"%s\"", SAVED_VERSION, plan->id);
    append_optional(out, "sourceName", plan->source_name);
    append_optional(out, "sourcePath", source_path);
    append_optional(out, "provider", provider);
    append_optional(out, "only", options->only);
    append_optional(out, "values", options->values);
    g_string_append_printf(out, ",\"firstRun\":\"%s\",\n\"changes\":[", first_run_names[options->first_run]);
    g_autoptr(GString) title = g_string_new(NULL);
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        Digest digest;
        char hex[2 * DIGEST_BYTES + 1];
        change_digest(change, &digest);
        digest_to_hex(&digest, hex);
        g_string_truncate(title, 0);
        change_append_title(change, title);
        g_string_append(out, i > 0 ? ",\n[" : "\n[");
        json_append_string(out, (View){title->str, title->len});
        g_string_append_printf(out, ",\"%s\"]", hex);
    }
    g_string_append(out, "]}\n");
}

void saved_plan_free(SavedPlan *saved)
{
    if (!saved)
        return;
    g_free(saved->id);
    g_free(saved->source_name);
    g_free(saved->source_path);
    g_free(saved->provider);
    g_free(saved->only);
    g_free(saved->values);
    g_strfreev(saved->changes);
    g_strfreev(saved->digests);
    g_free(saved);
}

/* ---- loading: everything is from outside
 * -------------------------------------------------------------------------- */

static bool fail(GError **error, const char *what)
{
    g_set_error(error, saved_error_quark(), 1, "not a saved plan of this program: %s", what);
    return false;
}

static bool is_hex_digest(const char *text)
{
    Digest digest;
    return text && digest_from_hex(view_from(text), &digest);
}

typedef enum { MEMBER_REQUIRED, MEMBER_OPTIONAL } MemberNeed;

static bool load_text(const json_t *root, const char *name, MemberNeed need, char **ret_text, GError **error)
{
    const json_t *member = json_object_get(root, name);
    if (need == MEMBER_OPTIONAL && (!member || json_is_null(member)))
        return true;
    if (!json_is_string(member) || json_string_length(member) > SAVED_TEXT_MAX)
        return fail(error, name);
    *ret_text = g_strdup(json_string_value(member));
    return true;
}

static bool load_values(const json_t *root, char **ret_values, GError **error)
{
    const json_t *member = json_object_get(root, "values");
    if (!member || json_is_null(member))
        return true;
    if (!json_is_string(member) || json_string_length(member) > SAVED_VALUES_MAX)
        return fail(error, "values");
    *ret_values = g_strdup(json_string_value(member));
    return true;
}

static bool load_first_run(const json_t *root, FirstRun *ret_first_run, GError **error)
{
    const char *text = json_string_value(json_object_get(root, "firstRun"));
    for (size_t i = 0; text && i < G_N_ELEMENTS(first_run_names); i++) {
        if (strcmp(text, first_run_names[i]) == 0) {
            *ret_first_run = (FirstRun)i;
            return true;
        }
    }
    return fail(error, "firstRun");
}

static bool load_changes(const json_t *root, SavedPlan *saved, GError **error)
{
    const json_t *changes = json_object_get(root, "changes");
    size_t len = json_array_size(changes);
    if (!json_is_array(changes) || len > SAVED_CHANGES_MAX)
        return fail(error, "changes");
    saved->changes = g_new0(char *, len + 1);
    saved->digests = g_new0(char *, len + 1);
    for (size_t i = 0; i < len; i++) {
        const json_t *pair = json_array_get(changes, i), *title = json_array_get(pair, 0);
        const char *digest = json_string_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || !json_is_string(title) ||
            json_string_length(title) > SAVED_TEXT_MAX || !is_hex_digest(digest))
            return fail(error, "changes");
        saved->changes[i] = g_strdup(json_string_value(title));
        saved->digests[i] = g_strdup(digest);
    }
    return true;
}

static bool load_root(const json_t *root, SavedPlan *saved, GError **error)
{
    if (!json_is_object(root))
        return fail(error, "no JSON object");
    if (json_integer_value(json_object_get(root, "savedPlan")) != SAVED_VERSION)
        return fail(error, "unknown version");
    if (!load_text(root, "id", MEMBER_REQUIRED, &saved->id, error))
        return false;
    if (!is_hex_digest(saved->id))
        return fail(error, "id");
    return load_text(root, "sourceName", MEMBER_REQUIRED, &saved->source_name, error) &&
           load_text(root, "sourcePath", MEMBER_REQUIRED, &saved->source_path, error) &&
           load_text(root, "provider", MEMBER_OPTIONAL, &saved->provider, error) &&
           load_text(root, "only", MEMBER_OPTIONAL, &saved->only, error) &&
           load_values(root, &saved->values, error) && load_first_run(root, &saved->first_run, error) &&
           load_changes(root, saved, error);
}

SavedPlan *plan_load(View text, GError **error)
{
    if (text.len > SAVED_BYTES_MAX) {
        fail(error, "too large");
        return NULL;
    }
    json_error_t fault;
    json_t *root = json_loadb(text.len ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &fault);
    if (!root) {
        g_set_error(error, saved_error_quark(), 1, "not a saved plan: line %d: %s", fault.line, fault.text);
        return NULL;
    }
    g_autoptr(SavedPlan) saved = g_new0(SavedPlan, 1);
    bool is_good = load_root(root, saved, error);
    json_decref(root);
    return is_good ? g_steal_pointer(&saved) : NULL;
}

/* ---- what changed since
 * ------------------------------------------------------------------------------------------- */

#define DIFFERENCES_SHOWN 20

typedef struct {
    GString *out;
    const char *other; /* what the plan at hand is compared with */
    size_t found;
} Differences;

/* what ends in a blank where the other's name follows. */
static void add_difference(Differences *differences, const char *title, const char *what)
{
    if (++differences->found > DIFFERENCES_SHOWN)
        return;
    const char *other = g_str_has_suffix(what, " ") ? differences->other : "";
    g_string_append_printf(differences->out, "%s: %s%s\n", title, what, other);
}

/* What is kept of each change: title and digest. */
typedef struct {
    char **titles, **digests;
} ChangeList;

static void compare_changes(const ChangeList *now, const ChangeList *then, Differences *differences)
{
    g_autoptr(GHashTable) was = g_hash_table_new(g_str_hash, g_str_equal); /* title: index + 1 */
    g_autoptr(GHashTable) is = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; then->titles[i]; i++)
        g_hash_table_insert(was, then->titles[i], GSIZE_TO_POINTER(i + 1));
    for (size_t i = 0; now->titles[i]; i++) {
        size_t index = GPOINTER_TO_SIZE(g_hash_table_lookup(was, now->titles[i]));
        if (index == 0)
            add_difference(differences, now->titles[i], "not in ");
        else if (strcmp(now->digests[i], then->digests[index - 1]) != 0)
            add_difference(differences, now->titles[i], "differs from ");
        g_hash_table_add(is, now->titles[i]);
    }
    for (size_t i = 0; then->titles[i]; i++)
        if (!g_hash_table_contains(is, then->titles[i]))
            add_difference(differences, then->titles[i], "no longer to be done");
}

static char *difference_end(Differences *differences)
{
    if (differences->found > DIFFERENCES_SHOWN)
        g_string_append_printf(differences->out, "... and %zu more\n",
                               differences->found - DIFFERENCES_SHOWN);
    if (differences->found == 0) /* the same changes in another order, or another way of making them */
        g_string_append_printf(differences->out, "the changes come in another order than in %s\n",
                               differences->other);
    return g_string_free(differences->out, FALSE);
}

static ChangeList changes_of(const Plan *plan)
{
    ChangeList list = {g_new0(char *, plan->changes->len + 1), g_new0(char *, plan->changes->len + 1)};
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        GString *title = g_string_new(NULL);
        Digest digest;
        change_append_title(change, title);
        change_digest(change, &digest);
        list.titles[i] = g_string_free(title, FALSE);
        list.digests[i] = g_malloc(2 * DIGEST_BYTES + 1);
        digest_to_hex(&digest, list.digests[i]);
    }
    return list;
}

char *plan_difference(const Plan *plan, const SavedPlan *saved)
{
    Differences differences = {g_string_new(NULL), "the saved plan", 0};
    if (strcmp(plan->id, saved->id) == 0)
        return g_string_free(differences.out, FALSE);
    if (strcmp(plan->source_name, saved->source_name) != 0)
        add_difference(&differences, plan->source_name, "is another source than that of ");
    ChangeList now = changes_of(plan), then = {saved->changes, saved->digests};
    compare_changes(&now, &then, &differences);
    g_strfreev(now.titles);
    g_strfreev(now.digests);
    return difference_end(&differences);
}

char *saved_plan_difference(const SavedPlan *now, const SavedPlan *then)
{
    g_autofree char *other = g_strdup_printf("plan %.8s", then->id);
    Differences differences = {g_string_new(NULL), other, 0};
    if (strcmp(now->id, then->id) == 0)
        return g_string_free(differences.out, FALSE);
    ChangeList is = {now->changes, now->digests}, was = {then->changes, then->digests};
    compare_changes(&is, &was, &differences);
    return difference_end(&differences);
}
