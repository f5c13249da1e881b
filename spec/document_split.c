#include "spec/document.h"
#include "spec/document_text.h"

/* A document start may have directives before it ("%TAG …"), which belong to it: looking backwards over blank
 * lines and comments, a line with '%' makes the cut unsafe. */
static bool cut_is_safe(View text, size_t cut)
{
    size_t end = cut;
    if (text.len - cut == strlen("---")) /* of a longer text the line may go on: "---x" starts nothing */
        return false;
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

bool document_cut(View text, size_t from, size_t *ret_offset, int *ret_lines)
{
    size_t cut = text_next_document(text, MAX(from, 1), text.len);
    while (cut < text.len && !cut_is_safe(text, cut))
        cut = text_next_document(text, cut + 1, text.len);
    if (cut >= text.len)
        return false;
    *ret_offset = cut;
    *ret_lines = (int)text_count_lines(text, 0, cut);
    return true;
}
