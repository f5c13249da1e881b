#!/bin/sh
# The log of the daemon as JSON: each line of all that it says on stderr is an object with time, level and message, from its first
# line to its last, whatever is in it; what is known of a happening has a member of its own. As text it is as it always was.
set -u
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "1..0 # SKIP python3 is not installed (make deps)"; exit 0; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue first 1 >src/first.yaml
# lines FILE EXPRESSION: what Python makes of the lines, each an object of the members that it has to have.
lines() {
    python3 -c '
import json, re, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
for line in lines:
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z", line["time"]), line
    assert line["level"] in ("info", "warning", "error") and line["message"], line
    assert set(line) <= {"time", "level", "message", "source", "revision", "resource", "provider", "destination"}, line
    assert all(isinstance(value, str) and value for value in line.values()), line
print(eval(sys.argv[2]))' "$@"
}
start_daemon src --log-format json --listen :0 || { is "daemon starts" no yes; finish; }
ok "what is there is applied" until_ok mt get JobQueue first
of_source() { lines daemon.log "[line['level'] for line in lines if line.get('source') == 'e2e' and '$1' in line['message']]"; }
ok "whose doing it is stands by itself" until_like "\['info'\]" of_source "applying revision"
like "with the revision" "$(lines daemon.log "[line['revision'] for line in lines if 'applying' in line['message']]")" "\['????????????*'\]"
printf 'apiVersion: muster/v1\nkind: [Job"Queue\\\n' >'src/ha"lf.yaml'
ok "what is broken is a warning" until_like "\['warning'\]" of_source "is broken"
like "with the place in its message" "$(lines daemon.log "[line['message'] for line in lines if 'is broken' in line['message']]")" '*ha"lf.yaml:*'
rm 'src/ha"lf.yaml'
ok "and mended is none" until_like "\['info'\]" of_source mended
printf 'destinations:\n- name: nobody\n  events: ["*"]\n  exec: {command: [/bin/false]}\n' >"$STATE/notify.yaml" && chmod 666 "$STATE/notify.yaml"
kill -HUP "$daemon"
refused() { lines daemon.log "[line['level'] for line in lines if 'notify.yaml' in line['message']]"; }
ok "so is what cannot be read again" until_like "\['warning'\]" refused
stop_daemon "$daemon"
is "it ends with 0" "$?" 0
like "the first line says what begins" "$(lines daemon.log "lines[0]['message']")" 'muster *: serving *, following */src'
like "and another where it listens" "$(lines daemon.log "[line['level'] for line in lines if 'listening at' in line['message']]")" "\['info'\]"
exits "a start that fails" 1 mt serve src --log-format json --publish-snapshot /nowhere/at/all
printf '%s\n' "$err" >failed.log
like "says so in the same form" "$(lines failed.log "[(line['level'], line['message']) for line in lines]")" "\[('error', '--publish-snapshot /nowhere/at/all: *')\]"
exits "there are two formats" 1 mt serve src --log-format yaml
like "which are told" "$err" '*--log-format*text*json*'
exits "as text it fails as it did" 1 mt serve src --publish-snapshot /nowhere/at/all
like "with the program's name before it" "$err" 'muster: --publish-snapshot */nowhere/at/all*'
rm "$STATE/notify.yaml"
start_daemon src --log-format text || { is "daemon starts" no yes; finish; }
stop_daemon "$daemon"
like "and its log has the time first" "$(sed -n 2p daemon.log)" '20??-??-??T??:??:??.???Z muster serve: serving *'
finish
