/* repo_mirror.c: see repo_mirror.h. */
#include "reconciler/source/repo_mirror.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <git2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "reconciler/source/repo_author.h"
#include "reconciler/source/repo_fetch.h"
#include "reconciler/source/source.h"
#include "reconciler/source/version.h"
#include "spec/base/diagnostic.h"

#define HEAD_REF     "refs/muster/HEAD"
#define COMMIT_REFS  "refs/muster/commits/"
#define HELD_REFS    "refs/muster/held/"
#define LOCK_LOOK_MS 20
#define CHECK_REFS   1000
#define NAMES_SHOWN  5
#define FILES_OPEN   16
/* As gc.autoPackLimit and gc.auto of git-gc(1), which is switched off: it must not run where nobody waits for
 * it. */
#define PACKS_MAX   50
#define TIDIED_NAME "tidied" /* when it was done last */
#define TIDY_S      (24 * 60 * 60)
#define LOOSE_DIR   "17" /* one of 256 that loose objects are spread over */
#define LOOSE_MAX   (6700 / 256)

struct RepoMirror {
    RepoLocation *location; /* of its own */
    char *path, *lock_path, *damaged_path, *records_path;
    char *held_ref;
    const char *head_ref;       /* what HEAD of the remote is called here */
    bool is_in_place;           /* it is the remote: only read */
    git_repository *repository; /* NULL: not opened */
};

/* ---- libgit2 ---- */

/* It reads objects and references here, and nothing that a user or the machine configured. Who owns a
 * repository does not matter to reading it. */
void repo_library_init(void)
{
    static gsize once = 0;
    if (!g_once_init_enter(&once))
        return;
    git_libgit2_init();
    for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)16 << 20);
    g_once_init_leave(&once, 1);
}

const char *repo_library_message(void)
{
    const git_error *last = git_error_last();
    return last && last->message ? last->message : "libgit2 gave no reason";
}

/* ---- the directory ---- */

static bool fail(GError **error, int code, const char *what, const char *why)
{
    g_set_error(error, SOURCE_ERROR, code, "%s: %s", what, why);
    return false;
}

static char *short_digest(const char *text)
{
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    return g_strndup(hex, 16);
}

static char *default_base(void)
{
    return g_build_filename(g_get_user_cache_dir(), "muster", "git", NULL);
}

static RepoMirror *mirror_new(const RepoLocation *location)
{
    RepoMirror *mirror = g_new0(RepoMirror, 1);
    mirror->location = g_new0(RepoLocation, 1);
    *mirror->location = (RepoLocation){.transport = location->transport,
                                       .url = g_strdup(location->url),
                                       .host = g_strdup(location->host),
                                       .directory = g_strdup(location->directory),
                                       .want = location->want,
                                       .ref = g_strdup(location->ref),
                                       .path = g_strdup(location->path),
                                       .name = g_strdup(location->name)};
    return mirror;
}

/* By their numbers in linux/magic.h: NFS, SMB, CIFS, SMB2, Ceph, 9p, FUSE, AFS. */
static bool is_on_network(const char *path)
{
    static const uint32_t types[] = {0x6969,     0x517b,     0xff534d42, 0xfe534d42,
                                     0x00c36400, 0x01021997, 0x65735546, 0x5346414f};
    struct statfs status;
    if (statfs(path, &status) != 0)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if ((uint32_t)status.f_type == types[i])
            return true;
    return false;
}

RepoMirror *repo_mirror_in_place(const RepoLocation *location)
{
    if (!location->directory || is_on_network(location->directory))
        return NULL;
    repo_library_init();
    RepoMirror *mirror = mirror_new(location);
    mirror->is_in_place = true;
    mirror->head_ref = "HEAD";
    if (git_repository_open(&mirror->repository, location->directory) == 0)
        mirror->path = g_strdup(git_repository_commondir(mirror->repository));
    else
        g_clear_pointer(&mirror, repo_mirror_free);
    return mirror;
}

