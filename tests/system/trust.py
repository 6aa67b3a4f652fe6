#!/usr/bin/env python3
"""Keys through their life: a passphrase, a roll-over with mail in transit, another computer, a lost
key, revocation; and what correspondents who know the old key see."""
import json, os, random, re, signal, subprocess, sys, time

from labkit import Lab, check, program

ANNA, BOB, CAROL = "anna@keys.example", "bob@keys.example", "carol@keys.example"


class Keys:
    def __init__(self, lab):
        self.lab = lab
        self.count = 0

    def folder(self, user, *names):
        return os.path.join(self.lab.dir, "users", user, *names)

    def ca(self, *argv):
        done = subprocess.run([program("peerpost-ca"), argv[0], "--dir", os.path.join(self.lab.dir, "ca"), *argv[1:]],
                              capture_output=True, text=True)
        check(done.returncode == 0, f"peerpost-ca {argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def send(self, sender, to, subject, expect=0, env=None, wait=True):
        self.count += 1
        mail = f"From: {sender}\nTo: {to}\nSubject: {subject}\n\nText of {subject}.\n".encode()
        done = self.lab.agent(sender, "send", *(["--wait"] if wait else []), "-t", input=mail, expect=expect, env=env)
        return (done.stdout + done.stderr).decode()

    def fetch(self, user, env=None):
        self.lab.agent(user, "fetch", env=env)

    def mail(self, user, subject):
        found = [m for m in self.lab.mails(user) if f"Subject: {subject}\n".encode() in m]
        check(len(found) == 1, f"{user} has {len(found)} copies of '{subject}'")
        return found[0].decode()

    def sign_and_install(self, user, *days, publish=True, env=None):
        answer = self.folder(user, "answer.pem")
        self.ca("sign", "--out", answer, *days, self.folder(user, "user.csr.pem"))
        self.lab.agent(user, "enrol", "--certificate", answer, env=env)
        if publish:
            self.lab.agent(user, "publish", env=env)


def locked(path):
    return "ENCRYPTED" in open(path).read()


def passphrase(keys):
    lab = keys.lab
    key = keys.folder(ANNA, "user.key.pem")
    check(not locked(key), "the lab's key is under a passphrase")
    lab.agent(ANNA, "passphrase", env={"PEERPOST_NEW_PASSPHRASE": "sesame"})
    check(locked(key) and os.stat(key).st_mode & 0o777 == 0o600, "the key is not under its passphrase")
    done = lab.agent(ANNA, "list", "--json", expect=0)
    done = lab.agent(ANNA, "publish", expect=77)
    check(b"PEERPOST_PASSPHRASE" in done.stderr, done.stderr)
    done = lab.agent(ANNA, "publish", env={"PEERPOST_PASSPHRASE": "wrong"}, expect=77)
    check(b"does not open it" in done.stderr, done.stderr)
    lab.agent(ANNA, "publish", env={"PEERPOST_PASSPHRASE": "sesame"})
    config = keys.folder(ANNA, "config.yaml")
    text = open(config).read()
    with open(config, "w") as f:
        f.write(text.replace("user:\n", "user:\n  passphrase_command: printf 'sesame\\nmore'\n", 1))
    lab.agent(ANNA, "publish")
    # Killed anywhere in the change: all keys open with the old one, or all with the new one.
    for point, n in (("change-staged", 1), ("change-decided", 1), ("change-replaced", 1)):
        killed = lab.agent(ANNA, "passphrase", expect=-signal.SIGKILL,
                           env={"PEERPOST_NEW_PASSPHRASE": f"new-{point}", "PP_CRASH": f"{point}:{n}"})
        check(killed.returncode == -signal.SIGKILL, point)
        now = "sesame" if point == "change-staged" else f"new-{point}"
        lab.agent(ANNA, "enrol", "--renew", env={"PEERPOST_PASSPHRASE": now})
        lab.agent(ANNA, "passphrase", env={"PEERPOST_PASSPHRASE": now, "PEERPOST_NEW_PASSPHRASE": "sesame"})
        left = [n for n in os.listdir(keys.folder(ANNA)) + os.listdir(keys.folder(ANNA, "state", "keys"))
                if n.endswith(".new") or n == "change"]
        check(not left, f"{point} left {left}")
    print("passphrase: set, wrong, from a command, killed while it changed", flush=True)


def rollover(keys):
    """Mail sealed to the old key is read after the roll-over, and the new key is taken by itself."""
    keys.send(BOB, ANNA, "before")
    keys.fetch(ANNA)
    keys.send(BOB, ANNA, "in-transit")
    keys.lab.agent(ANNA, "enrol", "--rollover")
    keys.send(BOB, ANNA, "while-asked")
    keys.sign_and_install(ANNA, "--not-before", "-60")
    check(len([n for n in os.listdir(keys.folder(ANNA, "state", "keys")) if n.endswith(".key.pem")]) == 1,
          "the old key is not kept")
    check(not os.path.exists(keys.folder(ANNA, "user.next.key.pem")), "the next key is left behind")
    keys.fetch(ANNA)
    for subject in ("in-transit", "while-asked"):
        check("smime=pass" in keys.mail(ANNA, subject), f"{subject} is not signed")
    print("roll-over: mail in transit is read with the old key", flush=True)


def other_computer(keys):
    """PKCS#12 to a second machine: the keys, old ones too; openssl reads the file."""
    lab = keys.lab
    file, env = keys.folder(ANNA, "anna.p12"), {"PEERPOST_FILE_PASSPHRASE": "travel"}
    keys.send(BOB, ANNA, "for-the-second")
    lab.agent(ANNA, "export", file, env=env)
    check(os.stat(file).st_mode & 0o777 == 0o600, "the file is open to others")
    info = subprocess.run(["openssl", "pkcs12", "-info", "-in", file, "-passin", "pass:travel", "-nodes"],
                          capture_output=True, text=True)
    check(info.returncode == 0 and info.stdout.count("BEGIN PRIVATE KEY") == 2
          and info.stdout.count("BEGIN CERTIFICATE") == 3, info.stdout + info.stderr)
    second = keys.folder("second")
    os.mkdir(second, 0o700)
    text = open(keys.folder(ANNA, "config.yaml")).read()
    with open(os.path.join(second, "config.yaml"), "w") as f:
        f.write(re.sub(r"ca: .*", "ca: ca.pem", text))
    done = lab.agent("second", "import", file, env={"PEERPOST_FILE_PASSPHRASE": "other"}, expect=77)
    check(b"does not open" in done.stderr, done.stderr)
    lab.agent("second", "import", file, env=env)
    check(locked(os.path.join(second, "user.key.pem")), "imported without the passphrase of the configuration")
    done = lab.agent("second", "import", file, env=env, expect=None)
    check(done.returncode != 0 and b"never overwritten" in done.stderr, done.stderr)
    lab.agent("second", "fetch")
    check(any(b"Subject: for-the-second\n" in m for m in lab.mails("second")), "the second computer got no mail")
    print("another computer: export, openssl, import, fetch", flush=True)


def known_keys(keys):
    """Bob knew Anna's old key and takes the new one by itself; a lost key is held until it is said
    to be right, or until the old certificate is revoked."""
    lab = keys.lab
    keys.send(BOB, ANNA, "to-the-new-key")
    keys.fetch(ANNA)
    keys.mail(ANNA, "to-the-new-key")
    trusted = {t["address"]: t for t in json.loads(lab.agent(BOB, "trust", "--json").stdout)}
    check(trusted[ANNA]["state"] == "known", trusted)
    keys.send(ANNA, BOB, "from-the-new-key")
    keys.fetch(BOB)
    check(f"smime-identifier={ANNA}" in keys.mail(BOB, "from-the-new-key"), "the new key's signature is not taken")
    listed = json.loads(lab.agent(BOB, "list", "--json").stdout)
    check(listed[-1]["signed_by"] == ANNA, listed)
    # Carol's key is lost: no proof. Anna and Bob knew the old one.
    for sender in (ANNA, BOB):
        keys.send(sender, CAROL, f"hello-from-{sender[:3]}")
    keys.fetch(CAROL)
    os.rename(keys.folder(CAROL, "user.key.pem"), keys.folder(CAROL, "gone"))
    said = lab.agent(CAROL, "enrol", "--lost").stdout.decode()
    serial = re.search(r"peerpost-ca revoke ([0-9a-f]+)", said).group(1)
    keys.sign_and_install(CAROL, "--not-before", "-30")
    lab.agent(BOB, "lookup", CAROL, expect=77)
    began = time.monotonic()
    said = keys.send(BOB, f"{CAROL}, {ANNA}", "held")
    check(time.monotonic() - began < 15, "send --wait waits for what Bob has to decide himself")
    keys.fetch(ANNA)
    keys.mail(ANNA, "held")
    check("another key" in said and "trust accept" in said, said)
    trusted = {t["address"]: t for t in json.loads(lab.agent(BOB, "trust", "list", "--json").stdout)}
    check(trusted[CAROL]["state"] == "held" and trusted[CAROL]["shown"] not in ("", trusted[CAROL]["key"]), trusted)
    keys.fetch(CAROL)
    check(not any(b"Subject: held" in m for m in lab.mails(CAROL)), "held mail went out")
    lab.agent(BOB, "trust", "accept", CAROL)
    lab.agent(BOB, "queue", "run")
    keys.fetch(CAROL)
    keys.mail(CAROL, "held")
    # Anna did not accept; the authority revokes, the nodes serve the list, and she takes it by itself.
    keys.ca("revoke", serial)
    refresh(keys)
    keys.send(ANNA, CAROL, "after-revocation")
    keys.fetch(CAROL)
    keys.mail(CAROL, "after-revocation")
    print("known keys: roll-over taken, lost key held, accepted, revoked", flush=True)


def refresh(keys):
    """The nodes read the authority's list again; Anna has no file of her own, and asks them."""
    for node in keys.lab.status():
        os.kill(node["pid"], signal.SIGHUP)
    for user in (ANNA,):
        config = keys.folder(user, "config.yaml")
        text = re.sub(r"(?m)^  crl: .*\n", "", open(config).read())
        with open(config, "w") as f:
            f.write(text + ("" if "refresh" in text else "crl:\n  refresh: 0s\n"))


def revoked(keys):
    """A revoked sender's mail says so; to a revoked recipient nothing goes."""
    lab = keys.lab
    keys.send(BOB, ANNA, "before-revocation")
    keys.ca("revoke", BOB)
    refresh(keys)
    keys.fetch(ANNA)
    mail = keys.mail(ANNA, "before-revocation")
    check("smime=fail" in mail and "revoked" in mail, mail)
    listed = json.loads(lab.agent(ANNA, "list", "--json").stdout)
    check(listed[-1]["signed_by"] == "", listed)
    done = lab.agent(ANNA, "lookup", BOB, expect=77)
    check(b"revoked" in done.stderr, done.stderr)
    said = keys.send(ANNA, BOB, "to-the-revoked", wait=False)
    check("revoked" in said, said)
    print("revoked: sender and recipient, by the list that nodes serve", flush=True)


def tags(keys):
    keys.send(ANNA, "carol+lists@keys.example", "tagged")
    keys.fetch(CAROL)
    keys.mail(CAROL, "tagged")
    print("tags: mail to carol+lists arrives in carol's inbox", flush=True)


def aliases(keys):
    """One certificate for two addresses; what is sent to both comes once."""
    lab = keys.lab
    lab.agent(CAROL, "enrol", "--alias", "c.smith@keys.example")
    keys.sign_and_install(CAROL, "--not-before", "-10")
    keys.send(ANNA, f"c.smith@keys.example, {CAROL}", "to-both")
    keys.fetch(CAROL)
    check("smime=pass" in keys.mail(CAROL, "to-both"), "not signed")
    print("aliases: one certificate, two addresses, one message", flush=True)


def killed(keys, times=12):
    """kill -9 while keys change: whatever the instant, the next command opens them."""
    lab, rng = keys.lab, random.Random(7)
    lab.agent(ANNA, "passphrase", env={"PEERPOST_PASSPHRASE": "sesame", "PEERPOST_NEW_PASSPHRASE": "p0"})
    possible = ["p0"]
    for i in range(times):
        fresh = f"p{i + 1}"
        p = lab.start(ANNA, "passphrase", env={"PEERPOST_PASSPHRASE": possible[0], "PEERPOST_NEW_PASSPHRASE": fresh})
        try:
            p.wait(timeout=rng.uniform(0.02, 0.35))
        except subprocess.TimeoutExpired:
            p.kill()
        p.communicate()
        possible = [w for w in (possible[0], fresh)
                    if lab.agent(ANNA, "export", keys.folder(ANNA, f"kill-{w}-{i}.p12"), expect=None,
                                 env={"PEERPOST_PASSPHRASE": w, "PEERPOST_FILE_PASSPHRASE": "x"}).returncode == 0]
        check(len(possible) == 1, f"after kill {i} the keys open with {possible}")
        info = lab.agent(ANNA, "trust", "--json", env={"PEERPOST_PASSPHRASE": possible[0]})
        check(b"left out" not in info.stderr, info.stderr)
    print(f"killed {times} times while keys changed: all open with one passphrase", flush=True)


def expiring(keys):
    """30 days before its end every command that uses the certificate says so, and no other."""
    lab = keys.lab
    for days, warned in (("29", True), ("32", False)):
        lab.agent(BOB, "enrol", "--renew")
        keys.sign_and_install(BOB, "--days", days, publish=False)
        for command in (["fetch"], ["lookup", ANNA], ["maintain", "--if-due"]):
            done = lab.agent(BOB, *command)
            said = re.search(rb"your certificate ends in (\d+) days: renew it in time \(peerpost enrol --renew\)",
                             done.stderr)
            check(bool(said) == warned and (not said or int(days) - 1 <= int(said.group(1)) <= int(days)),
                  f"{command} with {days} days left: {done.stderr}")
        check(b"ends in" not in lab.agent(BOB, "list").stderr, "list needs no certificate")
    print("expiry: said from 30 days before, by what uses the certificate", flush=True)


def main():
    with Lab(nodes=6, users=[ANNA, BOB, CAROL]) as lab:
        keys = Keys(lab)
        passphrase(keys)
        rollover(keys)
        other_computer(keys)
        known_keys(keys)
        tags(keys)
        aliases(keys)
        revoked(keys)
        expiring(keys)
        killed(keys)


main()
