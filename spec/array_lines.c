#include "spec/array_lines.h"

#include <glib.h>

int64_t array_lines_count(View text)
{
    int64_t lines = 0;
    bool is_counted = false;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        if (byte == '\n')
            is_counted = false;
        else if (!is_counted && byte != ' ' && byte != '\t' && byte != '\r') {
            is_counted = true;
            lines++;
        }
    }
    return lines;
}

const char *array_path_fault(const char *path)
{
    if (!*path)
        return "a path is expected";
    if (*path == '/')
        return "the path must be relative: to the source, or to the workspace";
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part; part++)
        if (strcmp(*part, "..") == 0)
            return "the path must not leave the source or the workspace";
    return NULL;
}
