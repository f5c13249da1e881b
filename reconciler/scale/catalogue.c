#include "reconciler/scale/catalogue.h"

#include <stdlib.h>

#include "spec/base/units.h"

/* The data files become part of the program; paths are relative to the root of the tree, where make runs. */
#define EMBED(symbol, path)                                                                                  \
    __asm__(".pushsection .rodata, \"a\", %progbits\n"                                                       \
            ".hidden " #symbol "_start\n"                                                                    \
            ".globl " #symbol "_start\n" #symbol "_start:\n"                                                 \
            ".incbin \"" path "\"\n"                                                                         \
            ".hidden " #symbol "_end\n"                                                                      \
            ".globl " #symbol "_end\n" #symbol "_end:\n"                                                     \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char symbol##_start[] __attribute__((visibility("hidden")));                                \
    extern const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(catalogue_types, "reconciler/scale/instance_types.csv");
EMBED(catalogue_prices, "reconciler/scale/prices.csv");

#define REGIONS_MAX        16
#define COLUMNS_MAX        (REGIONS_MAX + 1)
#define AGENT_RESERVED_MIB 32

typedef struct {
    InstanceType type;
    int64_t prices[REGIONS_MAX]; /* 0: unknown */
} Entry;

typedef struct {
    Entry *entries;
    size_t len;
    char *regions[REGIONS_MAX], *currencies[REGIONS_MAX];
    size_t regions_len;
} Catalogue;

/* The next line that is no comment, split at commas; false at the end. */
static bool row_next(View *rest, View ret_columns[COLUMNS_MAX], size_t *ret_len)
{
    View line = {NULL, 0};
    do {
        if (!rest->len)
            return false;
        const char *end = memchr(rest->data, '\n', rest->len);
        line = (View){rest->data, end ? (size_t)(end - rest->data) : rest->len};
        size_t skip = end ? line.len + 1 : line.len;
        *rest = (View){rest->data + skip, rest->len - skip};
    } while (!line.len || line.data[0] == '#');
    *ret_len = 0;
    for (size_t start = 0, at = 0; at <= line.len && *ret_len < COLUMNS_MAX; at++) {
        if (at < line.len && line.data[at] != ',')
            continue;
        ret_columns[(*ret_len)++] = (View){line.data + start, at - start};
        start = at + 1;
    }
    return true;
}

/* The files are ours: what is not a number is our own mistake. */
static int64_t number(View text)
{
    int64_t value = 0;
    if (!integer_parse(text, &value))
        g_error("catalogue: \"" VIEW_FMT "\" is no number", VIEW_ARG(text));
    return value;
}

static bool has_flag(View flags, char flag)
{
    return flags.len && memchr(flags.data, flag, flags.len);
}

static InstanceType type_from(const View columns[COLUMNS_MAX])
{
    View flags = columns[5];
    return (InstanceType){
        .name = g_strndup(columns[0].data, columns[0].len),
        .vcpus = number(columns[1]),
        .memory_mib = number(columns[2]),
        .architecture = view_is(columns[3], "x86_64")  ? ARCHITECTURE_X86_64
                        : view_is(columns[3], "arm64") ? ARCHITECTURE_ARM64
                                                       : ARCHITECTURE_OTHER,
        .gpus = number(columns[4]),
        .bare_metal = has_flag(flags, 'b'),
        .current_generation = has_flag(flags, 'c'),
        .spot = has_flag(flags, 's'),
        .burstable = has_flag(flags, 't'),
    };
}

static void types_read(Catalogue *catalogue)
{
    View rest = {catalogue_types_start, (size_t)(catalogue_types_end - catalogue_types_start)};
    View columns[COLUMNS_MAX];
    size_t len;
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_assert(row_next(&rest, columns, &len) && len == 6);
    while (row_next(&rest, columns, &len)) {
        g_assert(len == 6);
        Entry entry = {.type = type_from(columns)};
        g_array_append_val(entries, entry);
    }
    catalogue->len = entries->len;
    catalogue->entries = (Entry *)(void *)g_array_free(entries, FALSE);
}

static Entry *entry_find(const Catalogue *catalogue, View name)
{
    size_t low = 0, high = catalogue->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = view_compare(view_from(catalogue->entries[middle].type.name), name);
        if (order == 0)
            return &catalogue->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* "us-east-1:USD" */
static void region_read(Catalogue *catalogue, View heading)
{
    const char *colon = memchr(heading.data, ':', heading.len);
    g_assert(colon && catalogue->regions_len < REGIONS_MAX);
    size_t len = (size_t)(colon - heading.data), index = catalogue->regions_len++;
    catalogue->regions[index] = g_strndup(heading.data, len);
    catalogue->currencies[index] = g_strndup(colon + 1, heading.len - len - 1);
}

static void prices_read(Catalogue *catalogue)
{
    View rest = {catalogue_prices_start, (size_t)(catalogue_prices_end - catalogue_prices_start)};
    View columns[COLUMNS_MAX];
    size_t len;
    g_assert(row_next(&rest, columns, &len));
    for (size_t i = 1; i < len; i++)
        region_read(catalogue, columns[i]);
    while (row_next(&rest, columns, &len)) {
        g_assert(len == catalogue->regions_len + 1);
        Entry *entry = entry_find(catalogue, columns[0]);
        for (size_t i = 1; entry && i < len; i++)
            entry->prices[i - 1] = columns[i].len ? number(columns[i]) : 0;
    }
}

static const Catalogue *catalogue_table(void)
{
    static Catalogue catalogue;
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        types_read(&catalogue);
        prices_read(&catalogue);
        g_once_init_leave(&once, 1);
    }
    return &catalogue;
}

const InstanceType *catalogue_find(View name)
{
    const Entry *entry = entry_find(catalogue_table(), name);
    return entry ? &entry->type : NULL;
}

size_t catalogue_len(void)
{
    return catalogue_table()->len;
}

const InstanceType *catalogue_get(size_t index)
{
    g_assert(index < catalogue_len());
    return &catalogue_table()->entries[index].type;
}

int64_t instance_type_usable_mib(const InstanceType *type)
{
    int64_t usable = type->memory_mib * 925 / 1000 - AGENT_RESERVED_MIB;
    return usable > 0 ? usable : 0;
}

/* ---- instanceTypes */

static bool bundle_of(const char *entry, const char *const **ret_families)
{
    /* `optimal` is being made equal to default_x86_64 by AWS since November 2025. */
    static const char *const x86_64[] = {"m6i", "c6i", "r6i", "c7i", NULL};
    static const char *const arm64[] = {"m6g", "c6g", "r6g", "c7g", NULL};
    bool intel = !strcmp(entry, "optimal") || !strcmp(entry, "default_x86_64");
    if (!intel && strcmp(entry, "default_arm64") != 0)
        return false;
    *ret_families = intel ? x86_64 : arm64;
    return true;
}

/* Marks every size of family but .metal; false when there is none. */
static bool family_mark(const Catalogue *catalogue, const char *family, bool *marks)
{
    size_t len = strlen(family);
    bool found = false;
    for (size_t i = 0; i < catalogue->len; i++) {
        const char *name = catalogue->entries[i].type.name;
        if (strncmp(name, family, len) != 0 || name[len] != '.')
            continue;
        found = true;
        marks[i] = marks[i] || !g_str_has_prefix(name + len + 1, "metal");
    }
    return found;
}

static bool entry_mark(const Catalogue *catalogue, const char *entry, bool *marks)
{
    const char *const *families;
    if (bundle_of(entry, &families)) {
        for (size_t i = 0; families[i]; i++)
            (void)family_mark(catalogue, families[i], marks);
        return true;
    }
    const Entry *exact = entry_find(catalogue, view_from(entry));
    if (!exact)
        return family_mark(catalogue, entry, marks);
    marks[exact - catalogue->entries] = true;
    return true;
}

ResolveResult catalogue_resolve(char *const *entries, GPtrArray *ret_types, const char **ret_unknown)
{
    static const char *const fallback[] = {"default_x86_64", NULL};
    const Catalogue *catalogue = catalogue_table();
    const char *const *list = entries && entries[0] ? (const char *const *)entries : fallback;
    g_autofree bool *marks = g_new0(bool, catalogue->len);
    ResolveResult result = RESOLVE_ALL;
    for (size_t i = 0; list[i]; i++) {
        if (entry_mark(catalogue, list[i], marks))
            continue;
        if (result == RESOLVE_ALL && ret_unknown)
            *ret_unknown = list[i];
        result = RESOLVE_PARTLY;
    }
    for (size_t i = 0; i < catalogue->len; i++)
        if (marks[i])
            g_ptr_array_add(ret_types, &catalogue->entries[i].type);
    return result;
}

/* ---- prices */

bool catalogue_price(const InstanceType *type, const char *region, Price *ret_price)
{
    const Catalogue *catalogue = catalogue_table();
    const Entry *entry = entry_find(catalogue, view_from(type->name));
    for (size_t i = 0; entry && region && i < catalogue->regions_len; i++) {
        if (strcmp(catalogue->regions[i], region) != 0 || !entry->prices[i])
            continue;
        *ret_price = (Price){entry->prices[i], catalogue->currencies[i]};
        return true;
    }
    return false;
}

bool catalogue_price_usd(const InstanceType *type, const char *region, int64_t *ret_price_microusd_per_h)
{
    Price price;
    if (!catalogue_price(type, region, &price) || strcmp(price.currency, "USD") != 0)
        return false;
    *ret_price_microusd_per_h = price.micro_per_h;
    return true;
}

/* ---- suggestions */

bool instance_type_fits(const InstanceType *type, ResourceNeed need)
{
    return type->gpus >= need.gpus && type->vcpus * DECIMAL_SCALE >= need.vcpus_e4 &&
           instance_type_usable_mib(type) >= need.memory_mib;
}

/* Accelerators that Batch hands to no job, which the catalogue does not count: paid for and not used. */
static bool has_idle_accelerator(const InstanceType *type)
{
    static const char *const families[] = {"dl", "f1", "f2", "g", "inf", "p", "trn", "vt"};
    for (size_t i = 0; !type->gpus && i < G_N_ELEMENTS(families); i++)
        if (g_str_has_prefix(type->name, families[i]))
            return true;
    return false;
}

static bool query_accepts(const TypeQuery *query, const InstanceType *type)
{
    return type->current_generation && !type->bare_metal && !type->burstable &&
           type->architecture == query->architecture && (type->gpus > 0) == (query->need.gpus > 0) &&
           !has_idle_accelerator(type) && (!query->spot || type->spot) &&
           (!query->vcpus_max || type->vcpus <= query->vcpus_max) && instance_type_fits(type, query->need);
}

/* Entries come by name, so of equal ones the first stays. */
static bool is_cheaper(const InstanceType *type, const InstanceType *than)
{
    int64_t price = INT64_MAX, other = INT64_MAX;
    (void)catalogue_price_usd(type, "us-east-1", &price);
    (void)catalogue_price_usd(than, "us-east-1", &other);
    if (price != other)
        return price < other;
    return type->vcpus != than->vcpus ? type->vcpus < than->vcpus : type->memory_mib < than->memory_mib;
}

const InstanceType *catalogue_cheapest_fit(const TypeQuery *query)
{
    const Catalogue *catalogue = catalogue_table();
    const InstanceType *best = NULL;
    for (size_t i = 0; i < catalogue->len; i++) {
        const InstanceType *type = &catalogue->entries[i].type;
        if (query_accepts(query, type) && (!best || is_cheaper(type, best)))
            best = type;
    }
    return best;
}
