"""`make init STACK=…`: start a stack file, and make the identities that it lacks. What is there is never replaced."""

import argparse
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from config import authority, backup, ceph
from config.document import ROOT, read_document, stack_file
from config.edit import Inline, with_secrets
from config.identities import (
    AUTHORITY,
    CEPH,
    HOST_KEYS,
    MESH_KEYS,
    PASSPHRASES,
    fingerprint,
    mesh_public,
    new_host_key,
    new_mesh_key,
    ssh_public,
)
from config.model import Homelab
from config.passphrase import Box, WrongPassphrase
from config.problems import Refused
from config.stack import PREFIX, read

EXAMPLE = "home"
HINT = """Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, as for pulumi itself.
A stack whose secrets Pulumi Cloud or a key service keeps: `make init STACK={stack} ARGS=--cli` lets pulumi encrypt them."""

Keys = dict[str, dict[str, str]]
Make = Callable[[Mapping[str, str]], str]
"""Out of what stands beside it already: a certificate is made for a key."""


class Stop(Exception):
    """Nothing was changed; the text says why and what to do."""


@dataclass(frozen=True)
class Kind:
    """One sort of identity: whose it is, how it is made, how it is told without giving it away (ValueError when it is none)."""

    owner: str
    title: str
    make: Make
    public: Callable[[str], str]


Wanted = Mapping[str, Mapping[str, Kind]]
"""Secret key of the stack file -> name in its JSON object -> what stands there."""


def wanted(homelab: Homelab) -> Wanted:
    """Every identity that the stack needs."""
    rented = [name for name, machine in homelab.machines.items() if machine.rented]
    parts = ceph.PARTS if homelab.storage.filesystem else {}
    backed_up = backup.subjects(homelab.backup, homelab.machines)
    found = {
        HOST_KEYS: {name: Kind(name, "SSH host key", alone(new_host_key), lambda key: fingerprint(ssh_public(key))) for name in rented},
        MESH_KEYS: {name: Kind(name, "mesh key", alone(new_mesh_key), lambda key: fingerprint(mesh_public(key))) for name in rented},
        CEPH: {part: Kind("all", title, alone(make), check) for part, (title, make, check) in parts.items()},
        AUTHORITY: signer(homelab.domain) if homelab.certificates.issuer else {},
        PASSPHRASES: {name: Kind(name, "backup passphrase", alone(backup.new_passphrase), backup.check_passphrase) for name in backed_up},
    }
    return {name: kinds for name, kinds in found.items() if kinds}


def alone(make: Callable[[], str]) -> Make:
    """Whatever else there is."""
    return lambda beside: make()


def signer(domain: str) -> dict[str, Kind]:
    """The certificate authority's; the key comes first."""
    make: dict[str, Make] = {
        "key": alone(authority.new_key),
        "certificate": lambda beside: authority.new_certificate(beside["key"], domain),
    }
    return {part: Kind("all", title, make[part], check) for part, (title, check) in authority.PARTS.items()}


@dataclass(frozen=True)
class Row:
    """A line of the closing table; never a private half."""

    machine: str
    title: str
    what: str
    public: str


class Store(Protocol):
    """Where a stack keeps its secrets."""

    def get(self, name: str) -> str | None: ...
    def put(self, secrets: Mapping[str, str]) -> None: ...


class PassphraseStore:
    """Secrets in the stack file, encrypted as Pulumi's passphrase provider does it. Needs no pulumi."""

    def __init__(self, file: Path, document: Mapping[str, Any], box: Box) -> None:
        self._file, self._config, self._box = file, document.get("config") or {}, box

    def get(self, name: str) -> str | None:
        value = self._config.get(PREFIX + name)
        return self._box.decrypt(value["secure"]) if value else None

    def put(self, secrets: Mapping[str, str]) -> None:
        sealed = {PREFIX + name: self._box.encrypt(text) for name, text in secrets.items()}
        write(self._file, with_secrets(self._file.read_text(encoding="utf-8"), sealed, self._box.state))


