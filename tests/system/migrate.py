#!/usr/bin/env python3
"""peerpostd --migrate-store: a node's whole store goes from LMDB to flat files and back, killed in
the middle of it, and everything is answered as before.  migrate.py [OTHER STORE]"""
import json, os, pty, random, shutil, subprocess, sys, time

from labkit import check, program
from node_primitives import equal, keyid
from onenode import Node, notifications

ALICE, BOB = "alice@one.example", "bob@one.example"
OPTIONS = 'limits: {exempt: ["127.0.0.0/8"], stores: 0, appends: 0, fetches: 0}\n'
SIZES = (0, 1, 4000, 65536, 65537, 262144, 262145, 700000, 3000000)


def fill(node):
    """Bodies of all lengths, partly deleted sets, tombstones, inboxes with gaps. Returns the identifiers."""
    known = []
    for size in SIZES:
        known.append(f"size{size}@x")
        equal("store", node.store(known[-1], os.urandom(size)), 201)
        node.store(known[-1], node.request("GET", "/" + known[-1])[2], BOB)
    connection = node.connect()
    for i in range(300):
        known.append(f"many{i}%2F%80@x")
        equal("store", node.store(known[-1], b"body %d" % i, connection=connection), 201)
    for name in ("size4000@x", "size262145@x"):
        equal("one of two deletes", node.delete(name, ALICE), 204)
    for name in ("many7%2F%80@x", "many8%2F%80@x", "size65537@x"):
        equal("delete", node.delete(name, ALICE), 204)
    node.delete("size65537@x", BOB)
    equal("publish", node.store(ALICE + "-certificate", open(node.path(ALICE + ".cert.pem"), "rb").read()), 201)
    known += [ALICE + "-certificate", ALICE, "never@x"]
    for i in range(40):
        equal("append", node.append((ALICE, BOB)[i % 2], b"note %d " % i + os.urandom(20 * i)), 202)
    batch = node.read(ALICE)[1]["peerpost-batch"]
    for i in range(5):
        node.append(ALICE, b"later %d" % i)
    equal("a confirmation", node.read(ALICE, confirm=batch)[0], 200)
    node.append(BOB, b"has the last sequence, and goes")
    batch = node.read(BOB)[1]["peerpost-batch"]
    equal("and another", node.read(BOB, confirm=batch)[0], 200)
    return known


def answers(node, known):
    """Everything a client can see."""
    seen = {}
    connection = node.connect()
    for name in known:
        status, fields, body = node.request("GET", "/" + name, connection=connection)
        seen[name] = [status, body if status == 200 else None, fields.get("content-digest")]
        for user in (ALICE, BOB):
            seen[name].append(node.request("HEAD", "/" + name, fields={"Peerpost-Keyid": keyid_of(node, user)},
                                           connection=connection)[0])
    for user in (ALICE, BOB):
        status, fields, body = node.read(user)
        seen["inbox " + user] = [status, fields["peerpost-batch"], body]
    held = json.loads(node.get_admin("/holdings")[1])
    seen["holdings"] = sorted(json.dumps(h, sort_keys=True) for h in held)
    status = node.status()["store"]
    seen["counts"] = [status["objects"], status["inboxes"], status["tombstones"]]
    return seen


_keyids = {}


def keyid_of(node, user):
    if user not in _keyids:
        _keyids[user] = keyid(node, user)
    return _keyids[user]


def same(node, known, before, what):
    now = answers(node, known)
    for name in before:
        check(now[name] == before[name], f"{what}: {name} was {str(before[name])[:300]}, is {str(now[name])[:300]}")


def configure(node, store, more=""):
    with open(node.path("config.yaml")) as f:
        lines = f.read().splitlines()
    lines = [f"store: {{plugin: {store}{more}}}" if line.startswith("store:") else line for line in lines]
    with open(node.path("config.yaml"), "w") as f:
        f.write("\n".join(lines) + "\n")


def command(node, *argv):
    return [program("peerpostd"), "--config", node.path("config.yaml"), *argv]


def migrate(node, old, *more, crash="", mutant=""):
    env = dict(os.environ, PP_CRASH=crash, PP_MUTANT=mutant)
    return subprocess.run(command(node, "--migrate-store", old, *more), capture_output=True, text=True, env=env)


def refused(done, code, *words):
    check(done.returncode == code and all(w in done.stderr for w in words),
          f"exit {done.returncode}, {done.stderr!r}, wanted {code} and {words}")


