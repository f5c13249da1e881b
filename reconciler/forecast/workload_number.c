#include "reconciler/forecast/workload_reader.h"

#define DIGITS_MAX   18 /* of a mantissa that surely fits an int64 */
#define EXPONENT_MAX 400

typedef struct {
    int64_t mantissa;
    int exponent; /* of ten */
    bool exact;
} Number;

static size_t take_digits(View text, size_t at, bool is_fraction, Number *number, int *digits)
{
    for (; at < text.len && g_ascii_isdigit(text.data[at]); at++) {
        int digit = text.data[at] - '0';
        if (*digits >= DIGITS_MAX) {
            number->exact &= digit == 0;
            number->exponent += !is_fraction;
            continue;
        }
        number->mantissa = number->mantissa * 10 + digit;
        *digits += number->mantissa != 0;
        number->exponent -= is_fraction;
    }
    return at;
}

static bool take_exponent(View text, size_t at, Number *number)
{
    bool negative = at < text.len && text.data[at] == '-';
    if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
        at++;
    int exponent = 0;
    size_t first = at;
    for (; at < text.len && g_ascii_isdigit(text.data[at]); at++)
        exponent = MIN(exponent * 10 + (text.data[at] - '0'), EXPONENT_MAX);
    number->exponent += negative ? -exponent : exponent;
    return at > first && at == text.len;
}

static bool number_parse(View text, Number *number)
{
    bool negative = text.len && *text.data == '-';
    size_t at = negative, first = at;
    int digits = 0;
    *number = (Number){.exact = true};
    at = take_digits(text, at, false, number, &digits);
    if (at == first)
        return false;
    if (at < text.len && text.data[at] == '.') {
        first = ++at;
        at = take_digits(text, at, true, number, &digits);
        if (at == first)
            return false;
    }
    if (negative)
        number->mantissa = -number->mantissa;
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E'))
        return take_exponent(text, at + 1, number);
    return at == text.len;
}

bool workload_thousandths(View text, int64_t *ret_e3, bool *ret_exact)
{
    Number number;
    if (!number_parse(text, &number))
        return false;
    int64_t value = number.mantissa;
    int shift = number.exponent + 3;
    for (; shift > 0 && value; shift--)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    for (; shift < 0 && value; shift++) {
        number.exact &= value % 10 == 0;
        value /= 10;
    }
    *ret_e3 = value;
    *ret_exact = number.exact;
    return true;
}
