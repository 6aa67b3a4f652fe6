#!/usr/bin/env python3
"""A hostile replica in every position of the k: other bytes, an old inbox, an empty inbox, an endless body (fast, and
an octet at a time), no answer at all. The mail arrives once, as it was sent, within the time-out and one retry, and
the log names the liar.  liars.py [all: every position; else one or two a lie]"""
import os, re, subprocess, sys, time

from labkit import Lab, check
from liarkit import OPTIONS, Liars

ALICE, BOB = "alice@lies.example", "bob@lies.example"
K = 5
TIMEOUT = 1.0  # net.timeout of the users
SLACK = 1.5    # for two processors that many tests share
LIES = {  # how, whose position, what the log says of it
    "other_bytes": ("body", "gives other octets than were sent"),
    "old_inbox": ("inbox", "hands out again|does not hand out"),
    "empty_inbox": ("inbox", "does not hand out 1 of 1"),
    "endless": ("body", "gives more octets than were asked for"),
    "trickle": ("body", "answers too slowly|in time"),
    "silent": ("body", "is silent|did not answer in time"),
    "silent ": ("inbox", "is silent|did not answer in time"),
    "endless ": ("inbox", "more octets than were asked for"),
}


class Case:
    def __init__(self, lab, liars):
        self.lab, self.liars, self.number, self.inbox = lab, liars, 0, lab.holders(BOB, K)

    def send(self):
        """A new message, whole on all k; the nodes of its body, nearest first."""
        self.number += 1
        self.liars.honest()
        since = len(self.liars.seen)
        text = f"From: {ALICE}\nTo: {BOB}\nSubject: number {self.number}\n\nthe word is w{self.number}.\n"
        said = self.lab.agent(ALICE, "send", "-t", "--wait", input=text.encode())
        check(b"sent 5/5" in said.stdout + said.stderr, said)
        return self.lab.holders(self.liars.body_since(since), K)

    def arrived(self):
        return sum(f"the word is w{self.number}.".encode() in mail for mail in self.lab.mails(BOB))

    def fetch(self, limit, what):
        """Seconds until the mail lay in the Maildir, and what fetch said by its end."""
        begin = time.monotonic()
        process = self.lab.start(BOB, "fetch")
        new = os.path.join(self.lab.maildir(BOB), "new")
        before = len(os.listdir(new))
        while len(os.listdir(new)) == before and process.poll() is None and time.monotonic() < begin + 60:
            time.sleep(0.005)
        took = time.monotonic() - begin
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            check(False, f"{what}: fetch does not end: {process.communicate()[1].decode()}")
        said = (out + err).decode(errors="replace")
        check(self.arrived() == 1, f"{what}: {self.arrived()} times in the Maildir\n{said}")
        check(took < limit, f"{what}: took {took:.2f} s of {limit:.2f}\n{said}")
        return took, time.monotonic() - begin, said


def lie(case, name, position):
    where, words = LIES[name]
    holders = case.send()
    liar = (holders if where == "body" else case.inbox)[position]
    node = case.lab.status()[liar]
    case.liars.lie(liar, getattr(case.liars, name.strip()))
    what = f"{name.strip()}, place {position + 1} of the {where}"
    took, whole, said = case.fetch(2 * TIMEOUT + SLACK, what)
    named = re.search(rf"node {node['id'][:8]} \(.*\): .*({words})", said)
    # a body's farther places are asked only when nearer ones fail: who was not asked, did not lie
    check(named or (where == "body" and position > 0 and name != "silent"),
          f"{what}: the log does not name {node['id'][:8]}:\n{said}")
    others = [line for line in re.findall(r"node ([0-9a-f]{8}) \(", said) if line != node["id"][:8]]
    check(not others, f"{what}: the log accuses the honest {others}:\n{said}")
    print(f"{what}: there after {took:.2f} s, all done after {whole:.2f} s{', named' if named else ''}", flush=True)


def main(everywhere):
    options = OPTIONS + ["--user-option", f"net.timeout={int(TIMEOUT * 1000)}ms"]
    with Lab(nodes=8, k=K, users=[ALICE, BOB], options=options) as lab, Liars(lab) as liars:
        case = Case(lab, liars)
        case.send()
        case.fetch(60, "the first")
        for name in LIES:
            for position in range(K) if everywhere else (0,) if name.strip() in ("silent", "trickle") else (0, 3):
                lie(case, name, position)


if __name__ == "__main__":
    main("all" in sys.argv[1:])
