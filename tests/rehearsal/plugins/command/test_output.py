"""What a command prints, and how it is kept and shown."""

import asyncio

import pytest

from rehearsal.plugins.command.output import Capture, quoted
from rehearsal.plugins.resource import Failure, Severity, Step


def captured(logging: str, *chunks: tuple[str, bytes]) -> tuple[Capture, list[str]]:
    shown: list[str] = []

    async def log(text: str, severity: Severity = "info", *, ephemeral: bool = True) -> None:
        shown.append(text)

    async def run() -> Capture:
        capture = Capture(Step("urn::c", log), logging)
        async with capture:
            for stream, data in chunks:
                capture.feed("stderr" if stream == "stderr" else "stdout", data)
        return capture

    return asyncio.run(run()), shown


@pytest.mark.parametrize(("data", "kept"), [(b"o\n\n", "o\n"), (b"b\r\n", "b\r"), (b" x", " x"), (b"\n", ""), (b"a\0\x1b\n", "a\0\x1b")])
def test_exactly_one_newline_is_cut(data: bytes, kept: str) -> None:
    assert captured("none", ("stdout", data))[0].text("stdout") == kept


def test_lines_are_shown_whole_however_they_arrive() -> None:
    _, shown = captured("stdout", ("stdout", b"on"), ("stdout", b"e\ntw"), ("stderr", b"no\n"), ("stdout", b"o"))
    assert shown == ["one", "two"]


def test_many_lines_at_once_are_shown_as_one_lump() -> None:
    _, shown = captured("stdout", ("stdout", b"".join(b"%d\n" % n for n in range(100))))
    assert shown == ["\n".join(str(n) for n in range(100))]


def test_bytes_that_are_not_utf8_fail_but_may_stand_in_an_error() -> None:
    capture, _ = captured("none", ("stdout", b"a\xff"), ("stderr", b"b"))
    with pytest.raises(Failure, match="invalid UTF-8"):
        capture.text("stdout")
    assert capture.mixed() == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", '"a b"'),
        ('say "x"\n', r'"say \"x\"\n"'),
        ("\x1b\t\\", r'"\x1b\t\\"'),
        ("é\u200b", '"é\\u200b"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_a_command_line_in_an_error_is_escaped_as_go_does(text: str, shown: str) -> None:
    assert quoted(text) == shown
