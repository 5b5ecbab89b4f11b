"""The end of the lab; sorted last, because nothing is left for other tests."""

import pytest

from tests.rehearsal.lab.lab import Lab

pytestmark = pytest.mark.rehearsal


def test_destroy_with_a_dead_home_machine_ends_clean_and_says_what_stays_on_it(lab: Lab) -> None:
    lab.command_machines("kill", "absis")
    ended = lab.pulumi("destroy", "--yes", "--skip-preview")
    said = ended.stdout + ended.stderr
    assert "WARNING absis" in said and "tinc@homelab" in said and "leviathan left" in said
    assert lab.servers() == []
    assert lab.inside("leviathan", "ip", "link", "show", "mesh0").returncode != 0
    assert lab.inside("leviathan", "systemctl", "list-units", "--plain", "--no-legend", "ceph-*@*", "tinc@*", "homelab-*").stdout == ""
    left = lab.inside("leviathan", "sh", "-c", "ls -d /etc/kubernetes /var/lib/etcd /var/lib/kubelet; pgrep -l 'kube|etcd'").stdout
    assert left == "", left
