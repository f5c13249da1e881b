#include "spec/schema_automaton.h"
#include <stdint.h>

/* Thompson's construction, then the subset construction, over the bytes of UTF-8. */
#define NFA_MAX   1500
#define DFA_MAX   1200
#define WORDS     ((NFA_MAX + 63) / 64)
#define DEPTH_MAX 30

typedef struct {
    uint64_t bits[4];
} ByteSet;

typedef enum { STATE_BYTES, STATE_SPLIT, STATE_START, STATE_END, STATE_MATCH } StateKind;

typedef struct {
    StateKind kind;
    int next, other; /* -1: none; other: of SPLIT */
    ByteSet bytes;
} State;

/* A part of the expression: enters at first, leaves through last's next. */
typedef struct {
    int first, last;
} Fragment;

typedef struct {
    const char *at;
    State *states;
    int len;
    int depth;
    bool failed; /* not for us: the caller falls back */
} Parser;

typedef struct {
    uint64_t words[WORDS];
} StateSet;

struct Automaton {
    uint8_t classes[256]; /* byte -> column */
    size_t columns;
    uint16_t *table; /* row * columns + column -> row; row 0 is dead */
    bool *accepts_now, *accepts_at_end;
    size_t rows;
};

static Fragment parse_alternatives(Parser *parser);

/* ---- building the NFA
 * ------------------------------------------------------------------------------------------ */

static int add_state(Parser *parser, StateKind kind)
{
    if (parser->len >= NFA_MAX) {
        parser->failed = true;
        return 0;
    }
    parser->states[parser->len] = (State){.kind = kind, .next = -1, .other = -1};
    return parser->len++;
}

static Fragment single(Parser *parser, StateKind kind)
{
    int state = add_state(parser, kind);
    return (Fragment){state, state};
}

static Fragment nothing(Parser *parser)
{
    return single(parser, STATE_SPLIT); /* with one way out */
}

static Fragment join(Parser *parser, Fragment a, Fragment b)
{
    parser->states[a.last].next = b.first;
    return (Fragment){a.first, b.last};
}

/* a or b */
static Fragment either(Parser *parser, Fragment a, Fragment b)
{
    int fork = add_state(parser, STATE_SPLIT);
    int end = add_state(parser, STATE_SPLIT);
    parser->states[fork].next = a.first;
    parser->states[fork].other = b.first;
    parser->states[a.last].next = end;
    parser->states[b.last].next = end;
    return (Fragment){fork, end};
}

static Fragment repeated(Parser *parser, Fragment a) /* a* */
{
    int fork = add_state(parser, STATE_SPLIT);
    int end = add_state(parser, STATE_SPLIT);
    parser->states[fork].next = a.first;
    parser->states[fork].other = end;
    parser->states[a.last].next = fork;
    return (Fragment){fork, end};
}

static void set_range(ByteSet *set, int from, int to)
{
    for (int c = from; c <= to; c++)
        set->bits[c / 64] |= UINT64_C(1) << (c % 64);
}

static bool set_has(const ByteSet *set, int c)
{
    return set->bits[c / 64] >> (c % 64) & 1;
}

static Fragment of_set(Parser *parser, ByteSet set)
{
    Fragment fragment = single(parser, STATE_BYTES);
    parser->states[fragment.first].bytes = set;
    return fragment;
}

static Fragment of_range(Parser *parser, int from, int to)
{
    ByteSet set = {{0}};
    set_range(&set, from, to);
    return of_set(parser, set);
}

/* One character: an ASCII one of set, or any other where others is set. Texts are valid UTF-8. */
static Fragment of_characters(Parser *parser, ByteSet set, bool others)
{
    Fragment all = of_set(parser, set);
    for (int length = 2; others && length <= 4; length++) {
        static const int leads[][2] = {{0xc2, 0xdf}, {0xe0, 0xef}, {0xf0, 0xf4}};
        Fragment sequence = of_range(parser, leads[length - 2][0], leads[length - 2][1]);
        for (int i = 1; i < length; i++)
            sequence = join(parser, sequence, of_range(parser, 0x80, 0xbf));
        all = either(parser, all, sequence);
    }
    return all;
}

