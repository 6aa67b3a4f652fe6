#!/usr/bin/env python3
"""The way of a message through a network of 8 nodes: several recipients, Bcc, attachment, reading
headers first, keeping, deletion everywhere, unknown recipients, sendmail's options, holders that die.
Valid for every pair of plugins."""
import base64, os, re, time

from labkit import Lab, check

ALICE, BOB, CAROL = "alice@path.example", "bob@path.example", "carol@path.example"
ATTACHMENT = os.urandom(300000)


def with_attachment():
    return (f"From: Alice <{ALICE}>\nTo: {BOB}\nCc: {CAROL}\nSubject: papers\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=cut\n\n--cut\nContent-Type: text/plain\n\nsee below\n"
            "--cut\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
            "Content-Disposition: attachment; filename=papers.bin\n\n"
            + base64.encodebytes(ATTACHMENT).decode() + "--cut--\n").encode()


def attachment_of(mail):
    part = re.search(rb"filename=papers\.bin\n\n(.*)--cut--", mail, re.S)
    check(part, "the attachment is gone")
    return base64.decodebytes(part.group(1))


def total(lab):
    return sum(lab.objects().values())


def two_recipients(lab):
    before = total(lab)
    lab.agent(ALICE, "send", "-t", "--wait", input=with_attachment())
    check(total(lab) == before + 5, f"one object on 5 nodes, not {total(lab) - before}")
    lab.agent(BOB, "fetch")
    check(total(lab) == before + 5, "the first reader's delete took the second reader's object away")
    lab.agent(CAROL, "fetch")
    check(total(lab) == before, f"{total(lab) - before} copies are left after both readers deleted")
    for user in (BOB, CAROL):
        mails = lab.mails(user)
        check(len(mails) == 1 and attachment_of(mails[0]) == ATTACHMENT, f"{user} has {len(mails)} mails")
        check(b"Return-Path: <" + ALICE.encode() in mails[0], "no Return-Path")
        check(b"Delivered-To: " + user.encode() in mails[0], "no Delivered-To")
        check(re.search(rb"^Authentication-Results: .*pass", mails[0], re.M), "the signature is not told to pass")
    print("two recipients, an attachment: one object, deleted by the last reader", flush=True)


def bcc(lab):
    text = f"From: {ALICE}\nTo: {BOB}\nBcc: {CAROL}\nSubject: hidden\n\nhidden copy\n".encode()
    lab.agent(ALICE, "send", "-t", "--wait", input=text)
    lab.agent(BOB, "fetch")
    lab.agent(CAROL, "fetch")
    to, blind = (next(m for m in lab.mails(u) if b"hidden copy" in m) for u in (BOB, CAROL))
    check(CAROL.encode() not in to, "the Bcc shows in the other copy")
    check(b"hidden copy" in blind, "the Bcc copy did not come")
    print("Bcc: its own copy, unseen by the other", flush=True)


def headers_first(lab):
    lab.agent(ALICE, "send", "-t", "--wait", input=f"From: {ALICE}\nTo: {BOB}\nSubject: later on\n\nlater\n".encode())
    before = len(lab.mails(BOB))
    lab.agent(BOB, "fetch", "--headers-only")
    check(len(lab.mails(BOB)) == before, "--headers-only delivered a body")
    check(b"later on" in lab.agent(BOB, "list").stdout, "list does not show the subject")
    lab.agent(BOB, "fetch")
    check(sum(b"Subject: later on" in m for m in lab.mails(BOB)) == 1, "not delivered once")
    lab.agent(BOB, "fetch")
    check(sum(b"Subject: later on" in m for m in lab.mails(BOB)) == 1, "delivered again")
    print("headers first, then the body, once", flush=True)


def keep(lab):
    before = total(lab)
    lab.agent(ALICE, "send", "-t", "--wait", input=f"From: {ALICE}\nTo: {BOB}\nSubject: kept\n\nkept\n".encode())
    lab.agent(BOB, "fetch", "--keep")
    check(total(lab) == before + 5, "--keep deleted the body")
    check(sum(b"Subject: kept" in m for m in lab.mails(BOB)) == 1, "--keep did not deliver")
    print("--keep leaves the copies", flush=True)


def like_sendmail(lab):
    lab.agent(ALICE, "send", "-i", "-f", ALICE, "--", BOB, input=b"Subject: as mutt calls it\n\n.\nafter a dot\n")
    lab.agent(BOB, "fetch")
    mail = next(m for m in lab.mails(BOB) if b"as mutt calls it" in m)
    check(b"\n.\nafter a dot\n" in mail, "the dot ended the message")
    check(re.search(rb"^From: .*alice@path\.example", mail, re.M), "no From was added")
    check(re.search(rb"^Date: ", mail, re.M) and re.search(rb"^Message-ID: <", mail, re.M | re.I), "no Date or id")
    done = lab.agent(ALICE, "send", "--", "nobody@path.example", input=b"Subject: x\n\nx\n", expect=67)
    check(b"nobody@path.example" in done.stderr + done.stdout, "does not name the unknown recipient")
    print("sendmail's options and exit codes", flush=True)


def certificates(lab):
    done = lab.agent(BOB, "lookup", ALICE)
    check(done.stdout.strip(), "lookup prints nothing")
    lab.agent(CAROL, "unpublish")
    lab.agent(ALICE, "send", "--", CAROL, input=b"Subject: x\n\nx\n", expect=None)
    lab.agent(CAROL, "publish")
    print("lookup, unpublish, publish", flush=True)


def holders_die(lab):
    """Nobody waits until the network has noticed: what a user asks for lies on the others too."""
    lab.agent(ALICE, "send", "-t", "--wait", input=f"From: {ALICE}\nTo: {BOB}\nSubject: orphan\n\norphan\n".encode())
    for n in lab.holders(BOB)[:2]:
        lab.kill(n)
    times = []
    for act, more in (("fetch", {}), ("send", {"input": f"From: {ALICE}\nTo: {BOB}\nSubject: heir\n\nheir\n".encode()}),
                      ("fetch", {})):
        start = time.monotonic()
        lab.agent(ALICE if act == "send" else BOB, act, *(["-t"] if act == "send" else []), **more)
        times.append(time.monotonic() - start)
    for subject in (b"orphan", b"heir"):
        check(sum(b"Subject: " + subject in m for m in lab.mails(BOB)) == 1, f"{subject} did not come once")
    check(max(times) < 5, f"with 2 of 5 holders dead fetch, send, fetch took {times}")
    print(f"2 of 5 holders killed: fetch, send, fetch in {', '.join(f'{t:.1f}' for t in times)} s", flush=True)


def main():
    with Lab(nodes=8, k=5, users=[ALICE, BOB, CAROL]) as lab:
        for part in (two_recipients, bcc, headers_first, keep, like_sendmail, certificates, holders_die):
            part(lab)


if __name__ == "__main__":
    main()
