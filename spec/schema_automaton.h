/* schema_automaton.h: a regular expression as a table over bytes. Private to schema_pattern.c.
 * Owns:   an Automaton owns its table; immutable, shared by threads.
 * Calls:  GLib only.
 * Holds:  one look-up for each byte, no allocation while matching. What is not regular (look-around, back
 * references, word boundaries), names non-ASCII characters in a class or would need a large table is not
 * compiled: NULL. */
#pragma once
#include <glib.h>
#include "spec/base/view.h"

typedef struct Automaton Automaton;

/* Whether pattern is of the kind that automaton_compile() reads; it may still need too many states. */
bool automaton_parses(const char *pattern);
Automaton *automaton_compile(const char *pattern);
void automaton_free(Automaton *automaton);
bool automaton_matches(const Automaton *automaton, View text);
