#!/usr/bin/env python3
"""Nodes that refuse what is sent to them, or say that they keep it and do not: the mail counts as sent by those that
do, status tells the rest, and what is missing is made good."""
import json, re

from labkit import Lab, check
from liarkit import OPTIONS, Liars

ALICE, BOB = "alice@words.example", "bob@words.example"
K, NODES = 5, 8


def send(lab, liars, word):
    """What send said, and the body's identifier."""
    since = len(liars.seen)
    text = f"From: {ALICE}\nTo: {BOB}\nSubject: {word}\n\nthe word is {word}.\n"
    done = lab.agent(ALICE, "send", "-t", input=text.encode())
    return (done.stdout + done.stderr).decode(), liars.body_since(since)


def status(lab, word):
    """Of the mail of that word: two may have been sent in the same second."""
    done = lab.agent(ALICE, "status", "--json")
    mail = next(entry for entry in json.loads(done.stdout) if entry["subject"] == word)
    return mail["recipients"][0], done.stderr.decode()


def holders(lab, body):
    return [n for n in range(NODES) if lab.has(n, body)]


def read(lab, word):
    lab.agent(BOB, "fetch")
    found = sum(f"the word is {word}.".encode() in mail for mail in lab.mails(BOB))
    check(found == 1, f"'{word}' is there {found} times")


def two_refuse(lab, liars):
    """Farther nodes take their place at once."""
    for node in lab.holders(BOB, 2):
        liars.lie(node, liars.refuses)
    said, body = send(lab, liars, "two")
    check("sent 5/5" in said and len(holders(lab, body)) == K, f"{said} {holders(lab, body)}")
    check(status(lab, "two")[0]["copies"] == K, status(lab, "two"))
    read(lab, "two")
    liars.honest()


def four_refuse(lab, liars):
    """Too few are left for all k: it is sent, status says 4 of 5, the queue makes it 5."""
    for node in range(4):
        liars.lie(node, liars.refuses)
    said, body = send(lab, liars, "four")
    check("4/5" in said and holders(lab, body) == [4, 5, 6, 7], f"{said} {holders(lab, body)}")
    now, _ = status(lab, "four")
    check((now["state"], now["copies"], now["wanted"]) == ("stored", 4, 5), now)
    liars.honest()
    lab.agent(ALICE, "queue", "run", expect=None)
    now, _ = status(lab, "four")
    check(now["copies"] == K and len(holders(lab, body)) >= K, f"{now} {holders(lab, body)}")
    read(lab, "four")


def one_forgets(lab, liars):
    """It acknowledges the body and drops it. Status finds out, names it, and another node gets the copy."""
    for node in range(NODES):
        liars.lie(node, liars.forgets_bodies)
    said, body = send(lab, liars, "forgotten")
    check("sent 5/5" in said and len(holders(lab, body)) == K - 1, f"{said} {holders(lab, body)}")
    liar = lab.status()[liars.forgetful - 1]
    now, log = status(lab, "forgotten")
    check(re.search(rf"node {liar['id'][:8]} .*lost a body", log), f"the log does not name {liar['id'][:8]}: {log}")
    check(now["state"] == "stored" and "stored again" in now["why"], now)
    check(len(holders(lab, body)) == K, f"not made good: {holders(lab, body)}")
    read(lab, "forgotten")
    check(status(lab, "forgotten")[0]["state"] == "fetched", status(lab, "forgotten"))
    check(not holders(lab, body), f"not deleted everywhere: {holders(lab, body)}")
    liars.honest()


with Lab(nodes=NODES, k=K, users=[ALICE, BOB], options=OPTIONS) as lab, Liars(lab) as liars:
    for step in (two_refuse, four_refuse, one_forgets):
        step(lab, liars)
        print(f"{step.__name__}: {step.__doc__}", flush=True)
