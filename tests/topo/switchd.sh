#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# switchd.sh - the daemon from outside: two hosts (network namespaces) on its taps, programmed with ovs-ofctl, asked with
# ovs-appctl, its file changed under it, and nothing left when it ends.
#     switchd.sh TRAMA_SWITCHD [CASE...]
# Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing).
set -u

bin=$1
shift
cases=${*:-flows messages packets normal reload second vlan killed}
a=tsd$$a b=tsd$$b
dir=
pid=
failed=0

[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
for tool in ip ping ovs-ofctl ovs-appctl; do
    command -v $tool > /dev/null || { echo "skipped: needs $tool"; exit 77; }
done

fail() { echo "$1: FAILED: $2"; failed=1; }
of() {
    cmd=$1
    shift
    timeout 10 ovs-ofctl -O OpenFlow13 "$cmd" "$dir/br0.mgmt" "$@"
}
ctl() { timeout 10 ovs-appctl -t "$dir/trama-switchd.ctl" "$@"; }
# What it was given is the case's name; then nothing on stdout but what is wrong.
want() { [ "$2" = "$3" ] || fail "$1" "'$2' instead of '$3'"; }
reaches() {
    ip -n $a neigh flush all
    ip netns exec $a ping -c 2 -i 0.05 -W 1 10.97.0.2 > /dev/null
}

# file VLAN_OF_B EXTRA: the switch file.
file() {
    cat > "$dir/sw.yaml" << END
run_dir: $dir
dpdk: {hugepages: off}
bridges:
  br0:
    datapath_id: 0x77
    fail_mode: standalone
    ports:
      tsa$$: {type: tap, netns: $a, address: 10.97.0.1/24, ofport: 11, vlan: {access: 10}}
      tsb$$: {type: tap, netns: $b, address: 10.97.0.2/24, ofport: 7, vlan: {access: $1}}
$2
END
}

start() {
    "$bin" -c "$dir/sw.yaml" --log "$dir/log" --log-level debug --daemon --pidfile "$dir/pid" || return 1
    pid=$(cat "$dir/pid")
}

stop() {
    [ -n "$pid" ] || return 0
    kill "$pid" 2> /dev/null
    for _ in $(seq 100); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.05
    done
    pid=
}

# What a sanitizer has to say of the daemon: its stderr is nowhere.
sanitized() {
    for report in "$dir"/sanitizer.*; do
        [ ! -e "$report" ] || { cat "$report"; fail sanitizer "$report"; }
    done
}

cleanup() {
    stop
    ip netns del $a 2> /dev/null
    ip netns del $b 2> /dev/null
    [ -z "$dir" ] || rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

flows() {
    of del-flows
    reaches && fail flows "ping passes without a flow"
    of add-flow "priority=10,in_port=11,actions=output:7"
    printf 'priority=10,in_port=7,actions=output:11\ntable=3,cookie=0x5,ip,nw_dst=10.0.0.0/8,actions=drop\n' | of add-flows -
    reaches || fail flows "ping does not pass by output"
    want flows "$(of dump-flows table=3 | sed -n 's/.*\(cookie=0x5\).*\(ip,.*\)/\1 \2/p')" "cookie=0x5 ip,nw_dst=10.0.0.0/8 actions=drop"
    want flows "$(of dump-flows in_port=11 | grep -c n_packets=0)" 0
    of mod-flows "in_port=11,actions=drop"
    reaches && fail flows "ping passes after the flow was changed to drop"
    timeout 10 ovs-ofctl -O OpenFlow13 --strict del-flows "$dir/br0.mgmt" "priority=10,in_port=7"
    want flows "$(of dump-aggregate | sed -n 's/.*flow_count=//p')" 2
    of add-flow "actions=group:5" 2> "$dir/err" && fail flows "a group that is not there was accepted"
    grep -q BAD_OUT_GROUP "$dir/err" || fail flows "no BAD_OUT_GROUP"
}

messages() {
    of show > "$dir/out" || fail messages "show"
    grep -q "dpid:0000000000000077" "$dir/out" || fail messages "show has no dpid"
    want messages "$(of dump-ports-desc | grep -c "addr:")" 2
    want messages "$(of dump-ports 7 | grep -c "port  7: rx pkts")" 1
    of dump-tables | grep -q "table 0" || fail messages "dump-tables"
    of dump-desc | grep -q trama || fail messages "dump-desc"
    timeout 10 ovs-ofctl -O OpenFlow13 probe "$dir/br0.mgmt" || fail messages "probe"
    timeout 10 ovs-ofctl -O OpenFlow13 ping "$dir/br0.mgmt" > /dev/null || fail messages "ping"
    of mod-port 7 no-forward
    want messages "$(of dump-ports-desc 7 | grep -c NO_FWD)" 1
    of mod-port 7 forward
    ctl version | grep -q "^trama-switchd " || fail messages "version"
    want messages "$(ctl worker/gap | grep -c own_ns)" 1
    want messages "$(ctl port/list br0 | grep -c '"type": "tap"')" 2
}

# A frame out of the controller's hands, and one into them.
packets() {
    mkdir -p /var/run/openvswitch
    of del-flows
    of add-flow "priority=0,actions=controller"
    timeout 10 ovs-ofctl -O OpenFlow13 monitor "$dir/br0.mgmt" 65534 --detach --no-chdir --pidfile="$dir/mon.pid" 2> "$dir/mon"
    of packet-out "in_port=11, packet=ffffffffffff02000000000288b5$(printf '%092d' 0), actions=table"
    for _ in $(seq 40); do
        grep -q "dl_type=0x88b5" "$dir/mon" && break
        sleep 0.05
    done
    grep -q "total_len=60 in_port=11" "$dir/mon" || fail packets "no packet-in"
    of add-flow "send_flow_rem,cookie=0x9,actions=drop"
    of del-flows cookie=0x9/-1
    for _ in $(seq 40); do
        grep -q "FLOW_REMOVED.*reason=delete.*cookie:0x9" "$dir/mon" && break
        sleep 0.05
    done
    grep -q "FLOW_REMOVED.*reason=delete.*cookie:0x9" "$dir/mon" || fail packets "no flow-removed"
    kill "$(cat "$dir/mon.pid")"
}

normal() {
    of del-flows
    of add-flow actions=NORMAL
    reaches || fail normal "ping does not pass"
    want normal "$(ctl mac/show br0 | grep -c '"vlan": 10')" 2
    ctl mac/flush br0
}

# Two VLANs instead of one, and back, without losing the ports; a bad file changes nothing.
reload() {
    of del-flows
    of add-flow actions=NORMAL
    file 20 ""
    ctl reload || fail reload "refused"
    reaches && fail reload "VLANs are not kept apart"
    file 30 "      x: {type: tap, netns: nosuch$$}"
    ctl reload 2> "$dir/err" && fail reload "a port in a namespace that is not there was accepted"
    grep -q "port x: " "$dir/err" || fail reload "the refusal does not name the port"
    want reload "$(ctl port/list br0 | grep -c '"vid": 20')" 1
    file 10 ""
    kill -HUP "$pid"
    for _ in $(seq 40); do
        [ "$(ctl port/list br0 | grep -c '"vid": 10')" = 2 ] && break
        sleep 0.05
    done
    reaches || fail reload "ping does not pass after SIGHUP"
}

second() {
    "$bin" -c "$dir/sw.yaml" 2> "$dir/err" && fail second "a second daemon started"
    grep -q "trama-switchd runs already in $dir (process $pid)" "$dir/err" || fail second "$(cat "$dir/err")"
}

# A port by command, with a VLAN of its own.
vlan() {
    ctl port/add br0 tsc$$ "{type: tap, netns: $b, address: 10.98.0.2/24, vlan: {trunk: [30]}}" > /dev/null || fail vlan "port/add"
    want vlan "$(of dump-ports-desc | grep -c "addr:")" 3
    ctl port/del br0 tsc$$ || fail vlan "port/del"
    ip -n $b link show tsc$$ > /dev/null 2>&1 && fail vlan "the interface is left"
    want vlan "$(of dump-ports-desc | grep -c "addr:")" 2
}

# After kill -9 the next one starts, and nothing of the first is left when it ends.
killed() {
    kill -9 "$pid"
    for _ in $(seq 100); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.05
    done
    start || { fail killed "does not start again"; return; }
    reaches || fail killed "ping does not pass"
    stop
    want killed "$(ls "$dir" | grep -Ev '^(sw.yaml|log|err|out|mon)$' | tr '\n' ' ')" ""
    ip -n $a link show tsa$$ > /dev/null 2>&1 && fail killed "the interface is left"
    start || fail killed "does not start a third time"
}

dir=$(mktemp -d /tmp/trama-topo-XXXXXX)
export ASAN_OPTIONS="log_path=$dir/sanitizer" UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:log_path=$dir/sanitizer"
for ns in $a $b; do
    ip netns add $ns
    ip -n $ns link set lo up
done
file 10 ""
start || { echo "start: FAILED: $(cat "$dir/log")"; exit 1; }
for c in $cases; do
    before=$failed
    failed=0
    $c
    [ $failed = 0 ] && echo "$c: ok"
    failed=$((failed | before))
done
stop
sanitized
exit $failed
