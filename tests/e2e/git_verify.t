#!/bin/sh
# Signed commits and tags, with the real ssh-keygen and gpg: `verify` of sources.yaml. What nobody who is trusted signed is
# not read by any command, and a daemon keeps the last verified commit, says why, and goes on with the next that is.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
for tool in ssh-keygen gpg; do command -v "$tool" >/dev/null || { echo "1..0 # SKIP $tool is not installed"; exit 0; }; done
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
at="git+file://$WORK/jobs.git"
# settings VERIFY: of the repository, in YAML's short form; asked again every 50 ms.
settings() { printf 'sources:\n- {url: "file://%s/jobs.git", interval: 50ms, verify: %s}\n' "$WORK" "$1" >"$STATE/sources.yaml"; }
# key NAME: a key of ssh; public NAME: what of it goes into allowed_signers; fingerprint NAME.
key() { ssh-keygen -q -t ed25519 -N '' -f "$WORK/$1" -C "$1"; }
public() { cut -d' ' -f1,2 "$WORK/$1.pub"; }
fingerprint() { ssh-keygen -lf "$WORK/$1.pub" | cut -d' ' -f2; }
# sign_with ssh|openpgp KEY, or nothing: how git signs from now on.
sign_with() {
    git config --global gpg.format "${1:-ssh}"
    git config --global user.signingkey "${2:-none}"
    git config --global commit.gpgsign "$([ $# -gt 0 ] && echo true || echo false)"
}
change() { queue "$1" 1 >"jobs/$1.yaml" && push jobs "$1"; }
refused() { exits "$1" 3 mt plan "$at${3:-}"; like "and says why" "$err" "*$2*"; }
taken() { run mt plan "$at${2:-}"; like "$1" "$code $err" '[02] '; }
key ada
key eve
printf 'ada@example.org %s\n' "$(public ada)" >allowed
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }

# ---- ssh, one commit at a time
settings "{allowedSigners: $WORK/allowed}"
refused "an unsigned commit is not planned" "commit $(git -C jobs rev-parse --short=8 HEAD) by Test <test@example.org> is not signed; git commit --amend -S*"
exits "nor validated" 3 mt validate "$at"
exits "nor applied" 3 mt apply "$at" --yes
exits "nor shown" 3 mt render "$at"
exits "nothing of it is there" 1 mt get JobQueue first
sign_with ssh "$WORK/ada.pub"
change signed
taken "a commit that ada signed is"
exits "and applied" 0 mt apply "$at" --yes
run mt history -o json
is "with its author in the history" "$(json reconciles.0.author)" "Test <test@example.org>"
is "and who signed it" "$(json reconciles.0.signature)" "ada@example.org (ssh $(fingerprint ada))"
sign_with ssh "$WORK/eve.pub"
change wrong
refused "one that eve signed is not" "is signed with the ssh key $(fingerprint eve), which is not in $WORK/allowed"
printf 'ada@example.org %s\neve@example.org not-a-key\n' "$(public ada)" >allowed
refused "a line that cannot be read is told of" "$WORK/allowed:2: *"
printf 'ada@example.org %s\n*@example.org %s\n' "$(public ada)" "$(public eve)" >allowed
taken "until her key is allowed, by a pattern"
settings "{allowedSigners: $WORK/allowed, principals: [ada@example.org]}"
refused "unless other principals count" "of \\*@example.org, who is not among principals of verify"
settings "{allowedSigners: $WORK/allowed, revokedKeys: $WORK/eve.pub}"
refused "or it is revoked" "is signed with the ssh key $(fingerprint eve) of \\*@example.org, which revokedKeys $WORK/eve.pub revokes"
ssh-keygen -q -k -f "$WORK/krl" "$WORK/eve.pub"
settings "{allowedSigners: $WORK/allowed, revokedKeys: $WORK/krl}"
refused "by a list that ssh-keygen made as well" "which revokedKeys $WORK/krl revokes"
settings "{openpgpKeys: $WORK/allowed}"
refused "or no key of ssh counts" "is signed with an ssh key, and verify names no allowedSigners"

# The commit's own time counts, as in git, however late it is looked at.
sign_with ssh "$WORK/ada.pub"
settings "{allowedSigners: $WORK/allowed}"
printf 'ada@example.org valid-after="20200101",valid-before="20210101" %s\n' "$(public ada)" >allowed
change now
refused "a key that has expired" "is signed with the ssh key $(fingerprint ada), which was not valid at its time by $WORK/allowed (*key has expired*"
GIT_COMMITTER_DATE=2019-06-01T12:00:00Z change early
refused "or is not valid yet" "*key is not yet valid*"
GIT_COMMITTER_DATE=2020-06-01T12:00:00Z change then
taken "but was, when the commit was made"
printf 'ada@example.org namespaces="file" %s\n' "$(public ada)" >allowed
refused "a key for something else than git" "whose line in $WORK/allowed does not allow it"
printf 'ada@example.org %s\n' "$(public ada)" >allowed
chmod g+w allowed
exits "a file that others may write is refused" 1 mt plan "$at"
like "and says so" "$err" "*others may write it, and it says who is trusted*"
chmod g-w allowed

