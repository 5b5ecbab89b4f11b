"""Ansible module: packages of the container runtime, links to the programs, what the machine already holds."""

import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-not-found]

BIN, CNI = Path("/usr/local/bin"), Path("/opt/cni/bin")
PROGRAMS = {
    "kube": ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
    "etcd": ("etcd", "etcdctl", "etcdutl"),
}
DOWNLOADS = ("-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends")


def installed(package: str) -> bool:
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package], capture_output=True, text=True)
    return answer.stdout.startswith("ii")


def install(packages: list[str]) -> str:
    """Complaint of apt, or nothing. The lists may be older than the mirror."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for update in (False, True):
        if update:
            subprocess.run(["apt-get", "update"], capture_output=True)
        answer = subprocess.run(["apt-get", *DOWNLOADS, *packages], capture_output=True, text=True, env=environment)
        if answer.returncode == 0:
            return ""
    return answer.stderr.strip()[-1500:]


def links(software: Path) -> dict[Path, Path]:
    """Link -> program."""
    named = {BIN / name: software / program for program, names in PROGRAMS.items() for name in names}
    return named | {CNI / plugin.name: plugin for plugin in (software / "cni").iterdir()}


def link(place: Path, target: Path) -> bool:
    if place.is_symlink() and place.readlink() == target:
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    return True


def main() -> None:
    module = AnsibleModule({"software": {"type": "path", "required": True}, "packages": {"type": "list", "elements": "str", "default": []}})
    software = Path(module.params["software"])
    if not (software / "kube").exists():
        module.fail_json(msg=f"{software} is not there: Kubernetes was not built before this machine was started; see rehearsal/kubernetes")
    missing = [package for package in module.params["packages"] if not installed(package)]
    if missing and (complaint := install(missing)):
        module.fail_json(msg=f"apt-get could not install {' '.join(missing)}: {complaint}")
    changed = [place.name for place, target in links(software).items() if link(place, target)]
    module.exit_json(
        changed=bool(missing or changed),
        etcd=Path("/var/lib/etcd/member").exists(),
        serving=subprocess.run(["systemctl", "is-active", "--quiet", "etcd.service"]).returncode == 0,
        authority=Path("/etc/kubernetes/ssl/ca.key").exists(),
    )


if __name__ == "__main__":
    main()
