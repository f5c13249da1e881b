/* aws_process.h: credentials that a program prints (credential_process of a profile).
 * Calls:  program.h, without a shell.
 * Holds:  none of what it prints gets into a message. Source: the SDKs' "process credential provider". */
#pragma once
#include "reconciler/provider/aws/aws_fetchers.h"

/* command: as in the file, split like a shell does, with quotes. False with error: it cannot be split. */
bool aws_fetcher_process(const AwsFetching *fetching, const char *profile, const char *command,
                         AwsFetcher *ret_fetcher, GError **error);
