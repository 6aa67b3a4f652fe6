#!/usr/bin/env python3
"""peerpost doctor names cause and cure of each failure that is provoked here."""
import fcntl, json, os, re, shutil, subprocess, sys, time

from diskkit import Disk
from labkit import Lab, check, program

ANNA = "anna@ill.example"


class Patient:
    def __init__(self, lab):
        self.lab = lab
        self.folder = os.path.join(lab.dir, "users", ANNA)
        self.config = os.path.join(self.folder, "config.yaml")
        self.good = open(self.config).read()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, *changes):
        text = self.good
        for old, new in changes:
            changed = re.sub(old, new, text, count=1, flags=re.M)
            check(changed != text, f"the test's pattern {old!r} is not in the configuration")
            text = changed
        with open(self.config, "w") as f:
            f.write(text)

    def run(self, prefix=(), config=None, env=None):
        argv = [*prefix, program("peerpost"), "--config", config or self.config, "doctor", "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=90, env=dict(self.lab.env, **(env or {})))
        check("Sanitizer" not in done.stderr, done.stderr)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"exit {done.returncode}: {done.stdout}{done.stderr}")

    def ill(self, what, name, *words, state="failed", changes=(), **more):
        """One failure: its check's name, words of cause and cure."""
        began = time.monotonic()
        self.write(*changes)
        code, found = self.run(**more)
        self.write()
        bad = [f for f in found if f["check"] == name and f["state"] == state]
        check(bad, f"{what}: no {state} '{name}' in {found}")
        check((code == 69) == any(f["state"] == "failed" for f in found), f"{what}: exit {code}")
        text = bad[0]["cause"] + " -> " + bad[0]["cure"]
        for word in words:
            check(re.search(word, text, re.I), f"{what}: no word of {word!r} in: {text}")
        print(f"{time.monotonic() - began:.1f} s {what}: {text[:170]}", flush=True)

    def ca(self, *argv):
        done = subprocess.run([program("peerpost-ca"), argv[0], "--dir", os.path.join(self.lab.dir, "ca"), *argv[1:]],
                              capture_output=True, text=True)
        check(done.returncode == 0, done.stderr)


def canary(p):
    """What maintain puts into the own inbox comes back unseen, and says that the nodes hand out all."""
    p.lab.agent(ANNA, "maintain")
    check(not p.lab.agent(ANNA, "fetch", "--json").stdout, "a canary was shown")
    code, found = p.run()
    inbox = [f for f in found if f["check"] == "inbox"]
    check(inbox and inbox[0]["state"] == "ok" and "5 counted" in inbox[0]["cause"], f"no word of the inbox: {found}")


def here(p):
    p.ill("no configuration", "config", "cannot read", "peerpost join", config=p.path("none.yaml"))
    p.ill("bad YAML", "config", r"config\.yaml:\d+", changes=[(r"^user:", "usr:")])
    p.ill("not enrolled", "enrolled", "not enrolled", "--answer", changes=[(r"user\.cert\.pem", "none.pem")])
    os.chmod(p.path("user.key.pem"), 0o644)
    p.ill("loose key", "key", "chmod 600")
    os.chmod(p.path("user.key.pem"), 0o600)
    p.lab.agent(ANNA, "passphrase", env={"PEERPOST_NEW_PASSPHRASE": "sesame"})
    p.ill("passphrase", "passphrase", "does not open", "--lost", env={"PEERPOST_PASSPHRASE": "x"})
    p.lab.agent(ANNA, "passphrase", "--remove", env={"PEERPOST_PASSPHRASE": "sesame"})
    p.ill("Maildir", "maildir", "/dev/null", changes=[(r"maildir: .*", "maildir: /dev/null/mail")])
    stuck = p.path("state", "spool", "0123456789abcdef")
    with open(stuck, "w") as f:
        f.write("x")
    os.utime(stuck, (time.time() - 7200,) * 2)
    p.ill("stuck spool", "spool", "1 message waits", "queue list", state="warning")
    os.unlink(stuck)
    p.ill("proxy down", "proxy", "127.0.0.1:1", "start the proxy",
          changes=[(r"\Z", "anonymity:\n  proxy: socks5h://127.0.0.1:1\n")])
    p.ill("scanner down", "virus", "nothing answers", "clamd", changes=[(r"\Z", "filter:\n  virus: 127.0.0.1:1\n")])
    with Disk() as disk:
        if disk.path:
            shutil.copytree(p.path("state"), os.path.join(disk.path, "state"))
            disk.fill()
            p.ill("full disk", "disk", "is full", "make room", changes=[(r"state: state", f"state: {disk.path}/state")])


def network(p):
    fresh = (r"state: state", "state: fresh")  # no peers remembered
    p.ill("nobody answers", "network", "no contact answers", "contacts", changes=[fresh, (r"contacts: .*", 'contacts: ["127.1.99.99:4700"]')])
    p.ill("other name", "network", "network.name", changes=[fresh, (r"name: lab", "name: other")])
    p.ill("other k", "network", "network.k", changes=[fresh, (r"k: 5", "k: 4")])
    p.ill("other substrate", "network", "substrate", changes=[fresh, (r"plugin: chord", "plugin: pastry")])
    p.ill("no such plugin", "plugin", "kord", "plugins.dir", changes=[(r"plugin: chord", "plugin: kord")])
    with open(p.path("state", "journal.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        p.ill("another process", "lock", "another peerpost", "fuser")
    if shutil.which("faketime"):
        p.ill("clock", "clock", r"1\d\d\d seconds ahead of", "timedatectl", prefix=["faketime", "-f", "+20m"],
              env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})


def certificate(p):
    """Another certificate for the same key each time; the nodes keep the first."""
    for days, name, state, words in ((["--days", "10"], "certificate", "warning", ("ends in", "--renew")),
                                     (["--not-before", "-99", "--not-after", "-9"], "certificate", "failed", ("not valid", "--renew"))):
        p.ca("sign", "--out", p.path("user.cert.pem"), *days, p.path("user.csr.pem"))
        p.ill(f"certificate {days[0]}", name, *words, state=state)
    p.ca("sign", "--out", p.path("user.cert.pem"), p.path("user.csr.pem"))
    p.ill("another certificate is known", "published", "another certificate", "peerpost publish")
    p.lab.agent(ANNA, "publish")
    p.lab.agent(ANNA, "unpublish")
    p.ill("not published", "published", "nobody can write to you", "peerpost publish")
    p.ca("revoke", p.path("user.cert.pem"))
    p.ill("revoked", "certificate", "revoked", "--lost")
    p.ca("crl", "--not-before", "-100", "--not-after", "-50")
    p.ill("stale list", "revocations", "out of date", "peerpost-ca crl", state="warning")


def main():
    with Lab(nodes=6, users=[ANNA], substrate="chord", k=5) as lab:
        p = Patient(lab)
        code, found = p.run()
        check(code == 0 and all(f["state"] == "ok" for f in found) and len(found) >= 6, f"{code} {found}")
        said = lab.agent(ANNA, "doctor").stdout.decode()
        check("all is well" in said, said)
        canary(p)
        here(p)
        network(p)
        certificate(p)


main()
