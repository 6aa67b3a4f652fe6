#!/usr/bin/env python3
"""No include climbs (docs/architecture.md shows the floors), and libraries stay in their rooms."""
import os
import re

import house

# Higher number, higher floor. A folder includes from lower floors and from its own group alone.
FLOORS = {
    "core/include": 0, "core/base": 1, "core/config": 2, "core/io": 2,
    "core/overlay": 3, "core/trust": 3, "core/http": 3,
    "core/node": 4, "ua": 4, "ca": 4,
    "gateway": 5, "sim": 5, "lab": 5,
    "bench": 6,  # measures all of them
}
ROOTS = ("core", "ua", "core/include", "plugins", "", "tests/harness")

# header -> the only places that may include it (prefixes of paths)
ROOMS = {
    r"yaml\.h": ("core/config/",),
    r"ev\.h": ("core/io/",),
    r"curl/.*": ("core/http/client", "gateway/"),
    r"lmdb\.h": ("plugins/store-lmdb/", "bench/"),
    r"gmime/.*": ("ua/", "gateway/"),
    r"dlfcn\.h": ("core/config/loader.c",),
    r"CUnit/.*": ("tests/harness/",),
}
# A substrate and what it links see no system header beyond these: it has no clock, socket, thread
# or file.
PURE = {"assert.h", "errno.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
        "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}
# What stores share may use files and threads.
STORES = "plugins/common/store/"
# Mail logic and node logic do no I/O: they see no loop, socket, HTTP or overlay.
WITHOUT_IO = {"http/multipart.h"}  # octets in, octets out, although it stands beside what does I/O
NO_IO = {"ua/mail/": ("io/", "http/", "overlay/"), "ua/seal/": ("io/", "http/", "overlay/")}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def group(path):
    """The folder of the floors' table that a path belongs to, or its first folders."""
    for folder in sorted(FLOORS, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "plugins" else parts[0]


def resolve(top, path, quote, name):
    """The project's file that an include means, or None for a system header."""
    places = ([os.path.dirname(path)] if quote == '"' else []) + list(ROOTS)
    for place in places:
        candidate = os.path.normpath(os.path.join(place, name))
        if os.path.isfile(os.path.join(top, candidate)):
            return candidate
    return None


def plugin_fault(path, name, target):
    own = group(path)
    if target is None:
        pure = own.startswith(("plugins/substrate-", "plugins/common"))
        if pure and not path.startswith(STORES) and name not in PURE:
            return f"a substrate includes <{name}>: it has no I/O, clock or thread; ask the host"
        return None
    if target.startswith(STORES) and own.startswith("plugins/substrate-"):
        return f"a substrate includes {target}, which is for stores and does I/O"
    if target.startswith("core/include/peerpost/") or group(target) in (own, "plugins/common"):
        return None
    return f"a plugin includes {target}: it may see <peerpost/*.h>, plugins/common and itself only"


def climb_fault(path, target):
    mine, theirs = group(path), group(target)
    if mine == theirs:
        return None
    if theirs.startswith("plugins/"):
        return f"{mine} includes {target}: core never names a plugin; load it with config/loader.h"
    if mine == "sim" and theirs in FLOORS:
        return None
    if theirs not in FLOORS:
        return f"{mine} includes {target}, which is no floor of the house"
    if FLOORS[theirs] >= FLOORS[mine]:
        return (f"{mine} (floor {FLOORS[mine]}) includes {target} (floor {FLOORS[theirs]}): "
                "include from floors below only; pass a function or a value instead")
    return None


def faults_of(top, path):
    text = house.code(house.read(top, path), keep_strings=True)
    for m in INCLUDE.finditer(text):
        line = text.count("\n", 0, m.start()) + 1
        quote, name = m.groups()
        target = resolve(top, path, quote, name)
        for pattern, rooms in ROOMS.items():
            if target is None and re.fullmatch(pattern, name) and not path.startswith(rooms):
                yield line, f"<{name}> may be included in {', '.join(rooms)} only"
        for place, closed in NO_IO.items():
            if path.startswith(place) and name.startswith(closed) and name not in WITHOUT_IO:
                yield line, f"{place} does no I/O and includes <{name}>; use net.h"
        if path.startswith("plugins/"):
            fault = plugin_fault(path, name, target)
        else:
            fault = climb_fault(path, target) if target else None
        if fault:
            yield line, fault


def main():
    top, faults = house.root(), house.Faults()
    looked = [p for p in house.files(top) if not p.startswith("tests/")]
    for path in looked:
        for line, fault in faults_of(top, path):
            faults.add(path, line, fault)
    faults.end(len(looked))


main()
