#include "reconciler/schedule/pass.h"

static char *note_name(const char *what, const char *name)
{
    return g_strdup_printf("%s %s", what, name);
}

bool note_read(const World *world, const char *what, const char *name, int64_t *ret_values, int len)
{
    g_autofree char *setting = note_name(what, name);
    const char *text = world_setting(world, setting);
    int64_t values[8];
    g_assert(len <= (int)G_N_ELEMENTS(values));
    for (int i = 0; i < len; i++) {
        char *end = NULL;
        values[i] = text ? g_ascii_strtoll(text, &end, 10) : 0;
        if (!text || end == text)
            return false;
        text = end;
    }
    memcpy(ret_values, values, (size_t)len * sizeof *values);
    return true;
}

void note_write(World *world, const char *what, const char *name, const int64_t *values, int len)
{
    g_autofree char *setting = note_name(what, name);
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < len; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > 0 ? " " : "", values[i]);
    world_set_setting(world, setting, text->str);
}

void note_clear(World *world, const char *what, const char *name)
{
    g_autofree char *setting = note_name(what, name);
    world_set_setting(world, setting, NULL);
}
