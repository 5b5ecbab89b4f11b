"""Which state a make target acts on; above all, that a preview asks nothing, makes nothing and changes no file of the operator's."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.document import ROOT
from config.passphrase import Box
from rehearsal import stack
from rehearsal.paths import cache

LIMIT = 300.0  # seconds for one preview; without a cache of the engine it would be built
SCRATCH = 42

Pulumi = Callable[..., Path]


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """A `pulumi` on PATH that knows `stacks`, or fails with `words`; gives the log of what it was called with."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(stack, "scratch_preview", lambda name, why: SCRATCH)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"):
        monkeypatch.delenv(name, raising=False)

    def pulumi(*stacks: str, words: str = "", backend: str | None = "file://~") -> Path:
        log, bin_ = tmp_path / "log", tmp_path / "bin"
        bin_.mkdir()
        log.touch()
        listed = json.dumps([{"name": name, "current": False} for name in stacks])
        answer = f"echo '{words}' >&2; exit 3" if words else f"echo '{listed}'"
        script = f'#!/bin/sh\necho "$*" >>{log}\ncase "$*" in \'stack ls \'*) {answer};; esac\n'
        (bin_ / "pulumi").write_text(script)
        (bin_ / "pulumi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
        if backend is not None:
            (tmp_path / ".pulumi").mkdir()
            (tmp_path / ".pulumi" / "credentials.json").write_text(json.dumps({"current": backend}))
        return log

    return pulumi


ASKED = "stack ls --json --non-interactive"


def test_a_stack_of_the_operator_s_backend_is_previewed_there(pulumi: Pulumi) -> None:
    log = pulumi("other", "mylab")
    assert stack.own("preview", "mylab") == 0
    assert log.read_text().splitlines() == [ASKED, "preview --stack mylab"]


def test_a_stack_that_a_service_lists_with_its_organization_is_found(pulumi: Pulumi) -> None:
    log = pulumi("ann/mylab", backend="https://api.pulumi.com")
    assert stack.own("preview", "mylab") == 0
    assert log.read_text().splitlines()[-1] == "preview --stack mylab"


def test_a_stack_that_the_operator_s_backend_lacks_is_previewed_on_a_scratch_state_and_not_made(pulumi: Pulumi) -> None:
    log = pulumi("mylab")
    assert stack.own("preview", "home") == SCRATCH
    assert log.read_text().splitlines() == [ASKED]


@pytest.mark.parametrize("backend", [None, "", "file:///nowhere/at/all"])
def test_a_pulumi_that_is_logged_in_nowhere_is_not_asked(pulumi: Pulumi, backend: str | None) -> None:
    log = pulumi("home", backend=backend)
    assert stack.own("preview", "home") == SCRATCH
    assert log.read_text() == ""


@pytest.mark.parametrize(("name", "value"), [("PULUMI_BACKEND_URL", "s3://box"), ("PULUMI_ACCESS_TOKEN", "worthless")])
def test_the_environment_may_name_the_backend(pulumi: Pulumi, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    log = pulumi("home", backend=None)
    monkeypatch.setenv(name, value)
    assert stack.own("preview", "home") == 0
    assert log.read_text().splitlines()[-1] == "preview --stack home"


def test_without_a_pulumi_a_preview_is_on_a_scratch_state_and_an_update_is_refused(pulumi: Pulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert stack.own("preview", "home") == SCRATCH
    with pytest.raises(SystemExit, match="needs Pulumi installed"):
        stack.own("up", "home")


def test_a_backend_that_does_not_answer_ends_the_preview_with_its_words(pulumi: Pulumi) -> None:
    """A scratch preview would show everything as new, which is wrong for a stack that exists."""
    pulumi(words="error: no such host", backend="https://api.pulumi.com")
    with pytest.raises(SystemExit, match="error: no such host"):
        stack.own("preview", "mylab")


def test_an_update_asks_for_no_list(pulumi: Pulumi) -> None:
    log = pulumi()
    assert stack.own("up", "mylab") == 0
    assert log.read_text().splitlines() == ["up --stack mylab"]


def test_the_scratch_state_opens_secrets_with_the_operator_s_passphrase_else_with_the_public_one(tmp_path: Path) -> None:
    file = tmp_path / "phrase"
    file.write_text("in a file\n")
    given = {"PULUMI_CONFIG_PASSPHRASE": "given", "PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    found = {
        phrase: stack.passphrase("mylab", {"encryptionsalt": Box.new(phrase).state}, given) for phrase in ("given", "in a file", "homelab")
    }
    assert found == {phrase: phrase for phrase in found}


def test_a_passphrase_that_is_missing_is_asked_for_in_words_and_not_at_the_terminal() -> None:
    with pytest.raises(SystemExit, match="PULUMI_CONFIG_PASSPHRASE_FILE") as ended:
        stack.passphrase("mylab", {"encryptionsalt": Box.new("sensitive").state}, {"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert "sensitive" not in str(ended.value)


@pytest.mark.engine
def test_the_example_is_previewed_without_a_backend_a_home_or_a_root_s_power_and_its_file_stays_as_it_is(tmp_path: Path) -> None:
    before = digests()
    line = [sys.executable, "-m", "rehearsal.stack", "preview", "home"]
    if os.geteuid() == 0:
        line = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", *line]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_") and name != "SSH_AUTH_SOCK"}
    environment = {**kept, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(cache().parent)}
    run = subprocess.run(line, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "a preview as for a new stack" in run.stderr and "fleet-nimbus-server" in run.stdout
    assert digests() == before
    assert not list(tmp_path.rglob("*home.json"))


def digests() -> dict[str, str]:
    """Of every stack file of the checkout."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in ROOT.glob("Pulumi*.yaml")}
