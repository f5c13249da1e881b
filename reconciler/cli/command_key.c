/* command_key.c: keys for the API over TCP: make one, list them, revoke one. The secret is made and sealed
 * here, and told once: nothing else ever has it but the daemon, which opens it with the key file. */
#include <stdio.h>
#include <string.h>
#include "reconciler/api/key.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"

#define RATE_MAX 1000

static char *key_file_of(const Invocation *invocation, const Session *session)
{
    const char *named = invocation->options.key_file;
    return named ? g_canonicalize_filename(named, NULL)
                 : g_build_filename(session->state_dir, KEY_FILE_NAME, NULL);
}

/* ---- create ---- */

/* Each option may hold several, separated by commas. */
static bool scopes_of(char *const *options, unsigned *ret_scopes, GError **error)
{
    for (; options && *options; options++) {
        g_auto(GStrv) names = g_strsplit(*options, ",", -1);
        for (char **name = names; *name; name++) {
            unsigned scope = key_scope_from_name(g_strstrip(*name));
            if (!scope) {
                g_set_error(error, CLI_ERROR, EXIT_ERROR,
                            "--scope %s: read, submit, register or admin is expected", *name);
                return false;
            }
            *ret_scopes |= scope;
        }
    }
    if (*ret_scopes)
        return true;
    g_set_error_literal(
        error, CLI_ERROR, EXIT_ERROR,
        "--scope is expected: read, submit, register or admin, as in: muster key create ci --scope "
        "submit --allow-queue ci");
    return false;
}

/* name and limits; the rest comes later. Borrows the options' lists. */
static bool key_of(const Invocation *invocation, Key *ret_key, GError **error)
{
    const Options *options = &invocation->options;
    int64_t for_ms = 0;
    Key key = {.name = invocation->arguments[1],
               .queues = options->allow_queues,
               .shares = options->allow_shares,
               .roles = options->allow_roles,
               .host_paths = options->allow_host_paths,
               .is_unprivileged = options->unprivileged};
    if (invocation->arguments_len != 2) {
        g_set_error_literal(error, CLI_ERROR, EXIT_ERROR,
                            "a name is expected, as in: muster key create ci --scope submit");
        return false;
    }
    if (!scopes_of(options->scopes, &key.scopes, error) ||
        !option_duration("for", options->lasting, &for_ms, error) ||
        !option_integer("rate", options->rate, 1, RATE_MAX, &key.per_second, error))
        return false;
    if (for_ms)
        key.expires_ms = g_get_real_time() / 1000 + for_ms;
    *ret_key = key;
    return true;
}

static void print_secret(const Invocation *invocation, const char *id, const char *secret)
{
    OutputFormat format = output_format(invocation->options.output);
    if (format == OUTPUT_JSON || format == OUTPUT_YAML) {
        json_t *json = json_pack("{s:s,s:s}", "accessKeyId", id, "secretAccessKey", secret);
        if (format == OUTPUT_JSON)
            output_json(json);
        else
            output_yaml(json);
        json_decref(json);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", id, secret);
    output_string(out);
}

static int create(Invocation *invocation, Session *session)
{
    g_autoptr(GError) error = NULL;
    unsigned char file_key[KEY_FILE_BYTES];
    Key key = {0};
    g_autofree char *path = key_file_of(invocation, session);
    if (!key_of(invocation, &key, &error) || !key_file_make(path, &error) ||
        !key_file_read(path, file_key, &error))
        return report_error(error);
    g_autofree char *id = key_id_random();
    char *secret = key_secret_random();
    g_autofree char *sealed = key_seal(file_key, id, secret);
    key.sealed = sealed;
    json_t *request = json_pack("{s:s,s:s,s:o,s:s}", "action", "create", "id", id, "key",
                                key_to_json(&key, true), "actor", g_get_user_name());
    json_t *answer = backend_call(session->backend, "key", request, &error);
    if (answer) {
        print_secret(invocation, id, secret);
        report_note("the secret is told this once; %s opens it for the daemon, and is in no backup", path);
    }
    json_decref(answer);
    key_secret_free(secret);
    return answer ? EXIT_OK : session_fail(invocation, error, NULL);
}

/* ---- list ---- */

static const Column columns[] = {
    {"NAME", ALIGN_LEFT, COLUMN_ALWAYS},    {"ID", ALIGN_LEFT, COLUMN_ALWAYS},
    {"MAY", ALIGN_LEFT, COLUMN_ALWAYS},     {"ONLY", ALIGN_LEFT, COLUMN_ALWAYS},
    {"EXPIRES", ALIGN_LEFT, COLUMN_ALWAYS}, {"CREATED", ALIGN_LEFT, COLUMN_WIDE},
    {"BY", ALIGN_LEFT, COLUMN_WIDE},
};

static char *list_text(const json_t *list)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
        g_string_append_printf(text, "%s%s", i ? ", " : "", json_string_value(item));
    return printable(text->str);
}

static char *limits_text(const json_t *key)
{
    static const char *const names[] = {"queues", "shareIdentifiers", "roles", "hostPaths"};
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const json_t *list = json_object_get(key, names[i]);
        g_autofree char *items = list_text(list);
        if (list)
            g_string_append_printf(text, "%s%s %s", text->len ? "; " : "", names[i], *items ? items : "none");
    }
    if (json_is_true(json_object_get(key, "unprivileged")))
        g_string_append_printf(text, "%sunprivileged", text->len ? "; " : "");
    if (json_object_get(key, "requestsPerSecond"))
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT " requests/s", text->len ? "; " : "",
                               member_integer(key, "requestsPerSecond"));
    return g_strdup(text->str);
}

