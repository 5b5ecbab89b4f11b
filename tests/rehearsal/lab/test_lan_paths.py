"""LAN paths on real machines: taken while the LAN works, given up for the tunnel and taken again, without an open connection noticing."""

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from rehearsal.machines.addresses import LINKS
from rehearsal.machines.shell import run, wait_until
from tests.rehearsal.lab.lab import Lab
from tests.rehearsal.lab.lan import MESH, cut, mac, no_tinc, taken, takes

pytestmark = pytest.mark.faults
LAN = {"leviathan": "192.168.77.10", "absis": "192.168.77.11"}
SERVICE = "homelab-lan-paths"
SERVER = "hl-stream"

ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], 9000))
while True:
    peer, _ = server.accept()
    while data := peer.recv(65536):
        peer.sendall(data)
"""
# Asks and is answered on one connection until a file says that it is enough; gives the longest wait for an answer.
STREAM = """
import json, os, socket, sys, time
done, count, longest = "/run/hl-stream.done", 0, 0
os.path.exists(done) and os.unlink(done)
peer = socket.create_connection((sys.argv[1], 9000), 10)
peer.settimeout(50)
while not os.path.exists(done):
    begun, left = time.monotonic(), 1000
    peer.sendall(b"x" * left)
    while left:
        left -= len(peer.recv(left))
    longest, count = max(longest, time.monotonic() - begun), count + 1
    with open("/run/hl-stream.new", "w") as file:
        file.write(str(count))
    os.replace("/run/hl-stream.new", "/run/hl-stream.count")
    time.sleep(0.02)
print(json.dumps({"longest": longest, "count": count}))
"""
# One frame from this host's place in the LAN: sender's and receiver's hardware addresses, mesh source and destination.
FORGE = """
import socket, struct, sys
device, source_mac, target_mac, source, target = sys.argv[1:]
mac = lambda text: bytes.fromhex(text.replace(":", ""))
udp = struct.pack("!HHHH", 9, 9001, 16, 0) + b"intruder"
head = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
total = sum(struct.unpack("!10H", head))
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + head[12:]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as line:
    line.bind((device, 0))
    line.send(mac(target_mac) + mac(source_mac) + b"\\x08\\x00" + head + udp)
"""
HEAR = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
    ear.bind((sys.argv[1], 9001))
    ear.settimeout(2)
    try:
        print(ear.recv(100).decode())
    except TimeoutError:
        print("silence")
"""


WHO = """
import socket, sys
server = socket.create_server((sys.argv[1], 9000))
while True:
    peer, address = server.accept()
    peer.sendall(address[0].encode())
    peer.close()
"""
ASK = "import socket, sys; print(socket.create_connection((sys.argv[1], 9000), 5).recv(99).decode())"
POD = """
ip netns add pod
ip link add to-pod type veth peer name eth0 netns pod
ip address add 10.233.127.1/24 dev to-pod
ip link set to-pod up
ip -n pod address add 10.233.127.2/24 dev eth0
ip -n pod link set eth0 up
ip -n pod route add default via 10.233.127.1
sysctl -q -w net.ipv4.ip_forward=1
"""


@pytest.fixture(scope="module", autouse=True)
def whole(lab: Lab) -> None:
    """Whatever tests before did: both home machines are on, and the stack is as its file says."""
    for name in MESH:
        lab.command_machines("boot", name)
    lab.up()
    wait_until(lambda: taken(lab) == {"lan"}, 20, lambda: "the LAN paths did not come up")


@contextmanager
def server(lab: Lab, name: str, code: str, *arguments: str) -> Iterator[None]:
    started = lab.inside(name, "systemd-run", f"--unit={SERVER}", "--collect", "python3", "-c", code, *arguments)
    assert started.returncode == 0, started.stderr
    try:
        wait_until(lambda: "python3" in lab.inside(name, "ss", "-Hltnp").stdout, 10, lambda: f"no server on {name}")
        yield
    finally:
        lab.inside(name, "systemctl", "stop", SERVER)


