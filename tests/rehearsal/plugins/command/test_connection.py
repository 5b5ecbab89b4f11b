"""A connection's record, and its dialling; without a network."""

import asyncio
import socket
from typing import Any

import asyncssh
import pytest

from rehearsal.plugins import wire
from rehearsal.plugins.command import connection, properties
from rehearsal.plugins.resource import Failure, Severity, Step


def test_a_plain_key_is_recorded_secret_inside_a_secret_connection_with_defaults() -> None:
    recorded = properties.checked({"host": "h", "privateKey": "k", "user": "u"})
    inner = {"host": "h", "user": "u", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0, "privateKey": wire.secret("k")}
    assert recorded == wire.secret(inner)


def test_a_connection_that_is_secret_already_is_recorded_the_same() -> None:
    given = {"host": "h", "password": "p"}
    assert properties.checked(wire.secret({**given, "password": wire.secret("p")})) == properties.checked(given)


def test_an_unknown_connection_stays_unknown_and_secret() -> None:
    assert properties.checked(wire.UNKNOWN) == wire.secret(wire.UNKNOWN)


def test_no_secret_shows_in_a_connection_as_text() -> None:
    shown = repr(connection.connection({"host": "h", "privateKey": "hush", "password": "hush", "privateKeyPassword": "hush"}))
    assert "hush" not in shown


async def used(**given: Any) -> Any:
    async with connection.keys(connection.connection({"host": "h", **given})) as found:
        return found


def test_with_a_private_key_no_agent_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/no/agent")
    key = asyncssh.generate_private_key("ssh-ed25519")
    assert asyncio.run(used(privateKey=key.export_private_key().decode())) == [key]


def test_an_agent_that_does_not_answer_fails_at_once_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/no/agent")
    with pytest.raises(Failure, match=r"^dial unix /no/agent: connect: no such file or directory$"):
        asyncio.run(used())
    with pytest.raises(Failure, match=r"^dial unix /named: "):
        asyncio.run(used(agentSocketPath="/named"))


def test_without_key_and_agent_the_keys_of_the_home_folder_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert asyncio.run(used()) is None


def dialled(monkeypatch: pytest.MonkeyPatch, limit: int, failures: int) -> tuple[list[str], int]:
    """Dials a host that refuses so many times; gives the lines shown and the number of dials."""
    lines: list[str] = []
    dials = 0

    async def log(text: str, severity: Severity = "info", *, ephemeral: bool = True) -> None:
        lines.append(text)

    async def once(to: connection.Connection, chosen: Any) -> Any:
        nonlocal dials
        dials += 1
        if dials <= failures:
            raise ConnectionRefusedError(111, "Connect call failed")

    monkeypatch.setattr(connection, "_once", once)
    monkeypatch.setattr(connection, "FIRST_PAUSE", 0.001)
    to = connection.connection({"host": "10.0.0.9", "port": 2222, "dialErrorLimit": limit})
    asyncio.run(connection.dial(to, Step("urn::c", log), asyncio.Event()))
    return lines, dials


def test_the_limit_counts_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dialled(monkeypatch, limit=2, failures=2) == (["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"], 3)
    with pytest.raises(Failure, match=r"^after 2 failed attempts: dial tcp 10\.0\.0\.9:2222: connect: connection refused$"):
        dialled(monkeypatch, limit=2, failures=3)
    with pytest.raises(Failure, match=r"^after 0 failed attempts"):
        dialled(monkeypatch, limit=0, failures=1)


def test_a_limit_below_zero_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, dials = dialled(monkeypatch, limit=-1, failures=12)
    assert (lines[-1], dials) == ("Dial 12/inf failed: retrying", 13)


def test_a_port_that_accepts_and_stays_silent_fails_after_its_patience() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            given = {"host": "127.0.0.1", "port": silent.getsockname()[1], "dialErrorLimit": 0, "perDialTimeout": 0.2}
            await connection.dial(connection.connection(given), Step("urn::c", _quiet), asyncio.Event())

    with pytest.raises(Failure, match="i/o timeout"):
        asyncio.run(run())


async def _quiet(text: str, severity: Severity = "info", *, ephemeral: bool = True) -> None:
    return None
