#include "reconciler/provider/aws/user_data.h"
#include <jansson.h>
#include <string.h>

#define BOUNDARY "==MUSTER=="

/* ---- our part ---- */

/* {"k":"v"}; keys in their order. */
static void append_pairs(GString *out, const char *name, const UserDataPair *pairs, size_t len)
{
    json_t *object = json_object();
    for (size_t i = 0; i < len; i++)
        json_object_set_new(object, pairs[i].name, json_string(pairs[i].value));
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (len > 0)
        g_string_append_printf(out, "%s=%s\n", name, text);
    free(text);
    json_decref(object);
}

static void append_config(GString *out, const UserDataConfig *config)
{
    g_string_append_printf(out, "ECS_CLUSTER=%s\n", config->cluster);
    g_string_append(out, "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n");
    if (config->is_gpu)
        g_string_append(out, "ECS_ENABLE_GPU_SUPPORT=true\n");
    append_pairs(out, "ECS_INSTANCE_ATTRIBUTES", config->attributes, config->attributes_len);
    append_pairs(out, "ECS_CONTAINER_INSTANCE_TAGS", config->tags, config->tags_len);
    g_string_append_printf(out, "ECS_RESERVED_MEMORY=%" G_GINT64_FORMAT "\n", config->reserved_memory_mib);
    g_string_append(out, "ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"awslogs\",\"none\"]\n"
                         "ECS_ENABLE_TASK_IAM_ROLE=true\n"
                         "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true\n"
                         "ECS_AWSVPC_BLOCK_IMDS=true\n"
                         "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached\n"
                         "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m\n");
}

/* The agent tells its tasks on loopback (ECS agent introspection); where it does not answer, nobody is
 * running either. A unit of systemd asks once a minute, and has the instance shut down, which terminates it.
 */
static void append_watchdog(GString *out, int64_t idle_s)
{
    g_string_append(out, "cat >/usr/local/sbin/muster-idle <<'MUSTER_END'\n"
                         "#!/bin/sh\n"
                         "# Ends an instance that nobody has given a task for long.\n"
                         "stamp=/run/muster-idle\n"
                         "[ -e \"$stamp\" ] || : >\"$stamp\"\n"
                         "if curl -s --max-time 5 http://127.0.0.1:51678/v1/tasks | grep -q "
                         "'\"KnownStatus\":\"\\(PENDING\\|CREATED\\|RUNNING\\)\"'; then\n"
                         "    : >\"$stamp\"\n"
                         "fi\n");
    g_string_append_printf(out,
                           "idle=$(($(date +%%s) - $(stat -c %%Y \"$stamp\")))\n"
                           "[ \"$idle\" -lt %" G_GINT64_FORMAT " ] || shutdown -h now\n"
                           "MUSTER_END\n",
                           idle_s);
    g_string_append(
        out,
        "chmod 755 /usr/local/sbin/muster-idle\n"
        "printf '[Service]\\nType=oneshot\\nExecStart=/usr/local/sbin/muster-idle\\n' "
        ">/etc/systemd/system/muster-idle.service\n"
        "printf '[Timer]\\nOnActiveSec=60\\nOnUnitActiveSec=60\\n' >/etc/systemd/system/muster-idle.timer\n"
        "systemctl daemon-reload && systemctl start --no-block muster-idle.timer\n");
}

static char *our_script(const UserDataConfig *config)
{
    GString *out = g_string_new("#!/bin/sh\ncat >>/etc/ecs/ecs.config <<'MUSTER_END'\n");
    append_config(out, config);
    g_string_append(out, "MUSTER_END\n");
    if (config->idle_shutdown_s > 0)
        append_watchdog(out, config->idle_shutdown_s);
    return g_string_free(out, FALSE);
}

/* ---- MIME ---- */

static void append_part(GString *out, const char *boundary, const char *type, const char *text)
{
    g_string_append_printf(out, "--%s\nContent-Type: %s; charset=\"us-ascii\"\n\n%s%s", boundary, type, text,
                           g_str_has_suffix(text, "\n") ? "" : "\n");
}

/* Not in any of its parts. */
static char *boundary_for(const char *own)
{
    char *boundary = g_strdup(BOUNDARY);
    for (unsigned i = 1; own && strstr(own, boundary); i++) {
        g_free(boundary);
        boundary = g_strdup_printf(BOUNDARY "%u==", i);
    }
    return boundary;
}

