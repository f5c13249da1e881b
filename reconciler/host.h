/* host.h: the engine: lease, store, provider, reconciler, server and followed sources on a loop in a thread
 * of its own. Owns:   the thread and everything in it. Calls:  every room; the Host vtable of ports.h is its
 * face. Holds:  the lease is held as long as anything else lives; what is started last is ended first. */
#pragma once
#include "reconciler/ports.h"

extern const Host host_real;
