"""Every file of the corpus: a valid one is understood, an invalid one is refused with the message its first line names."""

from pathlib import Path

import pytest

from components.backup import check as backup
from components.kubernetes import check as kubernetes
from components.machines import check as machines
from components.mesh import check as mesh
from components.releases import check as releases
from components.storage import check as storage
from config.problems import Refused, refuse
from config.stack import read

CORPUS = Path(__file__).parent / "corpus"
KNOWN_HOSTS = "192.168.1.10 ssh-rsa AAAA\n192.168.1.10 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBiKfcqWcX11cTc7gIWCDJGF2HXpXQY0pIdwWxyQgRE\n"


def understood(file: Path, root: Path) -> None:
    """What every run does before it registers anything."""
    (root / f"Pulumi.{file.stem}.yaml").write_text(file.read_text())
    (root / "known_hosts").write_text(KNOWN_HOSTS)
    homelab = read(file.stem, root)
    checks = (machines, mesh, storage, kubernetes, releases, backup)
    refuse(file.stem, [problem for part in checks for problem in part.check(homelab)])


@pytest.mark.parametrize("stem", sorted(file.stem for file in (CORPUS / "valid").iterdir()))
def test_a_valid_file_is_understood(stem: str, tmp_path: Path) -> None:
    understood(CORPUS / "valid" / f"{stem}.yaml", tmp_path)


@pytest.mark.parametrize("stem", sorted(file.stem for file in (CORPUS / "invalid").iterdir()))
def test_an_invalid_file_is_refused_with_its_message(stem: str, tmp_path: Path) -> None:
    file = CORPUS / "invalid" / f"{stem}.yaml"
    expected = file.read_text().splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(Refused) as refused:
        understood(file, tmp_path)
    assert expected in str(refused.value)
    assert all(problem.remedy for problem in refused.value.problems)


@pytest.mark.parametrize("stem", sorted(file.stem for file in (CORPUS / "invalid").iterdir()))
def test_an_invalid_file_has_no_other_problem_than_its_own(stem: str, tmp_path: Path) -> None:
    """So that each file goes on proving its own rule, whatever other rules come."""
    with pytest.raises(Refused) as refused:
        understood(CORPUS / "invalid" / f"{stem}.yaml", tmp_path)
    assert len(refused.value.problems) == PROBLEMS.get(stem, 1)


PROBLEMS = {"many-problems-at-once": 6, "storage-with-one-monitor": 2}  # one machine cannot keep two copies either


def test_the_corpus_is_large_enough() -> None:
    assert len(list((CORPUS / "valid").iterdir())) >= 8
    assert len(list((CORPUS / "invalid").iterdir())) >= 28
