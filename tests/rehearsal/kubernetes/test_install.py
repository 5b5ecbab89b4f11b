"""What is built, that a build is whole or not there, and that versions agree."""

import re
import shutil
from pathlib import Path

import pytest

from rehearsal.kubernetes import install
from tests.rehearsal.builds import a_failed_build_leaves_nothing, fake_go


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake = fake_go(tmp_path, "")
    monkeypatch.setattr(install, "go", lambda module, cache: fake)
    return fake


def test_a_build_has_every_program_and_the_second_call_builds_nothing(cache: Path, compiler: Path) -> None:
    folder = install.ensure()
    assert folder.parent == cache
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {*install.PROGRAMS}
    asked = compiler.with_name("asked").read_text()
    assert install.ensure() == folder
    assert compiler.with_name("asked").read_text() == asked


def test_a_build_that_fails_leaves_nothing_to_be_taken_for_one(cache: Path, compiler: Path) -> None:
    a_failed_build_leaves_nothing(install, compiler)


def test_a_folder_that_lacks_a_program_is_built_anew(cache: Path, compiler: Path) -> None:
    (install.ensure() / "etcd").unlink()
    assert not install.complete()
    assert (install.ensure() / "etcd").exists()


def test_other_sources_are_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = install.key()
    monkeypatch.setattr(install, "BUILD", shutil.copytree(install.BUILD, tmp_path / "build"))
    assert install.key() == before
    (tmp_path / "build" / "pause" / "main.go").write_text("package main\n")
    assert install.key() != before


def test_the_modules_are_those_of_the_version_that_the_programs_say() -> None:
    said = (install.BUILD / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{install.VERSION}" in said
    parts = re.findall(r"^\tk8s\.io/\S+ => k8s\.io/\S+ v(\S+)$", said, re.MULTILINE)
    assert len(parts) > 20
    assert {*parts} == {install.VERSION.replace("1.", "0.", 1)}
    line = " ".join(install.compile_line(Path("go"), Path("out"), ["./kube"]))
    assert f".gitVersion=v{install.VERSION} " in line
