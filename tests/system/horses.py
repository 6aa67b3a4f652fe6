#!/usr/bin/env python3
"""Changing horses: a living network with unread mail goes from one substrate to the next (stop all,
one line of YAML, start with --rehome), one node killed in the middle of it and another the moment a
copy is stored elsewhere, and every message arrives exactly once.

horses.py [--tight] [SUBSTRATE...]    the way, by default all that are built, chord first
    --tight     nodes take few stores a minute: those that rehome are told to wait (429)"""
import hashlib, http.client, os, re, sys, time

from labkit import BIN, Lab, check

PLUGINS = os.environ.get("PEERPOST_PLUGINS") or os.path.join(os.path.dirname(BIN), "plugins")
ORDER = ("chord", "kademlia", "pastry", "can", "tapestry")
USERS = [f"{name}@horses.example" for name in ("alice", "bob", "carol", "dora")]
ALICE, BOB, CAROL, DORA = USERS
NODES, K = 8, 3
QUICK = ["--node-option", "rehome.settle=1s", "--node-option", "rehome.again=1s",
         "--node-option", "overlay.found_after=3s"]
RELEASE = "release" in BIN  # no crash points there


def built():
    return [s for s in ORDER if os.path.exists(os.path.join(PLUGINS, f"substrate-{s}.so"))]