def progress(lab: Lab) -> int:
    return int(lab.inside("leviathan", "sh", "-c", "cat /run/hl-stream.count 2>/dev/null || echo 0").stdout)


def flows(lab: Lab, deadline: float) -> None:
    """The stream makes headway from here."""
    before = progress(lab)
    wait_until(lambda: progress(lab) > before + 5, deadline, lambda: "the open connection stands still")


@contextmanager
def stream(lab: Lab, *through: str) -> Iterator[list[float]]:
    """One open connection from leviathan to absis, in use all the time; afterwards the list holds its longest wait in seconds.
    `through`: words before the client's command."""
    waits: list[float] = []
    lab.inside("leviathan", "rm", "-f", "/run/hl-stream.count")
    with server(lab, "absis", ECHO, MESH["absis"]), ThreadPoolExecutor(1) as beside:
        argv = (*through, "python3", "-c", STREAM, MESH["absis"])
        client: Future[subprocess.CompletedProcess[str]] = beside.submit(lab.inside, "leviathan", *argv)
        try:
            flows(lab, 10)
            yield waits
        finally:
            lab.inside("leviathan", "touch", "/run/hl-stream.done")
        ended = client.result()
        assert ended.returncode == 0, ended.stderr
        waits.append(json.loads(ended.stdout)["longest"])


def test_neighbours_take_the_lan_and_everybody_else_the_tunnel(lab: Lab) -> None:
    assert taken(lab) == {"lan"}
    shown = lab.command("do", "leviathan", "mesh/status").stdout
    assert "takes the lan" in shown and "no answer" not in shown
    (route,) = json.loads(lab.inside("nimbus", "ip", "-json", "route", "get", MESH["leviathan"]).stdout)
    assert route["dev"] == "tinc0"


def test_the_gate_proved_both_paths(lab: Lab) -> None:
    said = next(one for one in lab.state()["deployment"]["resources"] if one["urn"].endswith("::mesh-probe-leviathan"))
    assert "over the LAN" in said["outputs"]["stderr"] and "through the tunnel" in said["outputs"]["stderr"]


def test_a_stranger_in_the_lan_cannot_speak_as_a_neighbour(lab: Lab) -> None:
    def heard(source: str) -> str:
        with ThreadPoolExecutor(1) as beside:
            ear = beside.submit(lab.inside, "leviathan", "python3", "-c", HEAR, MESH["leviathan"])
            wait_until(lambda: ":9001" in lab.inside("leviathan", "ss", "-Hlun").stdout, 5, lambda: "nobody listens")
            run("python3", "-c", FORGE, LINKS["home"], source, mac(lab, "leviathan"), MESH["absis"], MESH["leviathan"])
            return ear.result().stdout.strip()

    assert heard("02:00:00:00:00:99") == "silence"
    assert heard(mac(lab, "absis")) == "intruder", "the forged frame itself is at fault, so the silence above proves nothing"


def test_a_pod_is_known_by_the_mesh_address_of_its_machine_by_either_path(lab: Lab) -> None:
    def known_as() -> str:
        return lab.inside("leviathan", "ip", "netns", "exec", "pod", "python3", "-c", ASK, MESH["absis"]).stdout.strip()

    made = lab.inside("leviathan", "sh", "-e", stdin=POD)
    assert made.returncode == 0, made.stderr
    try:
        with server(lab, "absis", WHO, MESH["absis"]):
            assert known_as() == MESH["leviathan"]
            with cut(lab):
                wait_until(lambda: taken(lab) == {"tunnel"}, 12, lambda: "the LAN's routes stayed")
                assert known_as() == MESH["leviathan"]
    finally:
        lab.inside("leviathan", "ip", "netns", "delete", "pod")
    wait_until(lambda: taken(lab) == {"lan"}, 15, lambda: "the LAN's routes did not come back")


