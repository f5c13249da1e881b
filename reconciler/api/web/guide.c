/* guide.c: see guide.h. */
#include "reconciler/api/web/guide.h"
#include <stdbool.h>
#include <string.h>

/* ---- scalars ---- */

static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);
    return g_ascii_isalpha(*text) && !g_strv_contains(words, lower) &&
           strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._/-") == strlen(text);
}

/* Double quotes of YAML: the escapes of JSON are among its own. */
static void append_scalar(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    if (is_plain(valid)) {
        g_string_append(out, valid);
        return;
    }
    g_string_append_c(out, '"');
    for (const char *at = valid; *at; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_printf(out, "\\%c", *at);
        else if ((unsigned char)*at < ' ' || *at == 0x7f)
            g_string_append_printf(out, "\\x%02x", (unsigned)*at);
        else
            g_string_append_c(out, *at);
    }
    g_string_append_c(out, '"');
}

static bool is_number(const char *text)
{
    return *text && strlen(text) < 10 && strspn(text, G_CSET_DIGITS) == strlen(text) &&
           (text[0] != '0' || !text[1]);
}

static bool is_given(const char *text)
{
    return text && *text;
}

static void member(GString *out, const char *name, const char *text)
{
    if (!is_given(text))
        return;
    g_string_append_printf(out, "%s: ", name);
    append_scalar(out, text);
    g_string_append_c(out, '\n');
}

static void member_number(GString *out, const char *name, const char *text)
{
    if (is_given(text) && is_number(text))
        g_string_append_printf(out, "%s: %s\n", name, text);
    else
        member(out, name, text);
}

static void append_items(GString *out, char **items)
{
    bool is_first = true;
    g_string_append_c(out, '[');
    for (; *items; items++) {
        if (!*g_strstrip(*items))
            continue;
        g_string_append(out, is_first ? "" : ", ");
        append_scalar(out, *items);
        is_first = false;
    }
    g_string_append(out, "]\n");
}

static void member_list(GString *out, const char *name, const char *text)
{
    if (!is_given(text))
        return;
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    g_string_append_printf(out, "%s: ", name);
    append_items(out, items);
}

static void begin(GString *out, const char *comment, const char *kind, const char *name)
{
    g_string_append_printf(out, "# %s\napiVersion: muster/v1\nkind: %s\nmetadata:\n", comment, kind);
    g_string_append(out, "  name: ");
    append_scalar(out, name ? name : "");
    g_string_append_c(out, '\n');
    g_string_append(out, "spec:\n");
}

/* ---- files ---- */

static bool is_aws(GuidePlace place)
{
    return place == GUIDE_EC2 || place == GUIDE_SPOT || place == GUIDE_FARGATE;
}

static char *write_config(const GuideFields *fields)
{
    GString *out = g_string_new("# What belongs to this source as a whole: its identity, and where "
                                "environments run that do not say.\n");
    member(out, "name", fields->source);
    member(out, "provider",
           is_aws(fields->place)           ? "aws"
           : fields->place == GUIDE_DOCKER ? "docker"
                                           : "local");
    g_string_append(out, "retention: 7d\n");
    return g_string_free(out, FALSE);
}

static void write_machines(GString *out, const GuideFields *fields)
{
    static const char *const types[GUIDE_PLACES] = {
        [GUIDE_EC2] = "EC2", [GUIDE_SPOT] = "SPOT", [GUIDE_FARGATE] = "FARGATE"};
    bool is_fargate = fields->place == GUIDE_FARGATE;
    g_string_append(out, "  computeResources:\n");
    member(out, "    type", types[fields->place]);
    if (fields->place == GUIDE_SPOT)
        g_string_append(out, "    allocationStrategy: SPOT_PRICE_CAPACITY_OPTIMIZED\n");
    if (fields->place == GUIDE_EC2)
        g_string_append(out, "    allocationStrategy: BEST_FIT_PROGRESSIVE\n");
    member_number(out, "    maxvCpus", fields->max_vcpus);
    if (!is_fargate) {
        g_string_append(out, "    minvCpus: 0\n");
        member_list(out, "    instanceTypes", fields->instance_types);
        member(out, "    instanceRole", fields->instance_role);
    }
    member_list(out, "    subnets", fields->subnets);
    member_list(out, "    securityGroupIds", fields->groups);
}

static char *write_environment(const GuideFields *fields)
{
    GString *out = g_string_new(NULL);
    begin(out, "Where jobs run.", "ComputeEnvironment", fields->environment);
    g_string_append(out, "  type: MANAGED\n");
    if (is_aws(fields->place)) {
        if (is_given(fields->region)) {
            g_string_append(out, "  provider:\n    type: aws\n");
            member(out, "    region", fields->region);
        }
        write_machines(out, fields);
    }
    return g_string_free(out, FALSE);
}

static char *write_queue(const GuideFields *fields)
{
    GString *out = g_string_new(NULL);
    begin(out, "Where jobs wait, and which environment they go to.", "JobQueue", fields->queue);
    g_string_append(out, "  priority: 1\n");
    member_list(out, "  computeEnvironmentOrder", fields->environment);
    return g_string_free(out, FALSE);
}

/* A command that no shell can read is one word: the form shows what came of it. */
static void write_command(GString *out, const char *command)
{
    g_auto(GStrv) words = NULL;
    if (!is_given(command))
        return;
    if (!g_shell_parse_argv(command, NULL, &words, NULL))
        words = g_strdupv((char *[]){(char *)(guintptr)command, NULL});
    g_string_append(out, "    command: [");
    for (char **word = words; *word; word++) {
        g_string_append(out, word == words ? "" : ", ");
        append_scalar(out, *word);
    }
    g_string_append(out, "]\n");
}

static void write_need(GString *out, const char *type, const char *value)
{
    g_string_append_printf(out, "      - type: %s\n        value: ", type);
    g_string_append_c(out, '"');
    for (const char *at = is_given(value) ? value : ""; *at; at++)
        g_string_append_c(out, g_ascii_isalnum(*at) || *at == '.' || *at == '-' ? *at : '?');
    g_string_append(out, "\"\n");
}

static char *write_definition(const GuideFields *fields)
{
    GString *out = g_string_new(NULL);
    begin(out, "What can be run: a command and what it needs (memory in MiB).", "JobDefinition",
          fields->definition);
    g_string_append(out, "  type: container\n");
    if (fields->place == GUIDE_FARGATE)
        g_string_append(out, "  platformCapabilities: [FARGATE]\n");
    g_string_append(out, "  containerProperties:\n");
    member(out, "    image", fields->image);
    write_command(out, fields->command);
    if (is_aws(fields->place))
        member(out, "    executionRoleArn", fields->execution_role);
    g_string_append(out, "    resourceRequirements:\n");
    write_need(out, "VCPU", fields->vcpus);
    write_need(out, "MEMORY", fields->memory_mib);
    return g_string_free(out, FALSE);
}

void guide_write(const GuideFields *fields, GuideFile ret_files[GUIDE_FILES])
{
    ret_files[0] = (GuideFile){"muster.yaml", write_config(fields)};
    ret_files[1] = (GuideFile){"environment.yaml", write_environment(fields)};
    ret_files[2] = (GuideFile){"queue.yaml", write_queue(fields)};
    ret_files[3] = (GuideFile){"definition.yaml", write_definition(fields)};
}

void guide_clear(GuideFile files[GUIDE_FILES])
{
    for (size_t i = 0; i < GUIDE_FILES; i++)
        g_clear_pointer(&files[i].text, g_free);
}