# Objects that no honest git makes: written as they are, and the branch set to them.
write_commit() { id=$(git -C jobs.git hash-object -t commit -w --stdin) && git -C jobs.git update-ref refs/heads/main "$id"; }
good=$(git -C jobs rev-parse HEAD)
git -C jobs cat-file commit HEAD | sed 's/^then$/now/' | write_commit
refused "a message that was changed under its signature" "was changed after it was signed"
git -C jobs cat-file commit HEAD | sed "s/^tree .*/tree $(git -C jobs rev-parse 'HEAD~1^{tree}')/" | write_commit
refused "other files under a signature" "was changed after it was signed"
git -C jobs cat-file commit HEAD | sed 's/^author Test/author Ada/' | write_commit
refused "another author under a signature" "was changed after it was signed"
git -C jobs cat-file commit HEAD | awk '/^gpgsig/ {s = 1; block = ""} s {block = block $0 "\n"; if ($0 ~ /END/) {printf "%s%s", block, block; s = 0}; next} {print}' | write_commit
refused "two signatures" "is not taken: it has several signatures"
# payload: what was signed; signed_in NAMESPACE: the same, signed anew by ada.
payload() { git -C jobs cat-file commit HEAD | awk '/^gpgsig/ {s = 1} !s {print} s && /END/ {s = 0}'; }
signed_in() {
    payload >"$WORK/payload" && rm -f "$WORK/payload.sig" && ssh-keygen -q -Y sign -n "$1" -f "$WORK/ada" "$WORK/payload" 2>/dev/null
    awk -v sig="$(sed '1!s/^/ /; 1s/^/gpgsig /' "$WORK/payload.sig")" '{print} /^committer/ && !done {print sig; done = 1}' "$WORK/payload"
}
signed_in git | write_commit
taken "one that was signed by hand"
signed_in file | write_commit
refused "a signature for another purpose" "has an ssh signature that was made for something else than git"
git -C jobs cat-file commit HEAD | sed 's/BEGIN SSH SIGNATURE/BEGIN SIGNED MESSAGE/; s/END SSH SIGNATURE/END SIGNED MESSAGE/' | write_commit
refused "a signature in another form" "has a signature that is neither of ssh nor of OpenPGP"
git -C jobs.git update-ref refs/heads/main "$good"
ln -s "$(command -v git)" "$(command -v timeout)" "$(command -v sh)" "$(mkdir "$WORK/bin" && echo "$WORK/bin")/"
run env PATH="$WORK/bin" "$MUSTER" plan "$at"
like "what was verified once is not verified again" "$code $err" '[02] '
printf '# other\nada@example.org %s\n' "$(public ada)" >allowed
exits "unless the keys change: then nothing is verified without ssh-keygen" 1 env PATH="$WORK/bin" "$MUSTER" plan "$at"
like "and it says what to install" "$err" "*cannot be verified: the ssh-keygen executable is missing; install openssh-client*"

