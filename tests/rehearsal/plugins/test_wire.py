"""Property values survive the way from a request to its answer."""

from rehearsal.plugins import wire

ASSET = {wire.SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "abc", "text": "x"}


def test_secrets_unknowns_assets_nulls_and_numbers_pass_unchanged() -> None:
    properties = {"secret": wire.secret("s"), "unknown": wire.UNKNOWN, "asset": ASSET, "null": None, "list": [1.0, True, {"a": "b"}]}
    assert wire.read(wire.write(properties)) == properties


def test_plain_takes_off_every_mark_at_any_depth() -> None:
    assert wire.plain(wire.secret({"a": wire.secret(["x", wire.secret("y")])})) == {"a": ["x", "y"]}


def test_unwrap_takes_off_only_the_outer_mark() -> None:
    assert wire.unwrap(wire.secret({"a": wire.secret("x")})) == {"a": wire.secret("x")}


def test_a_secret_is_not_marked_twice() -> None:
    assert wire.secret(wire.secret("x")) == wire.secret("x")


def test_an_asset_is_told_from_a_secret() -> None:
    assert wire.is_asset(ASSET)
    assert not wire.is_secret(ASSET)
    assert not wire.is_asset(wire.secret("x"))


def test_an_unknown_value_is_found_at_any_depth() -> None:
    assert wire.has_unknown({"a": [wire.secret(wire.UNKNOWN)]})
    assert not wire.has_unknown({"a": [wire.secret("x")]})