class PulumiStore:
    """Secrets through the pulumi command, for whatever provider the stack has. They travel by stdin and stdout only."""

    def __init__(self, stack: str, document: Mapping[str, Any], root: Path) -> None:
        self._stack, self._config, self._root = stack, document.get("config") or {}, root

    def get(self, name: str) -> str | None:
        return self._pulumi(["config", "get", PREFIX + name], None) if PREFIX + name in self._config else None

    def put(self, secrets: Mapping[str, str]) -> None:
        for name, text in secrets.items():
            self._pulumi(["config", "set", "--secret", PREFIX + name], text)

    def _pulumi(self, arguments: list[str], stdin: str | None) -> str:
        command = ["pulumi", *arguments, "--stack", self._stack, "--non-interactive"]
        done = subprocess.run(command, input=stdin or "", capture_output=True, text=True, cwd=self._root, check=False)
        if done.returncode:
            remedy = f"Log in (`pulumi login`), see that the stack exists (`pulumi stack init {self._stack}`), then repeat."
            raise Stop(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}\n{remedy}")
        return done.stdout.strip()


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Exit code 0, or 1 with the reason on stderr and nothing changed."""
    parser = argparse.ArgumentParser(prog="python -m commands.init", description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--cli", action="store_true", help="let the pulumi command encrypt (Pulumi Cloud, key services)")
    options = parser.parse_args(arguments)
    try:
        init(options.stack, options.cli, root)
    except (Stop, Refused) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def init(stack: str, cli: bool, root: Path = ROOT) -> None:
    """Start the stack file when it is missing, make missing identities, print what was made. Raises Stop or Refused."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", stack):
        raise Stop(f"'{stack}' is not a stack's name: use letters, digits, '-', '_' and '.'")
    file = stack_file(stack, root)
    if not file.exists():
        start(file, root)
    homelab = read(stack, root)
    document = read_document(stack, root)
    kinds = wanted(homelab)
    if not kinds:
        print(f"{file.name}: no rented machine, no storage and no certificates, so no identity is needed.")
        return
    store = open_store(stack, cli, document, root)
    try:
        have = {name: _stored(store, name) for name in kinds}
        keys, rows = complete(have, kinds)
        changed = {name: json.dumps(keys[name], sort_keys=True) for name in kinds if keys[name] != have[name]}
        if changed:
            store.put(changed)
    except (Inline, ValueError) as error:
        raise Stop(f"{file.name}: {error or 'write `config:` as a block, a key a line, not in braces'}") from None
    print(table(rows))
    print(f"\n{file.name} {'has changed: keep it in version control' if changed else 'stays as it was'}. Next: make preview STACK={stack}")


def start(file: Path, root: Path) -> None:
    """A new stack file out of the example, without any of its identities."""
    text = stack_file(EXAMPLE, root).read_text(encoding="utf-8")
    if re.search(r"^(secretsprovider|encryptedkey):|^\s+secure:", text, re.MULTILINE):
        raise Stop(f"Pulumi.{EXAMPLE}.yaml has identities of its own, which no two stacks may share: copy it by hand, without them.")
    write(file, re.sub(r"^encryptionsalt:.*\n", "", text, flags=re.MULTILINE))
    print(f"{file.name} is new, a copy of Pulumi.{EXAMPLE}.yaml. Edit it: every machine, address, key and disk in it is an example.")


def complete(have: Keys, kinds: Wanted) -> tuple[Keys, list[Row]]:
    """The keys with those added that are missing, and a row for each that is wanted."""
    keys, rows = {name: dict(found) for name, found in have.items()}, []
    for name, subjects in kinds.items():
        for subject, kind in subjects.items():
            what = "kept" if keys[name].get(subject) else "made"
            private = keys[name].get(subject) or kind.make(keys[name])
            keys[name][subject] = private
            rows.append(Row(kind.owner, kind.title, what, kind.public(private)))
    return keys, rows


def open_store(stack: str, cli: bool, document: Mapping[str, Any], root: Path) -> Store:
    """The store that fits the stack file: its passphrase, or pulumi where another provider encrypts."""
    state = document.get("encryptionsalt")
    elsewhere = document.get("secretsprovider", "passphrase") != "passphrase" or "encryptedkey" in document
    sealed = any(isinstance(value, dict) and "secure" in value for value in (document.get("config") or {}).values())
    if cli or elsewhere or (sealed and not state):
        if shutil.which("pulumi") is None:
            raise Stop(f"Pulumi.{stack}.yaml is encrypted by another provider than a passphrase, so pulumi must do it: put it on PATH.")
        return PulumiStore(stack, document, root)
    phrase = passphrase(stack, new=state is None)
    try:
        box = Box.open(phrase, state) if state else Box.new(phrase)
    except WrongPassphrase:
        raise Stop(f"The passphrase does not open Pulumi.{stack}.yaml.\n{HINT.format(stack=stack)}") from None
    except ValueError as error:
        raise Stop(f"Pulumi.{stack}.yaml: {error}") from None
    return PassphraseStore(stack_file(stack, root), document, box)


def passphrase(stack: str, new: bool) -> str:
    """From the environment as pulumi takes it, else asked for; twice for a new one. Raises Stop."""
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return os.environ["PULUMI_CONFIG_PASSPHRASE"]
    if file := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Stop(f"PULUMI_CONFIG_PASSPHRASE_FILE: {file} cannot be read ({type(error).__name__}).") from None
    if not sys.stdin.isatty():
        raise Stop(f"No passphrase for the secrets of Pulumi.{stack}.yaml.\n{HINT.format(stack=stack)}")
    phrase = getpass.getpass(f"{'New passphrase' if new else 'Passphrase'} for the secrets of {stack}: ")
    if new and getpass.getpass("Once more: ") != phrase:
        raise Stop("The two differ; nothing was changed.")
    return phrase


def table(rows: list[Row]) -> str:
    """What was made and kept, by public halves."""
    lines = [("MACHINE", "IDENTITY", "", "PUBLIC HALF, OR FINGERPRINT"), *((row.machine, row.title, row.what, row.public) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def write(file: Path, text: str) -> None:
    """Whole or not at all, with the mode the file had."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        Path(name).chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _stored(store: Store, name: str) -> dict[str, str]:
    found = json.loads(store.get(name) or "{}")
    if not isinstance(found, dict):
        raise Stop(f"{PREFIX}{name} is not a JSON object of names and private keys: delete it from the stack file, then repeat.")
    return found


if __name__ == "__main__":
    sys.exit(main())
