"""pydantic's errors as Problems: in the words of a stack file, with a remedy. Pure."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.problems import Problem

Location = Sequence[str | int]
_KINDS = {
    "model_type": "a mapping of keys to values",
    "mapping_type": "a mapping of names to values",
    "dict_type": "a mapping of names to values",
    "tuple_type": "a list: [ … ]",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}


def explain(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Every error of one validation of `root`; none shows the value that was given, but what a type chose to show."""
    errors = error.errors(include_url=False)
    return [_problem(detail, root) for detail in errors if not _follows(detail, errors)]


def path(location: Location) -> str:
    """("machines", "absis", "disks", 0, "id") -> homelab:machines.absis.disks[0].id"""
    steps = [step for step in location if step != "[key]"]
    return "homelab:" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def nearest(name: str, known: Sequence[str]) -> str:
    """What to say to a person who wrote `name` where only `known` names are."""
    near = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if near:
        return f"did you mean {next(k for k in known if k.lower() == near[0])}?"
    return "known here: " + ", ".join(sorted(known))


def _follows(detail: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Whether it only follows from another error: a default that needs a wrong neighbour, a list without its wrong items."""
    depth = len(detail["loc"])
    inner = any(len(other["loc"]) > depth and other["loc"][:depth] == detail["loc"] for other in errors)
    return detail["type"] == "default_factory_not_called" or (detail["type"] == "too_short" and inner)


def _problem(detail: ErrorDetails, root: type[BaseModel]) -> Problem:
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    known, field = _place(location, root)
    advice = _description(field)
    if kind == "homelab":
        return Problem(path(location), context["message"], context["remedy"])
    if kind == "extra_forbidden":
        return Problem(path(location), f"unknown {'topic' if len(location) == 1 else 'key'}", nearest(str(location[-1]), known))
    if kind == "missing":
        return Problem(path(location), "missing", f"add it: {advice}")
    if kind == "literal_error":
        return Problem(path(location), f"must be {context['expected']}", advice)
    if kind in ("greater_than_equal", "less_than_equal"):
        limit = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return Problem(path(location), f"must be {limit}", advice)
    if kind == "too_short":
        return Problem(path(location), f"must have at least {context['min_length']}", advice)
    if kind in _KINDS:
        return Problem(path(location), f"must be {_KINDS[kind]}", advice)
    return Problem(path(location), detail["msg"].replace("Input should", "it should"), advice)


def _description(field: FieldInfo | None) -> str:
    text = (field.description or "") if field else ""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _place(location: Location, root: type[BaseModel]) -> tuple[list[str], FieldInfo | None]:
    """The keys known beside a location's last step, and that step's own field, or the nearest one above it."""
    kind: Any = root
    known: list[str] = []
    field: FieldInfo | None = None
    for step in location:
        fields = _fields(kind)
        known = list(fields) or known
        field = fields.get(str(step), field)
        kind = _inside(kind, step)
    return known, field


def _fields(kind: Any) -> Mapping[str, FieldInfo]:
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def _inside(kind: Any, step: str | int) -> Any:
    if fields := _fields(kind):
        return _bare(fields[str(step)].annotation) if str(step) in fields else None
    inner = [part for part in get_args(kind) if part is not Ellipsis]
    return _bare(inner[-1]) if inner else None


def _bare(kind: Any) -> Any:
    """Without Annotated and without `| None`."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return next(_bare(part) for part in get_args(kind) if part is not NoneType)
    return kind
