#!/usr/bin/env python3
"""
Power cuts, replayed. A writer runs random batches on a store while every write, sync, rename and
unlink below its folder is recorded. Then, for cuts all along the record, the disk is made as it may
be found afterwards: what was synced, and of the rest nothing, a random half, all, or all with the
last write torn. Each time the store must open and hold every batch that was told as committed.
With syncs ignored (PP_MUTANT) a cut must lose something, or this test proves nothing.
usage: powercut.py [--long] [PLUGIN [NAME=VALUE...]]    a store plugin and its options
"""
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

CHECK = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-plugin-check")
ARGUMENTS = [a for a in sys.argv[1:] if a != "--long"] or ["store-lmdb"]
PLUGIN = os.path.join(os.environ["PEERPOST_PLUGINS"], ARGUMENTS[0] + ".so")
SETTINGS = [word for setting in ARGUMENTS[1:] for word in ("--set", setting)]
FAULTS = os.path.join(os.environ["PEERPOST_BIN"], "..", "tests", "store_faults.so")
HEAD = struct.Struct(">cIQQ")


class File:
    """Octets of a file: what the disk surely has, and the operations since."""

    def __init__(self):
        self.sure, self.since = bytearray(), []

    @staticmethod
    def apply(octets, op):
        kind, offset, data = op
        if kind == "W":
            if len(octets) < offset + len(data):
                octets.extend(bytes(offset + len(data) - len(octets)))
            octets[offset:offset + len(data)] = data
        elif kind == "Z":
            octets[offset:] = bytes(max(0, offset - len(octets)))
        elif kind == "F" and len(octets) < offset:
            octets.extend(bytes(offset - len(octets)))

    def sync(self):
        for op in self.since:
            self.apply(self.sure, op)
        self.since = []

    def sync_one(self, offset, length):
        """An O_DSYNC write: it alone is on the disk, before all others."""
        for i in range(len(self.since) - 1, -1, -1):
            kind, at, data = self.since[i]
            if kind == "W" and at == offset and len(data) == length:
                self.apply(self.sure, self.since.pop(i))
                return

    def found(self, mode, rng):
        octets = bytearray(self.sure)
        ops = self.since
        if mode == "synced":
            ops = []
        elif mode == "half":
            ops = [op for op in ops if rng.random() < 0.5]
        elif mode == "torn" and ops and ops[-1][0] == "W":
            kind, at, data = ops[-1]
            ops = ops[:-1] + [(kind, at, data[:rng.randrange(len(data))])]
        for op in ops:
            self.apply(octets, op)
        return octets


class Disk:
    """Folders of names; a name is on the disk once its folder was synced."""

    def __init__(self):
        self.files, self.now, self.sure, self.folders = {}, {}, {}, {}

    def step(self, kind, path, offset, data):
        if kind in "CT":
            if path not in self.now:
                self.now[path] = File()
            elif kind == "T":
                self.now[path].since.append(("Z", 0, b""))
        elif kind == "M":
            self.now[path] = None
        elif kind in "WZF" and path in self.now:
            self.now[path].since.append((kind, offset, data))
        elif kind == "D" and path in self.now:
            self.now[path].sync_one(offset, struct.unpack(">Q", data)[0] if data else 0)
        elif kind == "S":
            self.sync(path)
        elif kind == "Y":
            for p, node in self.now.items():
                if isinstance(node, File):
                    node.sync()
            self.sure = dict(self.now)
        elif kind == "U":
            self.now.pop(path, None)
        elif kind == "R":
            self.rename(path, data.decode())

    def sync(self, path):
        node = self.now.get(path)
        if isinstance(node, File):
            node.sync()
            return
        inside = {p for p in set(self.now) | set(self.sure) if os.path.dirname(p) == path}
        for p in inside:
            if p in self.now:
                self.sure[p] = self.now[p]
            else:
                self.sure.pop(p, None)

    def rename(self, old, new):
        for p in list(self.now):
            if p == old or p.startswith(old + "/"):
                self.now[new + p[len(old):]] = self.now.pop(p)
        for p in list(self.sure):  # what lies in a folder goes with it, wherever it is found
            if p.startswith(old + "/"):
                self.sure[new + p[len(old):]] = self.sure[p]

    def build(self, mode, rng, moved):
        """Writes the disk as found to where `moved` maps its paths."""
        names = dict(self.sure)
        if mode != "synced":
            for p in set(self.now) | set(self.sure):
                if mode in ("all", "torn") or rng.random() < 0.5:
                    if p in self.now:
                        names[p] = self.now[p]
                    else:
                        names.pop(p, None)
        for p in sorted(names):
            where = moved(p)
            if names[p] is None and os.path.isdir(where):
                continue
            if not os.path.isdir(os.path.dirname(where)):
                continue  # its folder did not come so far
            if names[p] is None:
                os.makedirs(where, exist_ok=True)
            else:
                with open(where, "wb") as f:
                    f.write(names[p].found(mode, rng))


