"""What a machine shares with the host's kernel and Kubernetes writes to: each machine gets its own, or a copy that leads nowhere.

Control groups of version 1 come read-only into a machine (of version 2 they do not); its mounts are private, but a kubelet's have to
reach containerd; and a few settings of the whole kernel, which a kubelet insists on, are read-only: it writes to copies.
"""

UNIT = "shared-kernel.service"
COPIES = "/run/kernel-settings"
SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


def unit() -> str:
    """The unit that does it at each boot, before anything else."""
    commands = [
        "mount --make-rshared /",
        "for group in /sys/fs/cgroup/*; do if mountpoint -q $$group; then mount -o remount,bind,rw $$group; fi; done",
        *(f"install -D -m 0644 /proc/sys/{name} {COPIES}/{name} && mount --bind {COPIES}/{name} /proc/sys/{name}" for name in SETTINGS),
    ]
    lines = ["[Unit]", "DefaultDependencies=no", "Before=sysinit.target", "", "[Service]", "Type=oneshot", "RemainAfterExit=yes"]
    lines += [f"ExecStart=/bin/sh -c '{command}'" for command in commands]
    return "\n".join([*lines, "", "[Install]", "WantedBy=sysinit.target", ""])
