"""What of a machine is stored."""

import pytest

from config.document import ROOT

MOUNTINFO = """
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:20 / /proc rw - proc proc rw
24 22 0:21 / /run rw - tmpfs tmpfs rw
25 22 8:2 / /boot rw - ext4 /dev/sda2 rw
26 25 8:3 / /boot/efi rw - vfat /dev/sda3 rw
27 22 8:17 / /srv/films\\040and\\040more rw - xfs /dev/sdb1 rw
28 22 0:50 / /srv/archive rw - fuse.ceph-fuse ceph-fuse rw
29 22 8:1 /opt/x /opt/bound rw - ext4 /dev/sda1 rw
30 22 0:51 / /var/lib/ceph/osd/ceph-3 rw - tmpfs tmpfs rw
31 22 8:33 / /mnt/usb rw - ext4 /dev/sdc1 rw
32 22 252:0 / /var/lib/kubelet/pods/x/volumes/y rw - ext4 /dev/rbd0 rw
33 22 8:17 / /home/bound rw - xfs /dev/sdb1 rw
"""


def test_a_machine_s_own_file_systems_are_stored_each_once(modules):
    out = modules.sources.excludes(MOUNTINFO, [])
    assert modules.sources.sources(MOUNTINFO, out) == ["/", "/boot", "/boot/efi", "/srv/films and more"]


def stored(modules, *lines, more=()):
    """The roots for mounts as `DEVICE FOLDER WHERE KIND`."""
    fields = (line.split() for line in lines)
    text = "".join(
        f"{number} 1 {device} {folder} {where} rw - {kind} x rw\n" for number, (device, folder, where, kind) in enumerate(fields)
    )
    return modules.sources.sources(text, modules.sources.excludes(text, more))


@pytest.mark.parametrize(
    ("mounts", "roots"),
    [
        (["0:30 /@ / btrfs", "0:30 /@home /home btrfs", "0:30 /@log /var/log btrfs"], ["/", "/home", "/var/log"]),
        (["0:30 / / btrfs", "0:30 /home /home btrfs"], ["/", "/home"]),
        (["0:30 /@ / btrfs", "0:30 /@home /home btrfs", "0:30 /@home /var/home btrfs"], ["/", "/home"]),
        (["0:40 / / bcachefs", "0:40 /home /home bcachefs"], ["/", "/home"]),
    ],
)
def test_each_subvolume_is_a_file_system_of_its_own_though_all_have_one_device(modules, mounts, roots):
    assert stored(modules, *mounts) == roots


@pytest.mark.parametrize(
    ("mounts", "roots"),
    [
        (["8:1 / / ext4", "8:1 /opt/x /home/x ext4"], ["/"]),
        (["8:1 /debian / ext4", "8:1 /home /home ext4"], ["/"]),  # Borg goes into it: the same device
        (["8:1 / / ext4", "8:17 /a /home/a ext4", "8:17 / /srv/disk ext4"], ["/", "/srv/disk"]),
        (["8:1 / / ext4", "8:17 /a /home/a ext4", "8:17 /b /home/b ext4"], ["/", "/home/a", "/home/b"]),
        (["8:1 / / ext4", "8:17 / /mnt/disk ext4", "8:17 /home /home ext4"], ["/", "/home"]),
        (
            ["8:1 / / ext4", "8:17 / /d ext4", "8:17 /mnt /a ext4", "8:17 /b/c /e ext4", "8:33 / /d/b ext4"],
            ["/", "/d", "/d/b", "/e"],
        ),  # hidden
        (["8:1 / / ext4", "8:17 / /home/ann/disk ext4", "8:17 /data /data ext4"], ["/", "/data"]),  # where it also is, nothing is stored
    ],
)
def test_what_is_bound_is_stored_where_it_can_be_reached_and_once(modules, mounts, roots):
    assert sorted(stored(modules, *mounts, more=["/home/ann/disk"])) == roots


def test_what_is_mounted_below_srv_is_left_out_unless_it_is_a_disk_of_the_machine(modules):
    out = modules.sources.excludes(MOUNTINFO, ["/opt/scratch"])
    assert "/srv/archive" in out and "/srv/films and more" not in out and "/srv" not in out and "/opt/scratch" in out


@pytest.mark.parametrize("path", ["/var/lib/ceph/osd", "/var/lib/etcd", "/var/lib/containerd", "/proc", "/tmp", "/var/cache/apt/archives"])
def test_what_is_nobody_s_loss_or_kept_otherwise_is_always_left_out(modules, path):
    assert path in modules.sources.excludes(MOUNTINFO, [])


def test_the_how_to_names_all_that_is_always_left_out(modules):
    page = (ROOT / "docs/how-to/backups.md").read_text()
    told = page.partition("what never is\n")[2].partition("\n## ")[0]
    assert [path for path in (*modules.sources.ALWAYS, modules.manifest.MARK, modules.manifest.TAG) if f"`{path}`" not in told] == []


def test_a_folder_is_not_below_another_that_merely_begins_like_it(modules):
    assert modules.sources.below("/var/lib/etcd/member", "/var/lib/etcd") and not modules.sources.below("/var/lib/etcd-2", "/var/lib/etcd")
