#include "reconciler/cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "reconciler/cli/cli.h"

OutputFormat output_format(const char *text)
{
    static const char *const names[] = {"table", "wide", "json", "yaml"};
    for (size_t i = 0; text && i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i], text) == 0)
            return (OutputFormat)i;
    return OUTPUT_TABLE;
}

/* ---- the terminal
 * ------------------------------------------------------------------------------------------------- */

bool output_colored(FILE *stream)
{
    const char *no_color = g_getenv("NO_COLOR");
    const char *term = g_getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && *no_color) && g_strcmp0(term, "dumb") != 0;
}

int output_width(FILE *stream)
{
    struct winsize size;
    if (!isatty(fileno(stream)))
        return 0;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

Color state_color(const char *state)
{
    static const struct {
        const char *state;
        Color color;
    } colors[] = {
        {"SUCCEEDED", COLOR_GREEN},  {"FAILED", COLOR_RED},       {"RUNNING", COLOR_CYAN},
        {"STARTING", COLOR_CYAN},    {"broken", COLOR_RED},       {"refused", COLOR_RED},
        {"waiting", COLOR_YELLOW},   {"ok", COLOR_GREEN},         {"CONVERGED", COLOR_GREEN},
        {"CANCELLED", COLOR_YELLOW}, {"DELETING", COLOR_YELLOW},  {"suspended", COLOR_YELLOW},
        {"INVALID", COLOR_RED},      {"REPLACING", COLOR_YELLOW},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(colors); i++)
        if (strcmp(colors[i].state, state) == 0)
            return colors[i].color;
    return COLOR_NONE;
}

static const char *color_code(Color color)
{
    switch (color) {
    case COLOR_NONE: return "";
    case COLOR_BOLD: return "\033[1m";
    case COLOR_DIM: return "\033[2m";
    case COLOR_RED: return "\033[31m";
    case COLOR_GREEN: return "\033[32m";
    case COLOR_YELLOW: return "\033[33m";
    case COLOR_CYAN: return "\033[36m";
    }
    g_assert_not_reached();
}

char *colored(const char *text, Color color, bool is_colored)
{
    if (!is_colored || color == COLOR_NONE)
        return g_strdup(text);
    return g_strconcat(color_code(color), text, "\033[0m", NULL);
}

/* ---- writing
 * ------------------------------------------------------------------------------------------------------ */

bool output_write(const char *text, size_t len)
{
    while (len) {
        ssize_t written = write(STDOUT_FILENO, text, len);
        if (written >= 0) {
            text += written;
            len -= (size_t)written;
        } else if (errno == EPIPE) {
            return false;
        } else if (errno == EAGAIN) {
            continue;
        } else if (errno != EINTR) {
            fprintf(stderr, "muster: standard output: %s\n", g_strerror(errno));
            exit(EXIT_ERROR);
        }
    }
    return true;
}

bool output_string(const GString *text)
{
    return output_write(text->str, text->len);
}

bool output_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    g_assert(text);
    g_autoptr(GString) out = g_string_new(text);
    free(text);
    g_string_append_c(out, '\n');
    return output_string(out);
}

bool output_yaml(const json_t *value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    yaml_append(value, 0, out);
    return output_string(out);
}

char *printable(const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    for (char *at = valid; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
    return valid;
}

/* ---- YAML
 * ---------------------------------------------------------------------------------------------------------
 */

/* Plain where a YAML 1.1 and a 1.2 reader both see the same string. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", NULL};
    if (!g_ascii_isalpha(*text) && *text != '/' && *text != '_')
        return false;
    g_autofree char *lower = g_ascii_strdown(text, -1);
    if (g_strv_contains(words, lower))
        return false;
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr("_-./@+", *at) && !(*at == ':' && at[1] && at[1] != ' '))
            return false;
    return true;
}

void yaml_append_scalar(const json_t *value, GString *out)
{
    const char *text = json_string_value(value);
    if (text && is_plain(text)) {
        g_string_append(out, text);
        return;
    }
    char *dumped = json_dumps(value, JSON_ENCODE_ANY); /* a JSON string is a YAML string */
    g_assert(dumped);
    g_string_append(out, dumped);
    free(dumped);
}

static bool is_block(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0;
}

static void yaml_inline(const json_t *value, GString *out)
{
    if (json_is_object(value))
        g_string_append(out, "{}");
    else if (json_is_array(value))
        g_string_append(out, "[]");
    else
        yaml_append_scalar(value, out);
    g_string_append_c(out, '\n');
}

