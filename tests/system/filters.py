#!/usr/bin/env python3
"""Filters with the real programs: clamd (a private database of one line), bogofilter, a list of
spammers that updates itself, signed mail of known senders with the question to strangers."""
import http.server, json, os, shutil, subprocess, sys, tempfile, threading, time

from labkit import Lab, check
from servekit import Serve, until

ANNA, BOB, EVE = "anna@a.example", "bob@b.example", "eve@bulk.example"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
WORDS = {"spam": "pills casino winner lottery refinance", "ham": "minutes seminar compiler review lunch"}


def configure(lab, user, section, **options):
    path = os.path.join(lab.dir, "users", user, "config.yaml")
    text = open(path).read().split(f"\n{section}:\n")[0].rstrip("\n") + "\n"
    with open(path, "w") as f:
        f.write(text + f"{section}:\n" + "".join(f"  {k}: {v}\n" for k, v in options.items()))


def send(lab, sender, to, subject, body):
    lab.agent(sender, "send", "-t", input=f"From: {sender}\nTo: {to}\nSubject: {subject}\n\n".encode() + body + b"\n")


def folder(lab, user, sub):
    found = []
    for name in ("new", "cur"):
        path = os.path.join(lab.dir, "users", user, "Maildir", sub, name)
        for entry in os.listdir(path) if os.path.isdir(path) else []:
            found.append(open(os.path.join(path, entry), "rb").read())
    return found


def subjects(mails):
    return sorted(line[9:].decode() for m in mails for line in m.split(b"\n\n")[0].split(b"\n")
                  if line.startswith(b"Subject: "))


