#!/usr/bin/env python3
"""What a hostile program on this computer does to peerpost serve: too many connections, guessed passwords, endless
lines, messages too big, sessions cut in the midst. It stays small and goes on."""
import os, poplib, smtplib, socket, threading, time

from labkit import Lab, check
from servekit import Serve

ALICE = "alice@a.example"
BIG = 66 << 20


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    return s, s.makefile("rb")


def crowds(alice):
    """32 connections each; who comes then is told so; when they leave there is room."""
    for port, word in ((alice.smtp, b"421"), (alice.pop3, b"-ERR")):
        held = [connect(port) for _ in range(32)]
        check(all(f.readline()[:1] in b"2+" for _, f in held), "32 connections are served")
        s, f = connect(port)
        check(f.readline().startswith(word) and f.read() == b"", "the 33rd is turned away")
        s.close()
        for s, f in held:
            f.close()
            s.close()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            s, f = connect(port)
            first = f.readline()
            s.close()
            if first[:1] in b"2+":
                break
        check(first[:1] in b"2+", "room again when they have left")


def guess_smtp(alice, took):
    s, f = connect(alice.smtp)
    f.readline()
    s.sendall(b"EHLO x\r\n" + b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n" * 10)
    start = time.monotonic()
    text = f.read()
    took["smtp"] = (time.monotonic() - start, text.count(b"535 "), b"421 4.7.0" in text)


def guess_pop3(alice, took):
    s, f = connect(alice.pop3)
    f.readline()
    s.sendall(b"USER alice\r\nPASS wrong\r\n" * 10)
    start = time.monotonic()
    text = f.read()
    took["pop3"] = (time.monotonic() - start, text.count(b"-ERR [AUTH]"), True)


def guesses(alice):
    """Each wrong password costs a second; the third ends it."""
    took = {}
    threads = [threading.Thread(target=g, args=(alice, took)) for g in (guess_smtp, guess_pop3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name in ("smtp", "pop3"):
        seconds, wrong, said = took[name]
        check(wrong == 3 and said and seconds > 2.5, f"guesses at {name}: {took[name]}")


def lines(alice):
    """A line without end is refused once, skipped, and what follows is heard."""
    s, f = connect(alice.smtp)
    f.readline()
    s.sendall(b"x" * 1000000 + b"\r\nNOOP\r\nQUIT\r\n")
    text = f.read()
    check(text.count(b"500 5.5.6") == 1 and b"250 2.0.0" in text and text.count(b"\r\n") == 3, f"a long line: {text}")
    s, f = connect(alice.pop3)
    f.readline()
    s.sendall(b"x" * 4096)
    check(b"too long" in f.read(), "POP3: a long line")


def sizes(alice):
    """Over 64 MiB: refused at once when it is announced, else at its end; nothing is queued."""
    with smtplib.SMTP("127.0.0.1", alice.smtp, timeout=120) as smtp:
        smtp.login(ALICE, alice.password)
        code, _ = smtp.docmd("MAIL", f"FROM:<{ALICE}> SIZE={BIG}")
        check(code == 552, f"an announced size: {code}")
        for verb, argument in (("MAIL", f"FROM:<{ALICE}>"), ("RCPT", f"TO:<{ALICE}>")):
            check(smtp.docmd(verb, argument)[0] == 250, verb)
        check(smtp.docmd("DATA")[0] == 354, "DATA")
        piece = (b"0123456789" * 7 + b"\r\n") * 1000
        for _ in range(BIG // len(piece) + 1):
            smtp.sock.sendall(piece)
        smtp.sock.sendall(b".\r\n")
        code, text = smtp.getreply()
        check(code == 552, f"a size that was not announced: {code} {text}")
    check(b"empty" in alice.run("queue", "list").stdout, "a refused message is queued")
    left = os.listdir(os.path.join(alice.lab.dir, "users", ALICE, "state", "blobs"))
    check(not left, f"a refused message left {left}")


def cuts(lab, alice):
    """Sessions that end anywhere leave nothing; the mailbox is free for the next."""
    s, f = connect(alice.smtp)
    s.sendall(b"EHLO x\r\nAUTH PLAIN " + __import__("base64").b64encode(b"\0alice\0" + alice.password.encode())
              + f"\r\nMAIL FROM:<{ALICE}>\r\nRCPT TO:<{ALICE}>\r\nDATA\r\nSubject: cut\r\n\r\nhalf".encode())
    while not f.readline().startswith(b"354"):
        pass
    s.close()
    f.close()
    with open(os.path.join(lab.maildir(ALICE), "new", "big"), "w") as g:
        g.write("Subject: big\n\n" + "text\n" * 2000000)
    for _ in range(3):
        s, f = connect(alice.pop3)
        s.sendall(f"USER alice\r\nPASS {alice.password}\r\nRETR 1\r\nDELE 1\r\n".encode())
        for _ in range(5):
            f.readline()
        s.close()
        f.close()
    end = time.monotonic() + 20
    while True:
        try:
            pop = poplib.POP3("127.0.0.1", alice.pop3, timeout=60)
            pop.user("alice")
            pop.pass_(alice.password)
            break
        except poplib.error_proto:
            check(time.monotonic() < end, "the mailbox stays locked")
    check(pop.stat()[0] == 1 and len(pop.retr(1)[1]) == 2000002, "a cut session deleted mail")
    pop.quit()
    check(b"empty" in alice.run("queue", "list").stdout, "half a message is queued")


def main():
    with Lab(nodes=5, users=[ALICE]) as lab, Serve(lab, ALICE) as alice:
        crowds(alice)
        guesses(alice)
        lines(alice)
        sizes(alice)
        cuts(lab, alice)
        with open(f"/proc/{alice.process.pid}/status") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        check(peak < 65536 or b"__asan" in open(alice.argv()[0], "rb").read(), f"serve grew to {peak} KiB")
        check(alice.stop() == 0, "serve ends well")
    print(f"serve_hostile: well, at most {peak} KiB")


main()