def record(folder, batches, mutant):
    store, log, acks = (os.path.join(folder, n) for n in ("disk/store", "log", "acks"))
    os.mkdir(os.path.dirname(store))
    env = dict(os.environ, LD_PRELOAD=FAULTS, PP_RECORD=log, PP_RECORD_UNDER=os.path.dirname(store), PP_ACKS=acks,
               ASAN_OPTIONS="verify_asan_link_order=0")
    env.pop("PP_MUTANT", None)
    if mutant:
        env["PP_MUTANT"] = mutant
    subprocess.run([CHECK, *SETTINGS, "--worker", PLUGIN, "crash", "write", store, str(batches)], env=env,
                   check=True)
    with open(log, "rb") as f:
        raw = f.read()
    at, steps = 0, []
    while at < len(raw):
        kind, path_len, offset, length = HEAD.unpack_from(raw, at)
        at += HEAD.size
        path = raw[at:at + path_len].decode()
        at += path_len
        kind = kind.decode()
        if kind == "D":
            data = struct.pack(">Q", length)
        else:
            data = raw[at:at + length]
            at += length
        if kind == "A" or path != acks:
            steps.append((kind, path, offset, data))
    return store, steps


def judge(place, acked, last_seq):
    done = subprocess.run([CHECK, *SETTINGS, "--worker", PLUGIN, "crash", "judge", place, str(acked),
                           str(last_seq)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout.strip()


def cuts(steps, wanted, rng):
    """Cuts all along, each told commit among them."""
    told = [i + 1 for i, s in enumerate(steps) if s[0] == "A"]
    some = set(rng.sample(told, min(len(told), wanted // 3)))
    return some | set(rng.sample(range(1, len(steps)), min(len(steps) - 1, wanted)))


def replay(folder, batches, wanted, mutant, seed):
    """The number of cuts tried, and the texts of those that lost something."""
    rng = random.Random(seed)
    store, steps = record(folder, batches, mutant)
    disk, acked, last_seq, tried, lost = Disk(), None, 0, 0, []
    disk.now[os.path.dirname(store)] = disk.sure[os.path.dirname(store)] = None
    chosen = cuts(steps, wanted, rng)
    place = os.path.join(folder, "found")
    for i, (kind, path, offset, data) in enumerate(steps, 1):
        if kind == "A":
            acked, last_seq = struct.unpack("=QQ", data)
        else:
            disk.step(kind, path, offset, data)
        if i not in chosen:
            continue
        for mode in ("synced", "half", "all", "torn"):
            shutil.rmtree(place, ignore_errors=True)
            os.mkdir(place)
            disk.build(mode, rng, lambda p: place + p[len(os.path.dirname(store)):])
            if acked is None and not os.path.exists(os.path.join(place, "store")):
                continue  # a creation not told, and no store: as it should be
            tried += 1
            good, text = judge(os.path.join(place, "store"), acked or 0, last_seq)
            if not good:
                lost.append(f"cut {i} of {len(steps)}, {mode}, behind commit {acked}: {text}")
    return tried, lost


def main():
    lengthy = "--long" in sys.argv
    batches, wanted = (200, 1500) if lengthy else (40, 60)
    folder = tempfile.mkdtemp(prefix="peerpost-powercut-")
    faults = 0
    try:
        tried, lost = replay(folder, batches, wanted, None, 1)
        print(f"{tried} disks after a power cut, {len(lost)} lost something")
        for text in lost[:10]:
            print("  " + text)
        faults += bool(lost) or tried == 0
        for mutant in ("store-nosync", "store-nosync-body"):
            shutil.rmtree(folder)
            os.mkdir(folder)
            tried, lost = replay(folder, batches, wanted // 2, mutant, 2)
            print(f"with {mutant}: {len(lost)} of {tried} lost something")
            faults += not lost
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if faults else 0


sys.exit(main())
