#!/usr/bin/env python3
"""The substrate suite has teeth: with each promise broken on purpose the named case must fail and name
the rule; unbroken, the same cases pass. And the words that stand for rules do stand in the headers."""
import os
import re
import subprocess
import sys

CHECK = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-plugin-check")
FOLDER = os.path.join(os.environ["PEERPOST_BIN"], "..", "template")
HEADERS = os.path.join(os.environ["PEERPOST_SOURCE"], "core", "include", "peerpost")
BAD = [  # way, case, a part of the rule or of what was seen
    ("order", "small", "the k closest, closest first"),
    ("haste", "lookups", "`lookup` may only call `send`"),
    ("cancel", "cancel", "none comes back after `cancel`"),
    ("busy", "deadlines", "one deadline comes back from `next`"),
    ("covers", "alone", "NO only when certain."),
    ("covers", "joins", "NO only when certain."),
    ("trust", "proved", "only such peers enter a table"),
    ("clock", "symbols", "asks the system for `time`"),
    ("big", "joins", "at most PP_PAYLOAD_MAX octets"),
    ("seed", "same", "byte for byte"),
    ("crash", "hostile", "the plugin was in: receive"),
    ("leave", "leave", "running look-ups fail now."),
    ("stay", "leave-early", "gone, at the latest at leave's `until`"),
    ("rank", "rank", "memcmp order of the 40 octets"),
    ("check", "check", "One line a breach"),
    ("describe", "describe", "Always terminated."),
]


def run(way, case):
    return subprocess.run([CHECK, "--case", case, os.path.join(FOLDER, f"bad-{way}.so")], text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def plain(header):
    with open(os.path.join(HEADERS, header), encoding="utf-8") as f:
        return re.sub(r"[\s*]+", " ", f.read())


def words_stand():
    faults = 0
    for line in subprocess.run([CHECK, "--rules"], text=True, check=True, stdout=subprocess.PIPE).stdout.splitlines():
        header, part, words = line.split("\t")
        if words not in plain(header):
            faults += 1
            print(f"{header} ({part}) does not say: {words}")
    return faults


def main():
    faults = words_stand()
    for way, case, words in BAD:
        whole, broken = run("none", case), run(way, case)
        if whole.returncode != 0:
            faults += 1
            print(f"{case}: fails without a fault:\n{whole.stdout}")
        elif broken.returncode != 1 or words not in broken.stdout:
            faults += 1
            print(f"{way}, {case}: exit {broken.returncode}, not told: {words}\n{broken.stdout}")
        else:
            print(f"{way}: {case} noticed it")
    unknown = run("none", "no-such-case")
    if unknown.returncode != 1:
        faults += 1
        print(f"a case that there is not: exit {unknown.returncode}")
    return 1 if faults else 0


sys.exit(main())
