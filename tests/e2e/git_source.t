#!/bin/sh
# A git location wherever a directory may stand: validate, plan, apply, simulate; what is wrong with one is told with its
# cure, and what was shown is what is applied.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
mkdir -p jobs/envs/prod
git -C jobs mv muster.yaml here.yaml first.yaml envs/prod/ && push jobs moved
at="git+file://$WORK/jobs.git"
exits "validate" 0 mt validate "$at:envs/prod"
is "counts" "$out" "2 manifests are valid"
ok "what only reads makes no state directory" test ! -e "$HOME/.local/state/muster"
exits "plan" 2 mt plan "$at@main:envs/prod" --state "$STATE"
like "names the revision" "$out" "*revision $(git -C jobs rev-parse --short=8 HEAD)*"
like "and files by their path in the repository" "$out" "*envs/prod/first.yaml:1*"
exits "simulate" 0 mt simulate "$at:envs/prod"
exits "apply" 0 mt apply "$at@main:envs/prod" --state "$STATE" --yes
exits "there it is" 0 mt get JobQueue first --state "$STATE"
exits "and nothing is left to do" 0 mt plan "$at:envs/prod" --state "$STATE"
ok "nothing was checked out" sh -c "! find '$STATE' -name '*.yaml' | grep ."
is "the mirror is bare" "$(git -C "$STATE"/git/jobs-*.git rev-parse --is-bare-repository)" true

# A fault has its place in the repository, with the line.
queue second two >jobs/envs/prod/second.yaml && push jobs broken
exits "a fault in a manifest" 1 mt validate "$at:envs/prod"
like "with its place" "$err" "*envs/prod/second.yaml:4:18: error:*spec: {priority: two*"
exits "a faulty commit is not applied" 1 mt apply "$at:envs/prod" --state "$STATE" --yes
exits "an older one still is" 0 mt plan "$at@$(git -C jobs rev-parse HEAD~1):envs/prod" --state "$STATE"
queue second 2 >jobs/envs/prod/second.yaml && push jobs mended
exits "a saved plan" 2 mt plan "$at:envs/prod" --state "$STATE" --out plan.json
queue third 3 >jobs/envs/prod/third.yaml && push jobs more
exits "is stale when more was pushed" 3 mt apply --plan plan.json --state "$STATE"
like "and says what" "$err" "*third*"
git -C jobs tag v1.2.0 && git -C jobs tag v1.3.0-rc.1 && git -C jobs push -q --tags
exits "a range of versions" 0 mt validate "$at@semver:>=1 <2:envs/prod"
is "takes the highest" "$out" "4 manifests are valid"

# What cannot be had.
exits "no such branch" 1 mt plan "$at@mian:envs/prod" --state "$STATE"
like "names the nearest" "$err" "*no branch or tag is named \"mian\"; did you mean \"main\"?*"
exits "no such path" 1 mt plan "$at:envs/test" --state "$STATE"
like "says it" "$err" "*has no \"envs/test\"*"
exits "no such repository" 1 mt plan "git+file://$WORK/none.git" --state "$STATE"
like "asks for its path" "$err" "*is that the repository's path?*"
git init -q --bare empty.git
exits "an empty repository" 1 mt plan "git+file://$WORK/empty.git" --state "$STATE"
like "has no commit" "$err" "*no commit yet*"
exits "a password in the location" 1 mt plan "git+https://me:hunter2@example.org/x.git" --state "$STATE"
like "is refused" "$err" "*tokenFile*"
is "and not repeated" "$(printf %s "$err" | grep -c hunter2)" 0
exits "http to elsewhere" 1 mt plan "git+http://git.example.org/x.git" --state "$STATE"
like "is refused" "$err" "*allowUnencrypted*"

# The same repository with nothing configured can be read whoever owns it, and nothing of its configuration is run.
mkdir -p hooked && git clone -q --bare jobs.git hooked/jobs.git
printf '#!/bin/sh\ntouch %s/ran\n' "$WORK" >hook && chmod +x hook
git -C hooked/jobs.git config uploadpack.packObjectsHook "$WORK/hook"
git -C hooked/jobs.git config core.fsmonitor "$WORK/hook"
cp hook "$(echo "$STATE"/git/jobs-*.git)/hooks/reference-transaction" && queue hook 5 >jobs/envs/prod/hook.yaml && push jobs hook
git config --global core.hooksPath "$WORK" && cp hook reference-transaction && cp hook post-checkout
exits "a mirror with a hook" 2 mt plan "$at:envs/prod" --state "$STATE" --no-forecast
exits "a repository with hooks" 0 mt validate "git+file://$WORK/hooked/jobs.git:envs/prod"
ok "of which none ran" test ! -e "$WORK/ran"
git config --global --unset core.hooksPath

# Whoever owns it: the location names it, and reading it runs nothing.
if [ "$(id -u)" = 0 ]; then
    git clone -q --bare jobs.git foreign.git && chown -R nobody foreign.git
    exits "a repository of another user" 0 mt validate "git+file://$WORK/foreign.git:envs/prod"
else
    skip "a repository of another user" "only root can give one away"
fi

# A blob of 5 GiB, as far as its head tells, is never inflated; the limit is told.
id=$(perl -MCompress::Zlib -MDigest::SHA=sha1_hex -MFile::Path=make_path -e '
    my $head = "blob 5368709120\0tiny"; my $id = sha1_hex($head); my $dir = "$ARGV[0]/objects/" . substr($id, 0, 2);
    make_path($dir); open my $out, ">", "$dir/" . substr($id, 2) or die; binmode $out; print $out compress($head); print $id' "$STATE"/git/jobs-*.git)
tree=$(printf '100644 blob %s\thuge.yaml\n' "$id" | git -C "$STATE"/git/jobs-*.git mktree --missing)
commit=$(git -C "$STATE"/git/jobs-*.git commit-tree -m huge "$tree")
exits "a blob that is too large" 1 mt plan "$at@$commit" --state "$STATE"
like "is told before it is read" "$err" "*huge.yaml: 5368709120 bytes, and at most*"

# Objects with SHA-256 names.
if git init -q --object-format=sha256 wide 2>/dev/null; then
    cp -r jobs/envs wide/ && git -C wide add -A && git -C wide -c user.name=a -c user.email=a@example.org commit -qm wide
    exits "a repository of SHA-256" 1 mt validate "git+file://$WORK/wide:envs/prod"
    like "cannot be read, which is said, with the cure" "$err" "*SHA-256 names*git init --object-format=sha1*"
    exits "by a commit's id neither" 1 mt validate "git+file://$WORK/wide@$(git -C wide rev-parse HEAD):envs/prod"
    like "for its reason" "$err" "*SHA-256*"
else
    skip "a repository of SHA-256" "this git makes none"
fi

# sources.yaml
printf 'sources:\n- url: file:///\n  tokenfile: /x\n' >"$STATE/sources.yaml"
exits "a fault in sources.yaml" 1 mt plan "$at:envs/prod" --state "$STATE"
like "has its place and a suggestion" "$err" "*sources.yaml:3:3: *did you mean \"tokenFile\"?*"
printf 'sources: []\n' >"$STATE/sources.yaml" && chmod go+w "$STATE/sources.yaml"
exits "that others may write" 1 mt plan "$at:envs/prod" --state "$STATE"
like "is refused" "$err" "*others may write it*"
finish
