"""Which page is asked at which machine, and what is made of the answers."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from rehearsal import pages
from rehearsal.pages import Page
from tests.graph import Graph

OUTPUTS = {
    "machines": {
        "leviathan": {"host": "10.88.0.1", "mesh": "10.88.0.1"},  # the operator may reach it over the mesh
        "absis": {"host": "192.168.77.11", "mesh": "10.88.0.2"},
        "nimbus": {"host": "203.0.113.100", "mesh": "10.88.0.3"},
    },
    "urls": {
        "plex": {"url": "https://plex.homelab.test/", "from": "everywhere"},
        "notes": {"url": "https://notes.homelab.test/", "from": "LAN and mesh"},
    },
}
LAN = {"leviathan": "192.168.77.10", "absis": "192.168.77.11"}


def test_each_page_is_asked_at_every_machine_that_is_to_serve_it() -> None:
    asked = pages.questions(OUTPUTS, LAN, laptop=True)
    assert [(one.side, one.address) for one in asked["plex"]] == [
        ("the Internet", "203.0.113.100"),
        ("the home LAN", "192.168.77.10"),
        ("the home LAN", "192.168.77.11"),
        ("the mesh", "10.88.0.1"),
        ("the mesh", "10.88.0.2"),
    ]
    assert "the Internet" not in {one.side for one in asked["notes"]}


def test_without_a_laptop_nobody_asks_over_the_mesh_and_without_applications_nobody_asks() -> None:
    assert "the mesh" not in {one.side for one in pages.questions(OUTPUTS, LAN, laptop=False)["plex"]}
    assert pages.look({"machines": OUTPUTS["machines"]}, LAN, laptop=True) == []


def test_the_program_says_all_that_is_read_here(run: Callable[..., Graph]) -> None:
    """The outputs have what is read here: without, nothing would be asked and all be well."""
    graph = run()
    outputs = {name: graph.outputs[name] for name in ("machines", "urls")}
    asked = pages.questions(outputs, LAN, laptop=True)
    assert {name: len(several) for name, several in asked.items()} == {"plex": 5, "home-assistant": 5, "notes": 4}
    assert graph.outputs["certificateAuthority"].startswith("-----BEGIN CERTIFICATE-----")


def test_one_silent_machine_of_several_is_what_a_side_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_patiently", lambda asked, *_: "502" if asked.address == "192.168.77.11" else "200")
    found = {page.name: page for page in pages.look(OUTPUTS, LAN, laptop=True)}
    assert found["plex"].answers == {"the Internet": "200", "the home LAN": "502", "the mesh": "200"}
    assert not found["plex"].complete and not found["notes"].complete


def test_the_table_has_a_column_for_each_side_and_a_dash_where_a_page_is_not_meant_to_be() -> None:
    rows = pages.table([Page("notes", "https://n/", {"the home LAN": "200", "the mesh": "200"})])
    assert rows[0] == ("application", "URL", "from the Internet", "from the home LAN", "from the mesh")
    assert rows[1] == ("notes", "https://n/", "-", "200", "200")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A page with TLS on loopback, for one name: its port and its authority."""
    folder: Path = tmp_path_factory.mktemp("server")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    said = ["-subj", "/CN=page", "-addext", "subjectAltName=DNS:page.test", "-days", "2", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *said], check=True, capture_output=True)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" and self.headers["Host"] == "page.test" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as serving:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_port, certificate.read_text()
        serving.shutdown()
        thread.join()


def said(port: int, host: str, path: str, authority: str) -> str:
    words = [sys.executable, "-c", pages.ASK, "127.0.0.1", host, str(port), path]
    return subprocess.run(words, input=authority, capture_output=True, text=True, check=True).stdout.strip()


def test_a_request_goes_to_the_machine_it_is_told_and_believes_the_authority_only(server: tuple[int, str]) -> None:
    port, authority = server
    assert said(port, "page.test", "/", authority) == "200"
    assert said(port, "page.test", "/other", authority) == "404"
    assert "certificate verify failed" in said(port, "other.test", "/", authority)
    assert "refused" in said(1, "page.test", "/", authority)
