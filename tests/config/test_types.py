"""Sizes, names, keys and taints."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.size import UNITS, Size
from config.types import DiskId, Ed25519PublicKey, HostName, RsaPublicKey, Taint, Taints

LINE = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()


@given(st.integers(min_value=1, max_value=10**17))
def test_a_size_written_and_read_again_is_the_same(size: int) -> None:
    assert Size.parse(str(Size(size))) == size


@given(st.integers(min_value=1, max_value=9999), st.sampled_from(sorted(UNITS)))
def test_a_size_is_its_number_times_its_unit(number: int, unit: str) -> None:
    assert Size.parse(f"{number}{unit}") == Size.parse(f"{number} {unit}") == number * UNITS[unit]


PRETTY = {"4TB": "4TB", "32GiB": "32GiB", "1024MiB": "1GiB", "1.5TB": "1500GB", "1000B": "1kB"}


@pytest.mark.parametrize(("text", "pretty"), PRETTY.items())
def test_a_size_is_shown_in_the_unit_a_person_would_take(text: str, pretty: str) -> None:
    assert str(Size.parse(text)) == f"{Size.parse(text)}" == pretty


@pytest.mark.parametrize("text", ["", "0GB", "-1GB", "4", "GB", "1.0000001kB", "4 T B", "nan GB", 32, 3.5, None, True])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"size|unit"):
        Size.parse(text)


@given(st.text(max_size=70))
def test_a_host_name_is_what_rfc_1123_and_dns_allow(text: str) -> None:
    allowed = 0 < len(text) < 64 and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and text.strip("-") == text
    assert _accepts(HostName, text) == allowed


def test_a_public_key_is_kept_without_its_comment() -> None:
    assert TypeAdapter(Ed25519PublicKey).validate_python(f"  {LINE} ann@pad\n") == LINE


@pytest.mark.parametrize("text", [LINE[:-8], LINE.replace("ed25519", "dss", 1), f"{LINE}\n{LINE}", "ssh-ed25519", "ssh-ed25519 ****", ""])
def test_what_is_no_ed25519_line_is_refused(text: str) -> None:
    assert not _accepts(Ed25519PublicKey, text)


@pytest.mark.parametrize("kind", [Ed25519PublicKey, RsaPublicKey])
def test_a_private_key_in_the_place_of_a_public_one_is_refused_and_not_shown(kind: object) -> None:
    private = "-----BEGIN RSA PRIVATE " + "KEY-----\nsensitive\n"
    with pytest.raises(ValidationError, match="private key") as refused:
        TypeAdapter(kind).validate_python(private)
    assert "sensitive" not in str(refused.value.errors()[0]["msg"]) + str(refused.value.errors()[0]["ctx"])


NOT_IDS = ["sda", "sdaa1", "nvme0n1", "nvme1n1p2", "vdb", "loop3", "/dev/sdb", "/dev/disk/by-id/ata-X", "ata-X-part2", "a,b", "-a"]


@pytest.mark.parametrize("name", NOT_IDS)
def test_a_disk_is_named_by_its_id_alone(name: str) -> None:
    assert not _accepts(DiskId, name)


@pytest.mark.parametrize("name", ["ata-WDC_WD40EFRX-68N32N0_WD-WCC7K1", "wwn-0x50014ee2b1", "nvme-eui.0025385", "virtio-lev-1", "usb-X:0"])
def test_the_names_udev_gives_are_taken(name: str) -> None:
    assert TypeAdapter(DiskId).validate_python(name) == name


@pytest.mark.parametrize(
    ("text", "taint"),
    [
        ("cloud:NoSchedule", Taint("cloud", None, "NoSchedule")),
        ("a=b:NoExecute", Taint("a", "b", "NoExecute")),
        ("example.net/a=:PreferNoSchedule", Taint("example.net/a", "", "PreferNoSchedule")),
    ],
)
def test_a_taint_is_read_and_written_as_kubernetes_does(text: str, taint: Taint) -> None:
    assert TypeAdapter(Taints).validate_python(text) == taint
    assert str(taint) == text


@pytest.mark.parametrize("text", ["cloud", "cloud:Never", ":NoSchedule", "a=b=c:NoSchedule", "a b:NoSchedule", "cloud:NoSchedule-"])
def test_what_is_no_taint_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a taint"):
        TypeAdapter(Taints).validate_python(text)


def _accepts(kind: object, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True
