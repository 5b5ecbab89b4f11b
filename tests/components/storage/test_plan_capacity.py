"""How much fits, and placement groups: examples, and properties against the plain definition."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.storage.capacity import NEAR_FULL, capacity, fits, shares
from components.storage.layout import layout
from components.storage.pools import MOST_PER_OSD, per_osd, pools, wanted_pgs
from config.load import read
from config.machines import Disk

TB = 1000**4
HOME = read("home")
HOSTS = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(st.integers(1, 20).map(lambda size: size * TB), min_size=1, max_size=8), min_size=1
)
REPLICAS = st.integers(2, 4)


def test_with_as_many_hosts_as_copies_the_smallest_host_decides():
    found = capacity({"leviathan": [4 * TB] * 7, "absis": [4 * TB] * 5}, 2)
    assert found.usable == int(20 * TB * NEAR_FULL)
    assert found.unusable == {"leviathan": 8 * TB}


def test_a_lost_disk_heals_only_into_the_disks_of_its_own_machine_when_every_machine_is_needed():
    assert capacity({"a": [4 * TB] * 5, "b": [4 * TB] * 5}, 2).heals == int(16 * TB * NEAR_FULL)
    assert capacity({"a": [4 * TB], "b": [4 * TB] * 5}, 2).heals == 0


def test_three_hosts_share_two_copies():
    assert fits([4, 4, 4], 2) == 6 and fits([10, 2, 2], 2) == 4 and fits([1, 1], 3) == 0


@given(HOSTS, REPLICAS)
def test_what_fits_can_really_be_laid_out_and_not_a_byte_more(hosts, replicas):
    """The definition: each host holds at most one copy of everything, and at most what it has."""
    weights = [sum(sizes) for sizes in hosts.values()]
    most = fits(weights, replicas)
    assert sum(min(weight, most) for weight in weights) >= replicas * most - 1
    if len(weights) >= replicas:
        more = most * 1.001 + 1
        assert sum(min(weight, more) for weight in weights) < replicas * more


@given(HOSTS, REPLICAS)
def test_a_host_carries_at_most_one_copy_and_all_together_the_wanted_number(hosts, replicas):
    weights = {name: sum(sizes) for name, sizes in hosts.items()}
    found = shares(weights, replicas)
    assert all(0 <= share <= 1 for share in found.values())
    assert sum(found.values()) == (pytest.approx(replicas) if len(hosts) >= replicas else 0)


@given(HOSTS, REPLICAS)
def test_room_after_a_lost_disk_is_never_more_than_before(hosts, replicas):
    found = capacity(hosts, replicas)
    assert 0 <= found.heals <= found.usable <= found.raw
    assert all(0 < size < sum(hosts[name]) for name, size in found.unusable.items())


@settings(deadline=None)
@given(HOSTS, st.sampled_from(["block", "object", "filesystem"]))
def test_placement_groups_are_a_power_of_two_and_never_too_many_for_a_disk(hosts, part):
    homelab = HOME
    disks = {
        name: [Disk(id=f"ata-{name}{i}", serial=f"{name}{i}", size=f"{size}B") for i, size in enumerate(sizes)]
        for name, sizes in hosts.items()
    }
    roles = replace(layout(homelab), disks=disks)
    found = wanted_pgs(homelab.storage, part, roles)
    assert found >= 8 and found & (found - 1) == 0
    # A disk that is most of its host, with few others to share, carries every pool's least number.
    assert per_osd(pools(homelab.storage, roles), roles) <= MOST_PER_OSD


def test_the_post_s_disks_carry_about_a_hundred_placement_groups():
    homelab = read("home")
    roles = layout(homelab)
    assert 60 < per_osd(pools(homelab.storage, roles), roles) < 120


def test_a_written_number_of_placement_groups_is_taken():
    homelab = read("dev")
    assert {pool.name: pool.pgs for pool in pools(homelab.storage, layout(homelab)) if pool.bulk} == {
        "cephfs.archive.data": 16,
        "block": 8,
        "default.rgw.buckets.data": 8,
    }
