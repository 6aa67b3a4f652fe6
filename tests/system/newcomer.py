#!/usr/bin/env python3
"""From built programs to the first mail received: four commands of a newcomer, under a minute, and no
word of cryptography in what they print. Invitations that are none, or want too much, are refused."""
import os, re, shutil, subprocess, sys, tempfile, time

from labkit import Lab, SUBSTRATE, check, endpoint, program

WORDS = re.compile(r"certificate|private|encrypt|cipher|x\.?509|pem\b(?<!\.pem)|\bkey\b|\bhash\b|\bCA\b", re.I)
ANNA = "anna@new.example"


def run(home, *argv, input=b"", expect=0):
    env = dict(os.environ, HOME=home)
    env.pop("PEERPOST_CONFIG", None)
    env.pop("XDG_CONFIG_HOME", None)
    done = subprocess.run([program("peerpost"), *argv], input=input, capture_output=True, env=env, timeout=60)
    text = (done.stdout + done.stderr).decode()
    check(done.returncode == expect, f"peerpost {argv}: exit {done.returncode}\n{text}")
    return text


def first_mail(lab, ca, home, invitation):
    started = time.monotonic()
    said = run(home, "join", invitation, ANNA)
    request = re.search(r"Send this file to your campus: (\S+)", said).group(1)
    answer = os.path.join(home, "anna.answer")
    done = subprocess.run([*ca, "sign", *ca_dir(lab), "--out", answer, request], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    said += run(home, "join", "--answer", answer)
    said += run(home, "send", ANNA, input=b"Subject: first\n\nHello to myself.\n")
    said += run(home, "fetch")
    listed = run(home, "list")
    took = time.monotonic() - started
    check("first" in listed and took < 60, f"{took:.1f} s: {listed}")
    found = WORDS.search(said)
    check(not found, f"'{found and found.group(0)}' is a word of cryptography: {said}")
    print(f"first mail after four commands and {took:.1f} s", flush=True)


def ca_dir(lab):
    return ["--dir", os.path.join(lab.dir, "ca")]


def refused(home, invitation):
    good = open(invitation).read()
    bad = os.path.join(home, "bad.invitation")
    other = os.path.join(home, "other")
    for text, word in ((good.replace("network:\n", "user:\n  passphrase_command: \"touch /tmp/x\"\nnetwork:\n", 1), "user"),
                       (re.sub(r"plugin: .*", "plugin: \"/tmp/evil.so\"", good), "no file"),
                       ("hello\n", "no invitation"),
                       (re.sub(r"(?m)^    - .*\n", "", good), "contacts")):
        with open(bad, "w") as f:
            f.write(text)
        env = dict(os.environ, HOME=other)
        done = subprocess.run([program("peerpost"), "--config", os.path.join(other, "c.yaml"), "join", bad, ANNA],
                              capture_output=True, text=True, env=env)
        check(done.returncode in (65, 78) and word in done.stderr, f"{word}: {done.returncode} {done.stderr}")
        check(not os.path.exists(os.path.join(other, "c.yaml")), "a refused invitation left a configuration")
    done = run(home, "join", invitation, ANNA, expect=70)
    check("configuration already" in done, done)
    print("invitations that are none are refused", flush=True)


def main():
    home = tempfile.mkdtemp(prefix="peerpost-newcomer-", dir="/var/tmp")
    try:
        with Lab(nodes=6, users=["old@new.example"]) as lab:
            ca = [program("peerpost-ca")]
            invitation = os.path.join(home, "campus.invitation")
            contacts = [f"{endpoint(n)[0]}:4700" for n in lab.status()[:3]]
            done = subprocess.run([*ca, "invite", *ca_dir(lab), "--network", "lab", "--substrate", SUBSTRATE,
                                   "--k", "5", "--out", invitation, *contacts], capture_output=True, text=True)
            check(done.returncode == 0, done.stderr)
            first_mail(lab, ca, home, invitation)
            refused(home, invitation)
    finally:
        shutil.rmtree(home, ignore_errors=True)


main()
