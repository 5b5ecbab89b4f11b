"""Whether a chart takes the values that it is to get: Helm's own check, before anything runs. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import ValidationError
from jsonschema.validators import validator_for

from components.releases.charts import Folder, coalesced
from config.explain import nearest


def faults(chart: Folder, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Everything that the chart's schema says against them: (which value, what is wrong, what to do). None for a chart without schema."""
    if chart.schema is None:
        return
    kind = validator_for(dict(chart.schema))
    found = kind(dict(chart.schema)).iter_errors(coalesced(chart.values, values))
    for error in sorted(found, key=lambda error: [str(step) for step in error.absolute_path]):
        yield from _explained(error)


def _explained(error: ValidationError) -> Iterator[tuple[str, str, str]]:
    """Without the value itself, which may be long, or a secret that somebody has put there."""
    where = _path(error)
    properties: Mapping[str, Any] = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = [*properties]
        for name in sorted(set(error.instance) - {*known}):
            yield f"{where}.{name}".removeprefix("."), "the chart has no such value", nearest(name, known)
        return
    if error.validator == "required" and isinstance(error.instance, Mapping):
        rule: Any = error.validator_value
        for name in [name for name in rule if name not in error.instance]:
            yield f"{where}.{name}".removeprefix("."), "missing", _advice(properties.get(name, {}))
        return
    yield where or "values", _said(error), _advice(error.schema)


def _path(error: ValidationError) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).removeprefix(".")


def _said(error: ValidationError) -> str:
    rule: Any = error.validator_value
    said = {
        "type": f"must be {' or '.join(rule) if isinstance(rule, list) else rule}",
        "enum": f"must be one of {rule}",
        "const": f"must be {rule}",
        "pattern": f"must match {rule}",
        "minimum": f"must be at least {rule}",
        "maximum": f"must be at most {rule}",
        "minItems": f"must have at least {rule}",
        "uniqueItems": "has something twice",
    }
    return said.get(str(error.validator), f"breaks the chart's rule '{error.validator}'")


def _advice(schema: Any) -> str:
    description = schema.get("description") if isinstance(schema, Mapping) else None
    return f"the chart says: {description}" if description else "the chart's values.schema.json and README say what it takes"