def test_an_open_connection_survives_the_loss_of_the_lan_and_its_return(lab: Lab) -> None:
    with stream(lab) as waits:
        with cut(lab):
            wait_until(lambda: taken(lab) == {"tunnel"}, 12, lambda: "the LAN's routes stayed")
            flows(lab, 15)
        wait_until(lambda: taken(lab) == {"lan"}, 15, lambda: "the LAN's routes did not come back")
        flows(lab, 10)
    assert waits[0] < 10


def test_the_lan_carries_on_while_tinc_is_stopped_everywhere_for_a_minute(lab: Lab) -> None:
    with stream(lab) as waits:
        with no_tinc(lab):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                flows(lab, 5)
                assert taken(lab) == {"lan"}
            assert lab.reaches("absis", MESH["leviathan"], within=5)
        flows(lab, 5)
    assert waits[0] < 1
    assert lab.reaches("absis", "10.88.0.3")


def test_without_any_path_nothing_of_the_mesh_leaves_in_plain(lab: Lab) -> None:
    def ways() -> list[str]:
        return [lab.inside("leviathan", "ip", "route", "get", address).stdout for address in (MESH["absis"], "10.88.0.3")]

    with no_tinc(lab), cut(lab):
        wait_until(lambda: ways() == ["", ""], 12, lambda: f"packets have a way out: {ways()}")
    wait_until(lambda: taken(lab) == {"lan"} and lab.reaches("absis", "10.88.0.3"), 30, lambda: "the mesh did not come back")


def test_a_restart_of_tinc_and_a_reload_of_the_service_drop_nothing(lab: Lab) -> None:
    with stream(lab) as waits:
        before = lab.inside("leviathan", "systemctl", "show", "-P", "MainPID", SERVICE).stdout
        for name in MESH:
            assert lab.inside(name, "systemctl", "restart", "tinc@homelab").returncode == 0
            assert lab.inside(name, "systemctl", "reload", SERVICE).returncode == 0
        flows(lab, 5)
        assert taken(lab) == {"lan"}
        assert lab.inside("leviathan", "systemctl", "show", "-P", "MainPID", SERVICE).stdout == before
    assert waits[0] < 1


@pytest.mark.parametrize("fault", ["KILL", "STOP"])
def test_a_service_that_dies_or_hangs_leaves_no_route_behind_and_comes_back(lab: Lab, fault: str) -> None:
    assert lab.inside("absis", "systemctl", "kill", "-s", fault, SERVICE).returncode == 0
    wait_until(lambda: takes(lab, "absis", "leviathan") == "tunnel", 12, lambda: "a route without a keeper stayed")
    wait_until(lambda: taken(lab) == {"lan"}, 20, lambda: "the LAN paths did not come back")


def test_with_another_network_card_the_tunnel_carries_on_until_the_card_is_read_again(lab: Lab) -> None:
    def exchange(card: str) -> None:
        assert lab.inside("absis", "ip", "link", "set", "host0", "address", card).returncode == 0

    before = mac(lab, "absis")
    try:
        exchange("02:00:00:00:00:77")
        wait_until(lambda: taken(lab) == {"tunnel"}, 10, lambda: "the path by the old card stayed")
        assert lab.reaches("absis", MESH["leviathan"])
        lab.up("--replace", lab.urn("mesh-card-absis"))
        wait_until(lambda: taken(lab) == {"lan"}, 10, lambda: "the new card was not taken")
    finally:
        exchange(before)
    lab.up("--replace", lab.urn("mesh-card-absis"))
    wait_until(lambda: taken(lab) == {"lan"}, 10, lambda: "the old card was not taken again")


def test_switched_off_they_are_gone_and_the_tunnel_carries_all(lab: Lab) -> None:
    with lab.edited(lambda said: said["homelab:mesh"].update(lanPaths=False)):
        lab.up()
        assert taken(lab) == {"tunnel"} and lab.reaches("absis", MESH["leviathan"])
        assert lab.inside("absis", "systemctl", "is-active", SERVICE).returncode != 0
        assert "absis" not in lab.inside("leviathan", "nft", "list", "chain", "inet", "homelab", "mesh_sources").stdout
    lab.up()
    assert taken(lab) == {"lan"}
