#!/usr/bin/env python3
"""What the nodes' disks tell: after mails with subjects, words, attachments and blind copies no file of any node holds
a sender, a subject, a word, an attachment or a Bcc, outside certificates and the names of inboxes; and sizes are
padded, so that a short and a shorter mail look alike."""
import base64, os, sys

from labkit import Lab, check

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 20
ANNA, BOB, EVE = "anna.sender@a.example", "bob.reader@b.example", "eve.hidden@c.example"
SECRETS = {"sender": b"quincunxsender", "subject": b"quartzsubject", "word": b"xylophonebody", "attachment": b"zephyrattachment", "name": b"plover.pdf"}


def files(lab):
    for n in range(len(lab.status())):
        for folder, _, names in os.walk(os.path.join(lab.dir, "nodes", str(n), "state")):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    yield path, open(path, "rb").read()


def forms(word):
    """As it is, in either case, base64 at each of three offsets."""
    yield word
    yield word.capitalize()
    yield word.upper()
    for lead in range(3):
        text = base64.b64encode(b"x" * lead + word)
        yield text[4 if lead else 0:-4]


with Lab(nodes=6, users=[ANNA, BOB, EVE]) as lab:
    for i in range(COUNT):
        lab.agent(ANNA, "send", "-t", input=(
            f"From: Quincunxsender <{ANNA}>\nTo: {BOB}\nBcc: {EVE}\nSubject: quartzsubject {i}\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
            f"xylophonebody {i}\n--b\nContent-Type: application/pdf; name=plover.pdf\n\nzephyrattachment\n--b--\n").encode())
    octets = 0
    for path, content in files(lab):
        octets += len(content)
        for what, word in SECRETS.items():
            check(not any(form in content for form in forms(word)), f"{path} tells a {what}")
    check(octets > COUNT * 10 * 4096, "hardly anything is stored")
    lab.agent(BOB, "fetch")
    lab.agent(EVE, "fetch")
    for user, hidden in ((BOB, EVE), (EVE, None)):
        mails = lab.mails(user)
        check(len(mails) == COUNT and all(b"xylophonebody" in m for m in mails), f"{user}: {len(mails)} mails")
        check(hidden is None or not any(hidden.encode() in m for m in mails), "a blind copy is named to another")
    print(f"{COUNT} mails to two: {octets} octets on 6 nodes' disks tell no sender, subject, word, attachment or Bcc")
sys.exit(0)
