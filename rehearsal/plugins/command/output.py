"""What a running command prints: kept for the state, mixed for an error's text, and shown line by line while it runs."""

import asyncio
from types import TracebackType
from typing import Literal, Self

from rehearsal.plugins.resource import Failure, Step

Stream = Literal["stdout", "stderr"]

SHOWN: dict[str, frozenset[Stream]] = {
    "stdout": frozenset({"stdout"}),
    "stderr": frozenset({"stderr"}),
    "stdoutAndStderr": frozenset({"stdout", "stderr"}),
    "none": frozenset(),
}
ONE_BY_ONE = 20  # lines; more at once go to the engine as one lump, which is many times faster


class Capture:
    """Collects both streams. Within `async with`, whole lines of the shown ones go to the engine's log, in order."""

    def __init__(self, step: Step, logging: str) -> None:
        self._step = step
        self._shown = SHOWN[logging]
        self._kept: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._partial: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._mixed = bytearray()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None

    def feed(self, stream: Stream, data: bytes) -> None:
        self._kept[stream] += data
        self._mixed += data
        if stream in self._shown:
            self._partial[stream] += data
            *lines, rest = self._partial[stream].split(b"\n")
            self._partial[stream] = rest
            for line in lines:
                self._lines.put_nowait(_readable(line))

    def text(self, stream: Stream) -> str:
        """The stream for the state: exactly one newline cut from its end. Raises Failure for bytes that are not UTF-8."""
        try:
            return self._kept[stream].decode().removesuffix("\n")
        except UnicodeDecodeError:
            raise Failure("grpc: error while marshaling: string field contains invalid UTF-8") from None

    def mixed(self) -> str:
        """Both streams as they came, for an error's text."""
        return _readable(self._mixed)

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._show())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for rest in self._partial.values():
            if rest:
                self._lines.put_nowait(_readable(rest))
        self._lines.put_nowait(None)
        if self._pump is not None:
            await self._pump

    async def _show(self) -> None:
        ended = False
        while not ended:
            lines = [await self._lines.get()]
            while not self._lines.empty():
                lines.append(self._lines.get_nowait())
            ended = lines[-1] is None
            texts = [line for line in lines if line]
            for text in texts if len(texts) <= ONE_BY_ONE else ["\n".join(texts)]:
                await self._step.log(text)


def _readable(data: bytes | bytearray) -> str:
    return data.decode(errors="replace")


def quoted(text: str) -> str:
    """The text in double quotes, escaped as the official plug-in's errors show a command line (Go's %q)."""
    named = {'"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    return '"' + "".join(named.get(character) or _shown(character) for character in text) + '"'


def _shown(character: str) -> str:
    code = ord(character)
    if character == " " or (character.isprintable() and not character.isspace()):
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
