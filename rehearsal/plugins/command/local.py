"""command:local:Command: a script as a child process of the plug-in."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any

from rehearsal.plugins.command.lifecycle import Command, Script, failed
from rehearsal.plugins.command.output import Capture, Stream
from rehearsal.plugins.resource import Failure, Step

CHUNK = 65536  # bytes


class LocalCommand(Command):
    """Inherits the plug-in's whole environment and folder; an interrupted run kills the child."""

    refused = ("assetPaths", "archivePaths")

    async def run(self, script: Script, capture: Capture, step: Step) -> None:
        child = await _start(script)
        work = asyncio.create_task(_follow(child, script, capture))
        interrupt = asyncio.create_task(self.interrupted.wait())
        try:
            done, _ = await asyncio.wait({work, interrupt}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            with suppress(ProcessLookupError):
                if child.returncode is None:
                    child.kill()
            for task in (work, interrupt):
                task.cancel()
            status = await child.wait()
        if status:
            raise failed(_ending(status), script, capture)


async def _start(script: Script) -> asyncio.subprocess.Process:
    words = [*script.value("interpreter", ["/bin/sh", "-c"]), script.text]
    folder = script.value("dir")
    environment = {**os.environ, **script.value("environment", {}), **script.previous}
    pipe: Any = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(*words, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if folder is not None and error.filename == folder:
            raise Failure(f"chdir {folder}: {reason}") from None
        raise Failure(f"fork/exec {words[0]}: {reason}") from None


async def _follow(child: asyncio.subprocess.Process, script: Script, capture: Capture) -> None:
    """Until the child has ended and both its streams are closed."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    await asyncio.gather(
        _write(child.stdin, script.value("stdin", "").encode()),
        _read(child.stdout, "stdout", capture),
        _read(child.stderr, "stderr", capture),
        child.wait(),
    )


async def _write(pipe: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # a script need not read what it is given
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader, stream: Stream, capture: Capture) -> None:
    while data := await pipe.read(CHUNK):
        capture.feed(stream, data)


def _ending(status: int) -> str:
    """The official plug-in's words for how a process ended; `status` is negative for a signal."""
    if status > 0:
        return f"exit status {status}"
    return f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
