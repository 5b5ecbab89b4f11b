"""Bridges, routers and the host's place on them. Needs root.

All bridges are in one network namespace (SWITCH), so deleting it takes them along, and bridged packets never cross the
host's firewall. The host keeps two veth ends and one nft table.
"""

import json
import os
import sys
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from rehearsal import paths
from rehearsal.machines import cgroups, firewalls, iptables, keep
from rehearsal.machines.addresses import BRIDGES, CLAIMED, DESK, GATEWAY, GATEWAY6, LINKS, NAMES_PORT, ROUTERS, SWITCH, Router
from rehearsal.machines.shell import MachineError, inside, run, succeeds, wait_until

RECORD = Path("/run/hl-rehearsal.json")  # which checkout owns the networks, and what the host's settings were before
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
NAMESERVER = "rehearsal.plugins.vultr.nameserver"  # by name: the account stands above the machines
SERVERS = (keep.CLOCK, keep.NAMES)  # of the internet network, on the host


def owner() -> Path | None:
    """The state folder of the rehearsal whose networks stand on this host."""
    try:
        return Path(json.loads(RECORD.read_text())["state"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def stranger() -> Path | None:
    """The state folder of another checkout's rehearsal that holds this host.

    One that was deleted holds nothing, nor one without a process left: the host was switched off, or something killed it.
    """
    holder = owner()
    if holder is None or holder == paths.state() or not holder.exists():
        return None
    return holder if any(map(cgroups.processes, cgroups.names())) else None


def require_ours() -> None:
    """MachineError when the rehearsal of another checkout is up on this host."""
    if other := stranger():
        raise MachineError(f"The rehearsal of another checkout runs on this host: end it there with `make down` ({other}).")


def present() -> bool:
    """Whether all networks stand, made for this checkout, and their servers of time and names run."""
    return _standing() and all(map(cgroups.processes, SERVERS))


def up() -> None:
    """Make the networks; what stands stays. After an interrupted run all is made anew, and machines that hang in the air are cut off."""
    require_ours()
    if not _standing():
        for name in cgroups.names():
            cgroups.kill(name)
        down()
        _remember()
        _switch()
        for router in ROUTERS:
            _router(router)
        _host()
    FORWARDING.write_text("1")
    for server in SERVERS:
        if not cgroups.processes(server):
            _serve(server)


def down() -> None:
    """Remove the networks, whatever is left of them, and put the host's settings back. Machines must be gone."""
    require_ours()
    for server in SERVERS:
        cgroups.kill(server)
        cgroups.remove(server)
    for namespace in namespaces():
        run("ip", "netns", "delete", namespace)
    for link in links():
        run("ip", "link", "delete", link, check=False)  # its other end may have taken it along
    run("nft", "-f", "-", stdin=f"table inet {firewalls.TABLE}\ndelete table inet {firewalls.TABLE}\n")
    iptables.close_way()
    _restore()


def namespaces() -> list[str]:
    """The rehearsal's named network namespaces."""
    folder = Path("/run/netns")
    return sorted(path.name for path in folder.glob("hl-*")) if folder.exists() else []


def links() -> list[str]:
    """The rehearsal's interfaces in the host's own namespace."""
    return sorted(path.name for path in Path("/sys/class/net").glob("hl-*"))


def resolver() -> IPv4Address:
    """The host's name server, as machines can reach it (a loopback address, like systemd-resolved's, they cannot)."""
    for source in RESOLVERS:
        if not source.exists():
            continue
        for words in map(str.split, source.read_text().splitlines()):
            if len(words) < 2 or words[0] != "nameserver" or "%" in words[1]:
                continue
            server = ip_address(words[1])
            if isinstance(server, IPv4Address) and not server.is_loopback:
                return server
    raise MachineError("/etc/resolv.conf names no IPv4 name server but this host's loopback, which machines cannot reach: add one")


def _remember() -> None:
    if not BRIDGED.exists():
        run("modprobe", "br_netfilter")
        BRIDGED.write_text("0")  # loading it must not change what the host's own bridges do
        BRIDGED.with_name("bridge-nf-call-ip6tables").write_text("0")
    scratch = RECORD.with_suffix(".new")
    scratch.write_text(json.dumps({"state": str(paths.state()), "ip_forward": FORWARDING.read_text().strip()}))
    try:
        os.link(scratch, RECORD)  # of two checkouts that come at once, one gets the host
    except FileExistsError:
        require_ours()
        raise MachineError(f"{RECORD} appeared meanwhile: another `up` is under way in this checkout") from None
    finally:
        scratch.unlink(missing_ok=True)


def _restore() -> None:
    try:
        FORWARDING.write_text(str(int(json.loads(RECORD.read_text())["ip_forward"])))
    except (FileNotFoundError, ValueError, KeyError):
        return  # never changed, or already put back
    finally:
        RECORD.unlink(missing_ok=True)


def _standing() -> bool:
    wanted = {SWITCH, *(router.namespace for router in ROUTERS)}
    return (
        owner() == paths.state()
        and wanted <= set(namespaces())
        and all(Path(f"/sys/class/net/{link}").exists() for link in LINKS.values())
        and succeeds("nft", "list", "table", "inet", firewalls.TABLE)
    )


def _batch(namespace: str, text: str) -> None:
    """Lines of `ip` commands in a namespace."""
    run("ip", "-netns", namespace, "-batch", "-", stdin=text)


def _switch() -> None:
    run("ip", "netns", "add", SWITCH)
    plain = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables")
    run(*inside(SWITCH, ("sysctl", "-q", "-w", *(f"net.bridge.{name}=0" for name in plain))))
    _batch(SWITCH, "link set lo up\n" + "".join(f"link add {name} type bridge\nlink set {name} up\n" for name in BRIDGES.values()))


def _router(router: Router) -> None:
    run("ip", "netns", "add", router.namespace)
    for port, bridge in (("inner", BRIDGES[router.network]), ("outer", BRIDGES["internet"])):
        plug = f"{router.namespace[3:]}-{port}"
        _batch(SWITCH, f"link add {plug} type veth peer name {port} netns {router.namespace}\nlink set {plug} master {bridge} up\n")
    run(*inside(router.namespace, ("nft", "-f", "-")), stdin=firewalls.router())
    run(*inside(router.namespace, ("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")))
    _batch(
        router.namespace,
        f"""link set lo up
address add {router.inner} dev inner
address add {router.outer} dev outer
link set inner up
link set outer up
route add default via {GATEWAY.ip}
""",
    )


def _host() -> None:
    forwarded = FORWARDING.read_text().strip() == "1"
    run("nft", "-f", "-", stdin=firewalls.host(resolver(), forwarded))
    iptables.open_way()
    for network, link in LINKS.items():
        run("ip", "link", "add", link, "type", "veth", "peer", "name", f"host-{network}", "netns", SWITCH)
        _batch(SWITCH, f"link set host-{network} master {BRIDGES[network]} up\n")
    run("ip", "address", "add", str(DESK), "dev", LINKS["home"])
    run("ip", "address", "add", str(GATEWAY), "dev", LINKS["internet"])
    run("ip", "address", "add", str(GATEWAY6), "dev", LINKS["internet"], "nodad")
    for link in LINKS.values():
        run("ip", "link", "set", link, "up")
    for part in CLAIMED:
        run("ip", "route", "add", str(part), "dev", LINKS["internet"])
    run("sysctl", "-q", "-w", f"net.ipv4.conf.{LINKS['internet']}.proxy_arp=1", f"net.ipv4.neigh.{LINKS['internet']}.proxy_delay=0")


def _serve(server: str) -> None:
    """Start one of the servers, and wait until it runs."""
    what, arguments = {
        keep.CLOCK: ("clock", ("rehearsal.machines.clock", str(GATEWAY.ip))),
        keep.NAMES: ("names", (NAMESERVER, str(GATEWAY.ip), str(NAMES_PORT), str(resolver()), str(paths.state() / "vultr"))),
    }[server]
    log = paths.state() / f"{what}.log"
    spawn(*keep.command(server, sys.executable, "-m", *arguments), log=log)
    wait_until(lambda: bool(cgroups.processes(server)), 15, lambda: f"the server of {what} did not start: {log.read_text()[-500:]}")


def spawn(*argv: str, log: Path) -> None:
    """Start a command from the checkout, detached from us: it outlives the caller and is nobody's zombie."""
    log.parent.mkdir(parents=True, exist_ok=True)
    detached = 'log=$1; shift; exec "$@" >"$log" 2>&1 </dev/null'
    run("env", f"--chdir={paths.checkout()}", "setsid", "--fork", "sh", "-c", detached, "sh", str(log), *argv)
