"""Sizes of memory and disks."""

import re
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from config.base import shown, wrong

UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGTP", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTP", 1)},
}
_FORM = re.compile(r"(\d{1,18}(?:\.\d{1,6})?) ?([A-Za-z]*)")
_PATTERN = r"^[0-9]+(\.[0-9]+)? ?([kMGTP]?B|[KMGTP]iB)$"


class Size(int):
    """Bytes. Written with a unit: 4TB (decimal), 32GiB (binary); `str()` gives a text that parses to the same number."""

    @classmethod
    def parse(cls, text: object) -> "Size":
        """Raises PydanticCustomError (a ValueError) on anything that is not a whole, positive number of bytes with a known unit."""
        if isinstance(text, cls):
            return text
        form = _FORM.fullmatch(text) if isinstance(text, str) else None
        if isinstance(text, int) and not isinstance(text, bool):
            raise wrong(f"the size {shown(text)} has no unit", "write for example 32GiB or 4TB")
        if form is None:
            raise wrong(f"{shown(text)} is not a size", "write a number and a unit, for example 32GiB or 4TB")
        number, unit = form.groups()
        if unit not in UNITS:
            raise wrong(f"the size {shown(text)} has no unit that is known", _advice(number, unit))
        size = Decimal(number) * UNITS[unit]
        if size != int(size) or size <= 0:
            raise wrong(f"the size {shown(text)} is not a positive whole number of bytes", "write for example 500GB")
        return cls(int(size))

    def __str__(self) -> str:
        unit = min((unit for unit, factor in UNITS.items() if self % factor == 0), key=lambda unit: int(self) // UNITS[unit])
        return f"{int(self) // UNITS[unit]}{unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": _PATTERN, "examples": ["32GiB", "4TB"]}


def _advice(number: str, unit: str) -> str:
    near = [known for known in UNITS if len(known) > 1 and known[0].lower() == unit[:1].lower()] or ["GiB", "TB"]
    return "write " + " or ".join(f"{number}{known}" for known in near)
