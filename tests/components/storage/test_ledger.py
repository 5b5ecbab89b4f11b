"""What the ledger makes of what it reads, without any disk."""

import importlib
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.storage import plan
from tests.components.storage.label import label

FSID = "11111111-2222-4333-8444-555555555555"
COMPONENTS = Path(plan.__file__).parents[1]


@pytest.fixture(scope="module")
def disks() -> Iterator[ModuleType]:
    """The module as the machines have it: beside the scripts, not in a package."""
    folders = [str(COMPONENTS / "storage/scripts"), str(COMPONENTS / "remote/scripts")]
    sys.path[:0] = folders
    yield importlib.import_module("disks")
    for folder in folders:
        sys.path.remove(folder)


def test_a_whole_label_tells_cluster_number_and_that_it_is_done(disks):
    identity = disks.osd_uuid(FSID, "WD-1")
    found = disks.parse_label(label(identity, {"ceph_fsid": FSID, "whoami": "7", "mkfs_done": "yes", "ready": "ready"}))
    assert (found.uuid, found.fsid, found.number, found.done) == (identity, FSID, 7, True)


def test_a_half_made_label_is_known_by_its_identity_alone(disks):
    found = disks.parse_label(label(disks.osd_uuid(FSID, "WD-1"), {}))
    assert (found.uuid, found.fsid, found.number, found.done) == (disks.osd_uuid(FSID, "WD-1"), None, None, False)


def test_a_label_whose_store_is_made_and_whose_last_word_is_missing_is_half_made(disks):
    assert not disks.parse_label(label(disks.osd_uuid(FSID, "WD-1"), {"mkfs_done": "yes"})).done


def test_every_disk_of_every_cluster_is_another_osd(disks):
    one, other = disks.osd_uuid(FSID, "WD-1"), disks.osd_uuid(FSID, "WD-2")
    assert len({one, other, disks.osd_uuid(str(uuid.uuid4()), "WD-1")}) == 3
    assert disks.osd_uuid(FSID, "WD-1") == one


@pytest.mark.parametrize("length", [60, 70, 90, 100, 120, 140])
def test_a_label_that_ends_too_early_is_damaged_not_empty(disks, length):
    whole = label(disks.osd_uuid(FSID, "WD-1"), {"ceph_fsid": FSID, "whoami": "7"})
    with pytest.raises(ValueError, match="cannot be read"):
        disks.parse_label(whole[:length])


@given(size=st.integers(0, 10**13))
def test_what_is_looked_at_lies_on_the_disk_and_has_both_ends(disks, size):
    places = [*disks.places(size)]
    assert all(start >= 0 and length > 0 and start + length <= size for start, length in places)
    if size:
        assert min(start for start, _ in places) == 0 and max(start + length for start, length in places) == size
    assert sum(length for _, length in places) <= 64 * 1024**2
