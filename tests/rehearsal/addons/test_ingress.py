"""The rehearsal's ingress controller with its nginx, in front of the rehearsal's page: what it serves, refuses and gives up."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.addons import install
from rehearsal.machines.shell import wait_until
from tests.rehearsal.addons.plane import Plane, running
from tests.rehearsal.plugins.kubernetes.control_plane import free_ports

pytestmark = pytest.mark.engine
HOST, LARGE = "page.homelab.test", 3_000_000
ALLOWED = {"nginx.org/websocket-services": "page", "nginx.org/client-max-body-size": "0"}
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--") if os.geteuid() == 0 else ()


@dataclass(frozen=True)
class Front:
    """nginx, as a client sees it."""

    plane: Plane
    http: int
    https: int
    page: int
    authority: Path

    def get(self, host: str, path: str = "/", method: str = "GET", body: bytes | None = None, secure: bool = True) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=str(self.authority))
        plain = socket.create_connection(("127.0.0.1", self.https if secure else self.http), timeout=10)
        with plain, context.wrap_socket(plain, server_hostname=host) if secure else plain as channel:
            connection = http.client.HTTPConnection(host)
            connection.sock = channel
            connection.request(method, path, body, {"Host": host, "Connection": "close"})
            with connection.getresponse() as answer:
                content = answer.read()
                return answer.status, content if answer.status != 301 else answer.headers["Location"].encode()


def own_address() -> str:
    """Of this host, and not loopback: the API takes no such endpoints. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))
        return str(probe.getsockname()[0])


def certificate(folder: Path, host: str) -> tuple[bytes, bytes]:
    key, made = folder / "key.pem", folder / "certificate.pem"
    said = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-days", "2", "-keyout", key, "-out", made]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *curve, *said], check=True, capture_output=True)
    return made.read_bytes(), key.read_bytes()


def objects(
    name: str, host: str, addresses: list[str], port: int, annotations: Mapping[str, str], secret: str = "page-tls"
) -> list[dict[str, Any]]:
    meta = {"name": name, "namespace": "default"}
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    tls = [{"hosts": [host], "secretName": secret}] if secret else []
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"name": "http", "port": 80}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**meta, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {**meta, "annotations": dict(annotations)},
            "spec": {"ingressClassName": "home", "tls": tls, "rules": [rule]},
        },
    ]


