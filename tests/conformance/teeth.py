#!/usr/bin/env python3
"""
The store suite has teeth: with each promise broken on purpose (PP_MUTANT) a case must fail.
usage: teeth.py [PLUGIN [NAME=VALUE...]]    a store plugin and its options
"""
import os
import subprocess
import sys

CHECK = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-plugin-check")
ARGUMENTS = sys.argv[1:] or ["store-lmdb"]
PLUGIN = os.path.join(os.environ["PEERPOST_PLUGINS"], ARGUMENTS[0] + ".so")
SETTINGS = [word for setting in ARGUMENTS[1:] for word in ("--set", setting)]
MUTANTS = [
    ("store-forget-taken", "certificates"), ("store-unlink-early", "an old view"),
    ("store-forget-seq", "never reused"), ("store-no-sweep", "is swept"),
    ("store-not-broken", "syncs fail"), ("store-lend-moving", "lent lasts"),
    ("store-no-room", "small disk"), ("store-own-seq", "may be given"),
]
if ARGUMENTS[0] == "store-fs":
    MUTANTS += [("store-fill-early", "model")]  # its views ask that files wait for them


def run(mutant, only):
    env = {k: v for k, v in os.environ.items() if k != "PP_MUTANT"}
    if mutant:
        env["PP_MUTANT"] = mutant
    return subprocess.run([CHECK, *SETTINGS, "--only", only, PLUGIN], env=env, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def main():
    faults = 0
    for mutant, only in MUTANTS:
        whole, broken = run(None, only), run(mutant, only)
        if "skipped:" in whole.stdout:
            print(f"{mutant}: not tried: {whole.stdout.split('skipped:')[1].splitlines()[0]}")
        elif whole.returncode != 0:
            faults += 1
            print(f"{mutant}: the whole store fails:\n{whole.stdout}")
        elif broken.returncode == 0:
            faults += 1
            print(f"{mutant}: nothing noticed it:\n{broken.stdout}")
        else:
            print(f"{mutant}: noticed")
    return 1 if faults else 0


sys.exit(main())
