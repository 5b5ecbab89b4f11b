"""From what a stack file says to a Homelab, or to all that is wrong with it. No pulumi."""

import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr, ValidationError

from config import files
from config.applications import SECRETS as APPLICATION_SECRETS
from config.applications import ApplicationSecrets
from config.backup import subjects
from config.document import ROOT, read_document
from config.explain import explain
from config.identities import AUTHORITY, CEPH, HOST_KEYS, MESH_KEYS, PASSPHRASES, identities
from config.machines import Machine
from config.model import Homelab, Topics
from config.operator import EXAMPLE_KEYS
from config.problems import Problem, Refused, refuse

KEYS = (HOST_KEYS, MESH_KEYS, CEPH, AUTHORITY, PASSPHRASES)
SECRETS = (*KEYS, APPLICATION_SECRETS)
IRREPLACEABLE = (CEPH, AUTHORITY, PASSPHRASES)
"""What a new one cannot stand for: data is known, read or trusted by it."""

PREFIX = "homelab:"


def parse(stack: str, topics: Mapping[str, object], secrets: Mapping[str, str], preview: bool, root: Path | None = None) -> Homelab:
    """Understand the plain topics and the decrypted secrets (JSON texts) of a stack. Raises Refused with all problems of form.

    `root`: the folder that relative file names start from; without it the operator's files are not looked at.
    """
    said, problems = _secrets({name: text for name, text in secrets.items() if name != APPLICATION_SECRETS})
    hidden, unread = _application_secrets(secrets.get(APPLICATION_SECRETS, ""))
    problems += unread
    try:
        understood = Topics.model_validate(dict(topics))
    except ValidationError as error:
        raise Refused(stack, [*explain(error, Topics), *problems]) from None
    rented = [name for name, machine in understood.machines.items() if machine.rented]
    ceph, signs = understood.storage.filesystem is not None, understood.certificates.issuer is not None
    keys, missing = identities(stack, rented, said, preview, ceph, signs, subjects(understood.backup, understood.machines))
    homelab = Homelab(**_fields(understood), stack=stack, identities=keys)
    homelab = homelab.model_copy(update={"machines": in_order(understood), "application_secrets": hidden})
    homelab, unreadable = _with_files(homelab, root) if root else (homelab, [])
    refuse(stack, [*problems, *missing, *_example(homelab, preview), *unreadable])
    return homelab


def read(stack: str, root: Path = ROOT) -> Homelab:
    """The stack as its file says, without its secrets and as a preview sees it. Raises Refused."""
    config = read_document(stack, root).get("config") or {}
    topics = {key.removeprefix(PREFIX): value for key, value in config.items() if str(key).startswith(PREFIX)}
    plain = [name for name in SECRETS if isinstance(topics.get(name), str)]
    refuse(stack, [in_plain_text(name, stack) for name in plain])
    return parse(stack, {key: value for key, value in topics.items() if key not in SECRETS}, {}, preview=True, root=root)


def in_plain_text(name: str, stack: str) -> Problem:
    """Private keys, or applications' secrets, that stand readable in a stack file."""
    if name == APPLICATION_SECRETS:
        remedy = f"delete it and choose other secrets; write them with `pulumi config set --secret {PREFIX}{name} --stack {stack} <FILE`"
        return Problem(f"{PREFIX}{name}", "secrets in plain text", remedy)
    remedy = f"delete it: these keys have been shown to this file's readers; then `make init STACK={stack}` makes new ones"
    return Problem(f"{PREFIX}{name}", "private keys in plain text", remedy)


def in_order(topics: Topics) -> Mapping[str, Machine]:
    """The machines as every later step counts them: own ones first, then by mesh address.

    The engine sorts the keys of a stack file, so the file's own order is lost. The first machine is the first control-plane node, which
    is the hardest to replace: an own one, and the same one for as long as later machines get higher addresses.
    """
    last = IPv4Address("255.255.255.255")  # of machines without an address, which the mesh's check reports
    names = sorted(topics.machines, key=lambda name: (topics.machines[name].rented, topics.mesh.addresses.get(name, last), name))
    return MappingProxyType({name: topics.machines[name] for name in names})


def _fields(topics: Topics) -> dict[str, Any]:
    return {name: getattr(topics, name) for name in Topics.model_fields}


def _secrets(texts: Mapping[str, str]) -> tuple[dict[str, Mapping[str, str]], list[Problem]]:
    said: dict[str, Mapping[str, str]] = {}
    problems: list[Problem] = []
    for name, text in texts.items():
        try:
            keys = json.loads(text or "{}")
        except ValueError:
            keys = None
        if isinstance(keys, dict) and all(isinstance(key, str) for key in keys.values()):
            said[name] = keys
        else:
            message = f"not a JSON object of {'names' if name in IRREPLACEABLE else 'machine names'} and private keys"
            remedy = "restore it from version control" if name in IRREPLACEABLE else "delete it; `make init` makes it"
            problems.append(Problem(f"{PREFIX}{name}", message, remedy))
    return said, problems


def _application_secrets(text: str) -> tuple[ApplicationSecrets, list[Problem]]:
    try:
        said = json.loads(text or "{}")
    except ValueError:
        said = None
    if isinstance(said, dict) and all(isinstance(one, dict) and all(isinstance(v, str) for v in one.values()) for one in said.values()):
        return {app: {name: SecretStr(value) for name, value in sorted(one.items())} for app, one in sorted(said.items())}, []
    message = "not a JSON object of applications, each with an object of variables and texts"
    return {}, [Problem(f"{PREFIX}{APPLICATION_SECRETS}", message, 'write it like {"notes": {"PASSWORD": "…"}}')]


def _example(homelab: Homelab, preview: bool) -> list[Problem]:
    if preview or homelab.operator.public_key not in EXAMPLE_KEYS:
        return []
    return [Problem(files.PUBLIC_KEY, "the key of the example, whose private half nobody has", "put your own: `ssh-add -L` prints it")]


def _with_files(homelab: Homelab, root: Path) -> tuple[Homelab, list[Problem]]:
    added: dict[str, object] = {}
    problems: list[Problem] = []
    operator = homelab.operator
    try:
        if operator.private_key_file:
            added["operator_key"] = key = files.operator_key(operator.private_key_file, root)
            if operator.public_key and operator.public_key not in EXAMPLE_KEYS:
                problems += files.pair(operator.public_key, key, operator.private_key_file)
    except files.Unreadable as error:
        problems.append(error.problem)
    try:
        if operator.known_hosts_file:
            added["machines"] = files.pin(homelab.machines, files.known_hosts(operator.known_hosts_file, root))
    except files.Unreadable as error:
        problems.append(error.problem)
    return homelab.model_copy(update=added), problems


def secret_texts(homelab: Homelab) -> tuple[SecretStr, ...]:
    """Every secret the configuration holds, for tests and filters that look for leaks."""
    keys = homelab.identities
    known = [homelab.operator_key] if homelab.operator_key else []
    ceph = [keys.ceph.mon_key, keys.ceph.admin_key] if keys.ceph else []
    signs = [keys.authority.key] if keys.authority else []
    hidden = [value for values in homelab.application_secrets.values() for value in values.values()]
    machines = (keys.rented_host_keys, keys.rented_mesh_keys, keys.backup_passphrases)
    return (*(key for found in machines for key in found.values()), *ceph, *signs, *known, *hidden)
