#!/usr/bin/env python3
"""peerpost serve: it fetches by itself, sends what others spool, and every command works beside it."""
import json, os, subprocess, sys

from labkit import Lab, check, program
from servekit import Serve, until

ALICE, BOB = "alice@a.example", "bob@b.example"


def letter(subject, to=BOB, sender=ALICE):
    return f"From: {sender}\nTo: {to}\nSubject: {subject}\n\nHello.\n".encode()


def subjects(lab, user):
    return [line for mail in lab.mails(user) for line in mail.decode(errors="replace").split("\n")
            if line.startswith("Subject: ")]


def beside(lab, alice, bob):
    """send, fetch, list, queue, show of other processes while serve has the journal."""
    done = alice.run("send", "-t", input=letter("one"))
    check(b"sent 5/5" in done.stdout, f"send beside serve: {done.stdout}")
    done = bob.run("--json", "fetch")
    states = [json.loads(line)["state"] for line in done.stdout.splitlines()]
    check(states == ["delivered"] or subjects(lab, BOB) == ["Subject: one"], f"fetch beside serve: {done.stdout}")
    check(subjects(lab, BOB) == ["Subject: one"], "the mail is not in the Maildir")
    check(b"one" in bob.run("list").stdout, "list beside serve")
    check(b"Hello" in bob.run("show", "1").stdout, "show beside serve")
    check(b"empty" in alice.run("queue", "list").stdout, "queue list beside serve")
    alice.run("queue", "run")
    # Notifications that wait are in the journal, which serve has.
    alice.run("send", "-t", input=letter("two"))
    bob.run("fetch", "--headers-only")
    check(b"two" in bob.run("list").stdout, "list does not show what waits")
    bob.run("fetch")
    check(len(lab.mails(BOB)) == 2, "the second mail")
    # A recipient that does not exist.
    done = alice.run("send", "nobody@nowhere.example", input=letter("three"), expect=67)
    check(b"empty" in alice.run("queue", "list").stdout, f"unknown recipient stays queued: {done.stderr}")


def borrowing(alice):
    """A command that serve has no request for borrows the journal, several at once as well."""
    ran = [subprocess.Popen(alice.argv("lookup", BOB), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=alice.env)
           for _ in range(3)]
    for p in ran:
        out, err = p.communicate(timeout=90)
        check(p.returncode == 0 and b"bob@b.example" in out, f"lookup beside serve: {out}{err}")
    done = alice.run("send", "-t", input=letter("after the loan"))
    check(b"sent" in done.stdout, f"serve did not come back: {done.stdout}{done.stderr}")


def by_itself(lab, alice, bob):
    """Who spools tells nobody: serve sees it; who waits fetches by the clock."""
    name = os.path.join(lab.dir, "users", ALICE, "serve.yaml")
    fast = os.path.join(lab.dir, "users", ALICE, "nowait.yaml")
    with open(name) as f, open(fast, "w") as g:
        g.write(f.read() + "send:\n  wait: 0s\n")
    before = len(lab.mails(BOB))
    alice.config, kept = fast, alice.config
    alice.run("send", "-t", input=letter("by itself"))
    alice.config = kept
    until(30, lambda: len(lab.mails(BOB)) > before and "Subject: by itself" in subjects(lab, BOB),
          "mail comes by itself")


def new_keys(lab, alice):
    """A roll-over in another process: serve takes the new key at once, and reads mail to the old one still."""
    user = os.path.join(lab.dir, "users", BOB)
    with Serve(lab, BOB, poll="0s") as bob:
        alice.run("send", "-t", input=letter("to the old key"))
        bob.run("enrol", "--rollover")
        subprocess.run([program("peerpost-ca"), "sign", "--dir", os.path.join(lab.dir, "ca"), "--not-before", "-60",
                        "--out", os.path.join(user, "answer.pem"), os.path.join(user, "user.csr.pem")],
                       check=True, capture_output=True)
        bob.run("enrol", "--certificate", os.path.join(user, "answer.pem"))
        # Published by a process that does not borrow the journal: serve must have seen the files by itself.
        aside = os.path.join(user, "aside.yaml")
        with open(os.path.join(user, "config.yaml")) as f, open(aside, "w") as g:
            g.write(f.read().replace("state: state", "state: aside"))
        bob.config, kept = aside, bob.config
        bob.run("publish")
        bob.config = kept
        alice.run("lookup", "--accept", BOB)
        alice.run("send", "-t", input=letter("to the new key"))
        bob.run("fetch")
        now = subjects(lab, BOB)
        check("Subject: to the old key" in now and "Subject: to the new key" in now, f"after the roll-over: {now}")
        done = bob.run("send", "-t", input=letter("from the new key", ALICE, BOB))
        check(b"sent" in done.stdout, done.stdout)
        alice.run("fetch")
        mail = next(m for m in lab.mails(ALICE) if b"Subject: from the new key" in m)
        check(b"smime=pass" in mail, "serve signs with the old key")
        # Keys that do not open change nothing.
        key = os.path.join(user, "user.key.pem")
        os.rename(key, key + ".aside")
        with open(key + ".bad", "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write("no key\n")
        os.rename(key + ".bad", key)
        until(20, lambda: "the old ones stay in use" in bob.tail(), "serve says that the new key is none")
        alice.run("send", "-t", input=letter("and still"))
        bob.run("fetch")
        check("Subject: and still" in subjects(lab, BOB), "serve fell over a bad key file")
        os.rename(key + ".aside", key)


def refusals(lab, alice):
    """Others than this computer are not served; a second serve is refused."""
    done = alice.run("serve", expect=75)
    check(b"another peerpost serve" in done.stderr, f"a second serve: {done.stderr}")
    for value, word in (("0.0.0.0:2525", b"other computers"), ("192.0.2.1:2525", b"other computers"),
                        ("nonsense", b"ADDRESS:PORT"), ("127.0.0.1:99999", b"ADDRESS:PORT")):
        path = os.path.join(lab.dir, "users", BOB, "bad.yaml")
        with open(os.path.join(lab.dir, "users", BOB, "config.yaml")) as f, open(path, "w") as g:
            text = f.read()
            g.write(text + f"serve:\n  smtp: {value}\n")
        done = subprocess.run([alice.argv()[0], "--config", path, "serve"], capture_output=True, env=alice.env,
                              timeout=60)
        where = f"{path}:{text.count(chr(10)) + 2}:".encode()
        check(done.returncode == 78 and word in done.stderr and where in done.stderr,
              f"serve.smtp: {value}: {done.returncode} {done.stderr}")


def main():
    with Lab(nodes=6, users=[ALICE, BOB]) as lab:
        with Serve(lab, ALICE) as alice:
            with Serve(lab, BOB, poll="1s") as bob:
                beside(lab, alice, bob)
                borrowing(alice)
                by_itself(lab, alice, bob)
                check(bob.stop() == 0, "serve ends with 0 at SIGTERM")
            new_keys(lab, alice)
            refusals(lab, alice)
            mode = os.stat(os.path.join(lab.dir, "users", ALICE, "state", "serve.password")).st_mode & 0o777
            check(mode == 0o600 and len(alice.password) >= 20, f"password: mode {mode:o}")
            check(alice.stop() == 0, "serve ends with 0 at SIGTERM")
    print("serve: well")


main()
