#!/usr/bin/env python3
"""peerpost-lab over stand-ins of the other programs: addresses, files, status, kill, restart, two
labs at once, failures with the end of the log."""
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-lab")
TOP = tempfile.mkdtemp(prefix="peerpost-lab-test-")
FAKES = os.path.join(TOP, "bin")


def lab(*argv, expect=0):
    done = subprocess.run([LAB, *argv], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, PEERPOST_BIN=FAKES))
    assert done.returncode == expect, f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def up(name, *more, expect=0):
    folder = os.path.join(TOP, name)
    return folder, lab("up", "--dir", folder, "--node-option", "http.tls=false", *more, expect=expect)


def status(folder):
    return json.loads(lab("status", "--dir", folder, "--json"))


def alive(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return bool(f.read())
    except OSError:
        return False


def test_up_and_down():
    folder, said = up("a", "--nodes", "3", "--k", "2", "--users", "a@x.example,b@y.example")
    assert "3 nodes (chord, lmdb, k = 2) and 2 users" in said, said
    nodes = status(folder)
    assert [n["node"] for n in nodes] == [0, 1, 2] and all(n["state"] == "active" for n in nodes), nodes
    assert all(n["http"].startswith("127.1.") and alive(n["pid"]) for n in nodes)
    assert len({n["http"] for n in nodes}) == 3 and nodes[1]["id"] == "02" * 20
    for user in ("a@x.example", "b@y.example"):
        text = open(f"{folder}/users/{user}/config.yaml").read()
        assert "bind: 127.2." in text and f"address: {user}" in text and ":4700" in text
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    second, _ = up("b", "--nodes", "2", "--k", "2")
    assert not {n["http"] for n in nodes} & {n["http"] for n in status(second)}, "labs share addresses"
    lab("down", "--dir", second)
    lab("kill", "--dir", folder, "1", "2")
    after = status(folder)
    assert [n["state"] for n in after] == ["active", "dead", "dead"], after
    assert not alive(nodes[1]["pid"]) and alive(nodes[0]["pid"])
    lab("restart", "--dir", folder, "1", "2")
    lab("wait", "--dir", folder)
    assert [n["state"] for n in status(folder)] == ["active"] * 3
    lab("add", "--dir", folder)
    assert len(status(folder)) == 4
    assert "export PEERPOST_CONTACTS='127.1." in lab("env", "--dir", folder)
    pids = [n["pid"] for n in status(folder)]
    lab("down", "--dir", folder)
    assert not any(alive(p) for p in pids), "down left nodes behind"
    lab("status", "--dir", folder, expect=66)


def test_block_comes_free():
    first, _ = up("c", "--nodes", "1", "--k", "1")
    address = status(first)[0]["http"]
    lab("down", "--dir", first)
    second, _ = up("d", "--nodes", "1", "--k", "1")
    assert status(second)[0]["http"] == address, "a block is not given back"
    lab("kill", "--dir", second, "all")
    third, _ = up("e", "--nodes", "1", "--k", "1")
    assert status(third)[0]["http"] != address, "the block of a lab whose nodes are dead was taken"
    lab("down", "--dir", third)
    lab("down", "--dir", second)


def test_failures():
    folder, said = up("f", "--nodes", "2", "--node-option", "fail.now=yes", expect=70)
    assert "ended with status 74" in said and "it is a fake" in said, said
    folder, said = up("g", "--nodes", "1", "--k", "1", "--users", "fail@x.example", expect=70)
    assert "fail@x.example" in said and "cannot be published" in said, said
    assert subprocess.run(["pgrep", "-f", folder], capture_output=True).stdout == b"", "a node was left"
    assert "no e-mail address" in up("h", "--nodes", "1", "--users", "nobody", expect=64)[1]
    assert "no lab in" in lab("status", "--dir", TOP, expect=66)
    assert "no command" in lab("fly", "--dir", TOP, expect=64)
    assert "from 1 to" in lab("up", "--dir", TOP, "--nodes", "0", expect=64)
    one, _ = up("i", "--nodes", "1", "--k", "1")
    assert "there is no node \"7\"" in lab("kill", "--dir", one, "7", expect=64)
    assert "is a lab already" in lab("up", "--dir", one, "--nodes", "1", expect=70)
    lab("down", "--dir", one)


def end_everything():
    for name in os.listdir(TOP):
        if os.path.exists(os.path.join(TOP, name, "lab.json")):
            lab("down", "--dir", os.path.join(TOP, name))
    shutil.rmtree(TOP)


def main():
    os.mkdir(FAKES)
    for name in ("peerpostd", "peerpost-ca", "peerpost"):
        shutil.copy(os.path.join(HERE, "fakes.py"), os.path.join(FAKES, name))
        os.chmod(os.path.join(FAKES, name), 0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for test in (test_up_and_down, test_block_comes_free, test_failures):
            test()
            print(f"{test.__name__}: passed", flush=True)
    finally:
        end_everything()


main()
