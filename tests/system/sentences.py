#!/usr/bin/env python3
"""Everything that goes wrong says so in one clear sentence and ends with the right exit code."""
import os, re, shutil, socket, subprocess, sys, tempfile, time

from labkit import BIN, Lab, check, program

ALICE, BOB = "alice@wrong.example", "bob@wrong.example"
MAIL = f"From: {ALICE}\nTo: {BOB}\nSubject: x\n\nx\n".encode()


def says(what, done, code, *words):
    text = (done.stderr + done.stdout).decode(errors="replace") if isinstance(done.stderr, bytes) else done.stderr + done.stdout
    codes = code if isinstance(code, tuple) else (code,)
    check(done.returncode in codes, f"{what}: exit {done.returncode}, wanted {code}\n{text}")
    for word in words:
        check(re.search(word, text, re.I), f"{what}: no word of '{word}' in: {text}")
    check("Sanitizer" not in text and "assert" not in text.lower(), f"{what}: {text}")
    last = [line for line in text.strip().splitlines() if line][-1] if text.strip() else ""
    print(f"{what}: {done.returncode}: {last[:150]}", flush=True)


def daemon(config, *more, timeout=20, env=None):
    return subprocess.run([program("peerpostd"), "--config", config, *more], capture_output=True, timeout=timeout, env=env)


def edited(source, target, *changes):
    text = open(source).read()
    for old, new in changes:
        changed = re.sub(old, new, text, count=1, flags=re.M)
        check(changed != text, f"the test's pattern {old!r} is not in {source}")
        text = changed
    with open(target, "w") as f:
        f.write(text)
    return target


def node_failures(lab):
    folder = os.path.join(lab.dir, "nodes", "0")
    good, bad = os.path.join(folder, "config.yaml"), os.path.join(folder, "bad.yaml")
    says("good configuration", daemon(good, "--check-config"), 0)
    with open(bad, "w") as f:
        f.write("network: [1,\n")
    says("bad YAML", daemon(bad, "--check-config"), 78, r"bad\.yaml:\d+")
    edited(good, bad, (r"^network:", "netwrok:"))
    says("misspelt section", daemon(bad, "--check-config"), 78, r"bad\.yaml:\d+", "network")
    edited(good, bad, (r"plugin: *[\"']?chord[\"']?", "plugin: kord"))
    says("missing plugin", daemon(bad), 78, "kord", "plugin")
    edited(good, bad, (r"plugin: *[\"']?lmdb[\"']?", "plugin: nosuch"))
    says("missing store", daemon(bad), 78, "nosuch")
    says("no configuration", daemon(os.path.join(folder, "none.yaml")), (66, 72, 78), r"none\.yaml")
    says("port in use", daemon(good), (69, 71), "in use|already", r"127\.1\.")
    key = re.search(r"^\s*key: *(\S+)", open(good).read(), re.M).group(1).strip("\"'")
    key = key if os.path.isabs(key) else os.path.join(folder, key)
    loose = os.path.join(folder, "loose.pem")
    shutil.copy(key, loose)
    os.chmod(loose, 0o644)
    edited(good, bad, (r"^(\s*)key: .*$", rf"\1key: {loose}"))
    says("loose key", daemon(bad), (77, 78), r"loose\.pem", "0600|chmod")
    edited(good, bad, (r"^(\s*)key: .*$", r"\1key: /nonexistent/key.pem"))
    says("unreadable key", daemon(bad), (66, 77, 78), "/nonexistent/key.pem")


def agent_failures(lab):
    done = lab.agent(ALICE, "send", "-t", expect=None, input=MAIL.replace(BOB.encode(), b"nobody@wrong.example"))
    says("unknown recipient", done, 67, "nobody@wrong.example")
    says("no recipient", lab.agent(ALICE, "send", "-t", expect=None, input=b"Subject: x\n\nx\n"), (64, 65), "recipient")
    config = os.path.join(lab.dir, "users", ALICE, "config.yaml")
    lost = os.path.join(lab.dir, "users", ALICE, "lost.yaml")
    text = re.sub(r"127\.1\.(\d+)\.(\d+):\d+", r"127.1.\1.\2:9", open(config).read())
    text = re.sub(r"^(\s*)state: .*$", r"\1state: fresh", text, flags=re.M)  # no saved peers either
    with open(lost, "w") as f:
        f.write(text)
    done = subprocess.run([program("peerpost"), "--config", lost, "lookup", BOB], capture_output=True, timeout=60)
    says("no node reachable", done, (69, 75), "reach|answer|contact")
    done = subprocess.run([program("peerpost"), "--config", lost, "fetch"], capture_output=True, timeout=90)
    says("fetch without a node", done, 75, "reach|answer|contact")
    done = subprocess.run([program("peerpost"), "--config", lost, "send", "-t"], input=MAIL, capture_output=True, timeout=60)
    says("send without a node", done, 0, "queued")


def expired(lab):
    """A sender whose certificate has run out, and a recipient whose certificate has."""
    folder = os.path.join(lab.dir, "users", ALICE)
    prefix = os.path.join(lab.dir, "users", "old")
    made = subprocess.run([program("peerpost-ca"), "issue", "--dir", os.path.join(lab.dir, "ca"), "--out", prefix,
                           "--not-before", "-7200", "--not-after", "-3600", ALICE], capture_output=True)
    says("issue a certificate of yesterday", made, 0)
    old = os.path.join(folder, "old.yaml")
    edited(os.path.join(folder, "config.yaml"), old, (r"^(\s*)key: .*$", rf"\1key: {prefix}.key.pem"),
           (r"^(\s*)certificate: .*$", rf"\1certificate: {prefix}.cert.pem"), (r"^(\s*)state: .*$", r"\1state: old"))
    for command in ("publish", "fetch"):
        done = subprocess.run([program("peerpost"), "--config", old, command], capture_output=True, timeout=60)
        says(f"{command} with an expired certificate", done, (65, 69, 75, 77, 78), "expired|ran out|valid")


def clock(lab):
    if not shutil.which("faketime"):
        print("clock: skipped, no faketime")
        return
    symbols = subprocess.run(["nm", "-D", program("peerpost")], capture_output=True, text=True).stdout
    if "__asan" in symbols or "__tsan" in symbols:
        print("clock: skipped under a sanitizer (two preloads)")
        return
    for shift in ("+1h", "-1h"):
        lab.agent(ALICE, "send", "-t", "--wait", input=MAIL)
        before = len(lab.mails(BOB))
        done = subprocess.run(["faketime", "-f", shift, *lab.argv(BOB, "fetch")], capture_output=True, timeout=60)
        says(f"reader's clock {shift}", done, 0)
        check(len(lab.mails(BOB)) == before + 1, "a wrong clock kept mail away")
    done = subprocess.run(["faketime", "-f", "+3d", *lab.argv(BOB, "fetch")], capture_output=True, timeout=60)
    says("clock three days off", done, (75, 70, 65, 69), "clock")


def main():
    with Lab(nodes=4, k=3, users=[ALICE, BOB]) as lab:
        node_failures(lab)
        lab.agent(ALICE, "send", "-t", "--wait", input=MAIL)
        agent_failures(lab)
        lab.agent(ALICE, "queue", "run", expect=None)
        lab.agent(BOB, "fetch")
        expired(lab)
        clock(lab)


if __name__ == "__main__":
    main()
