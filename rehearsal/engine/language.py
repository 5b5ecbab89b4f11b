"""The engine's language host for Python, for an engine that was built without its own.

Started as `language.py PROGRAM_RUNNER [flags] ENGINE_ADDRESS`; PROGRAM_RUNNER is the SDK's own script that runs a program under the engine.
Honours the project's `runtime.options.virtualenv`. It installs nothing and generates nothing: what needs that is told so.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # no stubs in the lock
import grpc.aio  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

MESSAGE_LIMIT = 400 * 1024 * 1024  # the engine's own
ERROR_WAS_SHOWN = 32  # the runner's exit status after it has told the person
PARENT_CHECK = 1.0  # seconds


def interpreter(root: Path, options: Mapping[str, Any]) -> Path:
    """The program's Python: the one of `virtualenv`, taken from the project's folder, else the one that runs this host.

    Raises FileNotFoundError with the remedy when the environment is not there.
    """
    if not options.get("virtualenv"):
        return Path(sys.executable)
    python = root / str(options["virtualenv"]) / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(
            f"Pulumi.yaml asks for the virtual environment {options['virtualenv']!r}, but there is no {python}: `make .venv/ready` makes it"
        )
    return python


def command_line(python: Path, runner: Path, engine: str, request: Any) -> list[str]:
    """How the runner is started for one RunRequest."""
    flags = {
        "engine": engine,
        "monitor": request.monitor_address,
        "project": request.project,
        "root_directory": request.info.root_directory,
        "stack": request.stack,
        "parallel": str(request.parallel),
        "dry_run": str(request.dryRun).lower(),
        "pwd": request.pwd,
        "organization": request.organization,
    }
    given = [word for name, value in flags.items() if value for word in (f"--{name}", value)]
    program = Path(request.info.program_directory, request.info.entry_point)
    return [str(python), "-u", str(runner), *given, str(program), *request.args]


def environment(request: Any) -> dict[str, str]:
    """This process's environment with the stack's configuration, as the SDK reads it."""
    return {
        **os.environ,
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs one program at a time as a child process; its output is this process's output, which the engine shows."""

    def __init__(self, runner: Path, engine: str) -> None:
        self._runner = runner
        self._engine = engine
        self._programs: set[asyncio.subprocess.Process] = set()

    async def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="")

    async def GetRequiredPackages(self, request: Any, context: Any) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse()  # each registration names its plug-in's version

    async def GetRequiredPlugins(self, request: Any, context: Any) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    async def RuntimeOptionsPrompts(self, request: Any, context: Any) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    async def GetProgramDependencies(self, request: Any, context: Any) -> language_pb2.GetProgramDependenciesResponse:
        return language_pb2.GetProgramDependenciesResponse()

    async def About(self, request: Any, context: Any) -> language_pb2.AboutResponse:
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    async def InstallDependencies(self, request: Any, context: Any) -> AsyncIterator[language_pb2.InstallDependenciesResponse]:
        yield language_pb2.InstallDependenciesResponse(stdout=b"Nothing to install here: `make .venv` makes the virtual environment.\n")

    async def Run(self, request: Any, context: Any) -> language_pb2.RunResponse:
        try:
            python = interpreter(Path(request.info.root_directory), dict(request.info.options))
        except FileNotFoundError as missing:
            return language_pb2.RunResponse(error=str(missing))
        line = command_line(python, self._runner, self._engine, request)
        program = await asyncio.create_subprocess_exec(*line, env=environment(request), stdin=asyncio.subprocess.DEVNULL)
        self._programs.add(program)
        try:
            status = await program.wait()
        finally:
            await self._end(program)
        if status == 0:
            return language_pb2.RunResponse()
        if status == ERROR_WAS_SHOWN:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {status}")

    async def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        await self.end_programs()
        return empty_pb2.Empty()

    async def end_programs(self) -> None:
        for program in tuple(self._programs):
            await self._end(program)

    async def _end(self, program: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            if program.returncode is None:
                program.kill()
        await program.wait()
        self._programs.discard(program)


async def _parent_gone(parent: int) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_CHECK)


async def serve(runner: Path, engine: str) -> None:
    """Serves until SIGINT, SIGTERM or the engine's own end; no program outlives it."""
    asked, parent = asyncio.Event(), os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    host = LanguageHost(runner, engine)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ends = [asyncio.create_task(asked.wait()), asyncio.create_task(_parent_gone(parent))]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in ends:
        task.cancel()
    await host.end_programs()
    await server.stop(grace=None)


def main() -> None:
    addresses = [argument for argument in sys.argv[2:] if not argument.startswith("-")]
    if not addresses:
        sys.exit("pulumi-language-python is started by the Pulumi engine; it does nothing by itself.")
    asyncio.run(serve(Path(sys.argv[1]), addresses[-1]))


if __name__ == "__main__":
    main()
