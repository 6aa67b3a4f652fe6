#!/usr/bin/env python3
"""kill -9 of one peerpostd at each of its crash points and at random instants under write load:
nothing acknowledged is missing, what was removed on confirmation stays removed, what was deleted
stays deleted.  node_crash.py [INSTANTS] [--mutant NAME: the loss must show]"""
import hashlib, http.client, os, random, sys, threading, time

from labkit import Failure, check
from onenode import Node, notifications

ALICE = "alice@one.example"
EXEMPT = 'limits: {exempt: ["127.0.0.0/8"]}\n'
GONE = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)


def attempt(act):
    """What act returns, or None when the node died under it."""
    try:
        return act()
    except GONE:
        return None


def died(node, point):
    node.process.wait(20)
    check(node.process.returncode == -9, f"{point}: not reached (exit {node.process.returncode})")


def restart_at(node, point):
    node.kill()
    node.start({"PP_CRASH": point + ":1"} if point else {"PP_CRASH": ""})


def at_store(node):
    restart_at(node, "node-store-committed")
    check(attempt(lambda: node.store("c1@x", b"octets")) is None, "an answer came after the kill")
    died(node, "node-store-committed")
    restart_at(node, None)
    check(node.store("c1@x", b"octets") == 200, "the repeat of a store that was committed is not 200")


def at_append(node):
    restart_at(node, "node-append-committed")
    check(attempt(lambda: node.append(ALICE, b"note")) is None, "an answer came after the kill")
    died(node, "node-append-committed")
    restart_at(node, None)
    check(node.append(ALICE, b"note") == 200, "the repeat of an append that was committed is not 200")


def at_confirm(node):
    batch = node.read(ALICE)[1]["peerpost-batch"]
    restart_at(node, "node-confirm-committed")
    check(attempt(lambda: node.read(ALICE, confirm=batch)) is None, "an answer came after the kill")
    died(node, "node-confirm-committed")
    restart_at(node, None)
    time.sleep(1.1)  # the clock's second of the start: signatures of the same are good, older are not
    status, _, body = node.read(ALICE, confirm=batch)
    check((status, notifications(body)) == (200, []), f"the repeat of a confirmation: {status}, {body!r}")


def at_delete(node):
    restart_at(node, "node-delete-committed")
    check(attempt(lambda: node.delete("c1@x", ALICE)) is None, "an answer came after the kill")
    died(node, "node-delete-committed")
    restart_at(node, None)
    check(node.request("GET", "/c1@x")[0] == 410, "a deleted object came back")
    check(node.delete("c1@x", ALICE) == 404, "a delete done is not 404")


def at_collect(node):
    for point in ("node-collect-chosen", "node-collect-committed"):
        check(node.store("short@x", b"gone soon", fields={"Peerpost-Life": "1"}) in (200, 201), "store")
        node.store("long@x", b"stays")
        time.sleep(1.2)
        restart_at(node, point)
        attempt(lambda: node.get_admin("/collect", "POST"))
        died(node, point)
        restart_at(node, None)
        check(node.request("GET", "/short@x")[0] == 404, "past its life and still there")
        check(node.request("GET", "/long@x")[0] == 200, "the collector took what lives")


class Load(threading.Thread):
    def __init__(self, number, node):
        super().__init__(daemon=True)
        self.number, self.node, self.acked, self.running, self.count = number, node, {}, True, 0
        self.random = random.Random(number)
        self.start()

    def run(self):
        connection = None
        while self.running:
            connection = connection or self.node.connect(10)
            if attempt(lambda: self.write(connection)) is None:
                connection = None
                time.sleep(0.01)

    def write(self, connection):
        self.count += 1
        octets = self.random.randbytes(self.random.choice([100, 4000, 30000, 300000]))
        if self.count % 2:
            octets = octets[:4000]
            if self.node.append(ALICE, octets, connection) in (200, 202):
                self.acked[octets[:64]] = None
        else:
            name = f"l{self.number}n{self.count}@x"
            if self.node.store(name, octets, connection=connection) in (200, 201):
                self.acked[name] = hashlib.sha256(octets).digest()
        return True


def under_load(node, instants, seed):
    rng = random.Random(seed)
    loads = [Load(i, node) for i in range(6)]
    for _ in range(instants):
        time.sleep(rng.uniform(0.02, 0.3))
        node.kill()
        node.start()
    for load in loads:
        load.running = False
    for load in loads:
        load.join(30)
    return loads


def verify(node, loads):
    time.sleep(1.1)
    inbox, batch = set(), None
    while True:
        status, fields, body = node.read(ALICE, confirm=batch)
        check(status == 200, f"read-inbox: {status} {body[:200]}")
        inbox |= {n[:64] for n in notifications(body)}
        if not body:
            break
        batch = fields["peerpost-batch"]
    missing, total, connection = 0, 0, node.connect()
    for load in loads:
        for key, digest in load.acked.items():
            total += 1
            if digest is None:
                missing += key not in inbox
            else:
                status, _, octets = node.request("GET", "/" + key, connection=connection)
                missing += status != 200 or hashlib.sha256(octets).digest() != digest
    return missing, total


def main():
    instants = int(next((a for a in sys.argv[1:] if a.isdigit()), "10"))
    mutant = sys.argv[sys.argv.index("--mutant") + 1] if "--mutant" in sys.argv else None
    seed = random.randrange(1 << 32)
    with Node(options=EXEMPT, env={"PP_MUTANT": mutant} if mutant else None) as node:
        if not mutant:
            for step in (at_store, at_append, at_confirm, at_delete, at_collect):
                step(node)
                print(f"{step.__name__}: good", flush=True)
        missing, total = verify(node, under_load(node, instants, seed))
        print(f"seed {seed}: {instants} kills, {total} writes acknowledged, {missing} missing", flush=True)
        check(total > instants, "there was no load to speak of")
        if mutant:
            check(missing > 0, f"the mutant {mutant} went unnoticed")
        else:
            check(missing == 0, f"{missing} acknowledged writes are gone")


if __name__ == "__main__":
    main()