/* ---- reading the expression
 * ------------------------------------------------------------------------------------ */

static void set_invert(ByteSet *set)
{
    set->bits[0] = ~set->bits[0];
    set->bits[1] = ~set->bits[1];
}

/* \d \w \s and their opposites; false when c is none of them. */
static bool named_set(char c, ByteSet *set, bool *others)
{
    ByteSet named = {{0}};
    switch (g_ascii_tolower(c)) {
    case 'w':
        set_range(&named, 'A', 'Z');
        set_range(&named, 'a', 'z');
        set_range(&named, '_', '_');
        set_range(&named, '0', '9');
        break;
    case 'd': set_range(&named, '0', '9'); break;
    case 's':
        set_range(&named, '\t', '\r');
        set_range(&named, ' ', ' ');
        break;
    default: return false;
    }
    if (g_ascii_isupper(c)) {
        set_invert(&named);
        *others = true;
    }
    set->bits[0] |= named.bits[0];
    set->bits[1] |= named.bits[1];
    return true;
}

/* The ASCII character that the escape after the backslash stands for; -1: not for us. */
static int escaped_character(Parser *parser)
{
    char c = *parser->at++;
    static const char controls[] = "n\nt\tr\rf\fv\v";
    const char *control = c ? strchr(controls, c) : NULL;
    if (control && (control - controls) % 2 == 0)
        return control[1];
    if (c && g_ascii_ispunct(c))
        return c;
    return -1; /* \b, \1, \x, \u, \p … */
}

static int class_character(Parser *parser)
{
    unsigned char c = (unsigned char)*parser->at;
    if (c == 0 || c >= 0x80)
        return -1;
    parser->at++;
    return c == '\\' ? escaped_character(parser) : c;
}

static Fragment parse_class(Parser *parser)
{
    ByteSet set = {{0}};
    bool others = false;
    bool negated = *parser->at == '^';
    if (negated)
        parser->at++;
    if (*parser->at == ']')
        parser->failed = true;
    while (!parser->failed && *parser->at != ']') {
        if (*parser->at == '\\' && parser->at[1] && named_set(parser->at[1], &set, &others)) {
            parser->at += 2;
            continue;
        }
        int from = class_character(parser);
        int to = from;
        if (*parser->at == '-' && parser->at[1] != ']' && from >= 0) {
            parser->at++;
            to = class_character(parser);
        }
        if (from < 0 || to < from)
            parser->failed = true;
        else
            set_range(&set, from, to);
    }
    if (parser->failed)
        return nothing(parser);
    parser->at++;
    if (negated) {
        set_invert(&set);
        others = !others;
    }
    return of_characters(parser, set, others);
}

static Fragment parse_group(Parser *parser)
{
    if (parser->at[0] == '?') {
        if (parser->at[1] != ':')
            parser->failed = true;
        else
            parser->at += 2;
    }
    Fragment inner = parser->failed ? nothing(parser) : parse_alternatives(parser);
    if (*parser->at == ')')
        parser->at++;
    else
        parser->failed = true;
    return inner;
}

static Fragment parse_literal(Parser *parser, char c)
{
    ByteSet set = {{0}};
    bool others = false;
    unsigned char byte = (unsigned char)c;
    if (c == '\\') {
        if (named_set(*parser->at, &set, &others)) {
            parser->at++;
            return of_characters(parser, set, others);
        }
        int escaped = escaped_character(parser);
        if (escaped < 0) {
            parser->failed = true;
            return nothing(parser);
        }
        byte = (unsigned char)escaped;
    }
    Fragment all = of_range(parser, byte, byte);
    while (byte >= 0x80 && ((unsigned char)*parser->at & 0xc0) == 0x80) { /* the rest of one character */
        int next = (unsigned char)*parser->at++;
        all = join(parser, all, of_range(parser, next, next));
    }
    return all;
}

