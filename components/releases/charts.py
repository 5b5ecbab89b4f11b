"""Charts that are folders: what is in them. Reads files of the project; imports without pulumi."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from pydantic import JsonValue

from config.document import ROOT

OWN = "charts"
"""The folder of the program's own charts."""

DIGEST = "chartDigest"
"""The value by which an edited folder becomes a change that Helm is told of, where the chart has such a value."""


class Unreadable(Exception):
    """A folder that is no chart; the text says why."""


@dataclass(frozen=True)
class Folder:
    """A chart in a folder. `digest` changes with any file of it; `schema` is that of its values, if it has one."""

    name: str
    version: str
    digest: str
    values: Mapping[str, JsonValue]
    schema: Mapping[str, JsonValue] | None


@lru_cache
def read(folder: str, root: Path = ROOT) -> Folder:
    """The chart in `folder`, from the project's folder on. Raises Unreadable."""
    home = root / folder
    said = _yaml(home / "Chart.yaml")
    if not isinstance(said.get("name"), str) or not isinstance(said.get("version"), str):
        raise Unreadable("its Chart.yaml has no name or no version")
    schema = home / "values.schema.json"
    try:
        rules = json.loads(schema.read_text(encoding="utf-8")) if schema.exists() else None
    except ValueError as error:
        raise Unreadable(f"its values.schema.json is no JSON: {error}") from None
    values = _yaml(home / "values.yaml") if (home / "values.yaml").exists() else {}
    return Folder(said["name"], said["version"], _digest(home), values, rules)


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings key by key, anything else as a whole, null too: by it Helm takes away what the chart says."""
    joined = dict(values)
    for key, value in over.items():
        old = values.get(key)
        joined[key] = merged(old if isinstance(old, Mapping) else {}, value) if isinstance(value, Mapping) else value
    return joined


def coalesced(defaults: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values as Helm gives them to a chart: merged, and without what is null."""
    return _without_null(merged(defaults, over), over)


def _without_null(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A chart's own null stays: only one that is said takes anything away."""
    found = {}
    for key, value in values.items():
        said = over.get(key)
        if key in over and said is None:
            continue
        found[key] = _without_null(value, said) if isinstance(value, Mapping) and isinstance(said, Mapping) else value
    return found


def _digest(home: Path) -> str:
    """Of every file, by way of symbolic links too: Helm follows them, as the one to the library that charts share."""
    said = sha256()
    for path in _files(home, {home.resolve()}):
        text = path.read_bytes()
        said.update(f"{path.relative_to(home)}\0{len(text)}\0".encode() + text)
    return said.hexdigest()[:16]


def _files(folder: Path, above: set[Path]) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = folder / entry.name
        if entry.is_dir():
            if path.resolve() not in above:  # a link back to a folder above would never end
                yield from _files(path, {*above, path.resolve()})
        elif entry.is_file():
            yield path


def _yaml(file: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError:
        raise Unreadable(f"there is no {file.name} in it") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Unreadable(f"its {file.name} is no YAML") from None
    if said is not None and not isinstance(said, dict):
        raise Unreadable(f"its {file.name} is no mapping")
    return said or {}
