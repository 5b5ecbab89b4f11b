"""What survives: the post's lab by name, and every loss of small labs against the plain definition."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.plan import plan
from components.storage.layout import Layout
from components.storage.survival import Cluster, Loss, double, losses, single, survive
from config.load import read


@pytest.fixture(scope="module")
def home():
    return plan(read("home")).storage.cluster


def without(lab, *gone):
    return survive(lab, [Loss(*loss) for loss in gone])


@pytest.mark.parametrize("machine", ["leviathan", "absis"])
def test_one_home_machine_away_leaves_a_copy_that_works_and_waits_for_the_other(home, machine):
    found = without(home, ("machine", machine))
    assert found.works and found.files and found.objects and found.copies == 1 and not found.heals and not found.lost


def test_with_two_needed_copies_one_home_machine_away_stops_everything():
    homelab = read("home")
    storage = homelab.storage
    files = storage.filesystem.model_copy(update={"min_replicas": 2})
    lab = plan(homelab.model_copy(update={"storage": storage.model_copy(update={"filesystem": files})})).storage.cluster
    found = without(lab, ("machine", "absis"))
    assert found.monitors == ("leviathan", "nimbus") and not found.works and not found.lost


def test_a_lost_disk_heals_by_itself(home):
    assert without(home, ("disk", "absis")).heals


def test_losing_the_uplink_or_the_rented_machine_stops_nothing_at_home(home):
    for loss in (("uplink", "home"), ("machine", "nimbus")):
        found = without(home, loss)
        assert found.monitors == ("leviathan", "absis") and found.works and found.whole


def test_a_home_machine_and_the_uplink_together_stop_the_cluster(home):
    assert without(home, ("machine", "leviathan"), ("uplink", "home")).monitors == ()


def test_a_disk_in_each_home_machine_at_once_loses_data(home):
    assert without(home, ("disk", "leviathan"), ("disk", "absis")).lost


def test_the_table_has_every_machine_every_disk_and_every_uplink(home):
    assert [str(loss) for found in single(home) for loss in found.losses] == [
        "leviathan", "absis", "nimbus", "a disk of leviathan", "a disk of absis", "the uplink of home",
    ]  # fmt: skip
    assert len(double(home)) == 15


NAMES = ("a", "b", "c", "d", "e")


@st.composite
def labs(draw):
    """Up to five machines on up to two sites of their own, some rented, with disks and two sizes of pools."""
    names = NAMES[: draw(st.sampled_from([3, 5]))]
    sites = {name: draw(st.sampled_from(["home", "hut", "cloud"])) for name in names}
    rented = {name for name in names if sites[name] == "cloud"}
    disks = {name: draw(st.integers(1, 3)) for name in names if name not in rented}
    sizes = draw(st.integers(2, max(2, len(disks))))
    least = draw(st.integers(1, sizes))
    pair = [*disks][:2]
    roles = Layout(names, sorted(rented), pair, pair, pair, {name: () for name in disks})
    return Cluster(sites, rented, roles, disks, [(sizes, least)])


def sees(lab, gone):
    """Pairs of machines that reach each other, step by step until nothing is added."""
    alive = [name for name in lab.sites if Loss("machine", name) not in gone]
    out = {name: name in lab.rented or Loss("uplink", lab.sites[name]) not in gone for name in alive}
    near = {
        (a, b)
        for a, b in product(alive, alive)
        if a == b or (lab.sites[a] == lab.sites[b] and not {a, b} & lab.rented) or ({a, b} & lab.rented and out[a] and out[b])
    }
    while more := {(a, d) for a, b in near for c, d in near if b == c} - near:
        near |= more
    return near


def by_definition(lab, gone):
    """Every placement of every placement group on whole disks, one copy a host."""
    near = sees(lab, gone)
    groups = {frozenset(b for a, b in near if a == name) for name, _ in near}
    side = next((group for group in groups if 2 * len(group & {*lab.roles.monitors}) > len(lab.roles.monitors)), frozenset())
    broken = {(loss.name, 0) for loss in gone if loss.kind == "disk"}
    (size, least), works, lost = lab.copies[0], bool(side), False
    for hosts in combinations(lab.disks, size):
        for chosen in product(*([(host, disk) for disk in range(lab.disks[host])] for host in hosts)):
            there = [disk for disk in chosen if disk not in broken]
            works &= sum(host in side for host, _ in there) >= least
            lost |= not there
    return {*side} & {*lab.roles.monitors}, works, lost


@settings(max_examples=60, deadline=None)
@given(labs())
def test_every_loss_of_up_to_two_things_is_what_trying_all_placements_finds(lab):
    for gone in [[], *([loss] for loss in losses(lab)), *combinations(losses(lab), 2)]:
        if len(lab.disks) < lab.copies[0][0]:
            continue
        found = survive(lab, gone)
        assert ({*found.monitors}, found.works, found.lost) == by_definition(lab, gone), gone


@settings(max_examples=60, deadline=None)
@given(labs())
def test_losing_more_never_helps(lab):
    for pair in combinations(losses(lab), 2):
        both = survive(lab, pair)
        for loss in pair:
            alone = survive(lab, [loss])
            assert alone.works >= both.works and alone.copies >= both.copies and alone.lost <= both.lost
