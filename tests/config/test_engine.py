"""The configuration and the real engine: encryption, defaults, order, and that a refusal comes before any resource."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from commands.init import main
from config.ceph import check_fsid, check_key
from config.document import ROOT, parse_yaml
from config.identities import CEPH, HOST_KEYS, MESH_KEYS
from config.passphrase import Box
from config.stack import KEYS, read
from rehearsal.engine.home import home

CORPUS = Path(__file__).parent / "corpus" / "invalid"
LIMIT = 120.0  # seconds for one command of the engine
SHOW = "import sys; from config.load import load; sys.stdout.write('<<' + load().model_dump_json(by_alias=True) + '>>')"

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Run:
    """One ended command of the engine: exit status, all it printed, and the names of the resources it registered."""

    status: int
    text: str
    registered: tuple[str, ...]


class Project:
    """This repository's program in a folder and a state of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, environment
        for name in ("Pulumi.yaml", "Pulumi.home.yaml", "__main__.py"):
            shutil.copy(ROOT / name, folder)
        for name in ("config", "components", ".venv"):
            (folder / name).symlink_to(ROOT / name)

    def begin(self, text: str) -> Run:
        (self.folder / "Pulumi.dev.yaml").write_text(text)
        return self.pulumi("stack", "init", "dev")

    def show(self) -> Run:
        (self.folder / "__main__.py").write_text(SHOW)
        return self.pulumi("preview", "--stack", "dev")

    def pulumi(self, *words: str) -> Run:
        events = self.folder / "events.jsonl"
        events.unlink(missing_ok=True)
        logged = ["--event-log", str(events)] if words[0] in ("up", "preview") else []
        line = ["pulumi", *words, *logged, "--non-interactive", "--color", "never"]
        run = subprocess.run(line, cwd=self.folder, env=dict(self.environment), capture_output=True, text=True, timeout=LIMIT)
        found = [json.loads(event) for event in events.read_text().splitlines()] if events.exists() else []
        urns = [event["resourcePreEvent"]["metadata"]["urn"] for event in found if "resourcePreEvent" in event]
        names = tuple(urn.rpartition("::")[2] for urn in urns if "pulumi:pulumi:Stack" not in urn)
        return Run(run.returncode, run.stdout + run.stderr, names)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder, state = tmp_path / "project", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    own = {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_DEBUG_COMMANDS": "true"}  # --event-log needs the latter
    return Project(folder, {**os.environ, **home(ROOT), **own})


def dev() -> str:
    return (ROOT / "Pulumi.dev.yaml").read_text()


def test_the_engine_hands_over_what_the_file_says_in_the_same_order(project: Project) -> None:
    project.begin(dev())
    run = project.show()
    shown = json.loads(run.text.split("<<")[1].split(">>")[0])
    said = json.loads(read("dev").model_dump_json(by_alias=True))
    opened = {"identities": None, "applicationSecrets": None}  # which only the engine can
    assert {**shown, **opened} == {**said, **opened}
    assert [*shown["applicationSecrets"]] == ["notes"]
    assert UUID(shown["identities"]["ceph"]["fsid"])
    assert list(shown["machines"]) == ["leviathan", "absis", "nimbus"]


def test_topics_may_be_left_out_and_vultr_is_asked_slowly(project: Project) -> None:
    text = dev().split("  homelab:names:")[0] + "encryptionsalt: " + Box.new("homelab").state + "\n"
    project.begin(text)
    shown = json.loads(project.pulumi("config", "--json", "--stack", "dev").text)
    assert project.show().text.count("pool.ntp.org") >= 4
    assert (shown["vultr:rateLimit"]["value"], shown["vultr:retryLimit"]["value"]) == ("5000", "8")


def test_a_stack_file_that_the_engine_opens_is_not_changed_by_it(project: Project) -> None:
    project.begin(dev())
    assert project.pulumi("config", "--stack", "dev").status == 0
    assert (project.folder / "Pulumi.dev.yaml").read_text() == dev()


def test_the_engine_opens_the_identities_that_init_encrypts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "homelab")
    assert main(["dev"], project.folder) == 0
    assert project.pulumi("stack", "init", "dev").status == 0
    found = {name: json.loads(project.pulumi("config", "get", f"homelab:{name}", "--stack", "dev").text) for name in KEYS}
    assert "PRIVATE KEY" in found[HOST_KEYS]["nimbus"] and "PRIVATE KEY" in found[MESH_KEYS]["nimbus"]
    assert check_fsid(found[CEPH]["fsid"]) and check_key(found[CEPH]["monKey"]) != check_key(found[CEPH]["adminKey"])


def test_init_through_pulumi_leaves_identities_that_the_passphrase_opens(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.begin("\n".join(line for line in (ROOT / "Pulumi.home.yaml").read_text().splitlines() if "encryptionsalt" not in line))
    for name, value in project.environment.items():
        monkeypatch.setitem(os.environ, name, value)
    assert main(["dev", "--cli"], project.folder) == main(["dev", "--cli"], project.folder) == 0
    document = parse_yaml((project.folder / "Pulumi.dev.yaml").read_text(), "dev")
    box = Box.open("homelab", document["encryptionsalt"])
    assert "nimbus" in json.loads(box.decrypt(document["config"]["homelab:rentedHostKeys"]["secure"]))


def test_an_update_without_identities_registers_nothing(project: Project) -> None:
    project.begin((ROOT / "Pulumi.home.yaml").read_text())
    run = project.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert "no host key for nimbus -> run `make init STACK=dev`" in run.text
    assert run.status != 0 and run.registered == ()


@pytest.mark.parametrize("stem", ["unknown-key", "lan-address-twice", "pods-overlap-mesh", "many-problems-at-once"])
def test_an_invalid_file_is_refused_before_anything_is_registered(project: Project, stem: str) -> None:
    refused(project, stem)


@pytest.mark.faults
@pytest.mark.parametrize("stem", sorted(file.stem for file in CORPUS.iterdir()))
def test_every_invalid_file_is_refused_before_anything_is_registered(project: Project, stem: str) -> None:
    refused(project, stem)


def refused(project: Project, stem: str) -> None:
    """The engine itself refuses a file that is no YAML or lacks a whole key, in its own words; all else gets the program's."""
    text = (CORPUS / f"{stem}.yaml").read_text()
    initialised = project.begin(text)
    run = project.pulumi("preview", "--stack", "dev") if initialised.status == 0 else initialised
    assert run.status != 0 and run.registered == ()
    assert expected(text, stem) in run.text
    assert "Traceback" not in run.text


def expected(text: str, stem: str) -> str:
    by_engine = {
        "not-yaml": "did not find expected ',' or '}'",
        "the-same-key-twice": "already",
        "missing-topic": "missing configuration value 'mesh'",
        "not-a-mapping": "must be of type 'object'",
        "private-keys-in-plain-text": "private keys in plain text",
    }
    message = text.splitlines()[0].removeprefix("# expect: ")
    return by_engine.get(stem, message)
