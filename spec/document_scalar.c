#include "spec/document_scalar.h"

static bool is_one_of(View text, const char *a, const char *b, const char *c)
{
    return view_is(text, a) || view_is(text, b) || view_is(text, c);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* All of text, in base; what does not fit int64 becomes NODE_FLOAT, as JSON readers do. */
static bool resolve_digits(Node *node, View text, int base, bool negative)
{
    uint64_t value = 0;
    double real = 0;
    bool fits = true;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_value(text.data[i]);
        if (digit >= base)
            return false;
        fits = fits && !__builtin_mul_overflow(value, (uint64_t)base, &value) &&
               !__builtin_add_overflow(value, (uint64_t)digit, &value);
        real = real * base + digit;
    }
    uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (fits && value <= most) {
        node->kind = NODE_INT;
        node->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
    } else {
        node->kind = NODE_FLOAT;
        node->real = base == 10 ? g_ascii_strtod(node->text.data, NULL) : real;
    }
    return true;
}

static size_t skip_digits(View text, size_t at)
{
    while (at < text.len && g_ascii_isdigit(text.data[at]))
        at++;
    return at;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? with the sign already taken off. */
static bool is_float(View text)
{
    size_t whole = skip_digits(text, 0);
    size_t at = whole;
    if (at < text.len && text.data[at] == '.') {
        size_t fraction = skip_digits(text, at + 1);
        if (whole == 0 && fraction == at + 1)
            return false;
        at = fraction;
    } else if (whole == 0) {
        return false;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        size_t exponent = skip_digits(text, at);
        if (exponent == at)
            return false;
        at = exponent;
    }
    return at == text.len;
}

static bool resolve_number(Node *node)
{
    View text = node->text;
    bool sign = text.data[0] == '-' || text.data[0] == '+';
    bool negative = text.data[0] == '-';
    View rest = {text.data + sign, text.len - sign};
    if (!sign && rest.len > 2 && rest.data[0] == '0' && (rest.data[1] == 'x' || rest.data[1] == 'o'))
        return resolve_digits(node, (View){rest.data + 2, rest.len - 2}, rest.data[1] == 'x' ? 16 : 8, false);
    if (resolve_digits(node, rest, 10, negative))
        return true;
    if (is_one_of(rest, ".inf", ".Inf", ".INF"))
        node->real = negative ? -__builtin_inf() : __builtin_inf();
    else if (!sign && is_one_of(rest, ".nan", ".NaN", ".NAN"))
        node->real = __builtin_nan("");
    else if (is_float(rest))
        node->real = g_ascii_strtod(text.data, NULL);
    else
        return false;
    node->kind = NODE_FLOAT;
    return true;
}

void scalar_resolve(Node *node)
{
    View text = node->text;
    node->kind = NODE_STRING;
    if (text.len == 0) {
        node->kind = NODE_NULL;
        return;
    }
    switch (text.data[0]) {
    case '~':
        if (text.len == 1)
            node->kind = NODE_NULL;
        return;
    case 'n':
    case 'N':
        if (is_one_of(text, "null", "Null", "NULL"))
            node->kind = NODE_NULL;
        return;
    case 't':
    case 'T':
    case 'f':
    case 'F':
        node->boolean = is_one_of(text, "true", "True", "TRUE");
        if (node->boolean || is_one_of(text, "false", "False", "FALSE"))
            node->kind = NODE_BOOL;
        return;
    case '0' ... '9':
    case '-':
    case '+':
    case '.': (void)resolve_number(node); return;
    default: return;
    }
}
