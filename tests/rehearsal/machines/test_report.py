from rehearsal import report
from rehearsal.report import Row


def test_the_table_shows_each_machine_with_its_peers_in_order() -> None:
    rows = [
        Row("leviathan", "own", "home", "192.168.77.10", "10.88.0.1", {"nimbus": 1.25, "absis": 0.4}),
        Row("laptop", "client", "cafe", "192.168.99.10", "10.88.0.50", {"nimbus": None}),
    ]
    assert report.machines(rows).splitlines() == [
        "machine    role    site  address        mesh        mesh peers, round trip in ms",
        "─────────  ──────  ────  ─────────────  ──────────  ────────────────────────────",
        "leviathan  own     home  192.168.77.10  10.88.0.1   absis 0.4  nimbus 1.2",
        "laptop     client  cafe  192.168.99.10  10.88.0.50  nimbus no answer",
    ]


def test_a_silent_peer_makes_a_row_incomplete() -> None:
    assert not Row("a", "", "", "", "", {"b": None, "c": 1.0}).complete
    assert Row("a", "", "", "", "", {"c": 1.0}).complete


def test_stages_add_up() -> None:
    assert report.stages({"engine": 1.2, "machines": 10.0}) == "engine 1 s, machines 10 s; together 11 s"
