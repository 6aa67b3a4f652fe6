#!/usr/bin/env python3
"""A user whose disk (a small loop file system) is full: her mail waits on the nodes, nothing is lost,
nothing half-written stays, and each sentence says what to do; with room, all comes once."""
import os, re, shutil

from diskkit import Disk
from labkit import Lab, check

ALICE, BOB = "alice@full.example", "bob@full.example"


def message(number):
    body = ("y" * 70 + "\n") * (14000 if number % 2 else 30)
    return f"From: {ALICE}\nTo: {BOB}\nSubject: number {number}\n\n{body}end\n".encode()


def move(lab, disk, name):
    """A folder of bob's home onto the small disk."""
    path, there = os.path.join(lab.dir, "users", BOB, name), os.path.join(disk.path, name)
    shutil.move(path, there)
    os.symlink(there, path)


def say(what, done, code, *words):
    text = done.stderr.decode()
    check(done.returncode == code, f"{what}: exit {done.returncode}, wanted {code}: {text}")
    for word in words:
        check(word in text, f"{what} does not say {word!r}: {text}")
    print(f"  {what}: {text.strip()[:150]}", flush=True)


def full(lab, disk, name, first):
    numbers = range(first, first + 4)
    for number in numbers:
        lab.agent(ALICE, "send", "-t", "--wait", input=message(number))
    before = len(lab.mails(BOB))
    disk.fill()
    for _ in range(2):
        say("fetch", lab.agent(BOB, "fetch", expect=None), 74, "nothing is lost, make room", lab.maildir(BOB))
    check(len(lab.mails(BOB)) == before, "a message was delivered onto a full disk")
    if name == "state":
        say("send", lab.agent(BOB, "send", "-t", input=message(99), expect=None), 74, "make room", "spool")
        check(b'"id"' not in lab.agent(BOB, "queue", "list", "--json").stdout, "half a message is queued")
    disk.room()
    lab.agent(BOB, "fetch")
    got = [int(re.search(rb"^Subject: number (\d+)$", m, re.M).group(1)) for m in lab.mails(BOB)]
    check(sorted(got) == list(range(first + 4)), f"with room again: {sorted(got)}")
    check(all(m.endswith(b"end\n") for m in lab.mails(BOB)), "half a message was delivered")
    check(not os.listdir(os.path.join(lab.maildir(BOB), "tmp")), "something stays in tmp/")


def main():
    with Disk(32 << 20) as disk:
        if not disk.path:
            return
        with Lab(nodes=4, k=3, users=[ALICE, BOB]) as lab:
            lab.agent(BOB, "fetch")  # makes his folders
            for round, name in enumerate(("Maildir", "state")):
                move(lab, disk, name)
                print(f"{name} is on the full disk", flush=True)
                full(lab, disk, name, 4 * round)


if __name__ == "__main__":
    main()