class Clamd:
    """clamd over a database of one hash, in the foreground."""

    def __init__(self, dir):
        self.dir, self.socket = dir, os.path.join(dir, "clamd.sock")
        os.makedirs(os.path.join(dir, "db"))
        with open(os.path.join(dir, "db", "own.ndb"), "w") as f:
            f.write(f"Eicar-Signature:0:*:{EICAR.hex()}\n")
        with open(os.path.join(dir, "clamd.conf"), "w") as f:
            f.write(f"LocalSocket {self.socket}\nDatabaseDirectory {dir}/db\nForeground yes\nLogFile {dir}/log\n")
            if os.getuid() == 0:
                f.write("User root\n")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["clamd", "--config-file=" + os.path.join(self.dir, "clamd.conf")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if os.path.exists(self.socket):
                return
            check(self.process.poll() is None, "clamd ended")
            time.sleep(0.05)
        check(False, "clamd does not listen")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def virus(lab, dir):
    clamd = Clamd(dir)
    configure(lab, BOB, "filter", virus=f"unix:{clamd.socket}")
    send(lab, ANNA, BOB, "held", b"hello")
    done = lab.agent(BOB, "fetch", expect=75)
    check(b"no scanner answers" in done.stderr and not folder(lab, BOB, "."), done.stderr)
    clamd.start()
    try:
        send(lab, ANNA, BOB, "infected", b"see this\n" + EICAR)
        done = lab.agent(BOB, "fetch")
        check(subjects(folder(lab, BOB, ".")) == ["held"], folder(lab, BOB, "."))
        check(b"Eicar-Signature" in done.stderr, done.stderr)
        aside = json.loads(lab.agent(BOB, "quarantine", "--json").stdout)
        check(len(aside) == 1 and aside[0]["kind"] == "virus" and aside[0]["sender"] == ANNA, aside)
        check(EICAR in open(aside[0]["file"], "rb").read(), "the quarantine holds something else")
        lab.agent(BOB, "quarantine", "release", "00000000", expect=66)
        lab.agent(BOB, "quarantine", "release", aside[0]["id"][:8])
        check(subjects(folder(lab, BOB, ".")) == ["held", "infected"], "not released")
        check(b"empty" in lab.agent(BOB, "quarantine").stdout, "still in quarantine")
    finally:
        clamd.stop()
    print("clamd: down: held, said so; up: delivered; a virus is quarantined and can be released")


def spam(lab, dir):
    environment = {"BOGOFILTER_DIR": os.path.join(dir, "bogofilter")}
    os.makedirs(environment["BOGOFILTER_DIR"])
    configure(lab, BOB, "filter", spam="bogofilter")
    for kind, words in WORDS.items():
        for i in range(12):
            path = os.path.join(dir, f"{kind}{i}.eml")
            with open(path, "w") as f:
                f.write(f"From: x{i}@y\nSubject: {words.split()[i % 5]} {i}\n\n{words} {words.split()[i % 5]}\n")
            lab.agent(BOB, "train", f"--{kind}", path, env=environment)
    send(lab, ANNA, BOB, "seminar", WORDS["ham"].encode())
    send(lab, ANNA, BOB, "casino", WORDS["spam"].encode())
    lab.agent(BOB, "fetch", env=environment)
    check(subjects(folder(lab, BOB, ".Junk")) == ["casino"], subjects(folder(lab, BOB, ".Junk")))
    check("seminar" in subjects(folder(lab, BOB, ".")), "ham is not in the inbox")
    check(b"casino" in lab.agent(BOB, "list", "--junk").stdout, "list --junk")
    lab.agent(BOB, "train", "--ham", "j1", env=environment)
    check("casino" in subjects(folder(lab, BOB, ".")) and not folder(lab, BOB, ".Junk"), "train --ham moves nothing")
    configure(lab, BOB, "filter", spam="/nowhere/filter")
    send(lab, ANNA, BOB, "unfiltered", b"hi")
    done = lab.agent(BOB, "fetch")
    check("unfiltered" in subjects(folder(lab, BOB, ".")) and b"delivered without it" in done.stderr, done.stderr)
    print("bogofilter: trained by peerpost train; spam to Junk, ham to the inbox, and back by hand")


def spammers(lab, dir):
    source, copy = os.path.join(dir, "source.txt"), os.path.join(dir, "copy.txt")
    with open(source, "w") as f:
        f.write("# known spammers\n@bulk.example\n")
    configure(lab, BOB, "filter", blocklist=copy, blocklist_url=f"file://{source}", blocklist_period="0s")
    send(lab, EVE, BOB, "offer", b"buy")
    lab.agent(BOB, "fetch")
    check("offer" in subjects(folder(lab, BOB, ".Junk")), "a known spammer's mail is not in Junk")
    time.sleep(1.1)  # times of files are whole seconds to HTTP
    with open(source, "w") as f:
        f.write("# nobody\n")
    lab.agent(BOB, "fetch")  # gets it beside its work
    send(lab, EVE, BOB, "second offer", b"buy")
    lab.agent(BOB, "fetch")
    check("second offer" in subjects(folder(lab, BOB, ".")), "the list did not update itself")
    os.unlink(source)
    send(lab, EVE, BOB, "third offer", b"buy")
    done = lab.agent(BOB, "fetch")
    check(b"filter.blocklist_url" in done.stderr and "third offer" in subjects(folder(lab, BOB, ".")), done.stderr)
    print("known spammers: their mail to Junk; the list updates itself; gone, the old one serves on")


class Lists:
    """A web server of lists: answers with `text`, or, while that is None, not at all."""

    def __init__(self):
        self.text, self.asked, self.free = b"", 0, threading.Event()
        lists = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                lists.asked += 1
                if lists.text is None:
                    lists.free.wait(60)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(lists.text)))
                self.end_headers()
                self.wfile.write(lists.text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/list"

    def close(self):
        self.free.set()
        self.server.shutdown()
        self.server.server_close()


def lists_beside(lab, dir):
    """Only fetches ask for a list; serve asks again by the clock; a server that hangs holds nothing."""
    lists = Lists()
    configure(lab, BOB, "filter", blocklist=os.path.join(dir, "web.txt"), blocklist_url=lists.url,
              blocklist_period="1s")
    for command in (["list"], ["queue", "list"], ["lookup", EVE], ["maintain", "--if-due"]):
        lab.agent(BOB, *command)
    check(lists.asked == 0, "a command that judges no mail asked for the list")
    with Serve(lab, BOB, poll="1s") as bob:
        until(30, lambda: lists.asked >= 2, "serve asks again for the list")
        lists.text = b"bulk.example\n"
        now = lists.asked
        until(30, lambda: lists.asked >= now + 2, "serve goes on asking")
        send(lab, EVE, BOB, "last offer", b"buy")
        until(30, lambda: "last offer" in subjects(folder(lab, BOB, ".Junk")), "the new list counts without a restart")
        lists.text, now = None, lists.asked
        until(30, lambda: lists.asked > now, "serve asks the server that hangs")
        send(lab, ANNA, BOB, "in spite of it", b"hello")
        until(30, lambda: "in spite of it" in subjects(folder(lab, BOB, ".")), "mail comes while the list hangs")
        began = time.monotonic()
        check(bob.stop() == 0 and time.monotonic() - began < 8, "serve waits for a server that hangs")
    lists.close()
    print("lists: asked for by fetches alone, again by the clock; serve takes the new one, and waits for none")


def strangers(lab):
    configure(lab, BOB, "filter", signed_only="true")
    before = len(folder(lab, BOB, "."))
    send(lab, ANNA, BOB, "who am I", b"hello")
    send(lab, ANNA, BOB, "and again", b"hello")
    lab.agent(BOB, "fetch")
    check(len(folder(lab, BOB, ".")) == before, "a stranger's mail was delivered")
    lab.agent(BOB, "queue", "run", timeout=300)
    lab.agent(ANNA, "fetch")
    question = [m for m in folder(lab, ANNA, ".") if b"Please confirm" in m]
    check(len(question) == 1, f"{len(question)} questions")
    fields = dict(line.split(b": ", 1) for line in question[0].split(b"\n\n")[0].split(b"\n") if b": " in line)
    check(fields[b"Auto-Submitted"] == b"auto-replied", fields)
    lab.agent(ANNA, "send", "-t", input=b"From: %s\nTo: %s\nSubject: Re: %s\nIn-Reply-To: %s\n\nyes\n" % (
        ANNA.encode(), BOB.encode(), fields[b"Subject"], fields[b"Message-ID"]))
    lab.agent(BOB, "fetch")
    now = subjects(folder(lab, BOB, "."))
    check("who am I" in now and "and again" in now and len(now) == before + 3, now)
    send(lab, EVE, BOB, "unknown", b"hello")
    lab.agent(BOB, "fetch")
    lab.agent(BOB, "quarantine", "accept", EVE)
    lab.agent(BOB, "fetch")
    check("unknown" in subjects(folder(lab, BOB, ".")), "accepted by hand, not delivered")
    print("strangers: asked once, released when they answer, or when the user accepts them")


if __name__ == "__main__":
    with Lab(nodes=6, users=[ANNA, BOB, EVE]) as lab, tempfile.TemporaryDirectory(prefix="peerpost-filters-") as dir:
        if shutil.which("clamd") and shutil.which("bogofilter"):
            virus(lab, dir)
            spam(lab, dir)
        else:
            sys.exit("clamd and bogofilter are needed: apt-get install clamav-daemon bogofilter")
        spammers(lab, dir)
        lists_beside(lab, dir)
        strangers(lab)
