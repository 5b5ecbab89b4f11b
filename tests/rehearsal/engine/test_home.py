"""The engine's home of one checkout."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.engine import home as module
from rehearsal.engine.home import COMMAND, KUBERNETES, PLUGINS, VULTR, home
from rehearsal.engine.install import Engine
from rehearsal.plugins import alone
from rehearsal.plugins.kubernetes import install as kubernetes

ENGINE = Engine(Path("/opt/pulumi"), "3.259.0", {"PATH": "/opt"})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for plugin in PLUGINS:
        monkeypatch.delenv(plugin.choice, raising=False)
    monkeypatch.setattr(module, "_reachable", lambda address: False)
    monkeypatch.setattr(kubernetes, "plugin", lambda: Path("/cache/pulumi-resource-kubernetes"))
    for name in ("command", "vultr"):
        package = tmp_path / "rehearsal" / "plugins" / name
        package.mkdir(parents=True)
        package.joinpath("__main__.py").touch()
    shutil.copy(alone.__file__, tmp_path / "rehearsal" / "plugins")
    return tmp_path


def test_everything_lies_under_the_checkout(root: Path) -> None:
    environment = home(root, ENGINE)
    assert environment["PULUMI_HOME"] == str(root / ".rehearsal" / "pulumi-home")
    assert environment["PULUMI_BACKEND_URL"] == f"file://{root}/.rehearsal/backend"
    assert (root / ".rehearsal" / "backend").is_dir()


def test_helm_is_on_the_search_path_after_everything_else_and_once(root: Path) -> None:
    path = home(root, ENGINE)["PATH"]
    assert path == f"/opt:{kubernetes.folder()}/bin"
    assert home(root, replace(ENGINE, environment={"PATH": path}))["PATH"] == path


def test_plug_ins_have_the_versions_that_the_sdk_packages_ask_for(root: Path) -> None:
    pulumi_home = Path(home(root, ENGINE)["PULUMI_HOME"])
    made = {entry.name for entry in pulumi_home.joinpath("plugins").iterdir()}
    assert made == {"resource-command-v1.2.1", "resource-kubernetes-v4.34.2", "resource-vultr-v2.27.1"}
    assert os.access(pulumi_home / "plugins/resource-vultr-v2.27.1/pulumi-resource-vultr", os.X_OK)


def test_a_stand_in_that_does_not_exist_yet_gets_no_plug_in(root: Path) -> None:
    (root / "rehearsal/plugins/vultr/__main__.py").unlink()
    assert not VULTR.folder(Path(home(root, ENGINE)["PULUMI_HOME"])).exists()


def test_a_second_call_changes_nothing_under_a_running_engine(root: Path) -> None:
    executable = COMMAND.executable(Path(home(root, ENGINE)["PULUMI_HOME"]))
    before = executable.stat()
    home(root, ENGINE)
    assert (executable.stat().st_ino, executable.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_kubernetes_plug_in_is_the_one_that_is_built_here(root: Path) -> None:
    text = KUBERNETES.executable(Path(home(root, ENGINE)["PULUMI_HOME"])).read_text()
    assert text == '#!/bin/sh\nexec "/cache/pulumi-resource-kubernetes" "$@"\n'


def test_the_network_is_asked_once_and_only_for_plug_ins_that_may_be_official(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "_reachable", lambda address: bool(asked.append(address)))
    home(root, ENGINE)
    home(root, ENGINE)
    assert [address.rpartition("/")[2] for address in asked] == [
        "pulumi-resource-command-v1.2.1-linux-amd64.tar.gz",
        "pulumi-resource-kubernetes-v4.34.2-linux-amd64.tar.gz",
    ]


def installing(root: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> Engine:
    """An engine whose `plugin install` writes the content, and a network that answers."""
    monkeypatch.setattr(module, "_reachable", lambda address: True)
    target = COMMAND.executable(root / ".rehearsal" / "pulumi-home")
    fake = root / "pulumi"
    fake.write_text(f"#!/bin/sh\n{content.format(folder=target.parent, target=target)}\n")
    fake.chmod(0o755)
    return Engine(fake, "3.259.0", {"PATH": os.environ["PATH"]})


def test_an_official_plug_in_that_can_be_had_is_used_and_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = installing(root, monkeypatch, "mkdir -p {folder}; printf ELF > {target}; chmod +x {target}")
    executable = COMMAND.executable(Path(home(root, engine)["PULUMI_HOME"]))
    assert executable.read_text() == "ELF"
    monkeypatch.setattr(module, "_reachable", lambda address: False)
    home(root, engine)
    assert executable.read_text() == "ELF"


def test_an_official_plug_in_that_cannot_be_had_after_all_is_stood_in_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = installing(root, monkeypatch, "exit 1")
    assert "rehearsal.plugins.command" in COMMAND.executable(Path(home(root, engine)["PULUMI_HOME"])).read_text()


def test_the_vultr_plug_in_is_never_the_official_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VULTR.choice, "official")
    monkeypatch.setattr(module, "_reachable", lambda address: True)
    engine = installing(root, monkeypatch, "exit 1")
    assert "rehearsal.plugins.vultr" in VULTR.executable(Path(home(root, engine)["PULUMI_HOME"])).read_text()


def test_a_launcher_runs_the_stand_in_whatever_the_folder_and_the_environment(root: Path) -> None:
    main = root / "rehearsal" / "plugins" / "command" / "__main__.py"
    main.write_text("import sys\nprint(__name__, *sys.argv[1:])\n")
    binaries = root / ".venv" / "bin"
    binaries.mkdir(parents=True)
    binaries.joinpath("python").symlink_to(sys.executable)
    executable = COMMAND.executable(Path(home(root, ENGINE)["PULUMI_HOME"]))
    hostile = {**os.environ, "PYTHONPATH": str(root / "nowhere"), "PYTHONSTARTUP": "/no/such"}
    shown = subprocess.run([executable, "127.0.0.1:1", "--flag"], cwd="/", env=hostile, capture_output=True, text=True, timeout=20)
    assert shown.stdout == "__main__ 127.0.0.1:1 --flag\n", shown.stderr
