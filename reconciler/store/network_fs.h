/* network_fs.h: tells file systems that other machines share from local ones.
 * Owns:   nothing.
 * Calls:  statfs.
 * Holds:  SQLite's WAL keeps its index in memory shared by the processes of one machine, and record locks
 * over a network promise little: two machines that write one state directory would destroy it. */
#pragma once
#include <stdbool.h>

/* The name ("NFS") when path is on a network file system; NULL when it is not or cannot be told. Static. */
const char *network_fs_name(const char *path);
/* By the number that statfs gives; NULL: local. */
const char *network_fs_name_of(long type);
