/* layout.h: where the boxes of a graph stand, and where its edges pass.
 * Owns:   what it computed; names and sizes are the caller's.
 * Calls:  GLib only. No I/O, no clock.
 * Holds:  pure and deterministic. Every edge leads to a later column (but those that close a circle, which
 * have no route); no two boxes share a place. Steps: each stands in the column that follows the last of those
 * that it waits for (longest path); within a column they are ordered by where those stand that they are
 * joined to, a few times forth and back (Sugiyama, Tagawa, Toda 1981: barycentres). An edge that passes a
 * column has a place in it, as a box has. */
#pragma once
#include <glib.h>
#include <stddef.h>

typedef struct {
    size_t from, to; /* indexes of nodes */
} LayoutEdge;

typedef struct {
    double column, row; /* from 0; places are one apart */
} LayoutPoint;

typedef struct {
    LayoutPoint *points; /* from where it starts to where it ends, one for each column */
    size_t len;          /* 0: it closes a circle, or leads from a node to itself */
} LayoutRoute;

typedef struct {
    size_t columns, rows; /* rows: of the highest column */
    LayoutPoint *nodes;   /* as many as were given, in their order */
    LayoutRoute *routes;  /* of the edges, in their order */
    size_t edges_len;
} Layout;

/* Edges whose ends are no nodes are a mistake of the caller. */
Layout *layout_new(size_t nodes_len, const LayoutEdge *edges, size_t edges_len);
void layout_free(Layout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Layout, layout_free)
/* How many pairs of edges between neighbouring columns cross, up to most. */
size_t layout_crossings(const Layout *layout, size_t most);
