#include "spec/base/one_line.h"
#include <glib.h>

char *one_line(View text, long max)
{
    g_autofree char *line = g_utf8_make_valid(text.data ? text.data : "", (gssize)text.len);
    for (char *byte = line; *byte; byte++)
        if (g_ascii_iscntrl(*byte))
            *byte = ' ';
    g_strstrip(line);
    if (g_utf8_strlen(line, -1) <= max)
        return g_steal_pointer(&line);
    const char *end = g_utf8_offset_to_pointer(line, max - 1);
    return g_strdup_printf("%.*s…", (int)(end - line), line);
}
