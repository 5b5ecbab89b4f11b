"""The JSON schema of stack files, for editors. `python -m config.schema` prints it, `--write` puts it beside the model."""

import json
import sys
from pathlib import Path
from typing import Any

from config.applications import SECRETS as APPLICATION_SECRETS
from config.model import Topics
from config.stack import KEYS, PREFIX

FILE = Path(__file__).with_name("homelab.schema.json")
_SECRET = {
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
    "description": "Encrypted keys that outlive machines and state; `make init` makes them",
}


def schema() -> dict[str, Any]:
    """Of a whole stack file: the topics under `config`, other namespaces and Pulumi's own keys left alone."""
    topics = Topics.model_json_schema()
    definitions = topics.pop("$defs", {})
    known = {f"{PREFIX}{name}": part for name, part in topics["properties"].items()}
    known |= {f"{PREFIX}{name}": _SECRET for name in KEYS}
    known[f"{PREFIX}{APPLICATION_SECRETS}"] = {**_SECRET, "description": "Encrypted: applications and their secret environment variables"}
    names = "|".join(name.removeprefix(PREFIX) for name in known)
    config = {
        "type": "object",
        "properties": known,
        "patternProperties": {f"^{PREFIX}(?!({names})$)": False},
        "required": [f"{PREFIX}{name}" for name in topics["required"]],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of the home lab",
        "type": "object",
        "properties": {"config": config},
        "required": ["config"],
        "$defs": definitions,
    }


def text() -> str:
    """The schema as it is checked in."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