static Fragment parse_atom(Parser *parser)
{
    char c = *parser->at++;
    ByteSet set = {{0}};
    switch (c) {
    case '(': return parse_group(parser);
    case '[': return parse_class(parser);
    case '^': return single(parser, STATE_START);
    case '$': return single(parser, STATE_END);
    case '.':
        set_range(&set, '\n', '\n');
        set_range(&set, '\r', '\r');
        set_invert(&set);
        return of_characters(parser, set, true);
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']': parser->failed = true; return nothing(parser);
    default: return parse_literal(parser, c);
    }
}

/* "{2}", "{2,}", "{2,5}", "*", "+", "?"; most -1: no end. False: no quantifier stands here. */
static bool parse_quantifier(Parser *parser, int *least, int *most)
{
    char *end;
    switch (*parser->at) {
    case '*': *least = 0, *most = -1; break;
    case '+': *least = 1, *most = -1; break;
    case '?': *least = 0, *most = 1; break;
    case '{': {
        guint64 low = g_ascii_strtoull(parser->at + 1, &end, 10);
        guint64 high = low;
        bool open = end[0] == ',' && end[1] == '}';
        if (!g_ascii_isdigit(parser->at[1]) || low > NFA_MAX)
            parser->failed = true;
        else if (*end == ',' && !open)
            high = g_ascii_strtoull(end + 1, &end, 10);
        else if (open)
            end++;
        if (*end != '}' || high < low || high > NFA_MAX)
            parser->failed = true;
        parser->at = end;
        *least = (int)low;
        *most = open ? -1 : (int)high;
        break;
    }
    default: return false;
    }
    if (parser->failed)
        return true;
    parser->at++;
    if (*parser->at == '?') /* lazy: finds another match, not another answer */
        parser->at++;
    if (*parser->at && strchr("*+?{", *parser->at))
        parser->failed = true;
    return true;
}

/* Each repetition is a copy, made by reading the atom's text again. */
static Fragment parse_again(Parser *parser, const char *atom)
{
    parser->at = atom;
    return parse_atom(parser);
}

static Fragment parse_piece(Parser *parser)
{
    const char *atom = parser->at;
    Fragment first = parse_atom(parser);
    int least, most;
    if (parser->failed || !parse_quantifier(parser, &least, &most))
        return first;
    const char *behind = parser->at;
    if (*atom == '^' || *atom == '$')
        parser->failed = true;
    Fragment all = nothing(parser);
    for (int i = 0; i < least && !parser->failed; i++)
        all = join(parser, all, i == 0 ? first : parse_again(parser, atom));
    if (most < 0 && !parser->failed)
        all = join(parser, all, repeated(parser, least == 0 ? first : parse_again(parser, atom)));
    /* Each optional copy can be left for the end at once, so that few states are reached from any of them. */
    int end = add_state(parser, STATE_SPLIT);
    for (int i = least; i < most && !parser->failed; i++) {
        Fragment copy = i == 0 ? first : parse_again(parser, atom);
        int fork = add_state(parser, STATE_SPLIT);
        parser->states[fork].next = copy.first;
        parser->states[fork].other = end;
        all = join(parser, all, (Fragment){fork, copy.last});
    }
    all = join(parser, all, (Fragment){end, end});
    parser->at = behind;
    return all;
}

static Fragment parse_alternatives(Parser *parser)
{
    if (++parser->depth > DEPTH_MAX)
        parser->failed = true;
    Fragment all = {-1, -1};
    do {
        Fragment sequence = nothing(parser);
        while (!parser->failed && *parser->at && *parser->at != '|' && *parser->at != ')')
            sequence = join(parser, sequence, parse_piece(parser));
        all = all.first < 0 ? sequence : either(parser, all, sequence);
    } while (!parser->failed && *parser->at == '|' && parser->at++);
    parser->depth--;
    return all;
}

/* ---- subsets
 * --------------------------------------------------------------------------------------------------- */

typedef enum { AT_START = 1, AT_END = 2 } Where;

