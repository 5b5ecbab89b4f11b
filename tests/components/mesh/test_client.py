"""What `homelab-client` does to a laptop's /etc/hosts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.graph import ROOT

CLIENT = ROOT / "components/mesh/client/homelab-client"
OWN = "127.0.0.1 localhost\n192.168.1.5 printer\n"
LINES = "10.88.0.1 plex.homelab.test notes.homelab.test\n"


@pytest.fixture
def client(tmp_path: Path) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "client", "__file__": str(CLIENT)}
    exec(compile(CLIENT.read_text(), "client", "exec"), space)
    space.update(HOSTS=tmp_path / "hosts", NAMES=tmp_path / "names")
    (tmp_path / "hosts").write_text(OWN)
    return space


@pytest.fixture
def names(client: dict[str, Any]) -> Callable[[str | None], str]:
    """/etc/hosts after the bundle has said these lines, or nothing."""

    def names(lines: str | None) -> str:
        client["NAMES"].unlink(missing_ok=True)
        if lines is not None:
            client["NAMES"].write_text(lines)
        client["names"]()
        text = client["HOSTS"].read_text()
        assert isinstance(text, str)
        return text

    return names


def test_the_applications_are_found_by_a_block_of_our_own_and_the_rest_stays(names: Callable[[str | None], str]) -> None:
    assert names(LINES) == f"{OWN}# homelab: managed block\n{LINES}# homelab: managed block ends\n"


def test_a_new_bundle_replaces_the_block_and_again_changes_nothing(names: Callable[[str | None], str]) -> None:
    names(LINES)
    other = names("10.88.0.2 plex.homelab.test\n")
    assert LINES not in other and other.count("managed block\n") == 1 and names("10.88.0.2 plex.homelab.test\n") == other


def test_a_bundle_without_names_and_leaving_take_the_block_away(names: Callable[[str | None], str]) -> None:
    names(LINES)
    assert names(None) == OWN


def test_a_file_that_does_not_end_its_last_line_gets_no_broken_one(client: dict[str, Any], names: Callable[[str | None], str]) -> None:
    client["HOSTS"].write_text("127.0.0.1 localhost")
    assert names(LINES).startswith("127.0.0.1 localhost\n# homelab: managed block\n")


def test_everybody_may_read_the_file(client: dict[str, Any], names: Callable[[str | None], str]) -> None:
    names(LINES)
    assert client["HOSTS"].stat().st_mode & 0o777 == 0o644
