"""The text of a stack file, read as the engine reads it: YAML 1.2's plain values, no key twice."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from config.problems import Problem, Refused

ROOT = Path(__file__).parents[1]


def stack_file(stack: str, root: Path = ROOT) -> Path:
    """Where a stack's configuration stands."""
    return root / f"Pulumi.{stack}.yaml"


class _Loader(yaml.SafeLoader):
    """PyYAML takes yes, no, on, off, dates and 1:30 for other things than texts; the engine does not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name} stands there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith((":bool", ":timestamp", ":int"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0[0-7_]+)\Z"), list("-+0123456789")
)


def parse_yaml(text: str, stack: str) -> dict[str, Any]:
    """The whole document. Raises Refused with the line when it is no YAML, or no mapping."""
    try:
        said = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise Refused(stack, [Problem(f"line {line}", f"{error.problem}", "repair the YAML there")]) from None
    if not isinstance(said, dict):
        raise Refused(stack, [Problem("the file", "is not a mapping with a key 'config'", "start from Pulumi.home.yaml")])
    return said


def read_document(stack: str, root: Path = ROOT) -> dict[str, Any]:
    """The stack file of `stack`. Raises Refused when it is missing or no YAML."""
    file = stack_file(stack, root)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refused(stack, [Problem("the file", "does not exist", f"run `make init STACK={stack}`, it starts one")]) from None
    return parse_yaml(text, stack)
