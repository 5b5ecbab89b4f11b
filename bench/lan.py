"""Throughput of one connection between the home machines: over the LAN path, over the raw LAN, through the tunnel."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.home import Home, await_lan, homes, serving, tunnel
from bench.result import Limit, Result, compare

RUNS = 5
SECONDS = 3.0
PORT = 17655
"""Nobody's."""

SINK = """
import socket, sys
server = socket.create_server(("", int(sys.argv[1])))
while True:
    peer, _ = server.accept()
    room, total = bytearray(1 << 20), 0
    while size := peer.recv_into(room):
        total += size
    peer.sendall(b"%d" % total)
    peer.close()
"""
# Only what the other end has counted, over the time until it said so.
SOURCE = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
block, begun = bytes(1 << 20), time.monotonic()
while time.monotonic() - begun < float(sys.argv[3]):
    peer.sendall(block)
peer.shutdown(socket.SHUT_WR)
total = int(peer.recv(64))
print(total * 8 / (time.monotonic() - begun) / 1e6)
"""


def measure() -> Iterator[Result]:
    """Two results, in Mbit/s."""
    one, other = homes()
    await_lan(one, other)
    with serving(other, SINK, PORT), admitted(other, PORT):
        pairs = [(rate(one, other.mesh), rate(one, other.lan)) for _ in range(RUNS)]
        paths = [path for path, _ in pairs]
        yield compare("LAN path against the raw LAN", paths, [raw for _, raw in pairs], "Mbit/s", Limit(0.85, least=True))
        with tunnel(one, other):
            through = [rate(one, other.mesh) for _ in range(RUNS)]
    yield compare("LAN path against the Tinc tunnel", paths, through, "Mbit/s")


def rate(home: Home, address: str) -> float:
    """Mbit/s from a machine to an address over a new connection."""
    return float(home.run("python3", "-c", SOURCE, address, str(PORT), str(SECONDS)))


@contextmanager
def admitted(home: Home, port: int) -> Iterator[None]:
    """The host firewall lets the LAN reach that port on the machine's own addresses too."""
    said = home.run("nft", "--echo", "--handle", "insert", "rule", "inet", "homelab", "input", "tcp", "dport", str(port), "accept")
    try:
        yield
    finally:
        home.run("nft", "delete", "rule", "inet", "homelab", "input", "handle", said.rpartition("# handle ")[2].split()[0])
