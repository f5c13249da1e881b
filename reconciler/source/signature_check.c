/* signature_check.c: what the checks of both kinds share. See signature_check.h. */
#include "reconciler/source/signature_check.h"
#include "reconciler/source/source.h"

#define SHOWN_MAX 400

char **signature_check_environment(const char *home)
{
    static const char *const names[] = {"PATH", "TZ", "TMPDIR"};
    char **environment = g_environ_setenv(NULL, "LC_ALL", "C", TRUE);
    environment = g_environ_setenv(environment, "HOME", home, TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_getenv(names[i]))
            environment = g_environ_setenv(environment, names[i], g_getenv(names[i]), TRUE);
    return environment;
}

bool signature_check_ended(const HelperEnd *end, const char *program, const char *package, GError **error)
{
    switch (end->outcome) {
    case HELPER_ENDED:
        if (!helper_is_missing(end))
            return true;
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                    "cannot be verified: the %s executable is missing; install %s", program, package);
        return false;
    case HELPER_TIMED_OUT:
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                    "cannot be verified: %s was not done within %d s", program, SIGNATURE_CHECK_MS / 1000);
        return false;
    case HELPER_CANCELLED: break;
    }
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_CANCELLED, "was not verified: %s was ended", program);
    return false;
}

bool signature_refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_UNVERIFIED, message);
    return false;
}

char *signature_printable(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        if (out->len + 8 > SHOWN_MAX) {
            g_string_append(out, "…");
            break;
        }
        g_string_append_unichar(out, g_unichar_isprint(character) ? character : ' ');
    }
    return g_string_free(out, FALSE);
}
