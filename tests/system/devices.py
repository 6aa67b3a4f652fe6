#!/usr/bin/env python3
"""Two computers with one key over a real network: what one does to the mailbox the other has too;
changes on both at once lose nothing; a round killed anywhere, or copies lost on the nodes, neither.
With --kill N: N rounds are killed at random instants, and one at each step."""
import hashlib, os, random, shutil, signal, subprocess, sys, time
from labkit import Lab, check

ALICE, BOB = "alice@a.example", "bob@a.example"
SECRET = {"PEERPOST_FILE_PASSPHRASE": "carried in a pocket"}
LETTER = "From: {f}\r\nTo: {t}\r\nSubject: {s}\r\n\r\nThis is {s}.\r\n"


class Computer:
    """A state, a Maildir and a configuration of its own; the first is the lab's."""

    def __init__(self, lab, user, name, of=None):
        self.lab, self.name = lab, name
        self.dir = os.path.join(lab.dir, "users", name if of else user)
        self.config = os.path.join(self.dir, "config.yaml")
        if of:
            os.makedirs(self.dir, mode=0o700)
            shutil.copy(of.config, self.dir)
            bundle = os.path.join(lab.dir, name + ".p12")
            of.run("export", bundle, env=SECRET)
            self.run("import", bundle, env=SECRET)
        own = f"devices:\n  sync: true\n  period: 0s\n  name: {name}\n"
        text = open(self.config).read().split("devices:")[0]
        open(self.config, "w").write(text + own + 'serve:\n  smtp: ""\n  pop3: ""\n  http: ""\n  poll: 500ms\n')
        self.maildir = os.path.join(self.dir, "Maildir")

    def argv(self, *argv):
        return [self.lab.argv("x")[0], "--config", self.config, *argv]

    def run(self, *argv, input=b"", expect=0, env=None):
        done = subprocess.run(self.argv(*argv), input=input, capture_output=True, timeout=120,
                              env=dict(self.lab.env, **(env or {})))
        check(expect is None or done.returncode == expect,
              f"{self.name}: peerpost {' '.join(argv)}: exit {done.returncode}\n"
              f"{done.stdout.decode()}{done.stderr.decode()}")
        return done

    def files(self):
        """{(folder, flags, digest of the octets): path}"""
        found = {}
        for folder in [""] + sorted(f for f in os.listdir(self.maildir) if f.startswith(".")):
            for sub in ("new", "cur"):
                path = os.path.join(self.maildir, folder, sub)
                for name in os.listdir(path) if os.path.isdir(path) else []:
                    whole = os.path.join(path, name)
                    flags = name.split(":2,")[1] if ":2," in name else ""
                    octets = open(whole, "rb").read()
                    key = (folder, flags, hashlib.sha256(octets).hexdigest())
                    check(key not in found, f"{self.name}: twice: {key}")
                    found[key] = whole
        return found

    def find(self, text):
        hits = [p for p in self.files().values() if text.encode() in open(p, "rb").read()]
        check(len(hits) == 1, f"{self.name}: {len(hits)} messages with {text}")
        return hits[0]

    def has(self, text):
        return any(text.encode() in open(p, "rb").read() for p in self.files().values())

    # What a mail program does.
    def change(self, text, flags, folder=None):
        path = self.find(text)
        base = os.path.basename(path).split(":2,")[0]
        top = os.path.join(self.maildir, folder) if folder is not None else os.path.dirname(os.path.dirname(path))
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(top, sub), exist_ok=True)
        os.rename(path, os.path.join(top, "cur", base + ":2," + flags))

    def delete(self, text):
        os.unlink(self.find(text))


def letter(lab, subject, sender=ALICE):
    lab.agent(sender, "send", "-t", "--wait", input=LETTER.format(f=sender, t=BOB, s=subject).encode())


def same(home, office, rounds=2):
    for _ in range(rounds):
        home.run("sync")
        office.run("sync")
    home.run("sync")
    a, b = set(home.files()), set(office.files())
    check(a == b, f"not the same:\nonly at home {sorted(a - b)}\nonly at the office {sorted(b - a)}")


def first_start(lab):
    home = Computer(lab, BOB, "home")
    for i in range(6):
        letter(lab, f"letter-{i}.")
    home.run("fetch")
    home.change("letter-0.", "S")
    home.change("letter-1.", "RS", ".Archive")
    home.run("sync")
    office = Computer(lab, BOB, "office", of=home)
    office.run("sync")
    check(len(office.files()) == 6, f"{len(office.files())} of 6 messages at the office")
    same(home, office, rounds=1)
    check(office.find("letter-1.").endswith(":2,RS") and "/.Archive/cur/" in office.find("letter-1."),
          "folder and flags are not as at home")
    listed = office.run("devices").stdout.decode()
    check("home" in listed and "office (this one)" in listed, listed)
    return home, office


def both_at_once(lab, home, office):
    """Neither knows what the other does."""
    home.change("letter-2.", "S", ".Archive")
    office.change("letter-2.", "F")
    home.change("letter-3.", "S")
    office.delete("letter-4.")
    home.delete("letter-5.")
    letter(lab, "late-0.")
    home.run("fetch")
    letter(lab, "late-1.")
    office.run("fetch")
    same(home, office)
    path = office.find("letter-2.")
    check("/.Archive/cur/" in path and path.endswith(":2,FS"), f"a change of two was lost: {path}")
    check(not home.has("letter-4.") and not office.has("letter-5."), "a deletion was lost")
    for text in ("letter-0.", "letter-1.", "letter-3.", "late-0.", "late-1."):
        check(home.has(text) and office.has(text), f"{text} is lost")


