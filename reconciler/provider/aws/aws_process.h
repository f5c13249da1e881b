/* aws_process.h: credentials that a program prints (credential_process of a profile).
 * Calls:  the program, by g_spawn_async (no shell), on the main context.
 * Holds:  it is ended after a time limit; of what it prints a bounded part is read, and none of it gets into
 * a message. Source: the SDKs' "process credential provider". */
#pragma once
#include "reconciler/provider/aws/aws_fetchers.h"

/* command: as in the file, split like a shell does, with quotes. False with error: it cannot be split. */
bool aws_fetcher_process(const AwsFetching *fetching, const char *profile, const char *command,
                         AwsFetcher *ret_fetcher, GError **error);