static void yaml_object(const json_t *value, int indent, bool starts_here, GString *out)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (!starts_here)
            g_string_append_printf(out, "%*s", indent, "");
        starts_here = false;
        json_t *name = json_string(key);
        yaml_append_scalar(name, out);
        json_decref(name);
        g_string_append(out, is_block(member) ? ":\n" : ": ");
        if (is_block(member))
            yaml_append(member, json_is_array(member) ? indent : indent + 2, out);
        else
            yaml_inline(member, out);
    }
}

void yaml_append(const json_t *value, int indent, GString *out)
{
    if (!is_block(value)) {
        g_string_append_printf(out, "%*s", indent, "");
        yaml_inline(value, out);
        return;
    }
    if (json_is_object(value)) {
        yaml_object(value, indent, false, out);
        return;
    }
    size_t index;
    json_t *item;
    json_array_foreach(value, index, item)
    {
        bool is_nested = json_array_size(item) > 0;
        g_string_append_printf(out, "%*s-%s", indent, "", is_nested ? "\n" : " ");
        if (is_nested)
            yaml_append(item, indent + 2, out);
        else if (json_object_size(item) > 0)
            yaml_object(item, indent + 2, true, out);
        else
            yaml_inline(item, out);
    }
}

/* ---- tables
 * ------------------------------------------------------------------------------------------------------- */

struct Table {
    const Column *columns;
    size_t len;
    GPtrArray *cells; /* char *, row by row */
};

Table *table_new(const Column *columns, size_t len)
{
    Table *table = g_new0(Table, 1);
    *table = (Table){columns, len, g_ptr_array_new_with_free_func(g_free)};
    return table;
}

void table_free(Table *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void table_cell_take(Table *table, char *text)
{
    table_cell(table, text);
    g_free(text);
}

void table_cell(Table *table, const char *text)
{
    g_ptr_array_add(table->cells, text && *text ? printable(text) : g_strdup("-"));
}

size_t table_rows(const Table *table)
{
    return table->cells->len / table->len;
}

static long cell_width(const char *text)
{
    return g_utf8_strlen(text, -1);
}

static const char *table_at(const Table *table, size_t row, size_t column)
{
    return g_ptr_array_index(table->cells, row * table->len + column);
}

static void cell_render(const char *text, Align align, long width, bool is_last, bool is_colored,
                        GString *out)
{
    int pad = (int)(width - cell_width(text));
    g_autofree char *shown = colored(text, state_color(text), is_colored);
    if (align == ALIGN_RIGHT)
        g_string_append_printf(out, "%*s%s", pad, "", shown);
    else
        g_string_append_printf(out, "%s%*s", shown, is_last ? 0 : pad, "");
    g_string_append(out, is_last ? "\n" : "  ");
}

void table_render(const Table *table, bool is_wide, bool is_colored, GString *out)
{
    g_autofree long *widths = g_new0(long, table->len);
    size_t rows = table_rows(table), last = 0;
    for (size_t c = 0; c < table->len; c++) {
        if (table->columns[c].detail == COLUMN_WIDE && !is_wide)
            continue;
        last = c;
        widths[c] = cell_width(table->columns[c].title);
        for (size_t r = 0; r < rows; r++)
            widths[c] = MAX(widths[c], cell_width(table_at(table, r, c)));
    }
    for (size_t r = 0; r <= rows; r++)
        for (size_t c = 0; c < table->len; c++)
            if (widths[c])
                cell_render(r ? table_at(table, r - 1, c) : table->columns[c].title, table->columns[c].align,
                            widths[c], c == last, is_colored && r, out);
}

/* ---- time
 * ---------------------------------------------------------------------------------------------------------
 */

char *time_between(int64_t from_ms, int64_t to_ms)
{
    if (from_ms <= 0 || to_ms <= 0)
        return g_strdup("-");
    int64_t seconds = to_ms > from_ms ? (to_ms - from_ms) / 1000 : 0;
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{172800, "d"}, {7200, "h"}, {120, "min"}};
    static const int64_t divisors[] = {86400, 3600, 60};
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
        if (seconds >= units[i].seconds)
            return g_strdup_printf("%" G_GINT64_FORMAT " %s", seconds / divisors[i], units[i].unit);
    return g_strdup_printf("%" G_GINT64_FORMAT " s", seconds);
}

char *time_local(int64_t at_ms)
{
    if (at_ms <= 0)
        return g_strdup("-");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(at_ms / 1000);
    return time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
}