RepoMirror *repo_mirror_open(const char *base, const RepoLocation *location, GError **error)
{
    g_autofree char *fallback = default_base(), *digest = short_digest(location->url);
    g_autofree char *name = g_strdup_printf("%s-%s.git", location->name, digest);
    g_autofree char *wanted =
        g_strdup_printf("%s\n%s\n%s", location->url, location->ref ? location->ref : "", location->path);
    g_autofree char *held = short_digest(wanted);
    const char *directory = base ? base : fallback;
    if (g_mkdir_with_parents(directory, 0700) != 0) {
        fail(error, SOURCE_ERROR_UNREADABLE, directory, g_strerror(errno));
        return NULL;
    }
    repo_library_init();
    g_strdelimit(name, "/\\", '_');
    RepoMirror *mirror = mirror_new(location);
    mirror->head_ref = HEAD_REF;
    mirror->path = g_build_filename(directory, name, NULL);
    mirror->lock_path = g_strconcat(mirror->path, ".lock", NULL);
    mirror->damaged_path = g_strconcat(mirror->path, ".damaged", NULL);
    mirror->records_path = g_strconcat(mirror->path, ".verified", NULL);
    mirror->held_ref = g_strconcat(HELD_REFS, held, NULL);
    return mirror;
}

void repo_mirror_free(RepoMirror *mirror)
{
    if (!mirror)
        return;
    git_repository_free(mirror->repository);
    repo_location_free(mirror->location);
    g_free(mirror->path);
    g_free(mirror->lock_path);
    g_free(mirror->damaged_path);
    g_free(mirror->records_path);
    g_free(mirror->held_ref);
    g_free(mirror);
}

const char *repo_mirror_path(const RepoMirror *mirror)
{
    return mirror->path;
}