@pytest.fixture(scope="module")
def front(control: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    http_port, https_port, page, ready = free_ports(4)
    made, key = certificate(folder, HOST)
    data = {"tls.crt": b64encode(made).decode(), "tls.key": b64encode(key).decode()}
    control.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": "page-tls", "namespace": "default"},
            "data": data,
        },
        *objects("page", HOST, [own_address()], page, ALLOWED),
    )
    kept = folder / "kept"
    kept.mkdir()
    with tempfile.TemporaryDirectory(prefix="ingress-", dir="/tmp") as shared:  # where a user without rights may read and write
        place = Path(shared)
        place.chmod(0o777)
        shutil.copytree(install.folder() / "nginx", place / "root")
        program = shutil.copy(install.folder() / "ingress", place)
        config = shutil.copy(control.kubeconfig, place)
        Path(config).chmod(0o644)
        wrapper = place / "nginx"
        paths = ":".join(str(place / "root" / name) for name in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"))
        wrapper.write_text(
            f'#!/bin/sh\nexec {place}/root/lib64/ld-linux-x86-64.so.2 --library-path {paths} {place}/root/usr/sbin/nginx "$@"\n'
        )
        wrapper.chmod(0o755)
        ports = [f"--default-http-listener-port={http_port}", f"--default-https-listener-port={https_port}", f"--ready-status-port={ready}"]
        rest = [f"--nginx={wrapper}", f"--folder={place}/work", "--ingress-class=home", "--health-status-uri=/nginx-health"]
        arguments = [f"--kubeconfig={config}", *ports, *rest, "--entries=http2=True,server-tokens=False"]
        environment = [f"PORT={page}", f"DATA={kept}", "NAME=page", "VERSION=7"]
        with (
            running(["/usr/bin/env", *environment, str(install.folder() / "page")], folder / "page.log"),
            running([*NOBODY, str(program), *arguments] if NOBODY else [str(program), *arguments], control.folder / "ingress.log"),
        ):
            answers = Front(control, http_port, https_port, page, folder / "certificate.pem")
            status = f"http://127.0.0.1:{ready}/nginx-ready"
            wait_until(lambda: reachable(status), 60, lambda: f"never ready: {control.log('ingress')}", pause=0.3)
            yield answers


def reachable(url: str) -> bool:
    return (
        subprocess.run(
            [sys.executable, "-c", f"import urllib.request; urllib.request.urlopen({url!r}, timeout=3)"], capture_output=True
        ).returncode
        == 0
    )


def served(front: Front, status: int, host: str = HOST, **more: Any) -> None:
    def so() -> bool:
        try:
            return front.get(host, **more)[0] == status
        except OSError:
            return False

    wait_until(so, 20, lambda: f"{host} does not come to answer {status}: {front.plane.log('ingress')}", pause=0.2)


def test_a_page_is_served_with_its_own_certificate_and_plain_http_is_sent_to_it(front: Front) -> None:
    status, said = front.get(HOST)
    assert status == 200 and b"<h1>page</h1>" in said and b"version: 7" in said and b"forwarded: https" in said
    assert front.get(HOST, path="/a?b=c", secure=False) == (301, f"https://{HOST}/a?b=c".encode())


def test_what_nobody_asked_for_is_404_and_health_answers(front: Front) -> None:
    assert front.get("other.homelab.test", secure=False)[0] == 404
    assert front.get("127.0.0.1", path="/nginx-health", secure=False) == (200, b"healthy\n")


def test_files_of_any_size_go_through_and_come_back(front: Front) -> None:
    content = os.urandom(LARGE)
    assert front.get(HOST, "/data/large", "PUT", content)[0] == 201
    assert front.get(HOST, "/data/large") == (200, content)
    assert front.get(HOST, "/data/")[1] == b"large\n"
    assert front.get(HOST, "/data/large", "DELETE")[0] == 204 and front.get(HOST, "/data/large")[0] == 404


def test_connections_that_leave_http_stay_open_where_the_annotation_says_so(front: Front) -> None:
    context = ssl.create_default_context(cafile=str(front.authority))
    with (
        socket.create_connection(("127.0.0.1", front.https), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as channel,
    ):
        channel.sendall(f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode())
        assert b" 101 " in channel.recv(4096)
        channel.sendall(b"hello")
        assert channel.recv(16) == b"hello"


def test_without_annotations_a_host_has_the_official_limits(front: Front) -> None:
    front.plane.apply(*objects("plain", "plain.homelab.test", [own_address()], front.page, {}, secret=""))
    served(front, 200, "plain.homelab.test", secure=False)
    assert front.get("plain.homelab.test", "/data/large", "PUT", os.urandom(LARGE), secure=False)[0] == 413
    assert front.get("plain.homelab.test", "/echo", secure=False)[0] == 426


def test_a_service_without_ready_pods_is_502_and_comes_back(front: Front) -> None:
    front.plane.apply(*objects("page", HOST, [], front.page, ALLOWED))
    served(front, 502)
    front.plane.apply(*objects("page", HOST, [own_address()], front.page, ALLOWED))
    served(front, 200)


def test_a_host_whose_certificate_is_not_there_yet_refuses_the_handshake(front: Front) -> None:
    front.plane.apply(*objects("early", "early.homelab.test", [own_address()], front.page, {}, secret="early-tls"))
    wait_until(lambda: "early-tls" in front.plane.log("ingress"), 20, lambda: "it was not noticed")
    served(front, 301, "early.homelab.test", secure=False)
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized"):
        front.get("early.homelab.test")


def test_an_annotation_that_nginx_would_not_take_keeps_only_its_own_ingress_away(front: Front) -> None:
    bad = {"nginx.org/client-max-body-size": "1m; return 200"}
    front.plane.apply(*objects("evil", "evil.homelab.test", [own_address()], front.page, bad, secret=""))
    wait_until(lambda: "default/evil is not served" in front.plane.log("ingress"), 20, lambda: front.plane.log("ingress"))
    assert front.get(HOST)[0] == 200 and front.get("evil.homelab.test", secure=False)[0] == 404
