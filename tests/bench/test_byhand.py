"""What would be typed to have the storage by hand."""

import subprocess

import pytest

from bench.byhand import typed
from components.plan import plan
from config.ceph import CephKeys, new_fsid, new_key
from config.load import read

KEYS = CephKeys.model_validate({"fsid": new_fsid(), "monKey": new_key(), "adminKey": new_key()})
STORAGE = plan(read("dev")).storage
STEPS = [*typed(STORAGE, KEYS)]


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_every_step_is_a_script_that_a_shell_understands(number: int) -> None:
    read_ = subprocess.run(["sh", "-n"], input=STEPS[number].text, capture_output=True, text=True)
    assert read_.returncode == 0 and not read_.stderr


def test_every_disk_pool_and_user_of_the_plan_is_made_once() -> None:
    text = "".join(step.text for step in STEPS)
    for osd in STORAGE.osds.values():
        assert text.count(f"/dev/disk/by-id/{osd.id} $folder/block") == 1
    for pool in STORAGE.pools:
        assert text.count(f"ceph osd pool create {pool.name} ") == 1
    for user in STORAGE.users.values():
        assert text.count(f"ceph auth get-or-create client.{user.name} ") == 1


def test_a_quorum_is_awaited_by_the_names_of_all_monitors() -> None:
    text = next(step.text for step in STEPS if "quorum_status" in step.text)
    asked = text.partition("until quorum")[0].replace("ceph quorum_status -f json", "cat said")
    check = f"cd $(mktemp -d); echo '%s' > said; {asked} quorum && echo all || echo not all"
    answers = {
        "all": '{"quorum_names":["leviathan","absis","nimbus"],"x":["a"]}',
        "not all": '{"quorum_names":["leviathan"],"x":["absis","nimbus"]}',
    }
    for answer, said in answers.items():
        assert subprocess.run(["sh", "-c", check % said], capture_output=True, text=True).stdout.strip() == answer


def test_no_monitor_of_the_neighbourhood_is_kept_from_leading() -> None:
    text = "".join(step.text for step in STEPS)
    assert text.count("ceph mon add disallowed_leader") == 1 and "ceph mon add disallowed_leader nimbus" in text
