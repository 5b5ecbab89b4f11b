"""A machine's root file system before its first boot: what the installer, or the provider's image, would have left."""

import secrets
import uuid
from pathlib import Path

from rehearsal.machines import disks, image, kernel
from rehearsal.machines.addresses import GATEWAY
from rehearsal.machines.disks import Attached
from rehearsal.machines.shell import run
from rehearsal.machines.spec import Spec

HOST = Path("/")
AUTHORITIES = "usr/local/share/ca-certificates"
PIP = "etc/pip.conf"
UNITS_OFF = ("systemd-udevd.service", "systemd-udev-trigger.service", "apt-daily.timer", "apt-daily-upgrade.timer", "console-getty.service")
CHRONY = """# This machine shares the clock of the host it runs on and may not set it: chronyd follows its servers without correcting.
[Unit]
ConditionCapability=

[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd -F 1 -x
"""


def make(spec: Spec, root: Path) -> None:
    """Lay the root file system where there is none; whole or not at all."""
    scratch = root.with_name(f"{root.name}.planting")
    image.delete(scratch)
    image.unpack(scratch)
    for name, text in files(spec).items():
        put(scratch, name, text)
    for unit in UNITS_OFF:
        (scratch / "etc/systemd/system" / unit).symlink_to("/dev/null")
    run("chroot", str(scratch), "systemctl", "--quiet", "enable", "systemd-networkd.service", "ssh.service", kernel.UNIT)
    trust(scratch, HOST)
    if spec.user_data is None:
        _people(spec, scratch)
        _host_key(spec, scratch)
    scratch.rename(root)


def lay_disks(root: Path, attached: tuple[Attached, ...]) -> None:
    """Tell the next boot which loop devices are the machine's disks."""
    put(root, str(disks.TMPFILES), disks.tmpfiles(attached))


def files(spec: Spec) -> dict[str, str]:
    """Path in the machine -> text, for everything but keys and people."""
    texts = {
        "etc/hostname": f"{spec.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {spec.name}\n::1 localhost ip6-localhost ip6-loopback\n",
        "etc/resolv.conf": f"nameserver {GATEWAY.ip}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/systemd/network/10-host0.network": network(spec),
        "etc/systemd/system/chrony.service.d/shared-clock.conf": CHRONY,
        f"etc/systemd/system/{kernel.UNIT}": kernel.unit(),
    }
    if spec.user_data is None:
        return texts | {"etc/cloud/cloud-init.disabled": ""}
    return texts | {
        "etc/cloud/cloud.cfg.d/90-seed.cfg": "datasource_list: [NoCloud]\nnetwork: {config: disabled}\n",
        "var/lib/cloud/seed/nocloud/meta-data": f"instance-id: {spec.name}-{secrets.token_hex(4)}\nlocal-hostname: {spec.name}\n",
        "var/lib/cloud/seed/nocloud/user-data": spec.user_data,
    }


def network(spec: Spec) -> str:
    """The systemd-networkd file of the machine's one interface."""
    addresses = [spec.address, *([spec.address6] if spec.address6 else [])]
    lines = ["[Match]", "Name=host0", "[Network]", "LinkLocalAddressing=ipv6", "IPv6AcceptRA=no"]
    return "\n".join([*lines, *(f"Address={address}" for address in addresses), f"Gateway={spec.gateway}", ""])


def trust(root: Path, host: Path) -> None:
    """The certificate authorities that the host's owner added, and the host's pip configuration: a machine reaches what the host does."""
    added = sorted((host / AUTHORITIES).glob("**/*.crt"))
    for certificate in added:
        put(root, f"{AUTHORITIES}/{certificate.name}", certificate.read_text())
    if added:
        run("chroot", str(root), "update-ca-certificates")
    if (host / PIP).exists():
        put(root, PIP, (host / PIP).read_text())
    elif added:  # pip's own list does not know them
        put(root, PIP, "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")


def put(root: Path, name: str, text: str, mode: int = 0o644) -> None:
    """Write a file below a root, never through a link out of it."""
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.touch(mode=mode)
    target.chmod(mode)
    target.write_text(text)


def _people(spec: Spec, root: Path) -> None:
    """The operator's account: key only, and sudo without a password unless it is root."""
    if spec.user != "root":
        run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", spec.user)
        put(root, f"etc/sudoers.d/90-{spec.user}", f"{spec.user} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    put(root, "etc/ssh/sshd_config.d/50-keys-only.conf", "PermitRootLogin prohibit-password\nPasswordAuthentication no\n")
    if spec.authorized_key is None:
        return
    home = "root" if spec.user == "root" else f"home/{spec.user}"
    put(root, f"{home}/.ssh/authorized_keys", f"{spec.authorized_key.strip()}\n", 0o600)
    run("chroot", str(root), "chmod", "0700", f"/{home}/.ssh")
    run("chroot", str(root), "chown", "--recursive", f"{spec.user}:{spec.user}", f"/{home}/.ssh")


def _host_key(spec: Spec, root: Path) -> None:
    if spec.host_key is None:
        run("chroot", str(root), "ssh-keygen", "-q", "-A")
        return
    name = "etc/ssh/ssh_host_ed25519_key"
    put(root, name, spec.host_key.strip() + "\n", 0o600)
    put(root, f"{name}.pub", run("chroot", str(root), "ssh-keygen", "-y", "-f", f"/{name}"))
