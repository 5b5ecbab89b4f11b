"""A script that the user's login shell runs at the other end of a new SSH connection."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

import asyncssh

from rehearsal.plugins.command import connection
from rehearsal.plugins.command.lifecycle import Script, failed
from rehearsal.plugins.command.output import Capture
from rehearsal.plugins.resource import Failure, Step


async def run(script: Script, capture: Capture, step: Step, interrupted: asyncio.Event) -> None:
    """From dialling to the end of the script. Raises Failure."""
    opened = await connection.dial(connection.connection(script.value("connection")), step, interrupted)
    try:
        session = await _start(opened, script, capture)
        await session.ended
    finally:
        opened.close()
    if session.failure:
        raise failed(session.failure, script, capture)


class Session(asyncssh.SSHClientSession[bytes]):
    """One running script. `ended` is done when its channel is closed; `failure` then says how it failed, if it did."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure = "wait: remote command exited without exit status or exit signal"

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._capture.feed("stderr" if datatype == asyncssh.EXTENDED_DATA_STDERR else "stdout", data)

    def exit_status_received(self, status: int) -> None:
        self.failure = f"Process exited with status {status}" if status else ""

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        reason = f". Reason was: {msg}" if msg else ""
        self.failure = f"Process exited with status {128 + _number(signal)} from signal {signal}{reason}"

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _number(name: str) -> int:
    return int(getattr(signal, f"SIG{name}", 0))


async def _start(opened: asyncssh.SSHClientConnection, script: Script, capture: Capture) -> Session:
    """Starts the script and hands it its whole standard input. The variables of the previous output go unasked: stock servers
    drop them."""

    def session() -> Any:
        return Session(capture)

    try:
        channel, started = await opened.create_session(session, script.text, env=tuple(script.previous.items()), encoding=None)
    except (asyncssh.Error, OSError) as error:
        raise failed("EOF" if isinstance(error, asyncssh.ConnectionLost) else f"ssh: {error}", script, capture) from None
    if not isinstance(started, Session):
        raise Failure("ssh: the session is not the one that was asked for")
    with suppress(OSError):  # a script may have ended without reading
        channel.write(script.value("stdin", "").encode())
        channel.write_eof()
    return started
