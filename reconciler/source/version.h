/* version.h: semantic versions (semver.org 2.0.0) and the ranges that @semver: takes.
 * Owns:   nothing.
 * Calls:  GLib only.
 * Holds:  a tag is a version as 1.2.3 or v1.2.3, with what may follow (-rc.1, +build). A range is
 * alternatives (||) of comparators that must all hold, apart by blanks or commas: =, >, >=, <, <=, ^1.2,
 * ~1.2, 1.x, 1.2, *. As npm has it, a pre-release is in a range only where a comparator names one of the same
 * MAJOR.MINOR.PATCH. */
#pragma once
#include <stdbool.h>

/* Why range is none; NULL when it is one. New string. */
char *version_range_fault(const char *range);
/* Whether the tag's name is a version within the range. */
bool version_in_range(const char *tag, const char *range);
/* Precedence of two tags that are versions; equal ones (they differ in build or v) by their names. */
int version_compare(const char *a, const char *b);
