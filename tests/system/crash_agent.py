#!/usr/bin/env python3
"""`peerpost send` and `peerpost fetch` die at each of their crash points (docs/security.md, durability):
what was spooled arrives exactly once, what was fetched is in the Maildir exactly once."""
import re

from labkit import Lab, check

ALICE, BOB = "alice@crash.example", "bob@crash.example"
SEND = ["spool-written", "spool-synced", "spool-renamed", "spool-folder-synced", "journal-written",
        "journal-synced", "send-sealed", "send-planned", "send-stored:1", "send-stored:2", "send-stored:3",
        "send-notice-noted", "send-appended:1", "send-appended:2", "send-appended:3", "send-before-removal"]
FETCH = ["fetch-received:1", "fetch-received:3", "journal-written", "journal-synced", "fetch-journaled:1",
         "fetch-journaled:3", "fetch-body", "maildir-tmp-part", "maildir-tmp-written", "maildir-tmp-synced",
         "maildir-linked", "maildir-folder-synced", "fetch-kept", "fetch-marked", "fetch-deleted:1",
         "fetch-deleted:2", "fetch-deleted:3"]
LOST_IS_RIGHT = {"spool-written", "spool-synced"}  # the message was not yet ours


def message(word):
    return f"From: {ALICE}\nTo: {BOB}\nSubject: {word}\n\nthe word is {word};\n".encode()


def count(lab, word):
    return sum(f"the word is {word};".encode() in mail for mail in lab.mails(BOB))


def total(lab):
    return sum(lab.objects().values())


def die(lab, user, point, *argv, input=b""):
    done = lab.agent(user, *argv, input=input, expect=None, env={"PP_CRASH": point})
    check(done.returncode == -9, f"{point} was never passed: exit {done.returncode} {done.stderr.decode()}")


def word_of(what, point):
    return what + re.sub(r"\W", "", point)


def main():
    with Lab(nodes=4, k=3, users=[ALICE, BOB]) as lab:
        before = total(lab)
        for point in SEND:
            word = word_of("send", point)
            die(lab, ALICE, point, "send", "-t", "--wait", input=message(word))
            lab.agent(ALICE, "queue", "run")
            lab.agent(BOB, "fetch")
            wanted = (0,) if point in LOST_IS_RIGHT else (1,)
            check(count(lab, word) in wanted, f"{point}: {count(lab, word)} copies arrived")
        check(lab.agent(ALICE, "queue", "list", "--json").stdout.strip() == b"[]", "the queue is not empty")
        print(f"send died at {len(SEND)} points: each message once", flush=True)
        for point in FETCH:
            word = word_of("fetch", point)
            lab.agent(ALICE, "send", "-t", "--wait", input=message(word))
            die(lab, BOB, point, "fetch")
            lab.agent(BOB, "fetch")
            lab.agent(BOB, "fetch")
            check(count(lab, word) == 1, f"{point}: {count(lab, word)} copies in the Maildir")
        print(f"fetch died at {len(FETCH)} points: each message once", flush=True)
        check(total(lab) == before, f"{total(lab) - before} copies are left on the nodes")


if __name__ == "__main__":
    main()
