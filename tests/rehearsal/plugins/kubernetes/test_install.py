"""What is built, that a build is whole or not there, and that versions agree."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from rehearsal.engine.problem import EngineProblem
from rehearsal.plugins.kubernetes import install


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "homelab-rehearsal"


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that has the provider's documents, makes an empty program of each package, and notes what it was asked."""
    documents = tmp_path / "module" / "cmd" / install.PLUGIN
    documents.mkdir(parents=True)
    for document in install.DOCUMENTS:
        documents.joinpath(document).write_text("{}")
    fake = tmp_path / "go"
    fake.write_text(
        f"""#!/bin/sh
echo "$@" >>{tmp_path}/asked
[ "$1" = mod ] && echo '{{"Dir": "{tmp_path}/module"}}' && exit
[ -e {install.PLUGIN}/schema.json ] && [ -e {install.PLUGIN}/terraform-mapping.json ] || exit 1
while [ "$1" != -o ]; do shift; done
out=$2; shift 2
for package; do : >"$out${{package##*/}}"; chmod +x "$out${{package##*/}}"; done
[ ! -e {tmp_path}/broken ]
"""
    )
    fake.chmod(0o755)
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
    compiler.with_name("broken").touch()
    with pytest.raises(EngineProblem):
        install.ensure()
    assert not install.complete()
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []


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
    for source in ("go.mod", "go.sum", f"{install.PLUGIN}/main.go"):
        copy = tmp_path / "build" / source
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((install.BUILD / source).read_bytes())
    monkeypatch.setattr(install, "BUILD", tmp_path / "build")
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