static void list_keys(const json_t *keys, const ListStyle *style, GString *out)
{
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    const json_t *key;
    size_t i;
    json_array_foreach(keys, i, key)
    {
        g_autofree char *limits = limits_text(key);
        int64_t expires_ms = member_integer(key, "expiresAt");
        table_cell_take(table, printable(member_text(key, "name")));
        table_cell(table, member_text(key, "id"));
        table_cell_take(table, list_text(json_object_get(key, "scopes")));
        table_cell(table, *limits ? limits : "-");
        table_cell_take(table, expires_ms && expires_ms <= style->now_ms ? g_strdup("expired")
                                                                         : time_local(expires_ms));
        table_cell_take(table, time_local(member_integer(key, "createdAt")));
        table_cell_take(table, printable(member_text(key, "createdBy")));
    }
    if (table_rows(table))
        table_render(table, style->is_wide, style->is_colored, out);
    else
        g_string_append(out, "There are no keys: muster key create NAME --scope read makes one.\n");
}

static int list(Invocation *invocation, Session *session)
{
    g_autoptr(GError) error = NULL;
    OutputFormat format = output_format(invocation->options.output);
    ListStyle style = list_style(invocation->options.output);
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *answer = backend_call(session->backend, "keys", NULL, &error);
    if (!answer)
        return session_fail(invocation, error, NULL);
    if (format == OUTPUT_JSON) {
        output_json(answer);
    } else if (format == OUTPUT_YAML) {
        output_yaml(answer);
    } else {
        list_keys(json_object_get(answer, "keys"), &style, out);
        output_string(out);
    }
    json_decref(answer);
    return EXIT_OK;
}

/* ---- revoke ---- */

static int withdraw(Invocation *invocation, Session *session)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    if (invocation->arguments_len != 2)
        return report_failure(EXIT_ERROR, "the name or the id of a key is expected: muster key list");
    json_t *request = json_pack("{s:s,s:s,s:s}", "action", "revoke", "key", invocation->arguments[1], "actor",
                                g_get_user_name());
    json_t *answer = backend_call(session->backend, "key", request, &error);
    if (!answer)
        return session_fail(invocation, error, NULL);
    g_string_append_printf(out, "key %s (%s) is revoked\n", member_text(answer, "name"),
                           member_text(answer, "id"));
    json_decref(answer);
    output_string(out);
    return EXIT_OK;
}

/* ---- the command ---- */

static int run(Invocation *invocation)
{
    static const struct {
        const char *name;
        BackendNeed need;
        int (*run)(Invocation *invocation, Session *session);
    } actions[] = {{"create", BACKEND_COMMIT, create},
                   {"list", BACKEND_READ, list},
                   {"revoke", BACKEND_COMMIT, withdraw}};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(invocation->arguments[0], actions[i].name) != 0)
            continue;
        if (!session_open_here(invocation, actions[i].need, &session, &error))
            return session_fail(invocation, error, NULL);
        return session_close(&session, actions[i].run(invocation, &session));
    }
    return report_failure(EXIT_ERROR, "muster key %s: create, list or revoke is expected",
                          invocation->arguments[0]);
}

static const OptionSpec options[] = {
    {"scope", 0, OPTION_LIST, OPTION(scopes), "SCOPE",
     "what it may do: read, submit, register, admin (repeatable, or with commas); all may read", NULL},
    {"allow-queue", 0, OPTION_LIST, OPTION(allow_queues), "NAME",
     "only this queue (repeatable; NAME* is a prefix): its jobs alone are shown, too", NULL},
    {"allow-share", 0, OPTION_LIST, OPTION(allow_shares), "ID",
     "submits under this shareIdentifier only (repeatable; ID* is a prefix)", NULL},
    {"allow-role", 0, OPTION_LIST, OPTION(allow_roles), "ARN",
     "registers definitions with this job or execution role only (repeatable; ARN* is a prefix)", NULL},
    {"allow-host-path", 0, OPTION_LIST, OPTION(allow_host_paths), "PATH",
     "registers definitions that mount this path of the host only (repeatable; PATH* is a prefix)", NULL},
    {"unprivileged", 0, OPTION_FLAG, OPTION(unprivileged), NULL, "registers no privileged containers", NULL},
    {"rate", 0, OPTION_TEXT, OPTION(rate), "N", "at most N requests in a second (1 to 1000; without it: any)",
     NULL},
    {"for", 0, OPTION_TEXT, OPTION(lasting), "D", "how long it is good (12h, 90d); without it: until revoked",
     NULL},
    {"key-file", 0, OPTION_TEXT, OPTION(key_file), "FILE",
     "what seals the secrets, as for muster serve (key-file of the state directory; made where there is "
     "none)",
     NULL},
    OPTION_OUTPUT,
};

const Command command_key = {
    .name = "key",
    .group = GROUP_OTHER,
    .arguments = "create NAME | list | revoke NAME",
    .summary = "keys for the API over TCP (serve --listen)",
    .description =
        "Whoever uses the API over TCP signs each request with a key, as with AWS: an access key id and a "
        "secret, "
        "which the aws CLI, boto3 and the other SDKs take from the environment or a profile. create makes "
        "one and "
        "prints it, once. A key may do what its scopes say: read looks, submit also submits, cancels and "
        "terminates jobs and starts pipelines, register also registers job definitions, admin does "
        "everything. "
        "The --allow options narrow that further.\n\n"
        "Keys are made where the daemon runs: the secret is sealed under the key file, and only that is kept "
        "in "
        "the state. A revoked key is refused at once. Who made and who revoked one stands in the events.",
    .examples = "muster key create ci --scope submit --allow-queue ci --for 90d\tfor a pipeline elsewhere\n"
                "muster key create grafana --scope read\tlooks only\n"
                "muster key list\twhat there is\n"
                "muster key revoke ci\tat once",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 2,
    .exits = EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_REFUSED),
    .run = run,
};
