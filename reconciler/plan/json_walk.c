/* json_walk.c: see json_walk.h. */
#include "reconciler/plan/json_walk.h"

JsonWalk json_walk_from(View text)
{
    return (JsonWalk){text.data, text.data ? text.data + text.len : text.data};
}

static void skip_space(JsonWalk *walk)
{
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\n' || *walk->at == '\t' ||
                                    *walk->at == '\r' || *walk->at == ','))
        walk->at++;
}

/* at stands on the opening quote. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            return at + 1;
    }
    return NULL;
}

static const char *bracket_end(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            if (!at)
                return NULL;
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if ((*at == '}' || *at == ']') && --depth == 0)
            return at + 1;
        at++;
    }
    return NULL;
}

static const char *scalar_end(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ':')
        at++;
    return at;
}

bool json_walk_skip(JsonWalk *walk, View *ret_value)
{
    skip_space(walk);
    if (walk->at >= walk->end || *walk->at == '}' || *walk->at == ']' || *walk->at == ':')
        return false;
    const char *start = walk->at, *stop;
    if (*start == '"')
        stop = string_end(start, walk->end);
    else if (*start == '{' || *start == '[')
        stop = bracket_end(start, walk->end);
    else
        stop = scalar_end(start, walk->end);
    if (!stop)
        return false;
    *ret_value = (View){start, (size_t)(stop - start)};
    walk->at = stop;
    return true;
}

bool json_walk_enter(JsonWalk *walk, char bracket)
{
    skip_space(walk);
    if (walk->at >= walk->end || *walk->at != bracket)
        return false;
    walk->at++;
    return true;
}

bool json_walk_member(JsonWalk *walk, View *ret_key, View *ret_value)
{
    View key;
    if (!json_walk_skip(walk, &key) || key.len < 2 || key.data[0] != '"')
        return false;
    skip_space(walk);
    if (walk->at >= walk->end || *walk->at != ':')
        return false;
    walk->at++;
    if (!json_walk_skip(walk, ret_value))
        return false;
    *ret_key = (View){key.data + 1, key.len - 2};
    return true;
}

bool json_walk_item(JsonWalk *walk, View *ret_value)
{
    return json_walk_skip(walk, ret_value);
}

bool json_walk_plain_string(View value, View *ret_text)
{
    if (value.len < 2 || value.data[0] != '"' || memchr(value.data, '\\', value.len))
        return false;
    *ret_text = (View){value.data + 1, value.len - 2};
    return true;
}

bool json_walk_find(View object, const char *key, View *ret_value)
{
    JsonWalk walk = json_walk_from(object);
    View name, value;
    if (!json_walk_enter(&walk, '{'))
        return false;
    while (json_walk_member(&walk, &name, &value)) {
        if (view_is(name, key)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}
