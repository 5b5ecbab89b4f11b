"""The `command` stand-in as a plug-in process."""

import asyncio
from importlib import metadata

from rehearsal.plugins.command.local import LocalCommand
from rehearsal.plugins.command.remote import RemoteCommand
from rehearsal.plugins.resource import Provider
from rehearsal.plugins.serve import serve


def provider() -> Provider:
    interrupted = asyncio.Event()

    async def cancel() -> None:
        interrupted.set()

    return Provider(
        name="command",
        version=metadata.version("pulumi-command"),
        resources={
            "command:local:Command": LocalCommand(interrupted),
            "command:remote:Command": RemoteCommand(interrupted),
        },
        cancel=cancel,
    )


if __name__ == "__main__":
    serve(provider())
