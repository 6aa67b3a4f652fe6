#!/usr/bin/env python3
"""peerpost status over a real network: stored m of k, one of the nodes dead, fetched, nobody of that name."""
import json, sys

from labkit import Lab, check

ANNA, BOB, EVE = "anna@a.example", "bob@b.example", "eve@c.example"


def states(lab, *argv):
    found = json.loads(lab.agent(ANNA, "status", "--json", *argv).stdout)
    return [{r["address"]: r["state"] for r in m["recipients"]} for m in found], found


with Lab(nodes=7, users=[ANNA, BOB, EVE]) as lab:
    lab.agent(ANNA, "send", "-t", "--wait", input=f"To: {BOB}\nBcc: {EVE}\nSubject: both\n\nhello\n".encode())
    now, found = states(lab)
    check(now == [{BOB: "stored", EVE: "stored"}] and found[0]["subject"] == "both", found)
    check(all(r["copies"] == 5 == r["wanted"] for r in found[0]["recipients"]), found)
    check(found[0]["looked"] > 0, found)
    lab.agent(BOB, "fetch")
    check(states(lab)[0] == [{BOB: "fetched", EVE: "stored"}], "fetched is not seen")
    lab.kill(3)
    lab.agent(EVE, "fetch", expect=None)
    check(states(lab)[0] == [{BOB: "fetched", EVE: "fetched"}], "fetched beside a dead node is not seen")
    lab.agent(ANNA, "send", "nobody@a.example", input=b"Subject: to nobody\n\nhello\n", expect=67)
    now, found = states(lab, "--offline")
    check(len(now) == 2 and found[1]["subject"] == "both", found)
    check(found[0]["recipients"][0]["state"] in ("queued", "failed") and "unknown" in found[0]["recipients"][0]["why"], found)
    text = lab.agent(ANNA, "status", found[1]["id"][:8]).stdout.decode()
    check("fetched" in text and "nobody" not in text, text)
    lab.agent(ANNA, "status", "zzzz", expect=66)
    print("status: stored 5 of 5, fetched, also beside a dead node; nobody of that name")
sys.exit(0)
