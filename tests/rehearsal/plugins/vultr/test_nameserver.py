"""The names of the account as machines of the rehearsal resolve them."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from rehearsal.plugins.vultr import nameserver
from rehearsal.plugins.vultr.nameserver import AAAA, ANY, CNAME, NO_ERROR, NO_SUCH_NAME, A, answer, ask
from rehearsal.plugins.vultr.store import Store
from rehearsal.plugins.vultr.zones import Zones

TEXT = 16
V4, V6 = "203.0.113.100", "2001:db8:113::100"


def query(name: str, kind: int = A, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 0xBEEF, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def read(message: bytes | None) -> tuple[int, list[tuple[str, int, int, str]]]:
    """Code, and (name, type, ttl, data) of each answer."""
    assert message is not None
    number, flags, questions, answers, *_ = struct.unpack_from("!HHHHHH", message)
    assert (number, flags & 0x8000, questions) == (0xBEEF, 0x8000, 1)
    _, at = name_at(message, 12)
    at, found = at + 4, []
    for _ in range(answers):
        name, at = name_at(message, at)
        kind, _, ttl, length = struct.unpack_from("!HHIH", message, at)
        data = message[at + 10 : at + 10 + length]
        found.append((name, kind, ttl, name_at(data, 0)[0] if kind == CNAME else str(ip_address(data))))
        at += 10 + length
    assert at == len(message)
    return flags & 0xF, found


def name_at(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), at + 1


@pytest.fixture
def zones(tmp_path: Path) -> Zones:
    zones = Zones(Store(tmp_path))
    zones.create_domain("lab.org", "disabled")
    for name, kind, data in (
        ("", "A", V4),
        ("plex", "A", V4),
        ("plex", "AAAA", V6),
        ("tv", "CNAME", "plex.lab.org."),
        ("away", "CNAME", "www.debian.org"),
        ("loop", "CNAME", "loop.lab.org"),
        ("*.apps", "A", "203.0.113.101"),
        ("a.deep", "A", V4),
    ):
        zones.create_record("lab.org", type=kind, name=name, data=data, ttl=300, priority=0)
    return zones


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("lab.org", A, [("lab.org", A, 300, V4)]),
        ("plex.lab.org", A, [("plex.lab.org", A, 300, V4)]),
        ("PLEX.Lab.Org", AAAA, [("plex.lab.org", AAAA, 300, V6)]),
        ("plex.lab.org", ANY, [("plex.lab.org", A, 300, V4), ("plex.lab.org", AAAA, 300, V6)]),
        ("tv.lab.org", A, [("tv.lab.org", CNAME, 300, "plex.lab.org"), ("plex.lab.org", A, 300, V4)]),
        ("tv.lab.org", CNAME, [("tv.lab.org", CNAME, 300, "plex.lab.org")]),
        ("away.lab.org", A, [("away.lab.org", CNAME, 300, "www.debian.org")]),
        ("any.apps.lab.org", A, [("any.apps.lab.org", A, 300, "203.0.113.101")]),
        ("very.any.apps.lab.org", A, [("very.any.apps.lab.org", A, 300, "203.0.113.101")]),
    ],
)
def test_a_name_of_the_account_is_answered_with_its_records(zones: Zones, name: str, kind: int, told: object) -> None:
    code, found = read(answer(query(name, kind), zones))
    assert (code, sorted(found)) == (NO_ERROR, sorted(told))  # type: ignore[call-overload]


@pytest.mark.parametrize(("name", "kind"), [("lab.org", AAAA), ("plex.lab.org", TEXT), ("deep.lab.org", A), ("apps.lab.org", A)])
def test_a_name_without_a_fitting_record_exists_nevertheless(zones: Zones, name: str, kind: int) -> None:
    assert read(answer(query(name, kind), zones)) == (NO_ERROR, [])


@pytest.mark.parametrize("name", ["nobody.lab.org", "x.plex.lab.org"])
def test_a_name_that_is_not_there_does_not_exist(zones: Zones, name: str) -> None:
    assert read(answer(query(name), zones)) == (NO_SUCH_NAME, [])


def test_an_alias_of_itself_comes_to_an_end(zones: Zones) -> None:
    code, found = read(answer(query("loop.lab.org"), zones))
    assert code == NO_ERROR
    assert {name for name, *_ in found} == {"loop.lab.org"}


@pytest.mark.parametrize("name", ["debian.org", "otherlab.org", "org"])
def test_names_outside_the_account_are_not_answered(zones: Zones, name: str) -> None:
    assert answer(query(name), zones) is None


@pytest.mark.parametrize(
    "message",
    [b"", b"short", query("plex.lab.org")[:20], query("plex.lab.org", flags=0x8000), query("plex.lab.org")[:12] + b"\xc0\x0c\0\1\0\1"],
)
def test_noise_and_answers_are_not_answered(zones: Zones, message: bytes) -> None:
    assert answer(message, zones) is None


def test_the_nearest_of_two_domains_has_the_say(zones: Zones) -> None:
    zones.create_domain("plex.lab.org", "disabled")
    assert read(answer(query("plex.lab.org"), zones)) == (NO_ERROR, [])


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The host's own name server: answers once, with the question's bytes turned round."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        monkeypatch.setattr(nameserver, "PORT", server.getsockname()[1])

        def serve() -> None:
            message, client = server.recvfrom(1024)
            server.sendto(message[::-1], client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield "127.0.0.1"
        thread.join(10)


def test_other_questions_go_to_the_hosts_own_resolver_and_back_as_they_are(resolver: str) -> None:
    assert ask(query("debian.org"), resolver) == query("debian.org")[::-1]


def test_a_resolver_that_is_not_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(nameserver, "PORT", closed.getsockname()[1])
    assert ask(query("debian.org"), "127.0.0.1") is None


def test_the_server_answers_what_is_in_the_account_at_that_moment(zones: Zones, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", nameserver.__name__, "127.0.0.1", str(port), "127.0.0.1", str(tmp_path)]
    with subprocess.Popen(line, cwd=Path(__file__).parents[4]) as server:
        try:
            assert read(served(port, query("plex.lab.org")))[1] == [("plex.lab.org", A, 300, V4)]
            zones.create_record("lab.org", type="A", name="new", data=V4, ttl=60, priority=0)
            assert read(served(port, query("new.lab.org")))[1] == [("new.lab.org", A, 60, V4)]
        finally:
            server.kill()


def served(port: int, message: bytes) -> bytes:
    """The answer of the server, which may still be starting."""
    deadline = time.monotonic() + 20
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect(("127.0.0.1", port))
        while time.monotonic() < deadline:
            try:
                client.send(message)
                return client.recv(1024)
            except OSError:
                time.sleep(0.05)
    raise AssertionError("the name server does not answer")
