"""What every part of the model shares."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, WrapSerializer
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

K = TypeVar("K")
V = TypeVar("V")


class Model(BaseModel):
    """Read only; unknown keys are refused; errors never show the value that was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, alias_generator=to_camel, validate_default=False)


def _freeze(mapping: Mapping[K, V]) -> Mapping[K, V]:
    """Sorted: the engine hands over a stack file's mappings by name, so their order in the file never means anything."""
    return MappingProxyType(dict(sorted(mapping.items(), key=lambda item: str(item[0]))))


def _thaw(mapping: Mapping[K, V], serialise: Callable[[Any], Any]) -> Any:
    return serialise(dict(mapping))


FrozenMapping = Annotated[Mapping[K, V], AfterValidator(_freeze), WrapSerializer(_thaw)]


def wrong(message: str, remedy: str = "") -> PydanticCustomError:
    """The error a type raises: one sentence, and what to do. Keep values that could be secret out of it."""
    return PydanticCustomError("homelab", "{message}", {"message": message, "remedy": remedy})


def shown(value: object) -> str:
    """A value as it may stand in an error: short, on one line."""
    text = str(value).split("\n", 1)[0]
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"
