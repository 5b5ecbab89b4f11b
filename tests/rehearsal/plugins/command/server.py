"""An SSH server on a free port of 127.0.0.1, in a thread: scripts run as the tests' own user by bash, as sshd would."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh


@dataclass
class SshServer:
    """`connections` counts the ones that were opened; `closed` those that are gone again."""

    port: int = 0
    host_key: str = ""
    private_key: str = field(default="", repr=False)
    connections: int = 0
    closed: int = 0


@contextmanager
def ssh_server() -> Iterator[SshServer]:
    server, ready, end = SshServer(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(server, ready, end)))
    thread.start()
    try:
        assert ready.wait(10), "the SSH server has not begun to listen"
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


async def _serve(server: SshServer, ready: threading.Event, end: asyncio.Event) -> None:
    host, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    server.host_key = host.export_public_key().decode().strip()
    server.private_key = client.export_private_key().decode()

    class Counted(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            server.connections += 1

        def connection_lost(self, exc: Exception | None) -> None:
            server.closed += 1

    authorized = asyncssh.import_authorized_keys(client.export_public_key().decode())
    options: dict[str, Any] = {"server_host_keys": [host], "authorized_client_keys": authorized, "encoding": None, "config": None}
    listener = await asyncssh.listen("127.0.0.1", 0, server_factory=Counted, process_factory=_run, **options)
    server.port = listener.get_port()
    ready.set()
    await end.wait()
    listener.close()
    await listener.wait_closed()


async def _run(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    pipe: Any = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec("bash", "-c", process.command or "", stdin=pipe, stdout=pipe, stderr=pipe)
    feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
    await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
    status = await child.wait()
    feeding.cancel()
    if status < 0:
        process.exit_with_signal("KILL" if status == -9 else "TERM")
    else:
        process.exit(status)


async def _pump(source: Any, target: Any) -> None:
    while data := await source.read(65536):
        target.write(data)


async def _feed(source: Any, target: Any) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except (OSError, asyncssh.Error):
        pass
    finally:
        target.close()