const char *repo_mirror_records(const RepoMirror *mirror)
{
    return mirror->records_path;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, FILES_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool make_bare(const char *path, GError **error)
{
    git_repository_init_options options;
    git_repository *repository = NULL;
    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR;
    options.mode = 0700;
    if (git_repository_init_ext(&repository, path, &options) != 0)
        return fail(error, SOURCE_ERROR_UNREADABLE, path, repo_library_message());
    git_repository_free(repository);
    return true;
}

/* Locks and half packs of a git that was killed: nobody else is at work while ours is held. */
static int remove_leftover(const char *path, const struct stat *status, int type, struct FTW *place)
{
    const char *name = path + place->base;
    (void)status;
    if (type == FTW_F && (g_str_has_suffix(name, ".lock") || g_str_has_prefix(name, "tmp_")))
        unlink(path);
    return 0;
}

/* ---- one at a time ---- */

/* An open-file-description lock, which the git that is started shares: it lasts until both are done. -1 with
 * error. */
static int take_lock(const RepoMirror *mirror, const RepoSettings *settings, int cancel_fd, GError **error)
{
    int64_t deadline_us = g_get_monotonic_time() + settings->timeout_ms * 1000;
    int fd = open(mirror->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct pollfd cancel = {.fd = cancel_fd, .events = POLLIN};
    if (fd < 0) {
        fail(error, SOURCE_ERROR_UNREADABLE, mirror->lock_path, g_strerror(errno));
        return -1;
    }
    while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        bool is_held = errno == EAGAIN || errno == EACCES;
        if (!is_held)
            fail(error, SOURCE_ERROR_UNREADABLE, mirror->lock_path, g_strerror(errno));
        else if (g_get_monotonic_time() > deadline_us)
            fail(error, SOURCE_ERROR_REMOTE, mirror->location->url, "another fetch of it does not end");
        else if (poll(&cancel, 1, LOCK_LOOK_MS) > 0)
            fail(error, SOURCE_ERROR_CANCELLED, mirror->location->url, "the fetch was ended");
        else
            continue;
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- opening and looking ---- */

static void close_repository(RepoMirror *mirror)
{
    g_clear_pointer(&mirror->repository, git_repository_free);
}

static bool open_repository(RepoMirror *mirror)
{
    return mirror->repository || git_repository_open_bare(&mirror->repository, mirror->path) == 0;
}

/* Commits that references lead to, tags peeled; true at once where one of them is the wanted one. */
static bool is_tip(RepoMirror *mirror, const git_oid *wanted, GArray *ret_tips)
{
    git_reference_iterator *iterator = NULL;
    git_reference *reference = NULL;
    bool is_found = false;
    if (git_reference_iterator_new(&iterator, mirror->repository) != 0)
        return false;
    while (!is_found && git_reference_next(&reference, iterator) == 0) {
        git_object *object = NULL;
        if (git_reference_peel(&object, reference, GIT_OBJECT_COMMIT) == 0) {
            is_found = git_oid_equal(git_object_id(object), wanted);
            g_array_append_val(ret_tips, *git_object_id(object));
        }
        git_object_free(object);
        git_reference_free(reference);
    }
    git_reference_iterator_free(iterator);
    return is_found;
}

/* Git moves a reference when all that it leads to has come. A commit that none leads to may be what a fetch
 * that was killed left: without its files. */
static bool is_whole(RepoMirror *mirror, const git_oid *id)
{
    g_autoptr(GArray) tips = g_array_new(FALSE, FALSE, sizeof(git_oid));
    return mirror->is_in_place || is_tip(mirror, id, tips) ||
           (tips->len > 0 &&
            git_graph_reachable_from_any(mirror->repository, id, (const git_oid *)(void *)tips->data,
                                         tips->len) == 1);
}

bool repo_mirror_has(RepoMirror *mirror, const char *commit_hex)
{
    git_oid id;
    git_commit *commit = NULL;
    bool is_there = open_repository(mirror) && git_oid_fromstr(&id, commit_hex) == 0 &&
                    git_commit_lookup(&commit, mirror->repository, &id) == 0 && is_whole(mirror, &id);
    git_commit_free(commit);
    return is_there;
}

bool repo_mirror_knows(RepoMirror *mirror, const char *object_hex)
{
    git_oid id;
    git_object *object = NULL, *commit = NULL;
    bool is_there = open_repository(mirror) && git_oid_fromstr(&id, object_hex) == 0 &&
                    git_object_lookup(&object, mirror->repository, &id, GIT_OBJECT_ANY) == 0 &&
                    git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0 &&
                    is_whole(mirror, git_object_id(commit));
    git_object_free(commit);
    git_object_free(object);
    return is_there;
}

/* That each reference leads to something that can be read. What lies deeper shows when it is read. */
static bool is_sound(RepoMirror *mirror)
{
    git_reference_iterator *iterator = NULL;
    git_reference *reference = NULL;
    bool is_good = open_repository(mirror) && git_reference_iterator_new(&iterator, mirror->repository) == 0;
    int result = 0;
    for (int i = 0; is_good && i < CHECK_REFS && (result = git_reference_next(&reference, iterator)) == 0;
         i++) {
        git_object *object = NULL;
        is_good = git_reference_peel(&object, reference, GIT_OBJECT_ANY) == 0;
        git_object_free(object);
        git_reference_free(reference);
    }
    git_reference_iterator_free(iterator);
    return is_good && (result == 0 || result == GIT_ITEROVER);
}

void repo_mirror_mark_damaged(const RepoMirror *mirror)
{
    int fd = open(mirror->damaged_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
}

/* ---- fetching ---- */

/* Branches and tags as the remote has them, and what else the location names. NULL-terminated. */
static char **refspecs_of(const RepoLocation *location)
{
    g_autoptr(GStrvBuilder) refspecs = g_strv_builder_new();
    g_strv_builder_add(refspecs, "+refs/heads/*:refs/heads/*");
    g_strv_builder_add(refspecs, "+refs/tags/*:refs/tags/*");
    if (location->want == REPO_WANT_HEAD)
        g_strv_builder_add(refspecs, "+HEAD:" HEAD_REF);
    if (location->want == REPO_WANT_NAME && g_str_has_prefix(location->ref, "refs/") &&
        !g_str_has_prefix(location->ref, "refs/heads/") && !g_str_has_prefix(location->ref, "refs/tags/")) {
        g_autofree char *own = g_strdup_printf("+%s:%s", location->ref, location->ref);
        g_strv_builder_add(refspecs, own);
    }
    return g_strv_builder_end(refspecs);
}

/* Of one reference alone. */
static char **refspecs_of_one(const RepoLocation *location, const char *ref)
{
    g_autoptr(GStrvBuilder) refspecs = g_strv_builder_new();
    g_autofree char *own =
        location->want == REPO_WANT_HEAD ? g_strdup("+HEAD:" HEAD_REF) : g_strdup_printf("+%s:%s", ref, ref);
    g_strv_builder_add(refspecs, own);
    return g_strv_builder_end(refspecs);
}

/* A commit that no branch or tag holds is asked for by itself; most servers give it. */
static bool fetch_commit(RepoMirror *mirror, const RepoFetch *fetch, GError **error)
{
    const char *commit = mirror->location->ref;
    if (mirror->location->want != REPO_WANT_COMMIT)
        return true;
    close_repository(mirror); /* what has come since must be seen */
    if (repo_mirror_has(mirror, commit))
        return true;
    g_autofree char *refspec = g_strdup_printf("+%s:" COMMIT_REFS "%s", commit, commit);
    const char *const refspecs[] = {refspec, NULL};
    return repo_fetch_run(fetch, refspecs, error);
}

/* One that the remote has no more is missed by what brings all of them. */
static bool fetch_one(RepoMirror *mirror, const RepoSettings *settings, const char *ref, int cancel_fd,
                      int lock_fd, bool *ret_is_missing, GError **error)
{
    g_autoptr(GError) fault = NULL;
    g_auto(GStrv) refspecs = refspecs_of_one(mirror->location, ref);
    RepoFetch fetch = {mirror->location, settings, mirror->path, cancel_fd, lock_fd};
    if (repo_fetch_run(&fetch, (const char *const *)refspecs, &fault))
        return true;
    *ret_is_missing = g_error_matches(fault, SOURCE_ERROR, SOURCE_ERROR_REF);
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

static bool fetch_into(RepoMirror *mirror, const char *path, const RepoSettings *settings, int cancel_fd,
                       int lock_fd, GError **error)
{
    g_auto(GStrv) refspecs = refspecs_of(mirror->location);
    RepoFetch fetch = {mirror->location, settings, path, cancel_fd, lock_fd};
    return repo_fetch_run(&fetch, (const char *const *)refspecs, error) &&
           (strcmp(path, mirror->path) != 0 || fetch_commit(mirror, &fetch, error));
}

/* Beside the old one, which is kept until the new one is whole. */
static bool rebuild(RepoMirror *mirror, const RepoSettings *settings, int cancel_fd, int lock_fd,
                    GError **error)
{
    g_autofree char *fresh = g_strconcat(mirror->path, ".new", NULL),
                    *old = g_strconcat(mirror->path, ".old", NULL);
    remove_tree(fresh);
    remove_tree(old);
    if (!make_bare(fresh, error) || !fetch_into(mirror, fresh, settings, cancel_fd, lock_fd, error)) {
        remove_tree(fresh);
        return false;
    }
    close_repository(mirror);
    if ((rename(mirror->path, old) != 0 && errno != ENOENT) || rename(fresh, mirror->path) != 0)
        return fail(error, SOURCE_ERROR_UNREADABLE, mirror->path, g_strerror(errno));
    unlink(mirror->damaged_path);
    remove_tree(old);
    RepoFetch fetch = {mirror->location, settings, mirror->path, cancel_fd, lock_fd};
    return fetch_commit(mirror, &fetch, error);
}

static unsigned count_names(const RepoMirror *mirror, const char *directory, const char *suffix)
{
    g_autofree char *path = g_build_filename(mirror->path, "objects", directory, NULL);
    g_autoptr(GDir) names = g_dir_open(path, 0, NULL);
    unsigned count = 0;
    for (const char *name; names && (name = g_dir_read_name(names));)
        count += g_str_has_suffix(name, suffix) ? 1 : 0;
    return count;
}

/* Not more often than daily: what nothing leads to stays for two weeks, and would be found too much each
 * time. */
static bool was_tidied(const char *stamp)
{
    struct stat status;
    return stat(stamp, &status) == 0 && g_get_real_time() / G_USEC_PER_SEC - status.st_mtim.tv_sec < TIDY_S;
}

/* Many small fetches make many small packs and files. */
static void tidy(const RepoMirror *mirror, const RepoFetch *fetch)
{
    g_autofree char *stamp = g_build_filename(mirror->path, TIDIED_NAME, NULL);
    bool is_untidy =
        count_names(mirror, "pack", ".pack") > PACKS_MAX || count_names(mirror, LOOSE_DIR, "") > LOOSE_MAX;
    if (is_untidy && !was_tidied(stamp) && g_file_set_contents(stamp, "", 0, NULL))
        repo_fetch_tidy(fetch);
}

static bool fetch_wanted(RepoMirror *mirror, const RepoSettings *settings, const char *ref, int cancel_fd,
                         int lock_fd, GError **error)
{
    g_autoptr(GError) fault = NULL;
    bool is_missing = false;
    if (ref && fetch_one(mirror, settings, ref, cancel_fd, lock_fd, &is_missing, &fault))
        return true;
    if (!ref || is_missing)
        return fetch_into(mirror, mirror->path, settings, cancel_fd, lock_fd, error);
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

static bool fetch_locked(RepoMirror *mirror, const RepoSettings *settings, const char *ref, int cancel_fd,
                         int lock_fd, GError **error)
{
    g_autoptr(GError) fault = NULL;
    close_repository(mirror); /* somebody else may have put another in its place */
    nftw(mirror->path, remove_leftover, FILES_OPEN, FTW_PHYS | FTW_MOUNT);
    bool is_damaged = access(mirror->damaged_path, F_OK) == 0 || !is_sound(mirror);
    if (!is_damaged && fetch_wanted(mirror, settings, ref, cancel_fd, lock_fd, &fault))
        return true;
    if (is_damaged || g_error_matches(fault, SOURCE_ERROR, SOURCE_ERROR_DAMAGED))
        return rebuild(mirror, settings, cancel_fd, lock_fd, error);
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

bool repo_mirror_fetch(RepoMirror *mirror, const RepoSettings *settings, const char *ref, int cancel_fd,
                       GError **error)
{
    g_assert(!mirror->is_in_place);
    if (!repo_settings_check(settings, mirror->location, error))
        return false;
    bool is_damaged = access(mirror->damaged_path, F_OK) == 0;
    if (mirror->location->want == REPO_WANT_COMMIT && !is_damaged &&
        repo_mirror_has(mirror, mirror->location->ref))
        return true;
    int lock_fd = take_lock(mirror, settings, cancel_fd, error);
    if (lock_fd < 0)
        return false;
    bool is_good = fetch_locked(mirror, settings, ref, cancel_fd, lock_fd, error);
    if (is_good)
        tidy(mirror, &(RepoFetch){mirror->location, settings, mirror->path, cancel_fd, lock_fd});
    close(lock_fd);
    close_repository(mirror); /* the next look sees what came */
    return is_good;
}

bool repo_mirror_fetch_from(RepoMirror *mirror, const RepoLocation *other, const RepoSettings *settings,
                            const char *const *refspecs, int cancel_fd, GError **error)
{
    g_assert(!mirror->is_in_place);
    int lock_fd =
        repo_settings_check(settings, other, error) ? take_lock(mirror, settings, cancel_fd, error) : -1;
    if (lock_fd < 0)
        return false;
    RepoFetch fetch = {other, settings, mirror->path, cancel_fd, lock_fd};
    bool is_good = repo_fetch_run(&fetch, refspecs, error);
    close(lock_fd);
    close_repository(mirror);
    return is_good;
}

/* ---- resolving ---- */

/* The commit that a reference leads to, through tags. False: there is no such reference, or it leads to no
 * commit. */
static bool commit_of(RepoMirror *mirror, const char *name, char ret_commit[REPO_COMMIT_HEX + 1])
{
    git_reference *reference = NULL;
    git_object *object = NULL;
    bool is_found = git_reference_lookup(&reference, mirror->repository, name) == 0 &&
                    git_reference_peel(&object, reference, GIT_OBJECT_COMMIT) == 0;
    if (is_found)
        git_oid_tostr(ret_commit, REPO_COMMIT_HEX + 1, git_object_id(object));
    git_object_free(object);
    git_reference_free(reference);
    return is_found;
}

static bool fail_ref(const RepoMirror *mirror, GError **error, const char *why, const char *value)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_REF, "%s: %s%s", mirror->location->url, why, value);
    return false;
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names below refs/heads/ or refs/tags/ without that; sorted. */
static GPtrArray *names_below(RepoMirror *mirror, const char *prefix)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    git_reference_iterator *iterator = NULL;
    g_autofree char *glob = g_strconcat(prefix, "*", NULL);
    const char *name;
    if (git_reference_iterator_glob_new(&iterator, mirror->repository, glob) == 0)
        while (git_reference_next_name(&name, iterator) == 0)
            g_ptr_array_add(names, g_strdup(name + strlen(prefix)));
    git_reference_iterator_free(iterator);
    g_ptr_array_sort(names, compare_texts);
    return names;
}

static bool fail_name(RepoMirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) names = names_below(mirror, "refs/heads/");
    g_autoptr(GString) text = g_string_new(NULL);
    g_ptr_array_add(names, NULL);
    const char *nearest =
        suggest_nearest(view_from(mirror->location->ref), (const char *const *)names->pdata);
    g_string_append_printf(text, "no branch or tag is named \"%s\"", mirror->location->ref);
    if (nearest)
        g_string_append_printf(text, "; did you mean \"%s\"?", nearest);
    else if (names->len > 1)
        g_string_append(text, "; its branches are ");
    for (guint i = 0; !nearest && i + 1 < names->len && i < NAMES_SHOWN; i++)
        g_string_append_printf(text, "%s%s", i ? ", " : "", (const char *)names->pdata[i]);
    if (!nearest && names->len > NAMES_SHOWN + 1)
        g_string_append(text, " …");
    return fail_ref(mirror, error, text->str, "");
}

static bool resolve_name(RepoMirror *mirror, char *ret_commit, GError **error)
{
    const char *ref = mirror->location->ref;
    char tagged[REPO_COMMIT_HEX + 1];
    if (g_str_has_prefix(ref, "refs/"))
        return commit_of(mirror, ref, ret_commit) || fail_ref(mirror, error, "there is no ", ref);
    g_autofree char *branch = g_strconcat("refs/heads/", ref, NULL),
                    *tag = g_strconcat("refs/tags/", ref, NULL);
    bool is_branch = commit_of(mirror, branch, ret_commit), is_tag = commit_of(mirror, tag, tagged);
    if (is_branch && is_tag && strcmp(ret_commit, tagged) != 0)
        return fail_ref(mirror, error,
                        "a branch and a tag have this name, with different commits; write @refs/heads/", ref);
    if (is_tag)
        memcpy(ret_commit, tagged, sizeof tagged);
    return is_branch || is_tag || fail_name(mirror, error);
}

/* Seven digits and more of a commit, where they name one. */
static bool resolve_short(RepoMirror *mirror, char *ret_commit)
{
    const char *ref = mirror->location->ref;
    size_t len = strlen(ref);
    git_oid id;
    git_commit *commit = NULL;
    bool is_found = len >= 7 && len < REPO_COMMIT_HEX && strspn(ref, "0123456789abcdef") == len &&
                    git_oid_fromstrn(&id, ref, len) == 0 &&
                    git_commit_lookup_prefix(&commit, mirror->repository, &id, len) == 0;
    if (is_found)
        git_oid_tostr(ret_commit, REPO_COMMIT_HEX + 1, git_commit_id(commit));
    git_commit_free(commit);
    return is_found;
}

/* refs/tags/…, new string; NULL: none is in the range. */
static char *highest_tag(RepoMirror *mirror)
{
    g_autoptr(GPtrArray) names = names_below(mirror, "refs/tags/");
    const char *best = NULL;
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (version_in_range(name, mirror->location->ref) && (!best || version_compare(name, best) > 0))
            best = name;
    }
    return best ? g_strconcat("refs/tags/", best, NULL) : NULL;
}

static bool resolve_range(RepoMirror *mirror, char *ret_commit, GError **error)
{
    g_autofree char *tag = highest_tag(mirror);
    if (!tag)
        return fail_ref(mirror, error, "no tag is a version within ", mirror->location->ref);
    return commit_of(mirror, tag, ret_commit) || fail_ref(mirror, error, "no commit is behind ", tag);
}

char *repo_mirror_tag(RepoMirror *mirror)
{
    const RepoLocation *location = mirror->location;
    char commit[REPO_COMMIT_HEX + 1];
    if (!open_repository(mirror))
        return NULL;
    if (location->want == REPO_WANT_SEMVER)
        return highest_tag(mirror);
    if (location->want != REPO_WANT_NAME)
        return NULL;
    g_autofree char *tag = g_str_has_prefix(location->ref, "refs/")
                               ? g_strdup(location->ref)
                               : g_strconcat("refs/tags/", location->ref, NULL);
    bool is_tag = g_str_has_prefix(tag, "refs/tags/") && commit_of(mirror, tag, commit);
    return is_tag ? g_steal_pointer(&tag) : NULL;
}

char *repo_mirror_author(RepoMirror *mirror, const char *commit)
{
    return open_repository(mirror) ? repo_author(mirror->repository, commit) : NULL;
}

bool repo_mirror_resolve(RepoMirror *mirror, char ret_commit[REPO_COMMIT_HEX + 1], GError **error)
{
    const RepoLocation *location = mirror->location;
    g_autoptr(GError) fault = NULL;
    if (!open_repository(mirror))
        return fail(error, SOURCE_ERROR_DAMAGED, mirror->path, repo_library_message());
    switch (location->want) {
    case REPO_WANT_HEAD:
        return commit_of(mirror, mirror->head_ref, ret_commit) ||
               fail_ref(mirror, error, "its HEAD has no commit", "");
    case REPO_WANT_SEMVER: return resolve_range(mirror, ret_commit, error);
    case REPO_WANT_COMMIT:
        g_strlcpy(ret_commit, location->ref, REPO_COMMIT_HEX + 1);
        return repo_mirror_has(mirror, location->ref) ||
               fail_ref(mirror, error, "it has no commit ", location->ref);
    case REPO_WANT_NAME: break;
    }
    if (resolve_name(mirror, ret_commit, &fault) || resolve_short(mirror, ret_commit))
        return true;
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

/* ---- what was good ---- */

bool repo_mirror_held(RepoMirror *mirror, char ret_commit[REPO_COMMIT_HEX + 1])
{
    return open_repository(mirror) && commit_of(mirror, mirror->held_ref, ret_commit);
}

/* What is in force was read in place, and a fetch that was ended left it out: a file says so until it comes.
 */
static char *ahead_path(const RepoMirror *mirror)
{
    return g_build_filename(mirror->path, "ahead", NULL);
}

void repo_mirror_hold(RepoMirror *mirror, const char *commit)
{
    git_oid id;
    git_reference *reference = NULL;
    g_autofree char *ahead = ahead_path(mirror);
    if (!repo_mirror_has(mirror, commit)) {
        g_file_set_contents(ahead, commit, -1, NULL);
        return;
    }
    if (git_oid_fromstr(&id, commit) == 0)
        git_reference_create(&reference, mirror->repository, mirror->held_ref, &id, 1, NULL);
    git_reference_free(reference);
    unlink(ahead);
}

bool repo_mirror_is_behind(RepoMirror *mirror)
{
    g_autofree char *ahead = ahead_path(mirror), *commit = NULL;
    return g_file_get_contents(ahead, &commit, NULL, NULL) && !repo_mirror_has(mirror, commit);
}

bool repo_mirror_descends(RepoMirror *mirror, const char *newer, const char *older)
{
    git_oid ids[2];
    if (strcmp(newer, older) == 0)
        return true;
    if (!repo_mirror_has(mirror, older))
        return !mirror->is_in_place;
    return git_oid_fromstr(&ids[0], newer) == 0 && git_oid_fromstr(&ids[1], older) == 0 &&
           git_graph_descendant_of(mirror->repository, &ids[0], &ids[1]) == 1;
}
