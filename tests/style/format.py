#!/usr/bin/env python3
"""Every C file stands as clang-format with .clang-format writes it."""
import os
import shutil
import subprocess
import sys

import house


def main():
    top, faults = house.root(), house.Faults()
    program = shutil.which("clang-format")
    if not program:
        sys.exit("clang-format is not installed: apt-get install clang-format")
    paths = house.files(top)
    for i in range(0, len(paths), 40):
        batch = [os.path.join(top, p) for p in paths[i:i + 40]]
        done = subprocess.run([program, "--dry-run", "--style=file", "-Werror"] + batch, cwd=top,
                              stderr=subprocess.PIPE, text=True, check=False)
        for line in done.stderr.splitlines():
            if "error:" in line and "clang-format" in line:
                where = line.split(": error:")[0].rsplit(":", 1)[0]
                file, number = where.rsplit(":", 1)
                faults.add(os.path.relpath(file, top), number, f"run clang-format -i {file}")
        if done.returncode and not faults.n:
            sys.exit(done.stderr)
    faults.end(len(paths))


main()