def killed(lab, home, office, times):
    """Rounds die at random instants; a mail program changes things between them."""
    dice = random.Random(5)
    for i in range(times):
        computer = dice.choice((home, office))
        files = list(computer.files().values())
        text = f"kill-{i}."
        if i % 3 == 0:
            letter(lab, text)
            computer.run("fetch", expect=None)
        elif files:
            path = dice.choice(files)
            base = os.path.basename(path).split(":2,")[0]
            top = os.path.dirname(os.path.dirname(path))
            os.rename(path, os.path.join(top, "cur", base + ":2," + dice.choice(("S", "FS", "", "R"))))
        p = subprocess.Popen(computer.argv("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.random() * 0.25)
        p.send_signal(signal.SIGKILL)
        p.wait()
    same(home, office)
    for i in range(0, times, 3):
        check(home.has(f"kill-{i}."), f"kill-{i} is lost")


def fetched_by_both(lab, home, office):
    """Both collect the same mail at the same time: each message is there once."""
    for i in range(4):
        letter(lab, f"both-{i}.")
    fetches = [subprocess.Popen(c.argv("fetch"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for c in (home, office)]
    for p in fetches:
        p.wait()
    same(home, office)
    for i in range(4):
        home.find(f"both-{i}.")
        office.find(f"both-{i}.")


def crash_points(lab, home, office):
    """The office's round dies at each of its steps, while there is something to do at each."""
    points = ("sync-scanned", "sync-read", "folders-tmp-written", "folders-placed", "sync-placed", "sync-moved",
              "sync-removed", "device-stored", "sync-stored", "sync-sealed", "sync-planned", "sync-told")
    for i, point in enumerate(points):
        for name in ("moved", "gone"):
            letter(lab, f"{name}-{i}.")
        home.run("fetch")
        office.run("sync")
        letter(lab, f"new-{i}.")
        home.run("fetch")
        home.change(f"moved-{i}.", "S", ".Moved")
        home.delete(f"gone-{i}.")
        office.change(f"moved-{i}.", "F")
        with open(os.path.join(office.maildir, "new", f"draft-{i}"), "w") as f:
            f.write(f"Subject: draft-{i}.\n\ndraft\n")
        home.run("sync")
        died = office.run("sync", expect=None, env={"PP_CRASH": f"{point}:1"}).returncode
        check(died == -signal.SIGKILL, f"no death at {point}: {died}")
        same(home, office, rounds=1)
        path = home.find(f"moved-{i}.")
        check("/.Moved/cur/" in path and path.endswith(":2,FS"), f"{point}: a change was lost: {path}")
        check(home.has(f"new-{i}.") and home.has(f"draft-{i}."), f"{point}: a message was lost")
        check(not home.has(f"gone-{i}."), f"{point}: a deletion was lost")


def sent_mail(lab, home, office):
    """What is sent on one computer stands in the Sent folder of both, read."""
    home.run("send", "-t", "--wait", input=LETTER.format(f=BOB, t=ALICE, s="mine.").encode())
    same(home, office, rounds=1)
    path = office.find("mine.")
    check("/.Sent/cur/" in path and path.endswith(":2,S"), f"not in Sent: {path}")


def served(lab, home, office):
    """serve does it in the background, both ways, and is killed for once."""
    for death in (signal.SIGKILL, signal.SIGTERM):
        serve = subprocess.Popen(home.argv("serve"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        home.change("letter-3.", "FS" if death == signal.SIGKILL else "RS")
        until = time.time() + 30
        office.run("sync")
        while not office.find("letter-3.").endswith(":2,FS" if death == signal.SIGKILL else ":2,RS"):
            check(time.time() < until, "serve told nothing")
            office.run("sync")
        office.change("letter-0.", "S" if death == signal.SIGKILL else "RS")
        wanted = os.path.basename(office.find("letter-0."))
        office.run("sync")
        while os.path.basename(home.find("letter-0.")) != wanted:
            check(time.time() < until, "serve took nothing")
            time.sleep(0.1)
        serve.send_signal(death)
        serve.wait()
    same(home, office, rounds=1)


def copies_lost(lab, home, office):
    """A third of the nodes loses what it has: maintain puts it back; a third computer sees all."""
    before = set(home.files())
    for n in (1, 2):
        lab.kill(n)
        store = os.path.join(lab.dir, "nodes", str(n), "store")
        if os.path.isdir(store):
            shutil.rmtree(store)
        lab.restart(n)
    lab.wait()
    home.run("maintain", expect=None)
    office.run("maintain", expect=None)
    lab.kill(3)
    third = Computer(lab, BOB, "third", of=home)
    third.run("sync")
    third.run("sync")
    check(set(third.files()) == before, "the third computer does not have all")
    lab.restart(3)


def main():
    times = int(sys.argv[sys.argv.index("--kill") + 1]) if "--kill" in sys.argv else 4
    with Lab(nodes=8, users=[ALICE, BOB]) as lab:
        home, office = first_start(lab)
        both_at_once(lab, home, office)
        fetched_by_both(lab, home, office)
        sent_mail(lab, home, office)
        served(lab, home, office)
        killed(lab, home, office, times)
        if "--kill" in sys.argv:
            crash_points(lab, home, office)
        copies_lost(lab, home, office)
        home.run("sync")
        check(len(home.run("devices").stdout.splitlines()) == 3, "not three computers")


main()
