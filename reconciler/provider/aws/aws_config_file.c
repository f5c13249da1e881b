#include "reconciler/provider/aws/aws_config_file.h"
#include <string.h>

/* Settings by "KIND NAME\nSETTING" or, of a nested one, "KIND NAME\nSETTING\nNESTED". */
struct AwsConfigFile {
    GHashTable *settings;
    GHashTable *profiles; /* names, a set */
};

#define KIND_PROFILE  "profile"
#define KIND_SSO      "sso-session"
#define KIND_SERVICES "services"

typedef struct {
    AwsConfigFile *file;
    const char *name; /* of the file */
    bool is_credentials;
    int line;
    GHashTable *sections; /* that were there, a set */
    char *section;        /* "profile ci"; NULL: of a kind that is not read */
    char *nested;         /* the setting that indented lines belong to; NULL: none */
    bool is_open;         /* a section has begun */
    bool is_in_value;     /* a setting came in it: an indented line belongs to that */
} Parsing;

static bool fail(const Parsing *parsing, GError **error, const char *what)
{
    g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE, "%s:%d: %s", parsing->name, parsing->line,
                what);
    return false;
}

/* ---- sections ---- */

/* Of the config file: "default", "profile NAME" …, where the name may be in quotes; what is none of these
 * says nothing. Whether it does. */
static bool split_name(char *text, const char **ret_kind, char **ret_name)
{
    g_auto(GStrv) words = NULL;
    int len = 0;
    *ret_kind = KIND_PROFILE;
    if (strcmp(text, "default") == 0) {
        *ret_name = g_strdup(text);
        return true;
    }
    static const char *const kinds[] = {KIND_PROFILE, KIND_SSO, KIND_SERVICES};
    if (!g_shell_parse_argv(text, &len, &words, NULL) || len != 2)
        return false;
    *ret_name = g_strdup(words[1]);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(words[0], kinds[i]) == 0)
            *ret_kind = kinds[i];
    return true;
}

/* In the credentials file all that stands in brackets is the profile's name. */
static bool begin_section(Parsing *parsing, char *text, GError **error)
{
    char *end = strchr(text, ']');
    const char *kind = KIND_PROFILE;
    g_autofree char *name = NULL;
    if (!end)
        return fail(parsing, error, "a section's name ends with ]");
    *end = '\0';
    g_clear_pointer(&parsing->section, g_free);
    g_clear_pointer(&parsing->nested, g_free);
    parsing->is_open = true;
    parsing->is_in_value = false;
    g_strstrip(text + 1);
    if (!g_hash_table_add(parsing->sections, g_strdup(text + 1)))
        return fail(parsing, error, "the section is there twice");
    if (parsing->is_credentials)
        name = g_strdup(text + 1);
    else if (!split_name(text + 1, &kind, &name))
        return true;
    if (strcmp(kind, KIND_PROFILE) == 0)
        g_hash_table_add(parsing->file->profiles, g_strdup(name));
    parsing->section = g_strdup_printf("%s %s", kind, name);
    return true;
}

/* ---- settings ---- */

static void set(Parsing *parsing, const char *name, const char *nested, const char *value)
{
    if (!parsing->section)
        return;
    g_autofree char *small = g_ascii_strdown(name, -1);
    char *key = g_strjoin("\n", parsing->section, small, nested, NULL);
    g_hash_table_insert(parsing->file->settings, key, g_strdup(value));
}

static bool take_nested(Parsing *parsing, char *text)
{
    char *equals = strchr(text, '=');
    if (!parsing->nested || !equals)
        return true; /* a value of several lines: none that is read here */
    *equals = '\0';
    set(parsing, parsing->nested, g_strstrip(text), g_strstrip(equals + 1));
    return true;
}

/* Unlike in other files of this kind there are no comments behind values: a secret may hold a #. */
static bool take_setting(Parsing *parsing, char *text, GError **error)
{
    char *end = text + strcspn(text, "=:");
    if (!parsing->is_open)
        return fail(parsing, error, "a setting stands in a section: [default], [profile NAME] …");
    bool is_setting = *end != '\0';
    *end = '\0';
    char *name = g_strstrip(text), *value = is_setting ? g_strstrip(end + 1) : NULL;
    if (!is_setting || !*name)
        return fail(parsing, error, "NAME = VALUE is expected");
    g_clear_pointer(&parsing->nested, g_free);
    parsing->is_in_value = true;
    if (!*value)
        parsing->nested = g_ascii_strdown(name, -1);
    else
        set(parsing, name, NULL, value);
    return true;
}

static bool take_line(Parsing *parsing, char *line, GError **error)
{
    bool is_indented = *line == ' ' || *line == '\t';
    g_strchomp(line);
    char *text = line + strspn(line, " \t");
    if (!*text || *text == '#' || *text == ';')
        return true;
    if (!is_indented && *text == '[')
        return begin_section(parsing, text, error);
    return is_indented && parsing->is_in_value ? take_nested(parsing, text)
                                               : take_setting(parsing, text, error);
}

static bool parse(AwsConfigFile *file, const char *name, View text, bool is_credentials, GError **error)
{
    g_autoptr(GHashTable) sections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Parsing parsing = {.file = file, .name = name, .is_credentials = is_credentials, .sections = sections};
    bool is_good = text.len <= AWS_CONFIG_BYTES_MAX || fail(&parsing, error, "the file is larger than 1 MiB");
    g_autofree char *copy = is_good ? g_strndup(text.data ? text.data : "", text.len) : g_strdup("");
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    for (char **line = lines; is_good && *line; line++) {
        parsing.line++;
        is_good = take_line(&parsing, *line, error);
    }
    g_free(parsing.section);
    g_free(parsing.nested);
    return is_good;
}

AwsConfigFile *aws_config_parse(const char *config_name, View config, const char *credentials_name,
                                View credentials, GError **error)
{
    g_autoptr(AwsConfigFile) file = g_new0(AwsConfigFile, 1);
    file->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    file->profiles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return parse(file, config_name, config, false, error) &&
                   parse(file, credentials_name, credentials, true, error)
               ? g_steal_pointer(&file)
               : NULL;
}

void aws_config_free(AwsConfigFile *file)
{
    if (!file)
        return;
    g_hash_table_destroy(file->settings);
    g_hash_table_destroy(file->profiles);
    g_free(file);
}

/* ---- reading ---- */

static const char *get(const AwsConfigFile *file, const char *kind, const char *section, const char *name,
                       const char *nested)
{
    g_autofree char *whole = g_strdup_printf("%s %s", kind, section),
                    *key = g_strjoin("\n", whole, name, nested, NULL);
    return g_hash_table_lookup(file->settings, key);
}

bool aws_config_has_profile(const AwsConfigFile *file, const char *profile)
{
    return g_hash_table_contains(file->profiles, profile);
}

const char *aws_config_get(const AwsConfigFile *file, const char *profile, const char *name)
{
    return get(file, KIND_PROFILE, profile, name, NULL);
}

const char *aws_config_sso(const AwsConfigFile *file, const char *session, const char *name)
{
    return get(file, KIND_SSO, session, name, NULL);
}

const char *aws_config_service(const AwsConfigFile *file, const char *services, const char *service,
                               const char *name)
{
    return get(file, KIND_SERVICES, services, service, name);
}

static int name_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **aws_config_profiles(const AwsConfigFile *file)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter each;
    void *name;
    g_hash_table_iter_init(&each, file->profiles);
    while (g_hash_table_iter_next(&each, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort(names, name_compare);
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(names, FALSE);
}
