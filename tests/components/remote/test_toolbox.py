import base64
import io
import os
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path

import pytest

from components.remote import toolbox


@pytest.fixture
def features(tmp_path, monkeypatch):
    """A toolbox of two features; gives the function that writes a script."""

    def write(name: str, text: str) -> None:
        feature, script = name.split("/", 1)
        path = tmp_path / feature / "scripts" / script
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        toolbox.scripts.cache_clear()

    monkeypatch.setattr(toolbox, "__file__", str(tmp_path / "remote" / "toolbox.py"))
    write("remote/run", "run")
    write("mesh/join", "join")
    write("storage/osd/prepare", "prepare")
    yield write
    toolbox.scripts.cache_clear()


def test_scripts_are_named_by_feature_also_in_folders(features):
    assert [*toolbox.scripts()] == ["mesh/join", "remote/run", "storage/osd/prepare"]


def test_a_digest_changes_with_its_own_script_and_with_the_shared_ones_only(features):
    before = toolbox.digest("mesh/join")
    features("storage/osd/prepare", "prepare better")
    assert toolbox.digest("mesh/join") == before
    features("mesh/join", "join better")
    changed = toolbox.digest("mesh/join")
    assert changed != before
    features("remote/run", "run better")
    assert toolbox.digest("mesh/join") != changed


def test_a_digest_changes_with_the_modules_that_its_feature_shares(features):
    before = toolbox.digest("mesh/join"), toolbox.digest("storage/osd/prepare")
    features("mesh/links.py", "shared")
    assert toolbox.digest("mesh/join") != before[0] and toolbox.digest("storage/osd/prepare") == before[1]


def test_the_archive_is_the_same_bytes_on_every_computer_and_unpacks_executable(features):
    packed = toolbox.archive()
    os.utime(Path(toolbox.__file__).parent / "scripts/run", (0, 0))
    toolbox.scripts.cache_clear()
    assert toolbox.archive() == packed
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as bundle:
        assert {entry.name: entry.mode for entry in bundle} == {name: 0o755 for name in toolbox.scripts()}


def test_a_script_that_does_not_exist_is_an_error_at_plan_time(features):
    with pytest.raises(KeyError):
        toolbox.digest("mesh/jion")


def test_every_script_starts_with_an_interpreter_line():
    started = (b"#!/bin/sh\n", b"#!/usr/bin/env python3\n")
    assert [name for name, text in toolbox.scripts().items() if not text.startswith(started) and not name.endswith(".py")] == []


PURE = ["components.plan", "components.mesh.plan", "components.machines.plan", "components.remote.toolbox", "config.model"]


@pytest.mark.parametrize("module", PURE)
def test_what_is_pure_can_be_imported_where_pulumi_is_not_installed(module):
    code = f"import sys; sys.modules.update(pulumi=None, pulumi_command=None, ediri_vultr=None); import {module}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_a_machine_unpacks_the_archive_and_what_is_no_more_in_it_is_gone(features, tmp_path):
    sudo, place = tmp_path / "bin/sudo", tmp_path / "homelab"
    sudo.parent.mkdir()
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    sudo.chmod(0o755)
    (place / "mesh").mkdir(parents=True)
    (place / "mesh/old").touch()
    install = toolbox.INSTALL.replace(toolbox.ROOT, str(place)).replace("/run/lock", str(tmp_path))
    run = partial(subprocess.run, ["sh", "-c", install], env={**os.environ, "PATH": f"{sudo.parent}:{os.environ['PATH']}"}, text=True)
    assert run(input=toolbox.archive()).returncode == 0
    assert {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()} == toolbox.scripts()
    assert os.access(place / "remote/run", os.X_OK)
    assert run(input="broken", capture_output=True).returncode != 0 and (place / "remote/run").exists()
