/* policy.c: the policy as it is read. */
#include "spec/policy_internal.h"

static void entry_free(void *data)
{
    PolicyEntry *entry = data;
    g_free(entry->name);
    g_free(entry->source);
    for (int i = 0; i < ALLOW_COUNT; i++)
        g_strfreev(entry->allow[i]);
    g_free(entry);
}

Policy *policy_ref(Policy *policy)
{
    if (policy)
        g_atomic_ref_count_inc(&policy->references);
    return policy;
}

void policy_unref(Policy *policy)
{
    if (!policy || !g_atomic_ref_count_dec(&policy->references))
        return;
    g_ptr_array_unref(policy->entries);
    g_free(policy->file);
    g_free(policy);
}

const char *const allow_names[ALLOW_COUNT] = {
    [ALLOW_KINDS] = "kinds",
    [ALLOW_NAMES] = "names",
    [ALLOW_QUEUES] = "queues",
    [ALLOW_ENVIRONMENTS] = "environments",
    [ALLOW_DEFINITIONS] = "jobDefinitions",
    [ALLOW_SHARES] = "shareIdentifiers",
    [ALLOW_JOB_ROLES] = "jobRoleArns",
    [ALLOW_EXECUTION_ROLES] = "executionRoleArns",
    [ALLOW_ENVIRONMENT_ROLES] = "environmentRoles",
    [ALLOW_HOST_PATHS] = "hostPaths",
    [ALLOW_PROVIDERS] = "providers",
};

/* NULL: the member is not there. */
static char **texts_of(const Node *list)
{
    if (!list || list->kind != NODE_SEQUENCE)
        return NULL;
    char **texts = g_new0(char *, list->sequence.len + 1);
    for (size_t i = 0; i < list->sequence.len; i++)
        texts[i] = g_strndup(list->sequence.items[i]->text.data, list->sequence.items[i]->text.len);
    return texts;
}

/* A path as it is compared: without "..", "." and doubled slashes. */
static void settle_paths(char **paths)
{
    for (; paths && *paths; paths++) {
        char *settled = g_canonicalize_filename(*paths, "/");
        g_free(*paths);
        *paths = settled;
    }
}

static PolicyEntry *entry_of(View name, const Node *node)
{
    PolicyEntry *entry = g_new0(PolicyEntry, 1);
    const Node *allow = node_get(node, "allow"), *source = node_get(node, "source"),
               *approval = node_get(node, "approval"), *privileged = node_get(allow, "privileged");
    entry->name = g_strndup(name.data, name.len);
    entry->approval_required = approval && view_is(approval->text, "required");
    entry->privileged = !privileged || privileged->text.len == 4; /* true, True or TRUE */
    entry->is_open = !allow;
    if (source) {
        entry->source = g_strndup(source->text.data, source->text.len);
        if (*entry->source == '/') {
            g_autofree char *as_written = entry->source;
            entry->source = g_canonicalize_filename(as_written, "/");
        }
    }
    for (int i = 0; i < ALLOW_COUNT; i++)
        entry->allow[i] = texts_of(node_get(allow, allow_names[i]));
    settle_paths(entry->allow[ALLOW_HOST_PATHS]);
    return entry;
}

typedef struct {
    Policy *policy;
    const char *file;
    View text;
    bool seen;
    DiagnosticList *diagnostics;
} PolicyParse;

static bool policy_document(const Document *document, void *data)
{
    PolicyParse *parse = data;
    Node *root = document->root;
    SchemaContext rules = {parse->file, parse->text, 1, NULL};
    if (parse->seen) {
        document_report(parse->diagnostics, parse->file, parse->text, 1, root->line, root->column, 1,
                        SEVERITY_ERROR, "", "a policy is one document", NULL);
        return false;
    }
    parse->seen = true;
    if (!schema_validate(policy_schema(), root, "", &rules, parse->diagnostics))
        return true;
    const Node *sources = node_get(root, "sources");
    for (size_t i = 0; i < sources->mapping.len; i++)
        g_ptr_array_add(parse->policy->entries,
                        entry_of(sources->mapping.members[i].key, sources->mapping.members[i].value));
    return true;
}

Policy *policy_parse(View text, const char *file, DiagnosticList *diagnostics)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(Policy) policy = g_new0(Policy, 1);
    g_atomic_ref_count_init(&policy->references);
    policy->file = g_strdup(file);
    policy->entries = g_ptr_array_new_with_free_func(entry_free);
    size_t before = diagnostic_list_count(diagnostics, SEVERITY_ERROR);
    PolicyParse parse = {.policy = policy, .file = file, .text = text, .diagnostics = diagnostics};
    bool good =
        document_parse(text, file, 1, arena, &document_limits_default, policy_document, &parse, diagnostics);
    if (good && !parse.seen)
        document_report(diagnostics, file, text, 1, 1, 1, 1, SEVERITY_ERROR, "", "a policy has `sources`",
                        "write sources: {} to allow everything");
    if (!good || diagnostic_list_count(diagnostics, SEVERITY_ERROR) > before)
        return NULL;
    return g_steal_pointer(&policy);
}

const PolicyEntry *policy_entry(const Policy *policy, const char *source)
{
    const PolicyEntry *any = NULL;
    for (guint i = 0; policy && i < policy->entries->len; i++) {
        const PolicyEntry *entry = policy->entries->pdata[i];
        if (strcmp(entry->name, source) == 0)
            return entry;
        if (strcmp(entry->name, "*") == 0)
            any = entry;
    }
    return any;
}

bool policy_requires_approval(const Policy *policy, const char *source)
{
    const PolicyEntry *entry = policy_entry(policy, source);
    return entry && entry->approval_required;
}
