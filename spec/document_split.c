#include "spec/document.h"
#include "spec/document_text.h"

/* A document start may have directives before it ("%TAG …"), which belong to it: looking backwards over blank
 * lines and comments, a line with '%' makes the cut unsafe. */
static bool cut_is_safe(View text, size_t cut)
{
    size_t end = cut;
    while (end > 0) {
        size_t start = text_line_start(text, end - 1);
        size_t at = start;
        while (at < end && (text.data[at] == ' ' || text.data[at] == '\t'))
            at++;
        char c = text.data[at];
        if (at < end && c == '%')
            return false;
        if (at < end && c != '#' && c != '\r' && c != '\n')
            return true;
        end = start;
    }
    return true;
}

size_t document_split(View text, size_t parts_max, size_t *ret_offsets, int *ret_lines)
{
    size_t found = 0;
    size_t counted = 0; /* bytes whose lines are in line */
    int line = 1;
    for (size_t part = 1; part < parts_max; part++) {
        size_t wanted = MAX(text.len / parts_max * part, counted + 1);
        size_t cut = text_next_document(text, wanted, text.len);
        while (cut < text.len && !cut_is_safe(text, cut))
            cut = text_next_document(text, cut + 1, text.len);
        if (cut >= text.len)
            break;
        line += (int)text_count_lines(text, counted, cut);
        counted = cut;
        ret_offsets[found] = cut;
        ret_lines[found] = line;
        found++;
    }
    return found;
}
