#include "reconciler/provider/docker/docker_answer.h"
#include <string.h>

#define MESSAGE_MAX 400
/* What is asked for here is in each of them. Source: the API's version history. */
#define VERSION_MIN 35
#define VERSION     41

char *docker_message(View body)
{
    json_t *answer = json_loadb(body.data ? body.data : "", body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(answer, "message"));
    char *text = message ? g_strndup(message, MESSAGE_MAX)
                         : g_strndup(body.data ? body.data : "", MIN(body.len, MESSAGE_MAX));
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_free(text);
    g_strdelimit(valid, "\r\n\t", ' ');
    json_decref(answer);
    return g_strdup(g_strstrip(valid));
}

int64_t docker_time_ms(const char *text)
{
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    if (!time || g_date_time_get_year(time) < 1970)
        return 0;
    return g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
}

DockerPhase docker_phase(const char *state)
{
    static const struct {
        const char *state;
        DockerPhase phase;
    } phases[] = {
        {"created", DOCKER_CREATED},  {"configured", DOCKER_CREATED}, {"initialized", DOCKER_CREATED},
        {"running", DOCKER_RUNNING},  {"paused", DOCKER_RUNNING},     {"restarting", DOCKER_RUNNING},
        {"stopping", DOCKER_RUNNING}, {"exited", DOCKER_ENDED},       {"stopped", DOCKER_ENDED},
        {"removing", DOCKER_GOING},   {"dead", DOCKER_GOING},
    };
    for (size_t i = 0; state && i < G_N_ELEMENTS(phases); i++)
        if (strcmp(state, phases[i].state) == 0)
            return phases[i].phase;
    return DOCKER_RUNNING;
}

bool docker_state_read(const json_t *inspected, DockerState *ret_state)
{
    const json_t *state = json_object_get(inspected, "State");
    const char *status = json_string_value(json_object_get(state, "Status"));
    const char *error = json_string_value(json_object_get(state, "Error"));
    if (!status)
        return false;
    *ret_state =
        (DockerState){.phase = docker_phase(status),
                      .exit_code = (int)json_integer_value(json_object_get(state, "ExitCode")),
                      .made_ms = docker_time_ms(json_string_value(json_object_get(inspected, "Created"))),
                      .started_ms = docker_time_ms(json_string_value(json_object_get(state, "StartedAt"))),
                      .finished_ms = docker_time_ms(json_string_value(json_object_get(state, "FinishedAt"))),
                      .is_oom = json_is_true(json_object_get(state, "OOMKilled")),
                      .error = error && *error ? error : NULL};
    return true;
}

const char *docker_label(const json_t *labels, const char *name)
{
    return json_string_value(json_object_get(labels, name));
}

/* "1.41" → 41; -1: it is none. */
static int minor_of(const char *version)
{
    guint64 minor;
    bool is_one = version && g_str_has_prefix(version, "1.") &&
                  g_ascii_string_to_unsigned(version + 2, 10, 0, 10000, &minor, NULL);
    return is_one ? (int)minor : -1;
}

char *docker_version_pick(const json_t *version)
{
    int newest = minor_of(json_string_value(json_object_get(version, "ApiVersion")));
    int oldest = minor_of(json_string_value(json_object_get(version, "MinAPIVersion")));
    int picked = MAX(MIN(newest, VERSION), oldest);
    return newest >= VERSION_MIN ? g_strdup_printf("1.%d", picked) : NULL;
}

char *docker_filters(json_t *filters)
{
    char *text = json_dumps(filters, JSON_COMPACT);
    char *escaped = g_uri_escape_string(text, NULL, FALSE);
    free(text);
    json_decref(filters);
    return escaped;
}
