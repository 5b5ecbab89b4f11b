"""Ansible module: files and the services that read them.

A service is restarted when its unit changed, or a file which that unit names, or a file which such a file names; it is
started when it does not run. Then every address under `ready` has to answer 200.
"""

import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-not-found]

UNITS = "/etc/systemd/system"


def write(path: Path, text: str, mode: int) -> bool:
    if path.exists() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.touch(mode=mode)
    scratch.chmod(mode)
    scratch.write_text(text)
    scratch.replace(path)
    return True


def read_by(unit: str, texts: dict[str, str]) -> set[str]:
    """The unit, its drop-ins, all that they name, and so on."""
    found = {path for path in texts if path == f"{UNITS}/{unit}" or path.startswith(f"{UNITS}/{unit}.d/")}
    waiting = list(found)
    while waiting:
        text = texts.get(waiting.pop(), "")
        named = {other for other in texts if other in text} - found
        found |= named
        waiting += named
    return found


def systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True)


def answers(address: str) -> str:
    """What is wrong with the address; nothing when it answers."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(address, timeout=5, context=anyone):
            return ""
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace')[-400:]}"
    except (OSError, ssl.SSLError) as error:
        return str(error)


def last_lines(unit: str) -> str:
    words = ("--lines", "15", "--output", "cat", "--no-pager")
    return subprocess.run(["journalctl", "--unit", unit, *words], capture_output=True, text=True).stdout[-3000:]


def await_all(ready: dict[str, str], deadline: float) -> str:
    """Complaint about the first service that is not ready in time, with its last lines."""
    until = time.monotonic() + deadline
    for unit, address in ready.items():
        while wrong := answers(address):
            if time.monotonic() > until:
                return f"{unit} is not ready after {deadline:.0f} s: {address}: {wrong}\n{last_lines(unit)}"
            time.sleep(0.3)
    return ""


def main() -> None:
    module = AnsibleModule(
        {
            "keys": {"type": "dict", "default": {}, "no_log": True},
            "files": {"type": "dict", "default": {}},
            "quiet": {"type": "list", "elements": "str", "default": []},  # a change of these restarts nothing
            "services": {"type": "list", "elements": "str", "default": []},
            "ready": {"type": "dict", "default": {}},
            "within": {"type": "int", "default": 120},
        }
    )
    said = module.params
    changed = {path for path, text in said["keys"].items() if write(Path(path), text, 0o600)}
    changed |= {path for path, text in said["files"].items() if write(Path(path), text, 0o644)}
    texts = {**said["keys"], **said["files"]}
    if any(path.startswith(UNITS) for path in changed):
        systemctl("daemon-reload")
    restarted = []
    for unit in said["services"]:
        needs = changed - {*said["quiet"]}
        if needs & read_by(unit, texts) or systemctl("is-active", unit).stdout.strip() != "active":
            restarted.append(unit)
    if restarted:
        systemctl("enable", *restarted)
        systemctl("reset-failed", *restarted)
        begun = systemctl("restart", *restarted)
        if begun.returncode:
            module.fail_json(msg=f"{begun.stderr.strip()}\n{last_lines(restarted[0])}")
    if wrong := await_all(said["ready"], said["within"]):
        module.fail_json(msg=wrong)
    module.exit_json(changed=bool(changed or restarted), files=sorted(changed), restarted=restarted)


if __name__ == "__main__":
    main()
