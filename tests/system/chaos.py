#!/usr/bin/env python3
"""Everything at once: users send, read and look after their mail while nodes die and come back, new
ones join and the users' own commands are killed. Then all is calm, and every message that `send`
took is read exactly once, whole.  chaos.py [SECONDS] [SEED] [--loss PERCENT of the datagrams]"""
import os, random, re, sys, threading, time

from labkit import BIN, Lab, check

USERS = [f"{name}@chaos.example" for name in ("ann", "ben", "cleo")]
NODES, K = 8, 5
CALM = (0, 69, 75)  # done; nobody reached; later


class Post:
    """What was sent: tag -> recipients, and whether `send` said that it took it."""

    def __init__(self):
        self.lock, self.sent, self.faults = threading.Lock(), {}, []

    def note(self, tag, recipients, sure):
        with self.lock:
            self.sent[tag] = (recipients, sure)

    def fault(self, text):
        with self.lock:
            self.faults.append(text)


def message(tag, sender, recipients, lines):
    text = "".join(f"line {i} of {tag}\n" for i in range(lines))
    return f"From: {sender}\nTo: {', '.join(recipients)}\nSubject: {tag}\n\n{text}end of {tag}\n".encode()


def command(lab, post, user, argv, rng, input=None):
    """Runs it, or kills it at a random instant; its exit status, None when the kill came first."""
    process = lab.start(user, *argv, input=input)
    try:
        out, err = process.communicate(timeout=rng.uniform(0, 1.5) if rng.random() < 0.3 else 240)
    except Exception:
        process.kill()
        out, err = process.communicate()
        return None
    if process.returncode not in CALM:
        post.fault(f"{user}: {' '.join(argv)}: exit {process.returncode}\n{(out + err).decode(errors='replace')}")
    return process.returncode


def live(lab, post, user, seed, until):
    rng, number = random.Random(seed), 0
    while time.monotonic() < until:
        what = rng.choice(("send", "send", "send", "fetch", "fetch", "maintain", "queue"))
        if what != "send":
            command(lab, post, user, {"queue": ["queue", "run"]}.get(what, [what]), rng)
            continue
        number += 1
        tag = f"{user.split('@')[0]}-{number}"
        recipients = rng.sample(USERS, rng.choice((1, 1, 2)))
        octets = message(tag, user, recipients, rng.choice((3, 3, 50, 8000)))
        status = command(lab, post, user, ["send", "-t"], rng, octets)
        post.note(tag, recipients, status is not None)


def wreck(lab, rng, until):
    """At most two nodes of the k are down at a time; one joins in the middle."""
    down, joined, kills = [], False, 0
    start = time.monotonic()
    while time.monotonic() < until:
        nodes = [n["node"] for n in lab.status() if n["pid"]]
        if not joined and time.monotonic() > (start + until) / 2:
            lab.lab("add", "--dir", lab.dir)
            joined = True
        elif len(down) < 2:
            down.append(rng.choice(nodes))
            lab.lab(rng.choice(("kill", "kill", "stop")), "--dir", lab.dir, str(down[-1]))
            kills += 1
        time.sleep(rng.uniform(0, 1))
        if down and rng.random() < 0.5:
            lab.restart(down.pop(0))
    for node in down:
        lab.restart(node)
    return kills


def calm(lab, seconds=240):
    lab.wait(seconds)
    end = time.monotonic() + seconds
    for user in USERS:
        while b'"id"' in lab.agent(user, "queue", "list", "--json").stdout:
            check(time.monotonic() < end, f"the queue of {user} never became empty:\n"
                  + lab.agent(user, "queue", "list").stdout.decode())
            lab.agent(user, "queue", "run", expect=None)
    for user in USERS * 2:  # what the first one left for later comes with the second
        lab.agent(user, "fetch", expect=None)


def judge(lab, post):
    check(not post.faults, "\n".join(post.faults[:5]))
    delivered = 0
    for user in USERS:
        got = []
        for mail in lab.mails(user):
            tag = re.search(rb"^Subject: (.*)$", mail, re.M).group(1).decode()
            check(mail.endswith(f"end of {tag}\n".encode()), f"{user} has half of {tag}")
            got.append(tag)
        due = [tag for tag, (recipients, sure) in post.sent.items() if sure and user in recipients]
        may = [tag for tag, (recipients, sure) in post.sent.items() if user in recipients]
        check(not set(due) - set(got), f"{user} never got {sorted(set(due) - set(got))[:9]}")
        check(not set(got) - set(may), f"{user} got from nowhere {sorted(set(got) - set(may))[:9]}")
        twice = sorted(tag for tag in set(got) if got.count(tag) > 1)
        check(not twice, f"{user} got twice {twice[:9]}")
        tmp = os.path.join(lab.maildir(user), "tmp")
        check(not os.listdir(tmp), f"half-written files stay in {tmp}: {os.listdir(tmp)[:3]}")
        delivered += len(got)
    return delivered


def main():
    argv, env = sys.argv[1:], {}
    if "--loss" in argv:
        at = argv.index("--loss")
        env = {"LD_PRELOAD": os.path.join(os.path.dirname(BIN), "tests", "lossy.so"), "LOSSY": argv[at + 1]}
        check(os.path.exists(env["LD_PRELOAD"]), f"{env['LD_PRELOAD']} is not built")
        del argv[at:at + 2]
    seconds = int(argv[0]) if argv else 10
    seed = int(argv[1]) if len(argv) > 1 else random.randrange(1 << 32)
    print(f"seed {seed}, {seconds} s, of datagrams {env.get('LOSSY', 0)} % lost", flush=True)
    rng, post = random.Random(seed), Post()
    with Lab(nodes=NODES, k=K, users=USERS, env=env) as lab:
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=live, args=(lab, post, user, rng.random(), until)) for user in USERS]
        for thread in threads:
            thread.start()
        kills = wreck(lab, rng, until)
        for thread in threads:
            thread.join()
        calm(lab)
        delivered = judge(lab, post)
        print(f"{len(post.sent)} sent, {kills} deaths of nodes: {delivered} delivered, 0 lost, 0 twice", flush=True)


if __name__ == "__main__":
    main()
