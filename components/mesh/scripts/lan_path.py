"""LAN paths: the packets that prove a path, the kernel's routes and entries that make one, and the service that joins the two.

The route to a neighbour's mesh address is on-link and its neighbour entry permanent, with the hardware address that came by SSH: ARP has
no say in it, and the entries of the LAN's own addresses are left alone.
"""

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

PORT = 10655
OURS = "88"  # the routing protocol number that marks our routes
HEADERS = 28  # IPv4 20, UDP 8
EVERY = 1.0
SILENT, PROVEN = 3, 3
ASK, ANSWER = b"homelab path? ", b"homelab path! "
IP_MTU_DISCOVER, IP_PKTINFO, PMTUDISC_PROBE = 10, 8, 3  # not in every Python's socket module
REDIAL = Path(__file__).resolve().parent / "redial"


class Echo:
    """A UDP socket on the mesh address. What it sends has exactly the mesh's MTU, is never fragmented, and leaves by the device of the
    given index straight to its neighbour: routes with a gateway, and routes by another device, do not count."""

    def __init__(self, address, mtu, port=0):
        self.address, self.size = socket.inet_aton(address), mtu - HEADERS
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option, value in ((IP_PKTINFO, 1), (IP_MTU_DISCOVER, PMTUDISC_PROBE), (socket.IP_TOS, 0xC0)):
            self.socket.setsockopt(socket.IPPROTO_IP, option, value)
        self.socket.bind((address, port))

    def send(self, text, index, to):
        control = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=i4s4x", index, self.address))]
        with suppress(OSError):  # no link, no device, no room: one more probe without an answer
            self.socket.sendmsg([text.ljust(self.size, b"\0")], control, socket.MSG_DONTROUTE, to)

    def answers(self, until):
        """(number, index of the device, address) of each answer until then; asks are answered on the way. What has arrived is read even
        when it is late, so that a machine under load does not take its own delay for its neighbour's silence."""
        while select.select([self.socket], [], [], max(until - time.monotonic(), 0))[0]:
            text, control, _, sender = self.socket.recvmsg(65536, 64)
            index = next((struct.unpack("=i", data[:4])[0] for _, kind, data in control if kind == IP_PKTINFO), 0)
            number = text[len(ASK) : len(ASK) + 8]
            if len(text) == self.size and text.startswith(ASK):
                self.send(ANSWER + number, index, sender)
            elif len(text) == self.size and text.startswith(ANSWER):
                yield number, index, sender[0]


class Probe:
    """What the probes say of one neighbour. One answer proves a path that never failed; one that did has to give several in a row."""

    def __init__(self, up=False):
        self.up, self.asked, self.silent, self.answered, self.needed = up, None, 0, 0, 1

    def ask(self):
        """The number for the next probe. One that is still without an answer was lost."""
        if self.asked is not None:
            self.silent, self.answered = self.silent + 1, 0
        if self.silent >= SILENT:
            self.up, self.needed = False, PROVEN
        self.asked = os.urandom(8)
        return self.asked

    def answer(self, number):
        if number == self.asked:
            self.asked, self.silent, self.answered = None, 0, self.answered + 1
            self.up = self.up or self.answered >= self.needed


def serve(said, port, ready):
    """Keep the paths of a document for ever; calls `ready` once, then with each beat."""
    echo, device, held = Echo(said["address"], said["mtu"], port), device_of(said["lan"]), routed()
    probes = {one["address"]: Probe((one["address"], device) in held) for one in said["neighbours"].values()}
    for address in (address for address, probe in probes.items() if probe.up):
        route(said, address, device)  # it stays, but its MTU or source may be another by now
    while True:
        ready()
        if not all(probe.up for probe in probes.values()):
            device = device_of(said["lan"])
            prune(said["network"], [*probes], device)
        numbers = {address: probe.ask() for address, probe in probes.items()}
        hold(said, probes, device)
        for address, number in numbers.items():
            echo.send(ASK + number, index_of(device), (address, port))
        for number, index, address in echo.answers(time.monotonic() + EVERY):
            if address in probes and index == index_of(device):
                probes[address].answer(number)
                hold(said, probes, device)