def refusals(node, old, new):
    """A node that runs, a full store, a copy that lost something: each leaves the original as it was."""
    configure(node, new)
    refused(migrate(node, old), 69, "in use by a running node", "stop it")
    equal("exit of the node", node.terminate(), 0)
    configure(node, new, ", %s: {capacity: 2MiB}" % new)
    refused(migrate(node, old), 73, "full", f"store.{new}.capacity")
    configure(node, new)
    refused(migrate(node, old, mutant="store-forget-taken"), 74, "the copy differs", "taken out")
    refused(migrate(node, "none"), 78, "none")
    refused(migrate(node, old + ":" + node.path("nowhere")), 78, "nowhere", "no store")
    os.mkdir(node.path("state/store." + old))
    refused(migrate(node, old), 78, f"store.{old}", "move it away")
    os.rmdir(node.path("state/store." + old))


def killed(node, old, rng):
    """At the crash points, then at random instants; each run is begun anew."""
    for point in ("migrate-batch:3", "migrate-checked:1"):
        equal(point, migrate(node, old, crash=point).returncode, -9)
        check(not os.path.exists(node.path("state/store." + old)), f"{point}: the original was moved")
    for _ in range(3):
        p = subprocess.Popen(command(node, "--migrate-store", old), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(rng.uniform(0.005, 0.08))
        p.kill()
        err = p.communicate()[1]
        check(p.returncode == -9 or p.returncode == 0, f"exit {p.returncode}: {err}")
        if p.returncode == 0:  # it was done: back to where it began
            os.rename(node.path("state/store"), node.path("state/new"))
            os.rename(node.path("state/store." + old), node.path("state/store"))
            shutil.rmtree(node.path("state/new"))
    equal("killed at the exchange", migrate(node, old, crash="migrate-exchanged:1").returncode, -9)
    done = migrate(node, old, "--json")
    check(done.returncode == 0 and "objects" not in json.loads(done.stdout), f"{done.stdout}{done.stderr}")


def way_back(node, old, new, known):
    """With progress on a terminal, a sentence, JSON, and silence in a pipe."""
    configure(node, new)
    master, slave = pty.openpty()
    p = subprocess.Popen(command(node, "--migrate-store", old, "--json"), stdout=subprocess.PIPE, stderr=slave)
    told = json.loads(p.communicate()[0])
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    check(p.returncode == 0 and "copying" in shown and "reading the new store" in shown, f"{p.returncode} {shown}")
    check(told["objects"] == 307 and told["tombstones"] == 3 and told["taken"] == 2 and told["inboxes"] == 1
          and told["last_sequence"] == 46, f"{told}")
    silent = node.path("silent")
    os.rename(node.path("state/store"), silent)
    os.rename(node.path("state/store." + old), node.path("state/store"))
    done = migrate(node, f"{old}:{node.path('state/store')}")
    equal("silence in a pipe", (done.returncode, done.stdout, done.stderr), (0, "", ""))
    shutil.rmtree(silent)


def elsewhere(node, old, new):
    """To another path: the original stays where it is."""
    source = node.path("state/store")
    configure(node, new, f", path: {node.path('state/other')}")
    done = migrate(node, f"{old}:{source}/")
    equal("to another path", (done.returncode, done.stderr), (0, ""))
    check(os.path.isdir(source), "the original was moved")
    refused(migrate(node, f"{old}:{source}"), 78, "other", "is there already")


def main():
    new = (sys.argv[1:] or ["fs"])[0]
    rng = random.Random(5)
    with Node(options=OPTIONS, store="lmdb") as node:
        known = fill(node)
        before = answers(node, known)
        refusals(node, "lmdb", new)
        print("refusals: good", flush=True)
        killed(node, "lmdb", rng)
        print("killed in the middle: good", flush=True)
        node.start()
        same(node, known, before, f"lmdb -> {new}")
        equal("exit of the node", node.terminate(), 0)
        done = subprocess.run(command(node, "--check-store"), capture_output=True, text=True)
        equal("check of the new store", (done.returncode, "0 faults" in done.stdout), (0, True))
        shutil.rmtree(node.path("state/store.lmdb"))
        way_back(node, new, "lmdb", known)
        node.start()
        same(node, known, before, f"{new} -> lmdb")
        equal("an old confirmation", node.read(ALICE, confirm=before["inbox " + ALICE][1])[0], 200)
        equal("a new notification", node.append(ALICE, b"new"), 202)
        status, fields, body = node.read(ALICE)
        equal("its sequence", (notifications(body), fields["peerpost-batch"].split(":")[1]), ([b"new"], "47"))
        equal("exit of the node", node.terminate(), 0)
        elsewhere(node, "lmdb", new)
        node.start()
        equal("from another path", node.request("GET", "/size3000000@x")[2], before["size3000000@x"][1])
        print(f"lmdb -> {new} -> lmdb -> {new}: everything as before", flush=True)


if __name__ == "__main__":
    main()