static char *wrap(const char *own, const char *own_type, const char *ours)
{
    g_autofree char *boundary = boundary_for(own);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "Content-Type: multipart/mixed; boundary=\"%s\"\nMIME-Version: 1.0\n\n",
                           boundary);
    if (own)
        append_part(out, boundary, own_type, own);
    append_part(out, boundary, "text/x-shellscript", ours);
    g_string_append_printf(out, "--%s--\n", boundary);
    return g_string_free(out, FALSE);
}

/* Of the head, which ends at the first empty line; folded lines are read on. NULL: it has none. New string.
 */
static char *boundary_of(const char *own)
{
    g_autoptr(GRegex) regex =
        g_regex_new("\\Aboundary=(?:\"([^\"\\r\\n]{1,70})\"|([^\\s;\"]{1,70}))", G_REGEX_CASELESS, 0, NULL);
    const char *end = strstr(own, "\n\n"), *other = strstr(own, "\r\n\r\n");
    end = !end || (other && other < end) ? other : end;
    for (const char *at = own; end && at < end; at++) {
        g_autoptr(GMatchInfo) match = NULL;
        bool begins = at == own || g_ascii_isspace(at[-1]) || at[-1] == ';';
        if (!begins || !g_regex_match(regex, at, 0, &match))
            continue;
        char *quoted = g_match_info_fetch(match, 1);
        if (quoted && *quoted)
            return quoted;
        g_free(quoted);
        return g_match_info_fetch(match, 2);
    }
    return NULL;
}

/* Where the line is that closes the archive; NULL: it is not closed. */
static const char *closing_line(const char *own, const char *boundary)
{
    g_autofree char *closing = g_strdup_printf("--%s--", boundary);
    const char *found = NULL;
    for (const char *at = own; (at = strstr(at, closing)); at += strlen(closing))
        if (at == own || at[-1] == '\n')
            found = at;
    return found;
}

/* Our part, no line of which begins as a boundary does, stands before what closes theirs; what follows that
 * is nobody's.
 */
static char *append_to(const char *own, const char *ours, GError **error)
{
    g_autofree char *boundary = boundary_of(own);
    const char *closing = boundary ? closing_line(own, boundary) : NULL;
    if (!closing) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE,
                    "the user data is a MIME archive %s",
                    boundary ? "that is not closed: the line --BOUNDARY-- is missing"
                             : "whose Content-Type names no boundary");
        return NULL;
    }
    GString *out = g_string_new_len(own, closing - own);
    append_part(out, boundary, "text/x-shellscript", ours);
    g_string_append_printf(out, "--%s--\n", boundary);
    return g_string_free(out, FALSE);
}

/* ---- the user's own ---- */

static bool begins(const char *text, const char *word)
{
    return g_ascii_strncasecmp(text, word, strlen(word)) == 0;
}

static char *merge(const char *own, const char *ours, GError **error)
{
    if (!own || !*own)
        return wrap(NULL, NULL, ours);
    if (begins(own, "Content-Type:") || begins(own, "MIME-Version:"))
        return append_to(own, ours, error);
    if (g_str_has_prefix(own, "#!"))
        return wrap(own, "text/x-shellscript", ours);
    if (g_str_has_prefix(own, "#cloud-config"))
        return wrap(own, "text/cloud-config", ours);
    if (g_str_has_prefix(own, "#cloud-boothook"))
        return wrap(own, "text/cloud-boothook", ours);
    g_set_error_literal(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE,
                        "the user data is none that can be merged: a shell script (#!), #cloud-config, or a "
                        "MIME archive of these is "
                        "expected, not compressed, and neither TOML (Bottlerocket) nor PowerShell");
    return NULL;
}

char *user_data_merge(const char *own, const UserDataConfig *config, GError **error)
{
    g_autofree char *ours = our_script(config), *merged = merge(own, ours, error);
    if (!merged)
        return NULL;
    size_t len = strlen(merged);
    if (len <= USER_DATA_MAX)
        return g_steal_pointer(&merged);
    g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_NO_MEMORY,
                "the user data is %zu bytes with muster's part, and EC2 takes at most %zu: fetch what is "
                "long from S3 in it",
                len, USER_DATA_MAX);
    return NULL;
}
