#!/usr/bin/env python3
"""What a plugin's shared object asks of the system, and what it shows.

Usage: purity.py FOLDER. Each plugin exports the one symbol `peerpost_plugin`. A substrate asks for
memory, strings and formatting alone: an allow-list, so that a clock, socket, thread, file, random or
event-loop symbol that nobody thought of is refused too. Release or dev builds only: sanitizers add
symbols of their own.
"""
import glob
import os
import re
import subprocess
import sys

PURE = re.compile(
    r"(__)?(mem(cpy|move|set|cmp|chr|rchr|mem)"
    r"|str(len|nlen|cmp|ncmp|chr|rchr|cspn|spn|str|dup|ndup|tol|toul|toll|toull|casecmp|ncasecmp)"
    r"|explicit_bzero|inet_(ntop|pton)"  # octets and text, no network
    r"|v?snprintf|malloc|calloc|realloc|free|qsort|bsearch|abort|assert_fail)(_chk)?"
    r"|__stack_chk_fail|__assert_fail|__errno_location|__ctype_b_loc|__isoc(99|23)_strtou?ll?"
    r"|_ITM_\w+|__gmon_start__|__cxa_finalize")


def symbols(path, which):
    text = subprocess.run(["nm", "-D", which, path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted({line.split()[-1].split("@")[0] for line in text.splitlines()})


def main():
    paths = sorted(glob.glob(os.path.join(sys.argv[1], "*.so")))
    faults = 0
    for path in paths:
        name = os.path.basename(path)
        shown = symbols(path, "--defined-only")
        if shown != ["peerpost_plugin"]:
            print(f"{name}: exports {shown}; only peerpost_plugin may be visible")
            faults += 1
        if not name.startswith("substrate-"):
            continue
        for symbol in symbols(path, "--undefined-only"):
            if not PURE.fullmatch(symbol):
                print(f"{name}: asks for {symbol}: a substrate performs no I/O and has no clock, "
                      "thread or randomness; it asks its host")
                faults += 1
    substrates = [p for p in paths if os.path.basename(p).startswith("substrate-")]
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../plugins")
    for folder in sorted(glob.glob(os.path.join(source, "substrate-*"))):
        name = os.path.basename(folder) + ".so"
        if name not in (os.path.basename(p) for p in substrates):
            print(f"{name}: is not there; build it, so that its symbols can be looked at")
            faults += 1
    print(f"{len(paths)} plugins, {len(substrates)} substrates, {faults} faults")
    sys.exit(1 if faults or not paths or not substrates else 0)


main()
