"""What is built, that a build is whole or not there, and that versions agree."""

import re
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from rehearsal.engine.problem import EngineProblem
from rehearsal.plugins.kubernetes import install
from tests.rehearsal.builds import a_failed_build_leaves_nothing, fake_go


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that has the provider's documents, and builds only where they are."""
    documents = tmp_path / "module" / "cmd" / install.PLUGIN
    documents.mkdir(parents=True)
    for document in install.DOCUMENTS:
        documents.joinpath(document).write_text("{}")
    fake = fake_go(
        tmp_path,
        f"""[ "$1" = mod ] && echo '{{"Dir": "{tmp_path}/module"}}' && exit
[ -e {install.PLUGIN}/schema.json ] && [ -e {install.PLUGIN}/terraform-mapping.json ] || exit 1""",
    )
    monkeypatch.setattr(install, "go", lambda module, cache: fake)
    return fake


def test_a_build_has_both_programs_apart_and_the_second_call_builds_nothing(cache: Path, compiler: Path) -> None:
    folder = install.ensure()
    assert folder.parent == cache
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {*install.PROGRAMS}
    asked = compiler.with_name("asked").read_text()
    assert (install.plugin(), install.helm()) == (folder / "pulumi-resource-kubernetes", folder / "bin" / "helm")
    assert compiler.with_name("asked").read_text() == asked


def test_a_build_that_fails_leaves_nothing_to_be_taken_for_one(cache: Path, compiler: Path) -> None:
    a_failed_build_leaves_nothing(install, compiler)


def test_sources_that_cannot_be_had_are_named_with_the_reason(cache: Path, compiler: Path) -> None:
    compiler.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    with pytest.raises(EngineProblem, match=r"pulumi-kubernetes/provider/v4 cannot be had: no such host"):
        install.ensure()


def test_other_sources_another_label_or_another_command_line_are_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = install.key()
    line = install.compile_line
    with monkeypatch.context() as patched:
        patched.setattr(install, "compile_line", lambda go, out: [*line(go, out), "-race"])
        assert install.key() != before
    with monkeypatch.context() as patched:
        patched.setattr(install, "LABEL", "4.35.0")
        assert install.key().startswith("4.35.0-")
    monkeypatch.setattr(install, "BUILD", shutil.copytree(install.BUILD, tmp_path / "build"))
    assert install.key() == before
    tmp_path.joinpath("build", install.PLUGIN, "main.go").write_text("package main\n")
    assert install.key() != before


def test_the_programs_say_the_versions_of_the_modules_they_are_made_of() -> None:
    said = (install.BUILD / "go.mod").read_text()
    line = " ".join(install.compile_line(Path("go"), Path("out")))
    helm = re.search(r"helm\.sh/helm/v3 (v3\.\d+\.\d+)", said)
    client = re.search(r"k8s\.io/client-go v0\.(\d+)\.", said)
    assert helm is not None
    assert client is not None
    assert f"-X helm.sh/helm/v3/internal/version.version={helm[1]} " in line
    assert f"chartutil.k8sVersionMinor={client[1]}" in line
    assert f"{install.MODULE}/pkg/version.Version={metadata.version('pulumi-kubernetes')} " in line
