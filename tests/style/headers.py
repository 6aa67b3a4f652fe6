#!/usr/bin/env python3
"""Every header compiles alone: it includes what it needs. CC and PEERPOST_CFLAGS say how."""
import concurrent.futures
import os
import subprocess

import house


def compile_alone(top, path):
    flags = os.environ.get("PEERPOST_CFLAGS", "").split()
    roots = ["core", "ua", "core/include", "plugins", "sim", "tests/harness", ""]
    includes = [f"-I{os.path.join(top, r)}" for r in roots]
    command = [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall",
               "-Wextra", "-Wpedantic", "-Wno-unused-function", "-Wno-unused-const-variable",
               "-Werror", "-x", "c", *includes, *flags, "-"]
    # Twice, so that a missing guard shows.
    text = f'#include "{os.path.join(top, path)}"\n' * 2 + "extern int not_empty;\n"
    done = subprocess.run(command, input=text, cwd=top, stderr=subprocess.PIPE, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()


def main():
    top, faults = house.root(), house.Faults()
    paths = house.files(top, (".h",))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, fault in zip(paths, pool.map(lambda p: compile_alone(top, p), paths)):
            if fault:
                faults.add(path, 1, "does not compile alone:\n    " + fault.replace("\n", "\n    "))
    faults.end(len(paths))


main()
