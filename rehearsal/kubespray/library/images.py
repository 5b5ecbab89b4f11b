"""Ansible module: container images made of files and folders, imported where containerd has none of that name made of the same.

An image: {"name", "entrypoint": [word]} and, optional,
"files", "folders"    {place: source}
"environment"         {name: value}
"applets"             whether its files are busyboxes, whose commands get links
"binding"             programs that may take ports below 1024, whoever runs them
"""

import hashlib
import io
import json
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-not-found]

CTR = ("ctr", "--namespace", "k8s.io", "images")
LABEL = "homelab/made-of"
BIND = bytes.fromhex("0100000200040000000400000000000000000000")  # cap_net_bind_service=eip, as the kernel keeps it with a file


def present() -> dict[str, str]:
    """Name of each image -> digest of what it was made of, or nothing; containerd may just be starting."""
    until = time.monotonic() + 60
    while (answer := subprocess.run([*CTR, "ls"], capture_output=True, text=True)).returncode and time.monotonic() < until:
        time.sleep(0.3)
    answer.check_returncode()
    lines = [line.split() for line in answer.stdout.splitlines()[1:]]
    return {words[0]: labels(words[-1]).get(LABEL, "") for words in lines if words}


def labels(said: str) -> dict[str, str]:
    """Of `name=value,name=value`."""
    return dict(entry.split("=", 1) for entry in said.split(",") if "=" in entry)


def contents(image: dict[str, Any]) -> dict[str, Path]:
    """Place in the image -> file that is copied to it."""
    found = {place: Path(source) for place, source in image.get("files", {}).items()}
    for place, source in image.get("folders", {}).items():
        files = [path for path in Path(source).rglob("*") if path.is_file()]
        if not files:
            raise FileNotFoundError(f"{source} has no files")
        found.update({f"{place.rstrip('/')}/{path.relative_to(source)}": path for path in files})
    return dict(sorted(found.items()))


def digest(image: dict[str, Any]) -> str:
    """Changes with anything in the image."""
    said = hashlib.sha256(json.dumps(image, sort_keys=True).encode())
    for place, source in contents(image).items():
        said.update(f"{place}\0{mode(source):o}\0".encode() + hashlib.sha256(source.read_bytes()).digest())
    return said.hexdigest()[:16]


def mode(source: Path) -> int:
    return 0o755 if source.stat().st_mode & 0o100 else 0o644


def add(
    tar: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o755,
    target: str = "",
    attributes: dict[str, bytes] | None = None,
) -> None:
    entry = tarfile.TarInfo(name.lstrip("/"))
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
    entry.pax_headers = {f"SCHILY.xattr.{key}": value.decode("ascii") for key, value in (attributes or {}).items()}
    tar.addfile(entry, io.BytesIO(content))


def layer(image: dict[str, Any]) -> bytes:
    """The one layer: the same bytes on every machine."""
    buffer = io.BytesIO()
    files = contents(image)
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "tmp", kind=tarfile.DIRTYPE, mode=0o1777)
        if "/etc/passwd" not in files:
            add(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", mode=0o644)
        for place, source in files.items():
            bound = {"security.capability": BIND} if place in image.get("binding", ()) else {}
            add(tar, place, source.read_bytes(), mode=mode(source), attributes=bound)
            if image.get("applets"):
                names = subprocess.run([source, "--list"], capture_output=True, text=True, check=True).stdout.split()
                for name in sorted({*names} - {Path(place).name}):
                    add(tar, f"{Path(place).parent}/{name}", kind=tarfile.SYMTYPE, target=Path(place).name)
    return buffer.getvalue()


def archive(image: dict[str, Any]) -> bytes:
    """What `docker save` would write."""
    content = layer(image)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **image.get("environment", {})}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": image["entrypoint"],
            "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [image["name"]], "Layers": ["layer.tar"]}]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        add(tar, "config.json", json.dumps(config).encode())
        add(tar, "layer.tar", content)
        add(tar, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue()


def imported(image: dict[str, Any], made_of: str) -> str:
    """Complaint of containerd, or nothing. The label comes last: without it all is done again."""
    for words, stdin in (("import", "-"), archive(image)), (("label", image["name"], f"{LABEL}={made_of}"), b""):
        answer = subprocess.run([*CTR, *words], input=stdin, capture_output=True)
        if answer.returncode:
            return answer.stderr.decode().strip() or f"ctr {words[0]} ended with {answer.returncode}"
    return ""


def main() -> None:
    module = AnsibleModule({"images": {"type": "list", "elements": "dict", "required": True}})
    try:
        wanted = [(image, digest(image)) for image in module.params["images"]]
    except OSError as problem:
        module.fail_json(msg=f"{problem}: it was not built before this machine was started; see rehearsal/kubernetes and rehearsal/addons")
    known = present()
    missing = [(image, made_of) for image, made_of in wanted if known.get(image["name"]) != made_of]
    for image, made_of in missing:
        if complaint := imported(image, made_of):
            module.fail_json(msg=f"containerd did not take the image {image['name']}: {complaint}")
    module.exit_json(changed=bool(missing))


if __name__ == "__main__":
    main()
