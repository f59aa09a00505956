# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace for every compute, on a bridge whose address leads to the services on loopback."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterable

from tests.lab.plan import COMPUTE_PEERS, Host, Plan


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def _ip(*commands: str) -> None:
    """Several commands of iproute2 in one process."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip: {done.stderr.strip()}")


def namespaces(plan: Plan) -> list[str]:
    names = (line.split()[0] for line in _run("ip", "netns", "list").splitlines() if line)
    return [name for name in names if name.startswith(plan.namespace_prefix)]


def nat_rules(plan: Plan) -> list[list[str]]:
    """This lab's rules in the nat table, as arguments that follow -A or -D."""
    rules = (shlex.split(line) for line in _run("iptables", "-w", "-t", "nat", "-S").splitlines())
    return [rule[1:] for rule in rules if rule[0] == "-A" and plan.bridge in rule]


def bridge_exists(plan: Plan) -> bool:
    return subprocess.run(["ip", "link", "show", plan.bridge], capture_output=True, check=False).returncode == 0


def up(plan: Plan) -> None:
    if not bridge_exists(plan):
        _ip(
            f"link add {plan.bridge} type bridge",
            f"addr add {plan.gateway}/24 dev {plan.bridge}",
            f"link set {plan.bridge} up",
        )
    # Lets packets from the bridge be delivered to 127.0.0.1.
    with open(f"/proc/sys/net/ipv4/conf/{plan.bridge}/route_localnet", "w") as file:
        file.write("1")
    if not nat_rules(plan):
        ports = ",".join(str(plan.port(service)) for service in COMPUTE_PEERS)
        _run(
            "iptables",
            "-w",
            "-t",
            "nat",
            "-A",
            "PREROUTING",
            "-i",
            plan.bridge,
            "-d",
            plan.gateway,
            "-p",
            "tcp",
            "-m",
            "multiport",
            "--dports",
            ports,
            "-m",
            "comment",
            "--comment",
            plan.bridge,
            "-j",
            "DNAT",
            "--to-destination",
            "127.0.0.1",
        )


def connect(plan: Plan, hosts: Iterable[Host]) -> None:
    """Give each host its namespace, if it has none yet."""
    present = set(namespaces(plan))
    for host in hosts:
        if host.namespace in present:
            continue
        _ip(
            f"netns add {host.namespace}",
            f"link add {host.veth} type veth peer name eth0 netns {host.namespace}",
            f"link set {host.veth} master {plan.bridge} up",
        )
        subprocess.run(
            ["ip", "-n", host.namespace, "-batch", "-"],
            text=True,
            check=True,
            input=f"addr add {host.address}/24 dev eth0\nlink set lo up\nlink set eth0 up\n",
        )


def cut(host: Host) -> None:
    _ip(f"link set {host.veth} down")


def heal(host: Host) -> None:
    _ip(f"link set {host.veth} up")


def is_cut(host: Host) -> bool:
    flags = _run("ip", "-o", "link", "show", host.veth).split("<", 1)[1].split(">", 1)[0]
    return "UP" not in flags.split(",")


def down(plan: Plan) -> None:
    """Remove all of it, whoever made it; where iproute2 is missing no lab ever was."""
    if shutil.which("ip") is None or shutil.which("iptables") is None:
        return
    for namespace in namespaces(plan):
        _run("ip", "netns", "del", namespace)
    if bridge_exists(plan):
        _ip(f"link del {plan.bridge}")
    for rule in nat_rules(plan):
        _run("iptables", "-w", "-t", "nat", "-D", *rule)
