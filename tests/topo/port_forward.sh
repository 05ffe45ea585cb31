#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# port_forward.sh - tap and netdev ports between two hosts (network namespaces): everything passes, with the kernel's offloads
# as they are; the machine's own stack stays out of it; a vanished device and a killed process leave nothing behind.
#     port_forward.sh PORT_FORWARD [CASE...]      MIN_GBPS: fail when TCP stays below it (0: only measure); best of three tries
# Exit: 0 all passed, 1 something failed, 77 skipped (not root, or a tool is missing).
set -u

bin=$1
shift
cases=${*:-tap netdev mixed queues tagged stack vanish killed}
min_gbps=${MIN_GBPS:-0}
a=tpf$$a b=tpf$$b sw=tpf$$s
dir=
pid=
failed=0

[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
for tool in ip ping iperf3 nft nstat; do
    command -v $tool > /dev/null || { echo "skipped: needs $tool"; exit 77; }
done

say() { echo "$1: $2"; }
fail() { say "$1" "FAILED: $2"; failed=1; }
in_a() { ip netns exec $a "$@"; }
in_b() { ip netns exec $b "$@"; }

setup() {
    dir=$(mktemp -d /tmp/trama-topo-XXXXXX)
    mkfifo "$dir/in"
    for ns in $a $b $sw; do
        ip netns add $ns
        ip -n $ns link set lo up
    done
}

# veth NAME NAMESPACE ADDRESS: NAME is the switch's end, eth0 the host's.
veth() {
    ip -n $sw link add "$1" type veth peer name eth0 netns "$2"
    ip -n "$2" link set eth0 up
    ip -n "$2" addr add "$3.${4:-1}/24" dev eth0
    ip -n "$2" addr add "fd00::${4:-1}/64" dev eth0 nodad
}

# start ARGS...: forwards until stop.
start() {
    : > "$dir/out"
    ip netns exec $sw "$bin" "$dir" "$@" < "$dir/in" > "$dir/out" 2> "$dir/err" &
    pid=$!
    exec 9> "$dir/in"
    tail -n +1 -f --pid=$pid "$dir/out" 2> /dev/null | grep -q -m1 ready && return
    fail "$case" "the forwarder did not start: $(cat "$dir/err")"
    return 1
}

stop() {
    exec 9>&-
    wait $pid || fail "$case" "the forwarder ended with $?"
    pid=
    grep -q '^mbufs lost 0$' "$dir/out" || fail "$case" "frames leaked: $(grep lost "$dir/out")"
}

cleanup() {
    exec 9>&-
    [ -z "$pid" ] || { kill -9 $pid; wait $pid; } 2> /dev/null
    pid=
    for ns in $a $b $sw; do
        ip netns pids $ns 2> /dev/null | xargs -r kill -9
        ip netns del $ns 2> /dev/null
    done
    [ -z "$dir" ] || rm -rf "$dir"
    dir=
}
trap 'cleanup; exit 1' INT TERM

must_ping() { in_a ping -c 3 -i 0.05 -W 2 -q "$@" > /dev/null || fail "$case" "no ping of $*"; }

# tcp TARGET [OPTIONS]: Gbit/s of one stream from a to b.
tcp() {
    target=$1
    shift
    in_b timeout 20 iperf3 -s -1 --forceflush > "$dir/server" 2>&1 &
    tail -n +1 -f "$dir/server" 2> /dev/null | grep -q -m1 listening
    in_a timeout 20 iperf3 -c "$target" -t 2 "$@" -J | python3 -c 'import json, sys
end = json.load(sys.stdin).get("end", {})
print("%.2f" % (end.get("sum_received", end.get("sum", {})).get("bits_per_second", 0) / 1e9))'
    wait $!
}

must_be_fast() {
    best=0
    for try in 1 2 3; do
        got=$(tcp "$@")
        best=$(printf '%s\n' "$got" "$best" | sort -g | tail -1)
        awk "BEGIN { exit !($best >= $min_gbps) }" && break
    done
    say "$case" "TCP to $*: $best Gbit/s"
    awk "BEGIN { exit !($best >= $min_gbps) }" || fail "$case" "TCP to $* is slower than $min_gbps Gbit/s"
}

must_sum_right() {
    for ns in $a $b; do
        bad=$(ip netns exec $ns nstat -asz | awk '/InCsumErrors|TcpInErrs|TcpExtTCPDeferAcceptDrop/ { n += $2 } END { print n }')
        [ "$bad" = 0 ] || fail "$case" "$bad wrong checksums"
    done
}

traffic() {
    must_ping 10.9.0.2
    must_ping fd00::2
    must_ping -s 1400 10.9.0.2
    must_be_fast 10.9.0.2
    must_be_fast 10.9.0.2 -R
    must_be_fast fd00::2
    tcp 10.9.0.2 -u -b 1G -l 8000 > "$dir/udp"
    say "$case" "UDP, 8000 bytes: $(cat "$dir/udp") Gbit/s"
    must_sum_right
}

tap_a="tap tpfa $a 10.9.0.1/24"
tap_b="tap tpfb $b 10.9.0.2/24"

case_tap() {
    start $tap_a $tap_b || return
    in_a ip addr add fd00::1/64 dev tpfa nodad
    in_b ip addr add fd00::2/64 dev tpfb nodad
    traffic
    stop
    in_a ip link show tpfa > /dev/null 2>&1 && fail tap "the interface is still there"
}

case_netdev() {
    veth v0 $a 10.9.0 1
    veth v1 $b 10.9.0 2
    start netdev v0 - - netdev v1 - - || return
    traffic
    stop
    [ -z "$(ip netns exec $sw nft list ruleset)" ] || fail netdev "a guard is left"
}

case_mixed() {
    veth v1 $b 10.9.0 2
    start $tap_a netdev v1 - - || return
    in_a ip addr add fd00::1/64 dev tpfa nodad
    traffic
    stop
}

case_queues() {
    veth v1 $b 10.9.0 2
    start $tap_a netdev v1 - - 2 || return
    must_ping 10.9.0.2
    must_be_fast 10.9.0.2 -P 4
    must_sum_right
    stop
}

# Tags survive, 802.1Q, VID 0, 802.1ad and stacks of them, with the checksum still to be done.
case_tagged() {
    veth v0 $a 10.9.0 1
    start netdev v0 - - $tap_b || return
    must_ping 10.9.0.2
    python3 "$(dirname "$0")/tagged.py" $a eth0 $b tpfb || fail tagged "from netdev to tap"
    python3 "$(dirname "$0")/tagged.py" $b tpfb $a eth0 || fail tagged "from tap to netdev"
    stop
}

# The machine that runs the switch has an address on the port's own device, and does not answer.
case_stack() {
    veth v0 $a 10.9.0 1
    veth v1 $b 10.9.0 2
    ip -n $sw addr add 10.9.0.9/24 dev v0
    ip -n $sw link set v0 up
    must_ping 10.9.0.9
    start netdev v0 - - netdev v1 - - || return
    ip -n $a neigh flush dev eth0
    must_ping 10.9.0.2
    in_a ping -c 2 -i 0.1 -W 1 -q 10.9.0.9 > /dev/null && fail stack "the host answers a ping"
    in_a ip neigh show 10.9.0.9 | grep -q lladdr && fail stack "the host answers ARP"
    stop
    must_ping 10.9.0.9
}

case_vanish() {
    veth v0 $a 10.9.0 1
    start netdev v0 - - $tap_b || return
    must_ping 10.9.0.2
    ip -n $sw link set v0 down
    ip -n $sw link set v0 up
    must_ping 10.9.0.2 # down is not gone
    ip -n $sw link del v0
    in_b ping -c 2 -i 0.05 -W 1 -q 10.9.0.1 > /dev/null
    ip -n $b link del tpfb
    stop
    for port in v0 tpfb; do
        grep -q "^$port gone 1$" "$dir/out" || fail vanish "$port is not reported as gone"
    done
}

case_killed() {
    veth v0 $a 10.9.0 1
    start netdev v0 - - $tap_b || return
    must_ping 10.9.0.2
    child=$pid
    kill -9 $child
    wait $child 2> /dev/null
    pid=
    exec 9>&-
    [ -z "$(ip netns exec $sw nft list ruleset)" ] || fail killed "a guard is left"
    in_b ip link show tpfb > /dev/null 2>&1 && fail killed "the tap is left"
    [ -z "$(find "$dir" -mindepth 1 -type d)" ] || fail killed "a directory is left"
}

for case in $cases; do
    cleanup
    setup
    before=$failed
    failed=0
    case_$case
    [ $failed = 0 ] && say "$case" ok
    failed=$((failed | before))
    cleanup
done
exit $failed
