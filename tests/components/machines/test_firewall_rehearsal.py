"""The rented machine's firewall in network namespaces of its own: a neighbour in the provider's segment, the machine, a pod."""

import json
import subprocess

import pytest

from components.machines.plan import plan
from config.load import read

ROOM = """
set -eu
mount -t tmpfs none /run; mkdir /run/netns
ruleset=$(cat)
for name in machine neighbour pod; do ip netns add $name; ip -n $name link set lo up; done
link() { ip -n "$1" link add "$2" type veth peer name eth0 netns "$4"; ip -n "$1" address add "$3" dev "$2"; ip -n "$1" link set "$2" up; }
link machine ens3 203.0.113.100/24 neighbour
link machine cni0 10.233.64.1/24 pod
ip -n machine link add mesh0 type bridge; ip -n machine address add 10.88.0.3/32 dev mesh0; ip -n machine link set mesh0 up
ip -n neighbour address add 203.0.113.7/24 dev eth0; ip -n neighbour link set eth0 up
ip -n pod address add 10.233.64.2/24 dev eth0; ip -n pod link set eth0 up; ip -n pod route add default via 10.233.64.1
ip -n neighbour route add 10.0.0.0/8 via 203.0.113.100
in_machine() { ip netns exec machine "$@"; }
in_machine sysctl -qw net.ipv4.ip_forward=1
in_machine nft add table ip cluster
in_machine nft 'add chain ip cluster services { type nat hook prerouting priority dstnat; }'
in_machine nft add rule ip cluster services ip daddr 10.233.0.10 dnat to 10.233.64.2
in_machine nft add rule ip cluster services ip daddr 10.233.0.11 dnat to 10.88.0.3
in_machine nft add rule ip cluster services ip daddr 203.0.113.100 tcp dport 80 dnat to 10.233.64.2
in_machine nft 'add chain ip cluster out { type nat hook postrouting priority srcnat; }'
in_machine nft add rule ip cluster out ip saddr 10.233.64.0/24 oifname ens3 masquerade
servers=
for name in machine neighbour pod; do
    ip netns exec $name python3 -c 'import socket
server = socket.create_server(("", 80))
while True: server.accept()[0].close()' & servers="$servers $!"
    until ip netns exec $name ss -Hltn | grep -q :80; do sleep 0.05; done
done
trap 'kill $servers' EXIT
tries() {
    from=$1; shift
    ip netns exec "$from" python3 -c 'import socket, sys
for address in sys.argv[2:]:
    try:
        socket.create_connection((address, 80), 1)
        print(sys.argv[1], address)
    except OSError:
        pass' "$from" "$@"
}
all() {
    tries neighbour 203.0.113.100 10.88.0.3 10.233.64.2 10.233.0.10
    tries pod 203.0.113.7 10.88.0.3 10.233.0.11
}
echo before; all
printf %s "$ruleset" | in_machine nft -f -
echo after; all
"""


@pytest.mark.rehearsal
def test_a_neighbour_in_the_provider_s_segment_reaches_what_is_published_and_nothing_behind_it() -> None:
    ruleset = json.loads(plan(read("dev"), packages=[]).machines["nimbus"].firewall)["ruleset"]
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", ROOM],
        input=ruleset,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.removeprefix("before\n").split("after\n")
    pods = ["pod 203.0.113.7", "pod 10.88.0.3", "pod 10.233.0.11"]
    inside = ["neighbour 10.88.0.3", "neighbour 10.233.64.2", "neighbour 10.233.0.10"]
    assert [*before.splitlines()] == ["neighbour 203.0.113.100", *inside, *pods]
    assert [*after.splitlines()] == ["neighbour 203.0.113.100", *pods]
