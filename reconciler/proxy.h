/* proxy.h: passes what clients of AWS Batch on this machine ask on to a daemon elsewhere, signed with a key
 * of muster (muster proxy). Owns:   a listener, the requests under way, the connections to the daemon. Calls:
 * proxy_check.h, api/listener.h, provider/http/, spec/sigv4, in the calling thread. Holds:  of a client's
 * headers only the type of the body and the target go on: neither its signature nor its session token leaves
 * this machine. Each request is signed once, with a header that no other has, so that two equal ones are two;
 * one that changes something is sent once. An answer is handed back whole, with its status, type, request id
 * and error type. */
#pragma once
#include "reconciler/ports.h"

/* For Host. */
bool proxy_run(const ProxyOptions *options, int stop_fd, GError **error);
