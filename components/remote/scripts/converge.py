"""What the scripts that converge a machine share. They import it from the toolbox: `sys.path` gets the folder of `remote/`."""

import os
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 120
"""Seconds for another that is at work on packages, as for apt."""


def say(what):
    """A line of progress, with the machine's name."""
    print(f"{os.uname().nodename}: {what}", file=sys.stderr, flush=True)


def sh(*argv, check=True, stdin=None):
    """Run a command. With `check` a failure ends the script with the command and the end of its words."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(argv)} failed with status {done.returncode}:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    return done


def active(unit):
    """Whether a systemd unit runs."""
    return sh("systemctl", "is-active", "-q", unit, check=False).returncode == 0


def write(path, text, mode=0o644):
    """Replace a file as a whole, never readable by more than `mode` says; True when it was another."""
    path = Path(path)
    if path.is_file() and not path.is_symlink() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.homelab")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.chmod(mode)
    beside.replace(path)
    say(f"wrote {path}")
    return True


def remove(path):
    """Take a file away; True when it was there."""
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        return False
    path.unlink()
    say(f"removed {path}")
    return True


def settle():
    """End what an interrupted run may have left of packages. dpkg, unlike apt, does not wait for another that is at work."""
    until = time.monotonic() + PATIENCE
    while (done := sh("dpkg", "--configure", "-a", "--force-confold", check=False)).returncode:
        if "lock" not in done.stderr or time.monotonic() > until:
            sys.exit(f"dpkg --configure -a failed with status {done.returncode}:\n{(done.stdout + done.stderr).strip()[-2000:]}")
        time.sleep(1)


def install(wanted, update=False):
    """Make sure that packages are installed. `update`: the package lists are known to be old; else the mirrors are asked only if needed."""
    lines = sh("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted, check=False).stdout.splitlines()
    missing = sorted(set(wanted) - {line.split()[0] for line in lines if line.endswith(" installed")})
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    settle()
    apt = ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={PATIENCE}", "-o", "Acquire::Retries=3", "-o", "Dpkg::Options::=--force-confold"]
    argv = [*apt, "install", "-y", "--no-install-recommends", *missing]
    if update or sh(*argv, check=False).returncode:
        sh(*apt, "update")
        sh(*argv)
