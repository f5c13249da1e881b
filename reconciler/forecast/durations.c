#include "reconciler/forecast/durations.h"

#include <jansson.h>
#include "spec/base/fixed_point.h"
#include "spec/base/diagnostic.h"
#include "spec/base/units.h"

#define SIGMA_E4_MAX (10 * DECIMAL_SCALE)
#define TEXT_MAX     200
#define E4_PER_MS    10 /* 1/10,000ths of a second in a millisecond */

G_DEFINE_QUARK(duration - error - quark, duration_error)

/* ---- reading
 * ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    DurationKind kind;
    guint parameters;
    const char *form;
} forms[] = {
    {"fixed", DURATION_FIXED, 1, "fixed SECONDS"},
    {"uniform", DURATION_UNIFORM, 2, "uniform SHORTEST LONGEST"},
    {"exponential", DURATION_EXPONENTIAL, 1, "exponential MEAN"},
    {"lognormal", DURATION_LOGNORMAL, 2, "lognormal MEDIAN SIGMA"},
};

G_GNUC_PRINTF(2, 3) static bool fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, DURATION_ERROR, DURATION_ERROR_SYNTAX, message);
    return false;
}

static bool parse_time(const char *word, int64_t *ret_ms, GError **error)
{
    int64_t e4, ms;
    if (decimal_parse(view_from(word), &e4))
        ms = e4 / E4_PER_MS;
    else if (!duration_parse(view_from(word), &ms))
        return fail(error, "\"%s\" is no time: seconds, or 90s, 10m, 2h", word);
    if (ms < 1 || ms > DURATION_MS_MAX)
        return fail(error, "\"%s\" is not within 1 ms and ten years", word);
    *ret_ms = ms;
    return true;
}

static bool parse_sigma(const char *word, int64_t *ret_e4, GError **error)
{
    int64_t e4;
    if (!decimal_parse(view_from(word), &e4) || e4 < 0 || e4 > SIGMA_E4_MAX)
        return fail(error, "\"%s\" is no sigma: a number from 0 to 10 with at most four decimals", word);
    *ret_e4 = e4;
    return true;
}

static bool parse_parameters(char **words, DurationModel *model, GError **error)
{
    if (!parse_time(words[1], &model->low_ms, error))
        return false;
    if (model->kind == DURATION_LOGNORMAL)
        return parse_sigma(words[2], &model->sigma_e4, error);
    if (model->kind != DURATION_UNIFORM)
        return true;
    if (!parse_time(words[2], &model->high_ms, error))
        return false;
    if (model->high_ms < model->low_ms)
        return fail(error, "the longest, %s, is below the shortest, %s", words[2], words[1]);
    return true;
}

static bool fail_unknown(const char *word, GError **error)
{
    static const char *const names[] = {"fixed", "uniform", "exponential", "lognormal", NULL};
    const char *nearest = suggest_nearest(view_from(word), names);
    if (nearest)
        return fail(error, "there is no distribution \"%s\"; did you mean \"%s\"?", word, nearest);
    return fail(error, "there is no distribution \"%s\": fixed, uniform, exponential or lognormal", word);
}

bool duration_model_parse(View text, DurationModel *ret_model, GError **error)
{
    if (text.len > TEXT_MAX || !g_utf8_validate(text.data, (gssize)text.len, NULL))
        return fail(error, "it is longer than %d bytes, or not UTF-8", TEXT_MAX);
    g_autofree char *copy = g_strndup(text.data, text.len);
    g_auto(GStrv) split = g_strsplit_set(copy, " \t", -1);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    for (char **word = split; *word; word++)
        if (**word)
            g_ptr_array_add(words, *word);
    if (words->len == 0)
        return fail(error, "it is empty: fixed 60, uniform 30 90, exponential 120 or lognormal 300 0.5");
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (strcmp(forms[i].name, words->pdata[0]) != 0)
            continue;
        if (words->len != forms[i].parameters + 1)
            return fail(error, "it is written \"%s\"", forms[i].form);
        DurationModel model = {.kind = forms[i].kind};
        if (!parse_parameters((char **)words->pdata, &model, error))
            return false;
        *ret_model = model;
        return true;
    }
    return fail_unknown(words->pdata[0], error);
}

bool failure_parse(View text, int *ret_ppm, GError **error)
{
    int64_t e4;
    if (!decimal_parse(text, &e4) || e4 < 0 || e4 > DECIMAL_SCALE)
        return fail(error, "it is no probability: a number from 0 to 1 with at most four decimals, as 0.01");
    *ret_ppm = (int)(e4 * (FAILURE_PPM_MAX / DECIMAL_SCALE));
    return true;
}

static bool read_annotations(const json_t *annotations, TaskModel *model, GError **error)
{
    const char *duration = json_string_value(json_object_get(annotations, "muster/simulated-duration"));
    const char *failure = json_string_value(json_object_get(annotations, "muster/simulated-failure"));
    if (duration && !duration_model_parse(view_from(duration), &model->model, error)) {
        g_prefix_error(error, "annotation muster/simulated-duration: ");
        return false;
    }
    if (failure && !failure_parse(view_from(failure), &model->failure_ppm, error)) {
        g_prefix_error(error, "annotation muster/simulated-failure: ");
        return false;
    }
    return true;
}

bool task_model_from_metadata(View metadata, TaskModel *ret_model, GError **error)
{
    TaskModel model = {0};
    if (metadata.len) {
        json_error_t fault;
        json_t *root = json_loadb(metadata.data, metadata.len, 0, &fault);
        if (!root)
            return fail(error, "metadata is no JSON: %s", fault.text);
        bool good = read_annotations(json_object_get(root, "annotations"), &model, error);
        json_decref(root);
        if (!good)
            return false;
    }
    *ret_model = model;
    return true;
}

DurationModel duration_model_fixed(int64_t ms)
{
    return (DurationModel){.kind = DURATION_FIXED, .low_ms = CLAMP(ms, 1, DURATION_MS_MAX)};
}

DurationModel duration_model_empirical(const DurationBucket *buckets, size_t len)
{
    DurationModel model = {.kind = DURATION_EMPIRICAL, .buckets = buckets, .buckets_len = len};
    for (size_t i = 0; i < len; i++)
        model.total += buckets[i].count;
    if (!model.total)
        model.kind = DURATION_UNKNOWN;
    return model;
}

/* ---- drawing
 * ------------------------------------------------------------------------------------------------------ */

