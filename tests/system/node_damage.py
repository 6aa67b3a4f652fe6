#!/usr/bin/env python3
"""What a node on flat files tells of damage and of its collector, in log and metrics; a store that does
not open says why, a repair brings it back with all that lay in whole files."""
import glob, hashlib, os, re, subprocess, time

from labkit import check, program
from onenode import Node, notifications

ALICE = "alice@one.example"


def file_of(node, kind, identifier):
    name = hashlib.sha256(identifier.encode()).hexdigest()
    return os.path.join(store(node), kind, name[:2], name)


def store(node):
    return os.path.dirname(glob.glob(node.path("**/objects"), recursive=True)[0])


def log(node):
    with open(node.path("log"), errors="replace") as f:
        return f.read()


def metric(node, name):
    text = node.get_admin("/metrics")[1].decode()
    found = re.search(r"^peerpost_" + re.escape(name) + r" (\d+)$", text, re.M)
    check(found, f"no metric {name}")
    return int(found.group(1))


def stop(node):
    check(node.terminate() == 0, f"the node ended with {node.process.returncode}")


def spoil(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        octet = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([octet ^ 1]))


def serves_on_over_damage(node):
    for i in range(4):
        check(node.store(f"o{i}@x", b"octets %d" % i) == 201, "store")
    check(node.append(ALICE, b"note") in (200, 202), "append")
    stop(node)
    spoil(file_of(node, "objects", "o2@x"))
    node.start()
    check(metric(node, "store_damaged") == 0, "damage is counted before anybody met it")
    check(node.request("GET", "/o2@x")[0] == 404, "a damaged object is served")
    check(node.request("GET", "/o1@x")[2] == b"octets 1", "another object is not")
    check(node.store("o5@x", b"five") == 201, "no store after damage")
    check(node.store("o6@x", b"six") == 201, "no store after damage")
    check(metric(node, "store_damaged") == 1, "the metric does not count the damage")
    told = re.findall(r"unreadable and set aside since the start: 1; .*--check-store", log(node))
    check(len(told) == 1, f"the log tells the damage {len(told)} times")
    aside = os.listdir(os.path.join(store(node), "quarantine"))
    check(aside == ["object-" + hashlib.sha256(b"o2@x").hexdigest()], f"quarantine: {aside}")
    check(node.store("o2@x", b"octets 2") == 201, "what was lost does not come anew")


def tells_what_the_collector_took(node):
    check(node.store("short@x", b"x" * 1234, fields={"Peerpost-Life": "1"}) == 201, "store")
    time.sleep(1.2)  # its life
    before = metric(node, 'collected_total{rule="expired"}')
    check(node.get_admin("/collect", "POST")[0] in (200, 202, 204), "collect")
    end = time.monotonic() + 20
    while metric(node, 'collected_total{rule="expired"}') == before and time.monotonic() < end:
        time.sleep(0.02)
    check(metric(node, 'collected_total{rule="expired"}') == before + 1, "the metric does not tell what went")
    check(metric(node, "collected_bytes_total") == 1234, "the metric does not tell the octets")
    while "collected" not in log(node) and time.monotonic() < end:
        time.sleep(0.02)
    check("collected 1 objects and tombstones of 1234 octets" in log(node), "the log does not tell what went")
    check(node.request("GET", "/short@x")[0] == 404 and node.request("GET", "/o1@x")[0] == 200, "it took another")


def tool(node, *words):
    return subprocess.run([program("peerpostd"), "--config", node.path("config.yaml"), *words], capture_output=True,
                          text=True)


def is_repaired(node):
    stop(node)
    spoil(os.path.join(store(node), "state"))
    started = tool(node)
    check(started.returncode not in (0, None) and "/state is damaged" in started.stderr and
          "--check-store --repair" in started.stderr, f"the start says: {started.returncode} {started.stderr}")
    checked = tool(node, "--check-store")
    check(checked.returncode != 0 and "/state is damaged" in checked.stderr, f"the check says: {checked.stderr}")
    repaired = tool(node, "--check-store", "--repair")
    check(repaired.returncode == 0 and "state: damaged" in repaired.stdout and "0 faults left" in repaired.stdout,
          f"the repair says: {repaired.returncode} {repaired.stdout} {repaired.stderr}")
    check(os.path.exists(os.path.join(store(node), "quarantine", "state")), "the old state is gone")
    node.start()
    for i in range(4):
        check(node.request("GET", f"/o{i}@x")[2] == b"octets %d" % i, f"o{i}@x is not there after the repair")
    check(notifications(node.read(ALICE)[2]) == [b"note"], "the notification is not there after the repair")


def main():
    with Node(options='limits: {exempt: ["127.0.0.0/8"]}\n', store="fs") as node:
        for step in (serves_on_over_damage, tells_what_the_collector_took, is_repaired):
            step(node)
            print(f"{step.__name__}: good", flush=True)


if __name__ == "__main__":
    main()
