#!/usr/bin/env python3
"""bogofilter trained by peerpost train on half of the SpamAssassin corpus and run by the user agent on the other
half: the confusion table. No ham may be in Junk. spam_corpus.py [N: every N-th message, 1: all]."""
import concurrent.futures, os, sys, tempfile

from corpus import corpus
from labkit import Lab, check
from filters import configure

ALICE, BOB = "alice@spam.example", "bob@spam.example"
EVERY = int(sys.argv[1]) if len(sys.argv) > 1 else 1


def text_of(path):
    with open(path, "rb") as f:
        octets = f.read()
    return octets.split(b"\n", 1)[1] if octets.startswith(b"From ") else octets


def is_spam(path):
    return "/data/spam-" in path


def count(lab, sub, mark):
    found = 0
    for name in ("new", "cur"):
        folder = os.path.join(lab.dir, "users", BOB, "Maildir", sub, name)
        for entry in os.listdir(folder):
            with open(os.path.join(folder, entry), "rb") as f:
                found += mark in f.read().split(b"\n\n")[0]
    return found


with tempfile.TemporaryDirectory(prefix="peerpost-spam-") as dir, Lab(nodes=6, users=[ALICE, BOB], env={"PEERPOST_LAB_EXEMPT": "127.0.0.0/8"}) as lab:
    paths = corpus()[0][::EVERY]
    learn, judge = paths[::2], paths[1::2]
    environment = {"BOGOFILTER_DIR": dir}
    configure(lab, BOB, "filter", spam="bogofilter")
    for kind in ("spam", "ham"):
        files = [p for p in learn if is_spam(p) == (kind == "spam")]
        for at in range(0, len(files), 500):
            lab.agent(BOB, "train", f"--{kind}", *files[at:at + 500], env=environment, timeout=900)
    # each message is marked by a field of its own, so that the count needs no names; several rounds, since an inbox
    # takes 2,048 unproved notifications
    for first in range(0, len(judge), 1000):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for path in judge[first:first + 1000]:
                mark = b"X-Judged: spam\n" if is_spam(path) else b"X-Judged: ham\n"
                pool.submit(lab.agent, ALICE, "send", "-i", BOB, input=mark + text_of(path), expect=None, timeout=300)
        lab.agent(ALICE, "queue", "run", timeout=900, expect=None)
        lab.agent(BOB, "fetch", env=environment, timeout=3000)
    table = {(mark, sub): count(lab, sub, b"X-Judged: " + mark.encode()) for mark in ("ham", "spam") for sub in (".", ".Junk")}
    print(f"learned {len(learn)}, judged {len(judge)}")
    print(f"        inbox   Junk\nham   {table['ham', '.']:7d}{table['ham', '.Junk']:7d}\n"
          f"spam  {table['spam', '.']:7d}{table['spam', '.Junk']:7d}")
    check(sum(table.values()) == len(judge), f"{sum(table.values())} of {len(judge)} arrived")
    check(table["ham", ".Junk"] == 0, "ham in Junk")
    check(table["spam", ".Junk"] * 2 > table["spam", "."], "hardly any spam is found")
sys.exit(0)
