"""Changes to the text of a stack file that leave everything else, comments too, as it is. Pure."""

from collections.abc import Mapping

import yaml


class Inline(Exception):
    """The stack file writes `config` in braces, so that nothing can be added to it line by line."""


def with_secrets(text: str, secrets: Mapping[str, str], state: str | None = None) -> str:
    """The text with `config` keys set to encrypted values, and `encryptionsalt: state` when it has none."""
    for key, value in secrets.items():
        text = _with_secret(text, key, value)
    if state is not None and _find(_root(text), "encryptionsalt") is None:
        text = _ended(text) + f"encryptionsalt: {state}\n"
    return text


def _with_secret(text: str, key: str, value: str) -> str:
    config = _find(_root(text), "config")
    if config is None:
        return _with_secret(_ended(text) + "config:\n", key, value)
    if not isinstance(config, yaml.MappingNode):
        return _inserted(text, config.end_mark.index, f"  {key}:\n    secure: {value}\n")
    if config.flow_style:
        raise Inline
    old = _find(config, key)
    secure = _find(old, "secure")
    if secure is not None:
        return text[: secure.start_mark.index] + value + text[secure.end_mark.index :]
    if old is not None:
        raise Inline
    indent = " " * config.value[0][0].start_mark.column
    return _inserted(text, _end(config), f"{indent}{key}:\n{indent}  secure: {value}\n")


def _root(text: str) -> yaml.Node | None:
    return yaml.compose(text, yaml.SafeLoader)


def _find(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _end(node: yaml.Node) -> int:
    """Where a node's own text ends: a block's end mark stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _inserted(text: str, index: int, lines: str) -> str:
    """The lines put behind the line that ends at or holds `index`."""
    if index > 0 and text[index - 1] == "\n":
        cut = index
    else:
        found = text.find("\n", index)
        cut = len(text) if found < 0 else found + 1
    return _ended(text[:cut]) + lines + text[cut:]


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
