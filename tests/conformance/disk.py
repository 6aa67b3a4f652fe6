#!/usr/bin/env python3
"""A store on a small ext4 of its own (a loop mount) that fills up; exit 77 where none can be had.
usage: disk.py [PLUGIN]"""
import os
import subprocess
import sys
import tempfile

CHECK = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-plugin-check")
PLUGIN = os.path.join(os.environ["PEERPOST_PLUGINS"], (sys.argv[1:] or ["store-lmdb"])[0] + ".so")


def quiet(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.returncode, done.stdout.strip()


def main():
    with tempfile.TemporaryDirectory(prefix="peerpost-disk-") as folder:
        image, mount = os.path.join(folder, "image"), os.path.join(folder, "mount")
        os.mkdir(mount)
        with open(image, "wb") as f:
            f.truncate(28 * 1024 * 1024)
        for command in (("mkfs.ext4", "-q", "-F", image), ("mount", "-o", "loop", image, mount)):
            code, text = quiet(*command)
            if code != 0:
                print(f"skipped: {command[0]} does not work here: {text}")
                return 77
        try:
            disk = os.path.join(mount, "disk")
            os.mkdir(disk)
            return subprocess.run([CHECK, "--only", "small disk", "--disk", disk, PLUGIN],
                                  check=False).returncode
        finally:
            quiet("umount", mount)


sys.exit(main())
