/* json_walk.h: step through compact JSON without building a tree.
 * Owns:   nothing; views borrow the text.
 * Calls:  spec/base/view.h only.
 * Holds:  made for our own canonical JSON, but text that is not JSON only ends the walk early; nesting is
 * bounded by the caller's recursion, which json_walk_skip does without. */
#pragma once
#include "spec/base/view.h"

typedef struct {
    const char *at, *end;
} JsonWalk;

JsonWalk json_walk_from(View text);
/* The next value as text; false at the end or where there is none. */
bool json_walk_skip(JsonWalk *walk, View *ret_value);
/* Enters '{' or '['. */
bool json_walk_enter(JsonWalk *walk, char bracket);
/* The next member of an object or item of an array entered before; false at its end. *ret_key is without
 * quotes, its escapes as they stand. */
bool json_walk_member(JsonWalk *walk, View *ret_key, View *ret_value);
bool json_walk_item(JsonWalk *walk, View *ret_value);
/* Without quotes, for strings that hold no escape; false for anything else. */
bool json_walk_plain_string(View value, View *ret_text);
/* The value of a top-level member of an object; false when it has none. */
bool json_walk_find(View object, const char *key, View *ret_value);
