/* location.h: what a SOURCE that begins with "git+" says: git+URL[@REF][:PATH].
 * Owns:   a RepoLocation owns its strings.
 * Calls:  GLib only; looks at nothing but the text.
 * Holds:  nothing of it can be taken for an option by git or ssh, names a transport that runs a command, or
 * leaves the repository: git is handed `url` as it stands here. A password is refused, so that no location
 * ever holds one and all of them may be printed. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef enum {
    REPO_TRANSPORT_FILE,
    REPO_TRANSPORT_HTTPS,
    REPO_TRANSPORT_HTTP,
    REPO_TRANSPORT_SSH,
    REPO_TRANSPORT_GIT /* git-daemon(1): neither encrypted nor authenticated, as http */
} RepoTransport;
typedef enum {
    REPO_WANT_HEAD,   /* no @REF: what the remote's HEAD names */
    REPO_WANT_NAME,   /* a branch or a tag, or a full name: refs/heads/… */
    REPO_WANT_COMMIT, /* 40 hexadecimal digits */
    REPO_WANT_SEMVER  /* semver:RANGE: the highest tag in it */
} RepoWant;

typedef struct {
    RepoTransport transport;
    char *url;       /* file:///srv/x.git, https://…, ssh://…, or host:path as ssh's users write it */
    char *host;      /* "" for file */
    char *directory; /* of file: the decoded path; else NULL */
    RepoWant want;
    char *ref;  /* name, commit (lower case) or range; NULL for REPO_WANT_HEAD */
    char *path; /* in the repository, without slashes around; "" is its root */
    char *name; /* the repository's base name, without ".git" */
} RepoLocation;

/* Whether text is meant as a git location (it begins with "git+"). */
bool repo_location_is(const char *text);
/* NULL with error (SOURCE_ERROR_LOCATION), which names the place and the cure. */
RepoLocation *repo_location_parse(const char *text, GError **error);
/* Another @REF of the same location: a branch, a tag, a commit, semver:RANGE. False with error: it is none of
 * them. */
bool repo_location_set_ref(RepoLocation *location, const char *ref, GError **error);
void repo_location_free(RepoLocation *location);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoLocation, repo_location_free)
/* A remote on this machine by its name or address: where what is not encrypted can be trusted. */
bool repo_location_is_loopback(const RepoLocation *location);
/* The transport's name as GIT_ALLOW_PROTOCOL wants it. */
const char *repo_transport_name(RepoTransport transport);