def prove(said, name, way, port=PORT):
    """The smallest round-trip time of three packets to a neighbour by one way ("lan" or "tunnel") and back, in ms; None unless all came."""
    address, took = said["neighbours"][name]["address"], []
    index = index_of(said["tunnel"] if way == "tunnel" else device_of(said["lan"]))
    echo = Echo(said["address"], said["mtu"])
    for _ in range(3):
        number, begun = os.urandom(8), time.monotonic()
        echo.send(ASK + number, index, (address, port))
        if not index or (number, index, address) not in echo.answers(begun + 1):
            return None
        took.append((time.monotonic() - begun) * 1000)
    return min(took)


def hold(said, probes, device):
    """Make routes and neighbour entries what the probes say."""
    if device is None:
        return
    loosen(device)
    routes, entries = routed(), fixed()
    for name, one in said["neighbours"].items():
        address, there = one["address"], (one["address"], device) in routes
        if (address, device, one["mac"]) not in entries:
            ip("neighbour", "replace", address, "lladdr", one["mac"], "dev", device, "nud", "permanent")
        if probes[address].up and not there:
            if route(said, address, device):
                say(f"{name} ({address}) answers over the LAN ({device}): its traffic goes there")
        elif there and not probes[address].up:
            ip("route", "delete", f"{address}/32", "dev", device, "proto", OURS)
            say(f"{name} ({address}) is silent on the LAN ({device}): its traffic takes the tunnel")
            subprocess.run([REDIAL, name], capture_output=True, timeout=3)


def route(said, address, device):
    return ip("route", "replace", f"{address}/32", "dev", device, "src", said["address"], "mtu", str(said["mtu"]), "proto", OURS)


def prune(network, addresses, device):
    """Take away routes and neighbour entries of ours, all but those of `addresses` by `device`."""
    shown = subprocess.run(["ip", "-json", "-4", "route", "show", "proto", OURS], capture_output=True, text=True).stdout
    for route in json.loads(shown or "[]"):
        if route["dst"] not in addresses or route.get("dev") != device:
            ip("route", "delete", route["dst"], "proto", OURS)
    for address, where, _ in fixed():
        if IPv4Address(address) in IPv4Network(network) and (address not in addresses or where != device):
            ip("neighbour", "delete", address, "dev", where)


def device_of(address):
    """The name of the device that has this address, or None."""
    shown = subprocess.run(["ip", "-json", "-4", "address", "show", "to", address], capture_output=True, text=True).stdout
    return next((link["ifname"] for link in json.loads(shown or "[]") if link), None)


def index_of(device):
    """The index of a device; 0, which no device has, when there is none of this name."""
    try:
        return socket.if_nametoindex(device) if device else 0
    except OSError:
        return 0


def routed():
    """(address, device) of every host route of the main table."""
    rows = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    hosts = [(row[1], row[0]) for row in rows if row[7] == "FFFFFFFF"]
    return {(socket.inet_ntoa(struct.pack("=I", int(address, 16))), device) for address, device in hosts}


def fixed():
    """(address, device, MAC) of every permanent neighbour entry."""
    rows = [line.split() for line in Path("/proc/net/arp").read_text().splitlines()[1:]]
    return {(row[0], row[5], row[3]) for row in rows if int(row[2], 16) & 4}


def loosen(device):
    """What goes out by the tunnel may come in by the LAN; and ARP on the LAN speaks of the LAN's addresses only."""
    for key in ("rp_filter", "arp_announce"):
        knob = Path("/proc/sys/net/ipv4/conf", device, key)
        if knob.exists() and knob.read_text().strip() != "2":
            knob.write_text("2")


def ip(*argv):
    """Whether `ip` did it. What fails (a device without link) is tried again with the next beat."""
    done = subprocess.run(["ip", "-4", *argv], capture_output=True, text=True)
    if done.returncode:
        say(f"ip {' '.join(argv)}: {done.stderr.strip()}")
    return done.returncode == 0


def say(what):
    print(what, file=sys.stderr, flush=True)
