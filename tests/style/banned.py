#!/usr/bin/env python3
"""Functions and habits that are not used here, each with what to use instead."""
import re

import house

CALLS = {
    "strcpy": "memcpy with a checked length, or snprintf", "strcat": "snprintf or struct pp_buf",
    "stpcpy": "memcpy with a checked length", "strncpy": "memcpy and a NUL",
    "strncat": "snprintf or struct pp_buf", "sprintf": "snprintf", "vsprintf": "vsnprintf",
    "gets": "fgets", "strtok": "strcspn", "scanf": "strtol or struct pp_reader",
    "sscanf": "strtol or struct pp_reader", "fscanf": "strtol or struct pp_reader",
    "alloca": "malloc", "system": "posix_spawn", "popen": "posix_spawn",
    "mktemp": "mkstemp", "tmpnam": "mkstemp", "tempnam": "mkstemp",
    "rand": "pp_random", "srand": "pp_random", "random": "pp_random", "drand48": "pp_random",
    "localtime": "gmtime_r", "gmtime": "gmtime_r", "ctime": "strftime", "asctime": "strftime",
    "gethostbyname": "getaddrinfo", "inet_ntoa": "pp_address_text", "usleep": "await an event",
    "signal": "sigaction", "atol": "strtol", "bcopy": "memmove",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")
WORDS = [
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), "open work belongs in the tracker, not in the text", True),
    (re.compile(r"^\s*typedef\s+(struct|union)\b", re.M),
     "no typedefs of structs: write struct pp_thing", False),
    (re.compile(r"^\t", re.M), "a tab; indent by four spaces", False),
]


def main():
    top, faults = house.root(), house.Faults()
    paths = house.files(top)
    for path in paths:
        raw = house.read(top, path)
        text = house.code(raw)
        for m in CALL.finditer(text):
            if m.group(1) == "system" and path.startswith("tests/"):
                continue
            faults.add(path, text.count("\n", 0, m.start()) + 1,
                       f"{m.group(1)}() is not used here; use {CALLS[m.group(1)]}")
        for pattern, why, in_comments in WORDS:
            for m in pattern.finditer(raw if in_comments else text):
                faults.add(path, raw.count("\n", 0, m.start()) + 1, why)
    faults.end(len(paths))


main()