static int64_t draw_empirical(const DurationModel *model, Rng *rng)
{
    uint64_t rank = rng_below(rng, model->total);
    size_t i = 0;
    while (rank >= model->buckets[i].count)
        rank -= model->buckets[i++].count;
    return rng_between(rng, model->buckets[i].low_ms, model->buckets[i].high_ms);
}

static int64_t draw(const DurationModel *model, Rng *rng)
{
    switch (model->kind) {
    case DURATION_FIXED: return model->low_ms;
    case DURATION_UNIFORM: return rng_between(rng, model->low_ms, model->high_ms);
    case DURATION_EXPONENTIAL: return (int64_t)(((__int128)model->low_ms * fixed_exponential(rng)) / Q32_ONE);
    case DURATION_LOGNORMAL:
        return fixed_scale_exp(model->low_ms, fixed_normal(rng) * model->sigma_e4 / DECIMAL_SCALE);
    case DURATION_EMPIRICAL: return draw_empirical(model, rng);
    case DURATION_UNKNOWN: break;
    }
    g_assert_not_reached();
}

int64_t duration_draw(const DurationModel *model, Rng *rng)
{
    int64_t ms = draw(model, rng);
    return CLAMP(ms, 1, DURATION_MS_MAX);
}

static int64_t mean_empirical(const DurationModel *model)
{
    unsigned __int128 sum = 0;
    for (size_t i = 0; i < model->buckets_len; i++) {
        const DurationBucket *bucket = &model->buckets[i];
        sum += (unsigned __int128)(uint64_t)(bucket->low_ms + (bucket->high_ms - bucket->low_ms) / 2) *
               bucket->count;
    }
    return (int64_t)(sum / model->total);
}

int64_t duration_mean_ms(const DurationModel *model)
{
    switch (model->kind) {
    case DURATION_FIXED:
    case DURATION_EXPONENTIAL: return model->low_ms;
    case DURATION_UNIFORM: return model->low_ms + (model->high_ms - model->low_ms) / 2;
    case DURATION_LOGNORMAL: { /* median · e^(sigma²/2) */
        int64_t half_e8 = model->sigma_e4 * model->sigma_e4 / 2;
        int64_t half_q32 = (int64_t)((__int128)half_e8 * Q32_ONE / (DECIMAL_SCALE * DECIMAL_SCALE));
        int64_t mean_ms = fixed_scale_exp(model->low_ms, half_q32);
        return MIN(mean_ms, DURATION_MS_MAX);
    }
    case DURATION_EMPIRICAL: return mean_empirical(model);
    case DURATION_UNKNOWN: return 0;
    }
    g_assert_not_reached();
}

bool failure_draw(int failure_ppm, Rng *rng)
{
    return failure_ppm > 0 && rng_below(rng, FAILURE_PPM_MAX) < (uint64_t)failure_ppm;
}
