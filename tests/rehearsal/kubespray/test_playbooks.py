"""The rehearsal's playbooks: what their modules decide on a machine, without Ansible and without a machine."""

import importlib.util
import io
import json
import re
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from rehearsal.kubernetes import install

FOLDER = Path(install.__file__).parent.parent / "kubespray"
ROLE = FOLDER / "roles" / "cluster"


@pytest.fixture(autouse=True)
def ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible is on the runner, not here: the modules only need its name."""
    basic = ModuleType("basic")
    basic.AnsibleModule = object  # type: ignore[attr-defined]
    for name in ("ansible", "ansible.module_utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "ansible.module_utils.basic", basic)


def load(path: Path) -> Any:
    loader = importlib.machinery.SourceFileLoader(f"kubespray_{path.stem.replace('-', '_')}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def library(name: str) -> Any:
    return load(FOLDER / "library" / f"{name}.py")


@pytest.mark.parametrize("name", ["cluster.yml", "remove-node.yml", "upgrade-cluster.yml", "reset.yml"])
def test_every_act_that_a_playbook_names_is_there(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert yaml.safe_load(text)
    acts = re.findall(r"tasks_from: ([a-z-]+)", text)
    assert acts
    assert all((ROLE / "tasks" / f"{act}.yml").exists() for act in acts)


def test_every_file_that_an_act_reads_is_there() -> None:
    for act in (ROLE / "tasks").glob("*.yml"):
        assert isinstance(yaml.safe_load(act.read_text()), list)
        for kind, name in re.findall(r"lookup\('(template|file)', '([^']+)'", act.read_text()):
            assert (ROLE / f"{kind}s" / name).exists(), f"{act.name}: {name}"


def test_the_version_is_that_of_the_programs() -> None:
    assert yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())["kube_version"] == install.VERSION


def test_the_programs_are_looked_for_where_the_machines_have_them() -> None:
    assert yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())["software"] == install.PLACE
    said = library("prepare").PROGRAMS
    assert {*said} <= {*install.PROGRAMS}


def test_a_service_reads_what_its_unit_and_its_drop_ins_name_and_what_that_names() -> None:
    texts = {
        "/etc/systemd/system/a.service": "ExecStart=/bin/a --config=/etc/a.conf",
        "/etc/systemd/system/a.service.d/more.conf": "EnvironmentFile=/etc/a.env",
        "/etc/systemd/system/b.service": "ExecStart=/bin/b --config=/etc/b.conf",
        "/etc/a.conf": "key: /etc/a.key",
        "/etc/a.key": "secret",
        "/etc/a.env": "",
        "/etc/b.conf": "",
    }
    assert library("services").read_by("a.service", texts) == {*texts} - {"/etc/systemd/system/b.service", "/etc/b.conf"}


def test_a_file_is_written_once_with_its_mode(tmp_path: Path) -> None:
    write, place = library("services").write, tmp_path / "folder" / "file"
    assert write(place, "text", 0o600)
    assert place.stat().st_mode & 0o777 == 0o600
    assert not write(place, "text", 0o600)
    assert write(place, "text", 0o644)
    assert write(place, "other", 0o644)


def test_labels_and_taints_are_added_and_none_is_taken_away() -> None:
    patch = library("nodes").patch
    node = {"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"taints": [{"key": "own", "effect": "NoExecute"}]}}
    assert patch(node, {"a": "1"}, ["own:NoExecute"]) == {}
    assert patch(node, {"a": "3"}, []) == {"metadata": {"labels": {"a": "3"}}}
    changed = patch(node, {}, ["cloud=yes:NoSchedule"])
    assert changed["spec"]["taints"] == [{"key": "own", "effect": "NoExecute"}, {"key": "cloud", "effect": "NoSchedule", "value": "yes"}]


@pytest.mark.parametrize("text", ["cloud:NoSchedule", "cloud=:NoSchedule"])
def test_a_taint_without_a_value_is_the_same_with_and_without_its_sign(text: str) -> None:
    assert library("nodes").taint(text) == {"key": "cloud", "effect": "NoSchedule"}


def test_names_and_addresses_stand_apart_in_a_certificate_and_each_once() -> None:
    said = library("keys").alternatives("nimbus", "10.88.0.1", "::1", "nimbus", "")
    assert said == ("DNS:nimbus", "IP:10.88.0.1", "IP:::1")


def test_an_image_is_the_same_bytes_wherever_it_is_made(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    image = {"name": "localhost/one:1", "files": {"/program": str(program)}, "entrypoint": ["/program"]}
    first = library("images").archive(image)
    program.touch()
    assert library("images").archive(image) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert manifest == [{"Config": "config.json", "RepoTags": ["localhost/one:1"], "Layers": ["layer.tar"]}]


def test_an_image_takes_folders_variables_and_the_right_to_low_ports(tmp_path: Path) -> None:
    images, folder = library("images"), tmp_path / "folder"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "passwd").write_text("somebody")
    (folder / "program").touch(mode=0o755)
    image = {
        "name": "a:1",
        "folders": {"/": str(folder)},
        "environment": {"VERSION": "1"},
        "binding": ["/program"],
        "entrypoint": ["/program"],
    }
    with tarfile.open(fileobj=io.BytesIO(images.archive(image))) as tar:
        config = json.load(tar.extractfile("config.json"))  # type: ignore[arg-type]
        content = tar.extractfile("layer.tar").read()  # type: ignore[union-attr]
    assert config["config"]["Env"] == ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VERSION=1"]
    with tarfile.open(fileobj=io.BytesIO(content)) as layer:
        assert layer.getnames() == ["tmp", "etc/passwd", "program"]
        assert layer.getmember("program").pax_headers["SCHILY.xattr.security.capability"].encode() == images.BIND
        assert layer.getmember("program").mode == 0o755 and layer.getmember("etc/passwd").mode == 0o644
    with pytest.raises(FileNotFoundError, match="has no files"):
        images.digest({**image, "folders": {"/": str(tmp_path / "absent")}})


def test_an_image_is_made_again_when_anything_in_it_has_changed(tmp_path: Path) -> None:
    digest, program = library("images").digest, tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    image = {"name": "localhost/one:1", "files": {"/program": str(program)}, "entrypoint": ["/program"]}
    before = digest(image)
    program.touch()
    assert digest(image) == before
    assert digest({**image, "environment": {"VERSION": "2"}}) != before
    program.write_bytes(b"\x7fELF2")
    assert digest(image) != before


def test_what_an_image_was_made_of_is_read_from_its_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = """REF TYPE DIGEST SIZE PLATFORMS LABELS
localhost/one:1 application/vnd.docker sha256:1 5.6 MiB linux/amd64 homelab/made-of=abc,io.cri-containerd.image=managed
sha256:1 application/vnd.docker sha256:1 5.6 MiB linux/amd64 -
"""
    fake = tmp_path / "ctr"
    fake.write_text(f"#!/bin/sh\ncat <<'E'\n{said}E\n")
    fake.chmod(0o755)
    monkeypatch.setattr(module := library("images"), "CTR", (str(fake),))
    assert module.present() == {"localhost/one:1": "abc", "sha256:1": ""}


def test_every_image_that_a_chart_of_the_rehearsal_runs_is_made_on_machines() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "prepare.yml").read_text())
    made = {image["name"] for task in tasks for image in task.get("images", {}).get("images", [])}
    used = {
        found.replace("{{ .Chart.AppVersion }}", "{{ addons_build }}")
        for template in (FOLDER.parent / "charts").glob("*/templates/*.yaml")
        for found in re.findall(r"^\s+image: (.+)$", template.read_text(), re.MULTILINE)
    }
    assert len(used) == 4 and used <= made


def test_the_pod_networks_cards_follow_from_the_addresses_and_differ() -> None:
    card = load(ROLE / "files" / "pod-network").card
    assert card("10.88.0.1") == "0a:58:0a:58:00:01"
    assert len({card(f"10.88.0.{number}") for number in range(256)}) == 256
