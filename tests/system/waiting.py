#!/usr/bin/env python3
"""Prefer: wait over real connections: a reader is answered when something comes, when time is over, when
others crowd in, and when the node ends; and serve, which waits so, shows mail at once."""
import os, shlex, signal, subprocess, time

from labkit import Lab, check
from servekit import Serve

ANNA, BERT = "anna@wait.example", "bert@wait.example"


class Reader:
    """curl with a signed read-inbox that is willing to wait."""
    def __init__(self, lab, node, seconds):
        url = f"https://{node['id']}.peerpost.alt/{ANNA}"
        signed = shlex.split(lab.agent(ANNA, "sign", "GET", url, "--pragma", "read-inbox").stdout.decode())
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["curl", "-sS", "-k", "--connect-to", f"::{node['http']}", "-H", f"Prefer: wait={seconds}", "-o", "/dev/null",
             "-w", "%{http_code} %{size_download}", *signed], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def answer(self, seconds):
        """(status, octets, how long it took)."""
        out, err = self.process.communicate(timeout=seconds)
        check(self.process.returncode == 0, f"curl: {err}")
        status, octets = out.decode().split()
        return int(status), int(octets), time.monotonic() - self.began

    def waits(self):
        return self.process.poll() is None


def metric(node, name):
    text = subprocess.run(["curl", "-sS", f"http://{node['admin']}/metrics"], capture_output=True, text=True).stdout
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"peerpost_{name} "))


def until(what, test, seconds=20):
    end = time.monotonic() + seconds
    while not test():
        check(time.monotonic() < end, f"{what}: not in {seconds} s")
        time.sleep(0.02)


def append(node, text):
    url = f"https://{node['id']}.peerpost.alt/{ANNA}"
    done = subprocess.run(["curl", "-sS", "-k", "--connect-to", f"::{node['http']}", "-o", "/dev/null", "-w", "%{http_code}",
                           "-X", "PUT", "-H", "Pragma: append-inbox", "--data-binary", text, url], capture_output=True, text=True)
    check(done.stdout == "202", f"append: {done.stdout} {done.stderr}")


def readers(lab):
    node = lab.status()[0]
    first = Reader(lab, node, 1)
    status, octets, took = first.answer(10)
    check((status, octets) == (200, 0) and took >= 1, f"time over: {status}, {octets} octets after {took:.1f} s")
    crowd = [Reader(lab, node, 25) for _ in range(3)]
    until("three wait", lambda: metric(node, "inbox_waiting") == 3)
    extra = Reader(lab, node, 25)  # waiting_inbox is 3: whoever waits longest goes
    until("one of four is answered", lambda: sum(r.waits() for r in crowd) == 2)
    check(extra.waits(), "the new one was sent away")
    append(node, "something")
    for r in [r for r in crowd if r.waits()] + [extra]:
        status, octets, _ = r.answer(5)
        check((status, octets) == (200, 12 + 9), f"what came: {status}, {octets} octets")
    lab.agent(ANNA, "fetch", expect=None)  # it is no notification: set aside, confirmed
    last = Reader(lab, node, 25)
    until("one waits", lambda: metric(node, "inbox_waiting") == 1)
    os.kill(node["pid"], signal.SIGTERM)
    status, octets, took = last.answer(5)
    check((status, octets) == (200, 0), f"the node ends: {status}, {octets} octets after {took:.1f} s")
    until("the node is gone", lambda: not os.path.exists(f"/proc/{node['pid']}") or not lab.status()[0]["pid"])


def serves(lab):
    with Serve(lab, ANNA, poll="0s", wait="true") as serve:
        lab.agent(BERT, "send", ANNA, input=b"Subject: now\n\nAt once?\n")
        until("the mail is there", lambda: any(b"Subject: now" in m for m in lab.mails(ANNA)), 10)
        check(serve.stop() == 0, "serve did not end well")


def main():
    options = ["--node-option", "limits.waiting_inbox=3"]
    with Lab(nodes=5, users=[ANNA, BERT], options=options) as lab:
        serves(lab)
        readers(lab)


if __name__ == "__main__":
    main()
