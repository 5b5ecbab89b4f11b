"""The engine's home of one checkout: its plug-ins, its state backend, and the environment that leads to them."""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rehearsal.engine.install import Engine, ensure
from rehearsal.plugins.kubernetes import install as kubernetes

OFFICIAL_SITE = "https://get.pulumi.com/releases/plugins/"
REACHED_WITHIN = 3.0  # seconds
INSTALLED_WITHIN = 60.0  # seconds, once the site has answered


def stand_in(name: str, root: Path) -> str | None:
    """A stand-in's executable, None when there is no such stand-in. Isolated (-I): neither the folder nor the environment it is started in
    changes what is imported."""
    if not (root / "rehearsal" / "plugins" / name / "__main__.py").exists():
        return None
    begin = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); from rehearsal.plugins.alone import without_sdk; without_sdk()"
    program = f"{begin}; runpy.run_module('rehearsal.plugins.{name}', run_name='__main__')"
    return f'#!/bin/sh\nexec "{root}/.venv/bin/python" -I -c "{program}" "{root}" "$@"\n'


def built(name: str, root: Path) -> str:
    """The executable of the provider that is built here, first of all if need be."""
    return f'#!/bin/sh\nexec "{kubernetes.plugin()}" "$@"\n'


@dataclass(frozen=True)
class Plugin:
    """A provider plug-in: its name, the Python package whose version it must have, and the executable that is ours."""

    name: str
    package: str
    may_be_official: bool
    own: Callable[[str, Path], str | None] = stand_in

    @property
    def choice(self) -> str:
        """The variable that says `own` or `official`, instead of finding out which can be had."""
        return f"HOMELAB_REHEARSAL_{self.name.upper()}"

    @property
    def version(self) -> str:
        return metadata.version(self.package)

    def folder(self, pulumi_home: Path) -> Path:
        return pulumi_home / "plugins" / f"resource-{self.name}-v{self.version}"

    def executable(self, pulumi_home: Path) -> Path:
        return self.folder(pulumi_home) / f"pulumi-resource-{self.name}"


COMMAND = Plugin("command", "pulumi-command", may_be_official=True)
KUBERNETES = Plugin("kubernetes", "pulumi-kubernetes", may_be_official=True, own=built)
VULTR = Plugin("vultr", "ediri-vultr", may_be_official=False)  # the official one would buy real machines
PLUGINS = (COMMAND, KUBERNETES, VULTR)


def home(root: Path, engine: Engine | None = None, *, passphrase: str = "homelab") -> dict[str, str]:
    """Makes the checkout's `.rehearsal/` ready for the engine and gives what to add to the environment to run it.

    The default passphrase is the `dev` stack's, public by design. Needs neither root nor machines.
    """
    engine = engine or ensure()
    rehearsal = root.resolve() / ".rehearsal"
    backend, pulumi_home = rehearsal / "backend", rehearsal / "pulumi-home"
    backend.mkdir(parents=True, exist_ok=True)
    pulumi_home.mkdir(exist_ok=True)
    environment = {
        **engine.environment,
        "HOMELAB_REHEARSAL": str(rehearsal),
        "PULUMI_HOME": str(pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "PULUMI_ERROR_OUTPUT_STRING": "1",
        "no_grpc_proxy": "127.0.0.1,localhost",  # grpc would send even these through a proxy named in lower case
        "PATH": _last(engine.environment["PATH"], kubernetes.folder() / "bin"),  # for people; a helm of their own comes first
    }
    for plugin in PLUGINS:
        provide(plugin, root.resolve(), pulumi_home, engine, environment)
    return environment


def provide(plugin: Plugin, root: Path, pulumi_home: Path, engine: Engine, environment: Mapping[str, str]) -> None:
    """Puts the plug-in where the engine looks for it: the official one where it may be and can be had, else our own.

    Which it was is remembered in `.rehearsal/`, so only the first call asks the network.
    """
    remembered = pulumi_home.parent / f"plugin-{plugin.name}-{plugin.version}"
    choice = os.environ.get(plugin.choice, "") if plugin.may_be_official else "own"
    choice = choice or (remembered.read_text() if remembered.exists() else "")
    if not choice or (choice == "official" and not _is_official(plugin, pulumi_home)):
        choice = "official" if install_official(plugin, pulumi_home, engine, environment) else "own"
    if choice != "official" and (text := plugin.own(plugin.name, root)):
        write_launcher(plugin.executable(pulumi_home), text)
    remembered.write_text(choice)


def install_official(plugin: Plugin, pulumi_home: Path, engine: Engine, environment: Mapping[str, str]) -> bool:
    """Whether the official plug-in is there now. Bounded; tried only when its site answers."""
    if not _reachable(f"{OFFICIAL_SITE}pulumi-resource-{plugin.name}-v{plugin.version}-linux-amd64.tar.gz"):
        return False
    print(f"plug-ins: fetching the official {plugin.name} {plugin.version}…", file=sys.stderr, flush=True)
    shutil.rmtree(plugin.folder(pulumi_home), ignore_errors=True)
    command = [str(engine.path), "plugin", "install", "resource", plugin.name, plugin.version]
    try:
        subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=INSTALLED_WITHIN)
    except subprocess.TimeoutExpired:
        print(f"plug-ins: not here after {INSTALLED_WITHIN:.0f} s; the rehearsal's own takes its place", file=sys.stderr, flush=True)
    return _is_official(plugin, pulumi_home)


def write_launcher(executable: Path, text: str) -> None:
    """Writes the launcher unless it is there; whole or not at all, so that a running engine never sees half of it."""
    if executable.exists() and _text(executable) == text:
        return
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.parent.with_name(f"{executable.parent.name}.partial").unlink(missing_ok=True)  # of an official install that was cut off
    scratch = executable.with_name(f".{os.getpid()}")
    scratch.write_text(text)
    scratch.chmod(0o755)
    scratch.rename(executable)


def _last(path: str, folder: Path) -> str:
    """The search path with the folder at its end, once."""
    return os.pathsep.join([*(part for part in path.split(os.pathsep) if part != str(folder)), str(folder)])


def _is_official(plugin: Plugin, pulumi_home: Path) -> bool:
    executable = plugin.executable(pulumi_home)
    return executable.exists() and _text(executable) is None


def _text(executable: Path) -> str | None:
    """The text of a script; None for a program."""
    content = executable.read_bytes()
    return content.decode() if content.startswith(b"#!") else None


def _reachable(address: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=REACHED_WITHIN):
            return True
    except (urllib.error.URLError, OSError):
        return False
