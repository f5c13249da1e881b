# nodes.sh: multinode jobs whose nodes share this machine. After lib.sh, and what makes the source `src` with a queue q
# in an environment here; $MEMBERS are members of each container. nodes_points begins a daemon and ends with it.
STATE=$WORK/st
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir -p "$WORK/meet"
# nodes NAME MAIN-COMMAND OTHER-COMMAND: of two, the second is the main one
nodes() {
    need='resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "32"}]'
    resource JobDefinition "$1" "{type: multinode, parameters: {who: nobody}, nodeProperties: {numNodes: 2, mainNode: 1, nodeRangeProperties: [
  {targetNodes: \"0:\", container: {$MEMBERS environment: [{name: SIDE, value: other}], command: [sh, -c, '$3'], $need}},
  {targetNodes: \"1\", container: {$MEMBERS environment: [{name: SIDE, value: main}], command: [sh, -c, '$2'], $need}}]}}"
    echo ---
}
described() { run mt describe job "$1" --output json; }
met() { [ -e "$WORK/meet/$1" ]; }
nodes_points() {
    says='echo I am $SIDE Ref::who; env | grep AWS_BATCH_JOB_ | sort'
    {
        nodes talk "$says; until [ -e $WORK/meet/other ]; do sleep 0.05; done" "$says; touch $WORK/meet/other; exit 5"
        nodes steady "trap \"exit 0\" TERM; touch $WORK/meet/main; until [ -e $WORK/meet/go ]; do sleep 0.05; done; test \$AWS_BATCH_JOB_ATTEMPT = 2" \
            "trap \"exit 0\" TERM; touch $WORK/meet/child; until [ -e $WORK/meet/never ]; do sleep 0.05; done"
        resource JobDefinition one "{type: container, containerProperties: {$MEMBERS command: [sh, -c, 'until [ -e $WORK/meet/go ]; do sleep 0.05; done'], resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"32\"}]}}"
        echo ---
    } >>src/all.yaml
    sed -i 's/maxvCpus: [0-9]*/maxvCpus: 2/' src/all.yaml
    start_daemon src --state "$STATE" || { is "the daemon starts" no yes; return; }
    ok "the definitions are there" until_like '*steady*' mt get jobdefinitions

    id=$(mt submit --queue q --definition talk --parameter who=together)
    exits "a multinode job ends with its main node" 0 mt wait "$id" --timeout 50s
    described "$id"
    is "whose exit code is the job's" "$(json attempts.0.exitCode) $(json attempts.1)" "0 null"
    run mt logs "$id"
    like "its log is the main node's, which runs what its range says" "$out" '*I am main together*'
    like "it is told which it is" "$out" '*AWS_BATCH_JOB_MAIN_NODE_INDEX=1*AWS_BATCH_JOB_NODE_INDEX=1*AWS_BATCH_JOB_NUM_NODES=2*'
    case $out in *ADDRESS*) said=yes ;; *) said=no ;; esac
    is "and no address, as it is the main one" $said no
    run mt logs "$id" --node 0
    like "the other one runs what its own says" "$out" '*I am other together*'
    like "and is told where the main one is" "$out" '*AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS=127.0.0.1*AWS_BATCH_JOB_NODE_INDEX=0*'

    single=$(mt submit --queue q --definition one)
    ok "one that takes half of the room runs" until_like '*RUNNING*' mt get jobs --status RUNNING
    id=$(mt submit --queue q --definition steady --attempts 2)
    ok "the nodes wait until there is room for both" until_like '*waits for 2 vCPU; 1 of 2 free*' mt describe job "$id"
    run mt explain "$id"
    like "and explain says so" "$out" '*2 vCPU*'
    is "none of them began" "$(ls "$WORK/meet")" other
    touch "$WORK/meet/go"
    exits "that one ends" 0 mt wait "$single" --timeout 50s
    exits "the main node fails, and all of the attempt is run again" 0 mt wait "$id" --timeout 50s
    described "$id"
    is "twice" "$(json attempts.0.exitCode) $(json attempts.1.exitCode)" "1 0"
    ok "the other nodes are ended" until_like 0 nodes_running

    rm "$WORK/meet"/*
    id=$(mt submit --queue q --definition steady --parameter who=killed)
    ok "both run" until_ok met child
    kill -9 "$daemon" && wait "$daemon" 2>/dev/null
    start_daemon src --state "$STATE" || { is "the daemon starts again" no yes; return; }
    described "$id"
    is "a daemon that was killed finds them" "$(json status) $(json attempts.1)" "RUNNING null"
    mt terminate "$id" --reason enough >/dev/null
    exits "a job that is terminated has failed" 7 mt wait "$id" --timeout 50s
    ok "with all of its nodes" until_like 0 nodes_running

    nodes wide true true | sed 's/numNodes: 2/numNodes: 3/' >>src/all.yaml
    ok "what needs more than there is can be seen" until_like '*wide*' mt get jobdefinitions
    run mt submit --queue q --definition wide
    ok "and can never run" until_like '*needs 3 vCPU; maxvCpus is 2*' mt describe job "$out"
}
