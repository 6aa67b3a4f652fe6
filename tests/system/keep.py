#!/usr/bin/env python3
"""Persistence: a mail fetched with --keep, and the certificate, come back onto their nodes when these
lose them; a mail given up goes; probe finds out how many nodes are up, and adaptive copies follow."""
import json, os, shutil, sys, time

from labkit import Lab, check

ANNA, BOB = "anna@a.example", "bob@b.example"
NODES = 10


def configure(lab, user, **sections):
    with open(os.path.join(lab.dir, "users", user, "config.yaml"), "a") as f:
        for section, options in sections.items():
            f.write(f"{section}:\n" + "".join(f"  {k}: {v}\n" for k, v in options.items()))


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def maintain(lab, *argv, expect=0):
    answers = lines(lab.agent(BOB, "maintain", "--json", *argv, expect=expect))
    return answers[:-1], answers[-1]


def wipe(lab, number):
    """A node comes back with an empty disk."""
    lab.kill(number)
    shutil.rmtree(os.path.join(lab.dir, "nodes", str(number), "state", "store"))
    lab.restart(number)


def kept_mail(lab):
    lab.agent(ANNA, "send", "--wait", BOB, input=b"Subject: to keep\n\nstay\n")
    lab.agent(BOB, "fetch", "--keep")
    objects, whole = maintain(lab)
    check(len(objects) == 1 and objects[0]["state"] == "whole" and objects[0]["copies"] == 5, objects)
    check(whole["certificate"] == {"copies": 5, "wanted": 5}, whole)
    name, certificate = objects[0]["object"], f"{BOB}-certificate"
    for identifier in (name, certificate):
        for number in lab.holders(identifier)[:2]:
            if lab.has(number, identifier):
                wipe(lab, number)
    lab.wait()
    missing = [n for n in lab.holders(name) if not lab.has(n, name)]
    check(missing, "no copy is missing after two disks were emptied")
    objects, whole = maintain(lab)
    check(objects[0]["state"] == "restored" and objects[0]["copies"] == 5, objects)
    for identifier in (name, certificate):
        check(all(lab.has(n, identifier) for n in lab.holders(identifier)), f"{identifier} is not on all its nodes")
    due = lab.agent(BOB, "maintain", "--if-due").stdout
    check(due == b"", f"maintained again on the same day: {due}")
    lab.agent(BOB, "maintain", "--drop", name)
    lab.agent(BOB, "maintain", "--drop", name, expect=66)
    lab.agent(BOB, "fetch")
    check(not any(lab.has(n, name) for n in lab.holders(name)), "given up, but still there")
    check(len(lab.mails(BOB)) == 1, "not exactly one mail")
    print(f"kept mail: {len(missing)} of 5 copies lost and put back; certificate too; given up and gone")


def probed(lab):
    configure(lab, ANNA, probe={"age": "1s", "samples": 24}, copies={"bodies": "adaptive"})
    lab.agent(ANNA, "probe")
    time.sleep(1.1)  # probe.age is measured in whole seconds
    found = lines(lab.agent(ANNA, "probe", "--json"))[0]
    check(found["asked"] == 120 and found["good"] == 120 and found["p"] > 0.98, found)
    check(found["body_copies"] == 3 == max(3, found["copies"]), found)
    for number in (1, 4, 7):
        lab.kill(number)
    time.sleep(1.1)
    for _ in range(2):
        found = lines(lab.agent(ANNA, "probe", "--samples", "0", "--json", timeout=300))[0]
        time.sleep(1.1)
    share = found["good"] / found["asked"]
    check(0.5 < share < 0.85, f"3 of 10 nodes are down, and {share:.2f} of the copies came back")
    check(found["copies"] > 2 and found["body_copies"] == max(3, found["copies"]), found)
    words = lab.agent(ANNA, "probe", "--samples", "0", timeout=300).stdout.decode()
    check("came back: a copy can be had with p = 0." in words and "99.999 %" in words, words)
    lab.agent(ANNA, "send", "--wait", BOB, input=b"Subject: adaptive\n\nhello\n", expect=None, timeout=300)
    lab.agent(BOB, "fetch", expect=None)
    check(any(b"Subject: adaptive" in m for m in lab.mails(BOB)), "the mail with adaptive copies did not arrive")
    print(f"probe: p = 0.99 with all nodes up, {share:.2f} of copies back with 3 of 10 down; "
          f"{found['copies']} copies advised")


with Lab(nodes=NODES, users=[ANNA, BOB]) as lab:
    kept_mail(lab)
    probed(lab)
sys.exit(0)