/* Adds what can be reached from state without reading a byte. */
static void close_over(const Parser *nfa, int state, unsigned where, StateSet *set, int *stack)
{
    int top = 0;
    stack[top++] = state;
    while (top > 0) {
        int at = stack[--top];
        if (at < 0 || set->words[at / 64] >> (at % 64) & 1)
            continue;
        set->words[at / 64] |= UINT64_C(1) << (at % 64);
        const State *s = &nfa->states[at];
        bool passes = s->kind == STATE_SPLIT || (s->kind == STATE_START && (where & AT_START)) ||
                      (s->kind == STATE_END && (where & AT_END));
        if (!passes)
            continue;
        stack[top++] = s->next;
        stack[top++] = s->other;
    }
}

static bool holds_match(const Parser *nfa, const StateSet *set)
{
    for (int i = 0; i < nfa->len; i++)
        if (nfa->states[i].kind == STATE_MATCH && (set->words[i / 64] >> (i % 64) & 1))
            return true;
    return false;
}

/* Only what reads a byte, waits for the end or matches tells sets apart. */
static StateSet deciding_states(const Parser *nfa)
{
    StateSet mask = {{0}};
    for (int i = 0; i < nfa->len; i++)
        if (nfa->states[i].kind != STATE_SPLIT && nfa->states[i].kind != STATE_START)
            mask.words[i / 64] |= UINT64_C(1) << (i % 64);
    return mask;
}

static void keep(StateSet *set, const StateSet *mask)
{
    for (size_t i = 0; i < WORDS; i++)
        set->words[i] &= mask->words[i];
}

static bool matches_at_end(const Parser *nfa, const StateSet *set, int *stack)
{
    StateSet reached = {{0}};
    for (int i = 0; i < nfa->len; i++)
        if (set->words[i / 64] >> (i % 64) & 1)
            close_over(nfa, i, AT_END, &reached, stack);
    return holds_match(nfa, &reached);
}

/* Bytes that no set tells apart share a column. */
static size_t make_columns(const Parser *nfa, uint8_t *classes)
{
    size_t columns = 1;
    memset(classes, 0, 256);
    for (int i = 0; i < nfa->len; i++) {
        if (nfa->states[i].kind != STATE_BYTES)
            continue;
        int renamed[256];
        memset(renamed, -1, sizeof renamed);
        for (int c = 0; c < 256; c++) {
            if (!set_has(&nfa->states[i].bytes, c))
                continue;
            int old = classes[c];
            bool whole = true; /* the whole column is inside of the set */
            for (int d = 0; d < 256 && renamed[old] < 0 && whole; d++)
                whole = classes[d] != old || set_has(&nfa->states[i].bytes, d);
            if (renamed[old] < 0)
                renamed[old] = whole ? old : (int)columns++;
            if (columns > 250)
                return 0;
            classes[c] = (uint8_t)renamed[old];
            if (renamed[old] != old)
                renamed[renamed[old]] = renamed[old];
        }
    }
    return columns;
}

typedef struct {
    const Parser *nfa;
    StateSet *sets;
    size_t len;
    StateSet deciding;
    int *stack;
} Subsets;

/* The row of set; DFA_MAX: no room. */
static size_t row_of(Subsets *subsets, const StateSet *set)
{
    for (size_t i = 0; i < subsets->len; i++)
        if (memcmp(&subsets->sets[i], set, sizeof *set) == 0)
            return i;
    if (subsets->len == DFA_MAX)
        return DFA_MAX;
    subsets->sets[subsets->len] = *set;
    return subsets->len++;
}

static size_t step(Subsets *subsets, size_t row, int byte, const StateSet *restart)
{
    const Parser *nfa = subsets->nfa;
    StateSet next = *restart;
    for (size_t word = 0; word < WORDS; word++)
        for (uint64_t bits = subsets->sets[row].words[word]; bits; bits &= bits - 1) {
            const State *state = &nfa->states[word * 64 + (size_t)__builtin_ctzll(bits)];
            if (state->kind == STATE_BYTES && set_has(&state->bytes, byte))
                close_over(nfa, state->next, 0, &next, subsets->stack);
        }
    keep(&next, &subsets->deciding);
    return row_of(subsets, &next);
}

