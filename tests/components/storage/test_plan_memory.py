"""How memory is shared out: the post's machines, and the properties of every sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.storage.memory import GIB, HIGHEST, LOWEST, MIB, Budget, budget
from config.load import read

TB = 1000**4


@pytest.fixture(scope="module")
def home():
    homelab = read("home")
    return {name: budget(homelab, name) for name in homelab.machines}


def test_absis_gets_about_one_and_a_half_gib_for_each_disk(home):
    assert home["absis"].osd_target / GIB == pytest.approx(1.5, abs=0.1)


def test_the_sum_of_absis_is_told_in_one_line(home):
    assert home["absis"].sum == (
        "16 GiB - system 1 GiB - control plane 1.5 GiB - monitor 0.75 GiB - manager 0.75 GiB - metadata 1.25 GiB - gateway 0.5 GiB"
        " - pods 2.5 GiB = 7.75 GiB for 5 disks, 1.55 GiB each"
    )


def test_a_machine_without_disks_keeps_nothing_for_them_and_leaves_the_rest_to_pods(home):
    assert home["nimbus"].osd_target == 0
    assert home["nimbus"].system_reserved == 3.25 * GIB and home["nimbus"].for_pods == 0.75 * GIB


def test_what_is_reserved_for_the_system_is_known_without_storage_too():
    homelab = read("home")
    bare = homelab.model_copy(update={"storage": homelab.storage.model_copy(update={"filesystem": None})})
    assert budget(bare, "absis").system_reserved == 2.5 * GIB


def test_a_machine_of_unknown_memory_has_no_budget():
    homelab = read("home")
    unknown = homelab.machines["nimbus"].model_copy(update={"memory": None})
    assert budget(homelab.model_copy(update={"machines": {**homelab.machines, "nimbus": unknown}}), "nimbus") is None


BUDGETS = st.builds(
    Budget,
    machine=st.just("oak"),
    memory=st.integers(0, 512).map(lambda size: size * GIB // 2),
    kept=st.dictionaries(st.sampled_from(["system", "monitor", "pods"]), st.integers(0, 8 * GIB)),
    disks=st.integers(0, 24),
    bytes_on_disks=st.integers(1, 400 * TB),
)


@given(BUDGETS)
def test_a_disk_gets_between_one_and_four_gib_in_whole_mib(found):
    assert found.osd_target == 0 if not found.disks else LOWEST <= found.osd_target <= HIGHEST
    assert found.osd_target % MIB == 0


@given(BUDGETS)
def test_where_the_share_is_enough_no_byte_is_promised_twice(found):
    if found.share >= LOWEST or not found.disks:
        assert found.system_reserved + found.for_pods == found.memory
        assert found.for_pods >= found.kept.get("pods", 0) or found.left < 0


@given(BUDGETS, st.integers(0, 64 * GIB))
def test_more_memory_never_gives_a_disk_less(found, more):
    assert Budget(found.machine, found.memory + more, found.kept, found.disks, found.bytes_on_disks).osd_target >= found.osd_target
