"""homelab:backup: Borg on every machine, onto the shared file system. Without `schedule` there are no backups."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from config.base import Model, shown, wrong
from config.ceph import PLACEHOLDER
from config.problems import Problem
from config.size import Size
from config.types import HostName, Text, form

PASSPHRASES = "backupPassphrases"
_BYTES = 32
UNITS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([1-9]\d{0,3}) ?(min|h|d|w)")
_CALENDAR = r"[A-Za-z0-9*/:,.~ -]{1,64}"  # its form only: systemd itself has the last word, on the machine


class Duration(int):
    """Seconds. Written with a unit: 30min, 6h, 1d, 2w."""

    @classmethod
    def parse(cls, text: object) -> "Duration":
        """Raises PydanticCustomError (a ValueError) on anything else."""
        if isinstance(text, cls):
            return text
        form = _DURATION.fullmatch(text) if isinstance(text, str) else None
        if form is None:
            raise wrong(f"{shown(text)} is not a duration", "write a whole number and min, h, d or w, for example 6h")
        return cls(int(form[1]) * UNITS[form[2]])

    def __str__(self) -> str:
        unit = next(unit for unit in reversed(UNITS) if self % UNITS[unit] == 0)
        return f"{int(self) // UNITS[unit]}{unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": "^[1-9][0-9]{0,3} ?(min|h|d|w)$", "examples": ["6h", "2w"]}


def _path(value: str) -> str:
    if value.startswith("/") and value.rstrip("/") and ".." not in value.split("/") and not re.search(r"[*?\[\]\x00-\x1f]", value):
        return value.rstrip("/")
    raise wrong(f"{shown(value)} is not the path of a file or folder", "write it from / on, without patterns: all below it is left out")


Calendar = Annotated[
    Text,
    form(_CALENDAR, "a time of systemd", "write for example *-*-* 02:30 or Sun 03:00; `systemd-analyze calendar` explains it"),
]
AbsolutePath = Annotated[Text, AfterValidator(_path)]


class Schedule(Model):
    """When machines back themselves up. A run that was missed is made good as soon as the machine is on again."""

    at: Calendar = Field("*-*-* 02:30", description="systemd's OnCalendar, for example *-*-* 02:30")
    spread: Duration = Field(Duration(5400), description="Each machine begins up to this much later, always by the same amount")


class Keep(Model):
    """How many archives stay: the last one of as many days, weeks, months, years."""

    daily: int = Field(7, ge=0, le=1000, description="Days")
    weekly: int = Field(4, ge=0, le=1000, description="Weeks")
    monthly: int = Field(6, ge=0, le=1000, description="Months")
    yearly: int = Field(0, ge=0, le=100, description="Years")


class Checks(Model):
    """How often a repository is looked through, by a machine that has it mounted."""

    repository: Duration = Field(Duration(7 * 86400), description="That every block on the disks has its checksum")
    archives: Duration = Field(Duration(14 * 86400), description="That everything an archive names is there")
    data: Duration = Field(Duration(60 * 86400), description="That everything can be decrypted and is what was stored: reads it all")


class Limits(Model):
    """What a backup leaves to others."""

    upload: Size = Field(Size(4 * 1000**2), description="Bytes a second of a machine that sends over the mesh")
    cpu_weight: int = Field(20, ge=1, le=10000, description="systemd's CPUWeight; everything else has 100")
    io_weight: int = Field(20, ge=1, le=10000, description="systemd's IOWeight; everything else has 100")


class Snapshots(Model):
    """Copies of etcd's data on the shared file system; there are some where there is a cluster."""

    every: Duration = Field(Duration(6 * 3600), description="How often")
    keep: int = Field(28, ge=1, le=1000, description="How many stay")


class Backup(Model):
    """Each machine has a repository of its own, at /srv/<filesystem>/backups/<machine>."""

    schedule: Schedule | None = Field(None, description="When; without it there are no backups")
    machines: tuple[HostName, ...] | None = Field(None, description="Which machines; else all")
    clients: tuple[HostName, ...] = Field((), description="Which clients of the mesh; each needs its backupKey under mesh.clients")
    keep: Keep = Field(default_factory=lambda: Keep.model_validate({}), description="How many archives stay")
    checks: Checks = Field(default_factory=lambda: Checks.model_validate({}), description="How often repositories are looked through")
    excludes: tuple[AbsolutePath, ...] = Field((), description="Files and folders left out everywhere, besides those that always are")
    limits: Limits = Field(default_factory=lambda: Limits.model_validate({}), description="What a backup leaves to others")
    quota: Size | None = Field(None, description="How large all backups together may become; else they may fill the file system")
    snapshots: Snapshots = Field(default_factory=lambda: Snapshots.model_validate({}), description="Copies of etcd's data")


def subjects(backup: Backup, machines: Iterable[str]) -> Sequence[str]:
    """Whose backups there are: machines, then clients; nobody's without a schedule."""
    if backup.schedule is None:
        return ()
    chosen = [name for name in machines if backup.machines is None or name in backup.machines]
    return [*chosen, *(name for name in backup.clients if name not in chosen)]


def new_passphrase() -> str:
    """A new one: 32 random bytes, base64."""
    return base64.b64encode(os.urandom(_BYTES)).decode()


def check_passphrase(text: str) -> str:
    """A word that tells passphrases apart and gives nothing away. ValueError, without any of the text, when it is none of ours: one that a
    person has thought up could be guessed from the word."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not a passphrase of 32 bytes in base64") from None
    if len(raw) != _BYTES:
        raise ValueError("not a passphrase of 32 bytes in base64")
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


def passphrases(stack: str, names: Iterable[str], said: Mapping[str, str], preview: bool) -> tuple[dict[str, SecretStr], list[Problem]]:
    """Name -> passphrase out of the decrypted secret, also of those that are not backed up any more: their archives open with nothing else.
    In a preview missing ones of `names` are placeholders, else problems."""
    names = [*names]
    chosen = {name: SecretStr(phrase) for name, phrase in said.items() if names and name not in names and _usable(phrase)}
    problems: list[Problem] = []
    for name in names:
        chosen[name] = SecretStr(said.get(name, PLACEHOLDER))
        path = f"homelab:{PASSPHRASES}.{name}"
        if name not in said:
            problems += [] if preview else [Problem(path, f"no backup passphrase for {name}", f"run `make init STACK={stack}`")]
            continue
        try:
            check_passphrase(said[name])
        except ValueError as error:
            remedy = "restore it from version control: its archives open with nothing else"
            problems.append(Problem(path, f"the backup passphrase of {name} cannot be used: it is {error}", remedy))
    return chosen, problems


def _usable(phrase: str) -> bool:
    try:
        return bool(check_passphrase(phrase))
    except ValueError:
        return False
