#!/usr/bin/env python3
"""What the network survives: holders killed between send and fetch, all holders of a body, all of an
inbox, and kill -9 of everything at once. 8 nodes, k = 5."""
import os, re, time

from labkit import Lab, check

ALICE, BOB = "alice@bars.example", "bob@bars.example"
K = 5


def message(word):
    return f"From: {ALICE}\nTo: {BOB}\nSubject: about {word}\n\nthe secret word is {word}\n".encode()


def send(lab, word):
    """Sends, waits for all k, returns the numbers of the body's holders."""
    done = lab.agent(ALICE, "send", "-t", "--wait", input=message(word))
    text = done.stdout.decode() + done.stderr.decode()
    check("sent 5/5" in text, f"send --wait said: {text}")
    return text


def body_holders(lab, before):
    """The nodes that a new object came to, by what each node says of itself."""
    after = lab.objects()
    return [n for n in after if after[n] > before.get(n, 0)]


def words(lab):
    return sorted(re.findall(rb"the secret word is (\w+)", b"\n".join(lab.mails(BOB))))


def revive(lab):
    dead = [str(n["node"]) for n in lab.status() if not n["pid"]]
    if dead:
        lab.lab("restart", "--dir", lab.dir, *dead)
    lab.wait()


def kill(lab, numbers):
    lab.lab("kill", "--dir", lab.dir, *[str(n) for n in numbers])


def any_four_of_five(lab):
    for spared in range(K):
        before = lab.objects()
        send(lab, f"four{spared}")
        holders = body_holders(lab, before)
        check(len(holders) == K, f"{len(holders)} holders of a body instead of {K}: {holders}")
        kill(lab, [n for i, n in enumerate(holders) if i != spared])
        lab.agent(BOB, "fetch", expect=None)
        check(f"four{spared}".encode() in words(lab), f"unread with holder {holders[spared]} alive of {holders}")
        revive(lab)
    print("any 4 of 5 holders killed: read", flush=True)


def all_holders_of_a_body(lab):
    before = lab.objects()
    send(lab, "five")
    holders = body_holders(lab, before)
    done = lab.agent(BOB, "fetch", "--headers-only")
    check(b"about five" in done.stdout + lab.agent(BOB, "list").stdout, "the headers do not show")
    kill(lab, holders)
    done = lab.agent(BOB, "fetch", expect=None)
    text = (done.stdout + done.stderr).decode()
    check(done.returncode == 75, f"fetch with every holder dead: exit {done.returncode}: {text}")
    check("about five" in text, f"does not say which message it could not get: {text}")
    check(b"five" not in words(lab), "read from nowhere")
    lab.restart(holders[0])
    lab.agent(BOB, "fetch", expect=None)
    check(words(lab).count(b"five") == 1, "not read after one holder returned")
    revive(lab)
    print("all 5 holders killed after --headers-only: kept, and read when one returned", flush=True)


def all_holders_of_the_inbox(lab):
    send(lab, "inbox")
    holders = lab.holders(BOB)
    kill(lab, holders)
    done = lab.agent(BOB, "fetch", expect=None)
    text = (done.stdout + done.stderr).decode()
    check(done.returncode == 75, f"fetch with the inbox's holders dead: exit {done.returncode}: {text}")
    check(re.search(r"\b5 of \d+\b", text), f"does not say how many did not answer: {text}")
    check(b"inbox" not in words(lab), "read from nowhere")
    lab.restart(holders[0])
    lab.agent(BOB, "fetch", expect=None)
    check(words(lab).count(b"inbox") == 1, "not read after one holder of the inbox returned")
    revive(lab)
    print("all holders of the inbox killed: 75, and read when one returned", flush=True)


def power_cut(lab):
    for n in range(5):
        send(lab, f"cut{n}")
    lab.kill("all")
    check(not any(n["pid"] for n in lab.status()), "something survived")
    start = time.monotonic()
    lab.lab("restart", "--dir", lab.dir, "all", "--timeout", "60")
    lab.wait(60)
    took = time.monotonic() - start
    check(took < 60, f"one overlay only after {took:.0f} s")
    lab.agent(BOB, "fetch")
    for n in range(5):
        check(words(lab).count(b"cut%d" % n) == 1, f"mail {n} is lost or doubled after the power cut")
    print(f"kill -9 of all, all started at once: one overlay after {took:.1f} s, all mail there", flush=True)


def main():
    with Lab(nodes=8, k=K, users=[ALICE, BOB]) as lab:
        any_four_of_five(lab)
        all_holders_of_a_body(lab)
        all_holders_of_the_inbox(lab)
        power_cut(lab)


if __name__ == "__main__":
    main()
