#!/usr/bin/env python3
"""A user agent or node that names another substrate, or another value of what a network shares, learns
it in the first handshake: one sentence names the node, what differs, both values and the cure."""
import json, os, re, subprocess, time

from labkit import BIN, SUBSTRATE, Lab, check

ALICE, BOB = "alice@other.example", "bob@other.example"
OTHER = next(s for s in ("kademlia", "chord") if s != SUBSTRATE)
# of some substrates an option of scope network, and a value that is not its default
PARAMETERS = {"chord": ("successors", "8"), "pastry": ("leaves", "16"), "can": ("dimensions", "2")}


def edit(path, old, new):
    with open(path) as f:
        text = f.read()
    changed = re.sub(old, new, text, count=1, flags=re.M)
    check(changed != text, f"{old!r} is not in {path}")
    with open(path, "w") as f:
        f.write(changed)
    return text


def cases():
    found = [("substrate", r"^  plugin: " + SUBSTRATE, f"  plugin: {OTHER}", "substrate.plugin", SUBSTRATE, OTHER),
             ("k", r"^  k: 2", "  k: 3", "network.k", "2", "3"),
             ("name", r"^  name: lab", "  name: elsewhere", "network.name", "lab", "elsewhere")]
    option = PARAMETERS.get(SUBSTRATE)
    if option:
        found.append((option[0], r"^  plugin: " + SUBSTRATE, f"  plugin: {SUBSTRATE}\n  {SUBSTRATE}:\n    {option[0]}: {option[1]}",
                      f"substrate.{SUBSTRATE}.{option[0]}", r"[^\"]*", option[1]))
    return found


def sentence(what, theirs, ours):
    return (rf"node 127\.1\.\d+\.\d+ port 4700 belongs to another network: its {re.escape(what)} is \"{theirs}\", "
            rf"ours is \"{re.escape(ours)}\"; make the two equal or remove it from overlay\.contacts")


def says_once(text, pattern, where):
    lines = [line for line in text.splitlines() if re.search(pattern, line)]
    check(len(lines) == 1, f"{where}: {len(lines)} lines say {pattern!r} in:\n{text}")


def at_once(lab, *argv, **more):
    """What a user agent says; the refusal came in the first handshake, so there is nothing to wait for."""
    start = time.monotonic()
    done = lab.agent(ALICE, *argv, expect=None, **more)
    took = time.monotonic() - start
    check(done.returncode != 0 or argv[0] == "send", f"{argv[0]} over a network that is another one: exit 0")
    check(took < 5, f"{argv[0]} took {took:.1f} s to say that the network is another one")
    return done.stderr.decode(errors="replace")


def user_agent(lab):
    path = os.path.join(lab.dir, "users", ALICE, "config.yaml")
    for name, old, new, what, theirs, ours in cases():
        text = edit(path, old, new)
        for argv in (["lookup", BOB], ["fetch"]) + ((["publish"], ["unpublish"]) if name == "k" else ()):
            says_once(at_once(lab, *argv), sentence(what, theirs, ours), f"{argv[0]}, another {name}")
        if what == "substrate.plugin":
            told = at_once(lab, "send", "--", BOB, input=b"Subject: x\n\nx\n")
            says_once(told, sentence(what, theirs, ours), "send")
            check("(it stays in the queue)" in told, told)
        with open(path, "w") as f:
            f.write(text)
        print(f"a user agent of another {name}: one sentence, in the first handshake", flush=True)
    lab.agent(ALICE, "queue", "run")
    lab.agent(BOB, "fetch")
    check(len(lab.mails(BOB)) == 1, f"{len(lab.mails(BOB))} mails came, not the one sent, once all was right")


def await_log(lab, n, since, pattern):
    path, end = os.path.join(lab.dir, "nodes", str(n), "node.log"), time.monotonic() + 30
    while time.monotonic() < end:
        with open(path, "rb") as f:
            f.seek(since)
            text = f.read().decode(errors="replace")
        if re.search(pattern, text):
            return text
        time.sleep(0.05)
    check(False, f"node {n} does not say {pattern!r}:\n{text}")


def node(lab):
    path, log = (os.path.join(lab.dir, "nodes", "1", n) for n in ("config.yaml", "node.log"))
    for name, old, new, what, theirs, ours in cases():
        lab.lab("stop", "--dir", lab.dir, "1")
        text, since = edit(path, old, new), os.path.getsize(log)
        own = subprocess.Popen([os.path.join(BIN, "peerpostd"), "--config", path], stderr=open(log, "ab"), env=lab.env)
        try:
            pattern = sentence(what, theirs, ours)
            said = await_log(lab, 1, since, pattern)
            check(not re.search("active: ", said), f"it joined a network that is not its own: {said}")
            address, port = lab.status()[1]["admin"].rsplit(":", 1)
            status = subprocess.run(["curl", "-sS", f"http://{address}:{port}/status"], capture_output=True, text=True)
            check(re.search(pattern, json.loads(status.stdout)["overlay"]["mismatch"]), status.stdout)
            said = await_log(lab, 1, since, "alone: |" + pattern)
            says_once(said, pattern, "the node's log")
        finally:
            own.terminate()
            own.wait(20)
        with open(path, "w") as f:
            f.write(text)
        print(f"a node of another {name}: one line in its log, the same on its status page", flush=True)


def main():
    with Lab(nodes=3, k=2, users=[ALICE, BOB]) as lab:
        user_agent(lab)
        node(lab)


if __name__ == "__main__":
    main()
