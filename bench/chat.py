#!/usr/bin/env python3
"""A line of `peerpost chat`: from said to durable on more than half of its nodes, and to shown on the
other side, whose read waits at the nodes. Medians of real programs in one lab network on this machine.

  bench/chat.py [--build DIR] [--lines N] [--nodes N]

Build the release preset first."""
import argparse, os, statistics, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "system"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    p.add_argument("--lines", type=int, default=100)
    p.add_argument("--nodes", type=int, default=8)
    a = p.parse_args()
    os.environ["PEERPOST_BIN"] = os.path.join(a.build, "bin")
    from chat import ALICE, BOB, Chat
    from labkit import Lab
    stored, shown = [], []
    with Lab(nodes=a.nodes, users=[ALICE, BOB]) as lab:
        alice, bob = Chat(lab.argv(ALICE, "chat", BOB), lab.env), Chat(lab.argv(BOB, "chat", ALICE), lab.env)
        alice.ready(), bob.ready()
        for i in range(a.lines):
            text, start = f"line {i}", time.monotonic()
            alice.say(text)
            bob.wait_for("heard", text)
            alice.wait_for("complete", text)
            first = lambda chat, *kinds: min(e["at"] for e in chat.events if e["event"] in kinds and e["text"] == text)
            stored.append(1000 * (first(alice, "sent", "complete") - start))
            shown.append(1000 * (first(bob, "heard") - start))
        alice.end(), bob.end()
    row = lambda name, all: print(f"{name:44}{statistics.median(all):8.1f} ms   "
                                  f"({min(all):.1f} to {sorted(all)[len(all) * 95 // 100]:.1f} at 95 %)")
    row("a line said: durable on 3 of 5 nodes", stored)
    row("the same line: shown on the other side", shown)


if __name__ == "__main__":
    main()
