"""CephFS from home to home: one machine writes a file and the other reads it, over LAN paths and through the tunnel."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.home import Home, await_lan, homes, tunnel
from bench.result import Result, compare

RUNS = 3
SIZE = 256
"""MiB of a file."""

FOLDER = "/srv/archive/media"
FILE = f"{FOLDER}/homelab-bench"
DEADLINE = 600.0

# On the disks when fsync returns: each block is then kept by two machines.
WRITE = """
import os, sys, time
block, begun = os.urandom(4 << 20), time.monotonic()
with open(sys.argv[1], "wb", 0) as file:
    for _ in range(int(sys.argv[2]) // 4):
        file.write(block)
    os.fsync(file.fileno())
print(int(sys.argv[2]) * 1.048576 / (time.monotonic() - begun))
"""
# By another machine than the writer, so that it comes out of no cache of that client.
READ = """
import sys, time
begun, total = time.monotonic(), 0
with open(sys.argv[1], "rb", 0) as file:
    while block := file.read(4 << 20):
        total += len(block)
assert total == int(sys.argv[2]) << 20, total
print(total / 1e6 / (time.monotonic() - begun))
"""
Rates = list[tuple[float, float]]


def measure() -> Iterator[Result]:
    """Two results, in MB/s."""
    one, other = homes()
    await_lan(one, other)
    with cleared(one):
        path = [rates(one, other, number) for number in range(RUNS)]
        with tunnel(one, other):
            through = [rates(one, other, number) for number in range(RUNS, 2 * RUNS)]
    for index, act in enumerate(("written", "read")):
        name = f"CephFS, {SIZE} MiB {act}, LAN path against tunnel"
        yield compare(name, [pair[index] for pair in path], [pair[index] for pair in through], "MB/s")


def rates(one: Home, other: Home, number: int) -> tuple[float, float]:
    """MB/s of writing a new file on one machine and of reading it on the other."""
    file = f"{FILE}-{number}"
    written = float(one.run("python3", "-c", WRITE, file, str(SIZE), deadline=DEADLINE))
    read = float(other.run("python3", "-c", READ, file, str(SIZE), deadline=DEADLINE))
    one.run("rm", "-f", file)
    return written, read


@contextmanager
def cleared(home: Home) -> Iterator[None]:
    """No file of a measure stays, also not of one that failed."""
    home.run("test", "-d", FOLDER)
    try:
        yield
    finally:
        home.run("sh", "-c", f"rm -f {FILE}-*")
