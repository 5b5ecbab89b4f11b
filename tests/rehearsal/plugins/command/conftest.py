import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.engine.home import COMMAND
from tests.rehearsal.engine.stack import Run, Stack, engine_environment
from tests.rehearsal.plugins.command.server import SshServer, ssh_server

PRELUDE = """
import pulumi
from pulumi import Output, ResourceOptions
from pulumi_command import local, remote

LOG = {log!r}
CONNECTION = dict(host="127.0.0.1", port={port}, user="tester", private_key={key!r}, host_key={host_key!r}, dial_error_limit=2)


def note(word):
    return f"echo {{word}} >> {{LOG}}"


def at(**changes):
    return remote.ConnectionArgs(**{{**CONNECTION, **changes}})


def Command(name, opts=None, **inputs):
    inputs = dict(add_previous_output_in_env=False) | inputs
    return local.Command(name, **inputs, opts=opts) if {place!r} == "local" else remote.Command(name, connection=at(), **inputs, opts=opts)
"""


@dataclass
class Lab:
    """A stack of commands that note in a file what ran, and the plug-in that runs them."""

    stack: Stack
    log: Path
    place: str
    official: bool

    def up(self, text: str | None = None, *flags: str, fails: bool = False) -> Run:
        return self.stack.up(text, *flags, fails=fails)

    def ran(self) -> list[str]:
        """What has been noted since the last time this was asked."""
        words = self.log.read_text().split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return words


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return {name: value for name, value in engine_environment(tmp_path_factory.mktemp("blank")).items() if name != "SSH_AUTH_SOCK"}


@pytest.fixture(scope="session")
def server() -> Iterator[SshServer]:
    with ssh_server() as running:
        yield running


def _lab(place: str, folder: Path, environment: Mapping[str, str], server: SshServer) -> Lab:
    log = folder / "ran"
    prelude = PRELUDE.format(log=str(log), port=server.port, key=server.private_key, host_key=server.host_key, place=place)
    stack = Stack(folder, environment, prelude)
    return Lab(stack, log, place, official=not _is_script(COMMAND.executable(Path(environment["PULUMI_HOME"]))))


def _is_script(executable: Path) -> bool:
    with executable.open("rb") as file:
        return os.pread(file.fileno(), 2, 0) == b"#!"


@pytest.fixture(params=["local", "remote"])
def both(request: pytest.FixtureRequest, tmp_path: Path, environment: Mapping[str, str], server: SshServer) -> Lab:
    """For rules that each kind of command keeps in its own way."""
    return _lab(request.param, tmp_path, environment, server)


@pytest.fixture
def local(tmp_path: Path, environment: Mapping[str, str], server: SshServer) -> Lab:
    return _lab("local", tmp_path, environment, server)


@pytest.fixture
def remote(tmp_path: Path, environment: Mapping[str, str], server: SshServer) -> Lab:
    return _lab("remote", tmp_path, environment, server)
