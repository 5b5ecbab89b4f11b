"""The facts script itself, run here as it is sent to a machine: through standard input, without root."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "components" / "machines" / "scripts" / "facts"


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    with SCRIPT.open() as text:
        done = subprocess.run([sys.executable, "-I", "-"], stdin=text, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("\n") == 1
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("facts", str(SCRIPT))
    spec = importlib.util.spec_from_loader("facts", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def test_every_fact_is_there_or_its_problem_is(facts: dict[str, Any]) -> None:
    promised = [
        "os",
        "kernel",
        "architecture",
        "virtualization",
        "host",
        "machineId",
        "root",
        "uptime",
        "cpus",
        "memory",
        "python",
        "addresses",
        "disks",
        "free",
        "latency",
        "features",
        "firewalls",
        "listeners",
        "clock",
    ]
    assert set(promised) <= facts.keys() | facts["problems"].keys()


def test_what_any_linux_tells_is_told(facts: dict[str, Any]) -> None:
    assert facts["cpus"] >= 1
    assert facts["memory"]["total"] > 10**8
    assert facts["free"]["/"] > 0
    assert 0 <= facts["latency"]["median"] <= facts["latency"]["p99"]
    assert facts["python"]["missing"] == []


def test_without_a_time_server_the_clock_says_so(facts: dict[str, Any]) -> None:
    assert facts["clock"] == {"problem": "no time server was named"}


def test_it_is_python_3_9_with_the_standard_library_alone() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 9))
    imported = {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported <= sys.stdlib_module_names


def test_the_offset_of_a_clock_is_that_of_the_servers_time(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = 42.5
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        thread = threading.Thread(target=answer_once, args=(server, ahead))
        thread.start()
        address = (socket.AF_INET, socket.SOCK_DGRAM, 0, "", server.getsockname())
        monkeypatch.setattr(script.socket, "getaddrinfo", lambda *_, **__: [address])
        offset = script.offset("time.example.net")
        thread.join()
    assert offset == pytest.approx(ahead, abs=0.2)


def answer_once(server: socket.socket, ahead: float) -> None:
    _, client = server.recvfrom(512)
    now = time.time() + ahead + 2208988800
    stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
    server.sendto(b"\x24" + 31 * b"\0" + stamp + stamp, client)


def test_a_failing_probe_does_not_stop_the_others(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "disks", lambda: 1 / 0)
    monkeypatch.setattr(script.sys, "argv", ["facts"])
    script.main()
    answer = json.loads(capsys.readouterr().out)
    assert answer["problems"]["disks"] == "ZeroDivisionError: division by zero"
    assert answer["cpus"] >= 1


@pytest.mark.parametrize(
    ("ruleset", "found"),
    [
        ({"family": "inet", "table": "filter", "name": "input", "hook": "input", "policy": "drop"}, ["nft inet filter input"]),
        ({"family": "inet", "table": "homelab", "name": "input", "hook": "input", "policy": "drop"}, []),
        ({"family": "inet", "table": "filter", "name": "input", "hook": "input", "policy": "accept"}, []),
        ({"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}, []),
    ],
)
def test_only_foreign_input_chains_that_drop_are_firewalls(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, ruleset: dict[str, str], found: list[str]
) -> None:
    monkeypatch.setattr(script.shutil, "which", lambda name: "/usr/sbin/nft")
    listed = json.dumps({"nftables": [{"metainfo": {}}, {"chain": ruleset}]})
    monkeypatch.setattr(script, "run", lambda *command, **_: listed if command[0] == "nft" else None)
    assert script.firewalls() == found


def test_listeners_are_those_on_ports_of_the_plan(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    output = (
        'udp   UNCONN 0 0    0.0.0.0:655    0.0.0.0:*  users:(("tincd",pid=7,fd=3))\n'
        'tcp   LISTEN 0 511     [::]:80        [::]:*  users:(("nginx",pid=8,fd=6),("nginx",pid=9,fd=6))\n'
        "tcp   LISTEN 0 128  0.0.0.0:22     0.0.0.0:*\n"
    )
    monkeypatch.setattr(script, "run", lambda *_, **__: output)
    assert script.listeners() == [
        {"protocol": "udp", "address": "0.0.0.0", "port": 655, "process": "tincd"},
        {"protocol": "tcp", "address": "[::]", "port": 80, "process": "nginx"},
    ]
