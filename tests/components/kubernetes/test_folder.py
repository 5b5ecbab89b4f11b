"""The folder of playbooks that is sent to the runner."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from components.kubernetes.folder import archive, digest
from components.kubernetes.local.send import command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    here = tmp_path / "playbooks"
    (here / "roles").mkdir(parents=True)
    (here / "cluster.yml").write_text("- hosts: all\n")
    (here / "roles/run").write_text("#!/bin/sh\n")
    (here / "roles/link").symlink_to("run")
    return here


def test_a_folder_is_another_when_a_text_a_name_a_mode_or_a_link_is(folder: Path) -> None:
    seen = [digest(folder)]
    (folder / "cluster.yml").write_text("- hosts: any\n")
    seen.append(digest(folder))
    (folder / "cluster.yml").rename(folder / "reset.yml")
    (folder / "cluster.yml").write_text("- hosts: any\n")
    seen.append(digest(folder))
    (folder / "roles/run").chmod(0o755)
    seen.append(digest(folder))
    (folder / "roles/link").unlink()
    (folder / "roles/link").symlink_to("../cluster.yml")
    seen.append(digest(folder))
    assert len({*seen}) == len(seen)


def test_what_tools_leave_in_a_folder_does_not_change_it(folder: Path) -> None:
    before = digest(folder)
    for name in ("__pycache__", ".git"):
        (folder / name).mkdir()
        (folder / name / "x").touch()
    assert digest(folder) == before and not [name for name in names(folder) if "x" in name]


def test_it_arrives_with_its_modes_and_links(folder: Path, tmp_path: Path) -> None:
    (folder / "roles/run").chmod(0o755)
    there = tmp_path / "there"
    there.mkdir()
    subprocess.run(["tar", "-xz", "-C", there], input=archive(folder), check=True)
    assert digest(there) == digest(folder) and (there / "roles/link").is_symlink()


def test_a_folder_without_a_cluster_playbook_is_refused(folder: Path) -> None:
    (folder / "cluster.yml").unlink()
    with pytest.raises(OSError, match=r"no cluster\.yml"):
        digest(folder)


def test_the_runner_puts_it_where_its_name_says() -> None:
    assert command("folder-0123456789ab").endswith("kubernetes/receive folder-0123456789ab")


def names(folder: Path) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive(folder))) as bundle:
        return bundle.getnames()
