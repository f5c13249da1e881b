/* repo_author.c: see repo_author.h. */
#include "reconciler/source/repo_author.h"
#include "reconciler/source/signature_check.h"

char *repo_author(git_repository *repository, const char *commit_hex)
{
    git_oid id;
    git_commit *commit = NULL;
    char *text = NULL;
    if (git_oid_fromstr(&id, commit_hex) == 0 && git_commit_lookup(&commit, repository, &id) == 0) {
        const git_signature *author = git_commit_author(commit);
        g_autofree char *line = g_strdup_printf("%s <%s>", author->name, author->email);
        text = signature_printable(line);
    }
    git_commit_free(commit);
    return text;
}
