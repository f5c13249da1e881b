#include "reconciler/cli/submit_body.h"

#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "spec/base/units.h"

/* "ID", "ID:TYPE", "ID:INDEX", "ID:INDEX:TYPE", or a bare SEQUENTIAL. */
static json_t *dependency(const char *text)
{
    static const char *const types[] = {"N_TO_N", "SEQUENTIAL"};
    const char *colon = strrchr(text, ':');
    const char *word = colon ? colon + 1 : text;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_ascii_strcasecmp(word, types[i]) == 0) {
            g_autofree char *id = colon && colon > text ? g_strndup(text, (gsize)(colon - text)) : NULL;
            return json_pack("{s:s*,s:s}", "jobId", id, "type", types[i]);
        }
    return json_pack("{s:s}", "jobId", text);
}

static json_t *dependencies(char **list)
{
    json_t *array = json_array();
    for (char **at = list; at && *at; at++)
        json_array_append_new(array, dependency(*at));
    return array;
}

static bool add_parameters(char **list, json_t *body, GError **error)
{
    json_t *parameters = json_object();
    json_object_set_new(body, "parameters", parameters);
    for (char **at = list; at && *at; at++) {
        const char *value = option_pair("parameter", *at, error);
        if (!value)
            return false;
        g_autofree char *name = g_strndup(*at, (gsize)(value - 1 - *at));
        json_object_set_new(parameters, name, json_string(value));
    }
    return true;
}

static bool add_environment(char **list, json_t *overrides, GError **error)
{
    json_t *environment = json_array();
    json_object_set_new(overrides, "environment", environment);
    for (char **at = list; at && *at; at++) {
        const char *value = option_pair("env", *at, error);
        if (!value)
            return false;
        g_autofree char *name = g_strndup(*at, (gsize)(value - 1 - *at));
        json_array_append_new(environment, json_pack("{s:s,s:s}", "name", name, "value", value));
    }
    return true;
}

static bool add_requirements(const Options *options, json_t *overrides, GError **error)
{
    const struct {
        const char *option, *text, *type;
    } needs[] = {{"vcpus", options->vcpus, "VCPU"},
                 {"memory", options->memory, "MEMORY"},
                 {"gpus", options->gpus, "GPU"}};
    json_t *list = json_array();
    json_object_set_new(overrides, "resourceRequirements", list);
    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        int64_t value_e4;
        if (!needs[i].text)
            continue;
        if (!decimal_parse(view_from(needs[i].text), &value_e4) || value_e4 <= 0) {
            g_set_error(error, CLI_ERROR, EXIT_ERROR, "--%s \"%s\" is not a number above 0", needs[i].option,
                        needs[i].text);
            return false;
        }
        json_array_append_new(list, json_pack("{s:s,s:s}", "type", needs[i].type, "value", needs[i].text));
    }
    return true;
}

static bool add_overrides(const Options *options, char **command, json_t *body, GError **error)
{
    json_t *overrides = json_object();
    json_object_set_new(body, "containerOverrides", overrides);
    if (command && *command) {
        json_t *words = json_array();
        for (char **at = command; *at; at++)
            json_array_append_new(words, json_string(*at));
        json_object_set_new(overrides, "command", words);
    }
    return add_environment(options->env, overrides, error) && add_requirements(options, overrides, error);
}

static bool add_numbers(const Options *options, json_t *body, GError **error)
{
    int64_t size = 0, timeout_ms = 0, attempts = 0;
    if (!option_integer("array", options->array, 2, 10000, &size, error) ||
        !option_duration("timeout", options->job_timeout, &timeout_ms, error) ||
        !option_integer("attempts", options->attempts, 1, 10, &attempts, error))
        return false;
    if (size)
        json_object_set_new(body, "arrayProperties", json_pack("{s:I}", "size", (json_int_t)size));
    if (options->job_timeout)
        json_object_set_new(
            body, "timeout",
            json_pack("{s:I}", "attemptDurationSeconds", (json_int_t)((timeout_ms + 999) / 1000)));
    if (attempts)
        json_object_set_new(body, "retryStrategy", json_pack("{s:I}", "attempts", (json_int_t)attempts));
    return true;
}

/* Members that say nothing are left out, so that equal requests look equal. */
static void drop_empty(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, key, value)
    {
        if (json_is_object(value))
            drop_empty(value);
        if ((json_is_object(value) && !json_object_size(value)) ||
            (json_is_array(value) && !json_array_size(value)))
            json_object_del(object, key);
    }
}

json_t *submit_body(const Options *options, char **command, GError **error)
{
    if (!options->queue || !options->definition) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "submit needs --queue and --definition, or --file (muster help submit)");
        return NULL;
    }
    json_t *body = json_pack("{s:s*,s:s,s:s,s:s*,s:o}", "jobName", options->name, "jobQueue", options->queue,
                             "jobDefinition", options->definition, "shareIdentifier",
                             options->share_identifier, "dependsOn", dependencies(options->depends_on));
    if (!body) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "options of submit must be UTF-8");
        return NULL;
    }
    if (!add_parameters(options->parameters, body, error) || !add_overrides(options, command, body, error) ||
        !add_numbers(options, body, error)) {
        json_decref(body);
        return NULL;
    }
    drop_empty(body);
    return body;
}