static bool fill_table(Automaton *automaton, Subsets *subsets, const StateSet *restart)
{
    int sample[256];
    for (int c = 255; c >= 0; c--)
        sample[automaton->classes[c]] = c;
    automaton->table = g_new0(uint16_t, DFA_MAX * automaton->columns);
    for (size_t row = 1; row < subsets->len; row++)
        for (size_t column = 0; column < automaton->columns; column++) {
            size_t next = step(subsets, row, sample[column], restart);
            if (next == DFA_MAX)
                return false;
            automaton->table[row * automaton->columns + column] = (uint16_t)next;
        }
    automaton->rows = subsets->len;
    automaton->table = g_renew(uint16_t, automaton->table, automaton->rows * automaton->columns);
    automaton->accepts_now = g_new0(bool, automaton->rows);
    automaton->accepts_at_end = g_new0(bool, automaton->rows);
    for (size_t row = 0; row < automaton->rows; row++) {
        automaton->accepts_now[row] = holds_match(subsets->nfa, &subsets->sets[row]);
        automaton->accepts_at_end[row] = matches_at_end(subsets->nfa, &subsets->sets[row], subsets->stack);
    }
    return true;
}

static bool determinise(Automaton *automaton, const Parser *nfa, int first)
{
    g_autofree StateSet *sets = g_new0(StateSet, DFA_MAX);
    g_autofree int *stack = g_new(int, 4 * NFA_MAX);
    Subsets subsets = {.nfa = nfa, .sets = sets, .len = 1, .stack = stack}; /* row 0: the empty set, dead */
    subsets.deciding = deciding_states(nfa);
    StateSet start = {{0}}, restart = {{0}};
    automaton->columns = make_columns(nfa, automaton->classes);
    if (automaton->columns == 0)
        return false;
    close_over(nfa, first, AT_START, &start, stack);
    close_over(nfa, first, 0, &restart, stack);
    keep(&start, &subsets.deciding);
    keep(&restart, &subsets.deciding);
    if (row_of(&subsets, &start) != 1)
        return false;
    return fill_table(automaton, &subsets, &restart);
}

/* ---- interface
 * ------------------------------------------------------------------------------------------------- */

bool automaton_parses(const char *pattern)
{
    g_autofree State *states = g_new0(State, NFA_MAX + 1);
    Parser parser = {.at = pattern, .states = states};
    (void)parse_alternatives(&parser);
    return !parser.failed && !*parser.at;
}

Automaton *automaton_compile(const char *pattern)
{
    g_autofree State *states = g_new0(State, NFA_MAX + 1);
    Parser parser = {.at = pattern, .states = states};
    Fragment whole = parse_alternatives(&parser);
    if (parser.failed || *parser.at)
        return NULL;
    int match = add_state(&parser, STATE_MATCH);
    parser.states[whole.last].next = match;
    if (parser.failed)
        return NULL;
    Automaton *automaton = g_new0(Automaton, 1);
    if (!determinise(automaton, &parser, whole.first)) {
        automaton_free(automaton);
        return NULL;
    }
    return automaton;
}

void automaton_free(Automaton *automaton)
{
    if (!automaton)
        return;
    g_free(automaton->table);
    g_free(automaton->accepts_now);
    g_free(automaton->accepts_at_end);
    g_free(automaton);
}

bool automaton_matches(const Automaton *automaton, View text)
{
    size_t row = 1;
    for (size_t i = 0; i < text.len; i++) {
        if (automaton->accepts_now[row])
            return true;
        row = automaton->table[row * automaton->columns + automaton->classes[(unsigned char)text.data[i]]];
        if (row == 0)
            return false;
    }
    return automaton->accepts_now[row] || automaton->accepts_at_end[row];
}