def send(lab, tag, recipients, octets=200):
    body = hashlib.sha256(tag.encode()).hexdigest() * (octets // 64 + 1)
    lines = "\n".join(body[i:i + 64] for i in range(0, len(body), 64))
    text = f"From: {ALICE}\nTo: {', '.join(recipients)}\nSubject: {tag}\n\n{lines}\n"
    lab.agent(ALICE, "send", "-t", "--wait", input=text.encode())


def subjects(lab, user):
    return sorted(re.search(rb"^Subject: (.*)$", m, re.M).group(1).decode() for m in lab.mails(user))


def read_log(lab, n, since=0):
    with open(os.path.join(lab.dir, "nodes", str(n), "node.log"), "rb") as f:
        f.seek(since)
        return f.read().decode(errors="replace")


def log_sizes(lab):
    return [os.path.getsize(os.path.join(lab.dir, "nodes", str(n), "node.log")) for n in range(NODES)]


def await_line(lab, n, since, pattern, seconds=120):
    """Until a node's log holds it (the log is the only event a node gives)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = re.search(pattern, read_log(lab, n, since))
        if found:
            return found
        time.sleep(0.05)
    check(False, f"node {n} does not say {pattern!r} in {seconds} s:\n{read_log(lab, n, since)[-2000:]}")


def crash(lab, n, since):
    """Starts a node that ends as by kill -9 when its second item has been stored elsewhere, then anew."""
    if not RELEASE:
        env, lab.env = lab.env, dict(lab.env, PP_CRASH="rehome-item:2")
        lab.lab("restart", "--dir", lab.dir, "--rehome", str(n))
        lab.env = env
        end = time.monotonic() + 60
        while lab.status()[n]["pid"]:
            check(time.monotonic() < end, f"node {n} did not come to the crash point:\n{read_log(lab, n, since)}")
            time.sleep(0.05)
        check(not re.search("done after", read_log(lab, n, since)), f"node {n} was done before its crash")
    lab.lab("restart", "--dir", lab.dir, "--rehome", str(n))


def refused(lab):
    """How often nodes told somebody to come back later."""
    total = 0
    for node in lab.status():
        address, port = node["admin"].rsplit(":", 1)
        connection = http.client.HTTPConnection(address, int(port), timeout=30)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        total += sum(int(float(n)) for n in re.findall(r"^peerpost_refused_rate_total (\S+)", text, re.M))
    return total


def limit_stores(lab, substrate):
    lab.lab("restart", "--dir", lab.dir, "--substrate", substrate, "all")  # writes the configurations
    lab.lab("stop", "--dir", lab.dir, "all")
    for n in range(NODES):
        with open(os.path.join(lab.dir, "nodes", str(n), "config.yaml"), "a") as f:
            f.write("limits.stores: 1\nlimits.proved_factor: 7\n")


def change(lab, substrate, killed, tight=False):
    """Returns how many copies the nodes stored on others."""
    before, held = log_sizes(lab), lab.objects()
    crashed = max((n for n in held if n != killed), key=held.get)
    lab.lab("stop", "--dir", lab.dir, "all")
    into = ["--substrate", substrate]
    if tight:
        limit_stores(lab, substrate)
        into = []
    first = [str(n) for n in range(NODES) if n != crashed]
    lab.lab("restart", "--dir", lab.dir, *into, "--rehome", *first)
    await_line(lab, killed, before[killed], r"pass 1 begins")
    lab.kill(killed)
    lab.lab("restart", "--dir", lab.dir, "--rehome", str(killed))
    crash(lab, crashed, before[crashed])
    for n in range(NODES):
        await_line(lab, n, before[n], r"done after \d+ passes", 400 if tight else 120)
    text = "".join(read_log(lab, n, before[n]) for n in range(NODES))
    return sum(int(n) for n in re.findall(r"(\d+) copies stored on other nodes", text))


def whole(lab, identifiers):
    """Every object stands on all k nodes that the new network names."""
    for identifier in identifiers:
        holders = lab.holders(identifier, K)
        missing = [n for n in holders if not lab.has(n, identifier)]
        check(not missing, f"{identifier} is due on nodes {holders} and missing on {missing}")


def hop(lab, number, substrate, unread):
    """unread: subject -> recipients who have not read it yet."""
    for i in range(3):
        unread[f"{number}-{i}"] = {BOB, CAROL, DORA} if i == 0 else {(BOB, CAROL)[i - 1]}
        send(lab, f"{number}-{i}", sorted(unread[f"{number}-{i}"]), 300000 if i == 1 else 200)
    lab.agent(BOB, "fetch")  # one of the recipients: his certificate is out of the sets
    for recipients in unread.values():
        recipients.discard(BOB)
    copies = change(lab, substrate, killed=number % NODES)
    check(copies > 0, f"no node stored anything on another after the change to {substrate}")
    whole(lab, [f"{user}-certificate" for user in USERS])
    check(subjects(lab, BOB) == sorted(set(subjects(lab, BOB))), "a message came twice to bob")
    reader = CAROL
    lab.agent(reader, "fetch")
    for recipients in unread.values():
        recipients.discard(reader)
    send(lab, f"{number}-after", [BOB])  # the new network takes mail
    unread[f"{number}-after"] = {BOB}
    print(f"-> {substrate}: {copies} copies stored on their new nodes, mail goes on", flush=True)


def tight(lab, substrate):
    """More mail than the nodes take at once from one another: they wait as told, and all arrives."""
    for i in range(60):
        send(lab, f"tight-{i}", [BOB])
    copies = change(lab, substrate, killed=1, tight=True)
    waits = refused(lab)
    check(waits > 0, "no node was told to wait: the test is too small for its limits")
    whole(lab, [f"{user}-certificate" for user in USERS])
    lab.agent(BOB, "fetch")
    lab.agent(BOB, "fetch")
    wanted = sorted(f"tight-{i}" for i in range(60))
    check(subjects(lab, BOB) == wanted, f"bob has {subjects(lab, BOB)}")
    print(f"{copies} copies stored though nodes said 429 or 503 {waits} times", flush=True)


def main():
    few = "--tight" in sys.argv
    way = [s for s in sys.argv[1:] if s != "--tight"] or built()
    check(len(way) > 1, f"one substrate alone is built in {PLUGINS}: nothing to change to")
    with Lab(nodes=NODES, k=K, users=USERS, substrate=way[0], options=QUICK) as lab:
        if few:
            return tight(lab, way[1])
        unread = {}
        for number, substrate in enumerate(way[1:], 1):
            hop(lab, number, substrate, unread)
        for user in (BOB, CAROL, DORA):
            lab.agent(user, "fetch")
            lab.agent(user, "fetch")
        hops = range(1, len(way))
        wanted = {BOB: [f"{n}-{i}" for n in hops for i in ("0", "1", "after")],
                  CAROL: [f"{n}-{i}" for n in hops for i in ("0", "2")], DORA: [f"{n}-0" for n in hops]}
        for user, tags in wanted.items():
            check(subjects(lab, user) == sorted(tags), f"{user} has {subjects(lab, user)}, wanted {sorted(tags)}")
        print(f"every message came exactly once over {' -> '.join(way)}", flush=True)


if __name__ == "__main__":
    main()