# ---- OpenPGP
export GNUPGHOME="$WORK/gnupg"
mkdir -m 700 "$GNUPGHOME"
gpg_quiet() { gpg --batch --quiet --pinentry-mode loopback --passphrase '' "$@" 2>>"$WORK/gpg.log"; }
fingerprint_of() { gpg --with-colons --list-keys "$1" | awk -F: '/^fpr/ {print $10; exit}'; }
gpg_quiet --quick-gen-key 'Bob <bob@example.org>' ed25519 cert never
bob=$(fingerprint_of bob@example.org)
gpg_quiet --quick-add-key "$bob" ed25519 sign never
gpg_quiet --quick-gen-key 'Mallory <mallory@example.org>' ed25519 sign never
mallory=$(fingerprint_of mallory@example.org)
gpg --armor --export "$bob" >bob.asc
gpg --export "$mallory" >mallory.gpg
settings "{openpgpKeys: $WORK/bob.asc}"
sign_with openpgp "$mallory"
change mallory
refused "a commit by a key that is in no file" "is signed with the OpenPGP key *, which is in no file of openpgpKeys"
settings "{openpgpKeys: [$WORK/bob.asc, $WORK/mallory.gpg]}"
taken "a file that is not armored counts, too"
settings "{openpgpKeys: $WORK/bob.asc, allowedSigners: $WORK/allowed}"
sign_with openpgp bob@example.org
change bob
taken "a commit by a subkey of bob's"
exits "and applied" 0 mt apply "$at" --yes
run mt history -o json
is "with the primary key in the history" "$(json reconciles.0.signature)" "Bob <bob@example.org> (openpgp $bob)"
signed=$(git -C jobs rev-parse HEAD)
git -C jobs cat-file commit HEAD | sed 's/^bob$/mallory/' | write_commit
refused "a message that was changed under its signature" "is signed with the OpenPGP key $bob of Bob <bob@example.org>, but was changed after it was signed"
git -C jobs cat-file commit HEAD | sed 's/^ [A-Za-z0-9+/=]\{20,\}$/ AAAA/' | write_commit
refused "a signature that is none" "has an OpenPGP signature that gpg does not accept"
payload >"$WORK/payload" && gpg_quiet --armor --detach-sign -u "$bob" -u "$mallory" -o "$WORK/payload.asc" "$WORK/payload"
awk -v sig="$(sed '1!s/^/ /; 1s/^/gpgsig /' "$WORK/payload.asc")" '{print} /^committer/ && !done {print sig; done = 1}' "$WORK/payload" | write_commit
refused "bob's signature beside another" "is signed with the OpenPGP key $bob of Bob <bob@example.org>, and with others: one signature is expected"
git -C jobs.git update-ref refs/heads/main "$signed"
cat bob.asc >keys.asc
printf '\n' >>keys.asc && cp keys.asc bob.asc
taken "the same key in a file that changed"
subkey=$(gpg --with-colons --list-keys "$bob" | awk -F: '/^sub/ {sub_ = 1} /^fpr/ && sub_ {print $10; exit}')
gpg_quiet --quick-set-expire "$bob" seconds=1 "$subkey" && until ! gpg --with-colons --list-keys "$bob" | grep -q '^sub:[^e]'; do :; done
gpg --armor --export "$bob" >bob.asc
refused "a subkey that has expired" "is signed with the OpenPGP key $bob of Bob <bob@example.org>, which has expired"
gpg_quiet --quick-set-expire "$bob" never "$subkey"
gpg --armor --export "$bob" >bob.asc
taken "until it is renewed and exported again"
sed 's/^:-----/-----/' "$GNUPGHOME/openpgp-revocs.d/$bob.rev" >revoke.asc
gpg_quiet --import revoke.asc
gpg --armor --export "$bob" >bob.asc
refused "a key that was revoked" "is signed with the OpenPGP key $bob of Bob <bob@example.org>, which its owner has revoked"
gpg_quiet --armor --export-secret-keys "$mallory" >bob.asc
exits "a private key is no file to trust" 1 mt plan "$at"
gpgconf --kill all
is "no home of gpg is left" "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'muster-gpg-*' -user "$(id -u)" -newer "$WORK/revoke.asc" 2>/dev/null)" ""
is "and no agent that muster started" "$(pgrep -f 'homedir .*muster-gpg-' || true)" ""
unset GNUPGHOME

# ---- tags
settings "{allowedSigners: $WORK/allowed, what: tag}"
sign_with
change tagged
sign_with ssh "$WORK/ada.pub"
git config --global commit.gpgsign false
tag() { git -C jobs tag "$@" && git -C jobs push -q origin --tags 2>/dev/null; }
tag -s -m one v1.0.0
tag v1.1.0
tag -a -m two v1.2.0
taken "a signed tag" @v1.0.0
taken "by its full name" @refs/tags/v1.0.0
taken "the highest of a range" '@semver:<1.1:'
refused "a lightweight tag" "tag v1.1.0 of commit *is a tag without an object of its own (a lightweight one), which cannot be signed: git tag -s*" @v1.1.0
refused "an annotated one that is not signed" "tag v1.2.0 of commit * is not signed; git tag -s*" @v1.2.0
refused "the highest of a range, though a lower one is signed" "tag v1.2.0 of *is not signed*" '@semver:1.x'
refused "a branch" "is named by no tag, and what: tag of verify wants one" @main
git -C jobs.git update-ref refs/tags/v2.0.0 "$(git -C jobs rev-parse refs/tags/v1.0.0)"
refused "a signed tag by the name of another version" "is the tag v1.0.0 by another name" @v2.0.0
sign_with ssh "$WORK/eve.pub"
git config --global commit.gpgsign false
tag -s -m three v1.3.0
refused "a tag that eve signed" "tag v1.3.0 of commit * is signed with the ssh key $(fingerprint eve), which is not in" '@semver:^1'
finish
