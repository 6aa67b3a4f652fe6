#!/usr/bin/env python3
"""Messages at 50 a second from three senders, through their serve's SMTP, to one reader: all are collected by POP3,
once each.  thousand.py [MESSAGES]"""
import poplib, re, smtplib, sys, threading, time

from labkit import Lab, check
from servekit import Serve, until

SENDERS = [f"s{n}@many.example" for n in range(3)]
READER = "reader@many.example"
RATE = 50


def message(sender, number):
    return (f"From: {sender}\r\nTo: {READER}\r\nSubject: number {number}\r\nX-Number: {number}\r\n\r\n"
            + "A line of text.\r\n" * 40)


def submit(serve, count, first, start, faults):
    """Numbers first, first + 3, ..: each at its time."""
    try:
        with smtplib.SMTP("127.0.0.1", serve.smtp, timeout=60) as smtp:
            smtp.login(serve.user, serve.password)
            for number in range(first, count, len(SENDERS)):
                time.sleep(max(0.0, start + number / RATE - time.monotonic()))
                smtp.sendmail(serve.user, [READER], message(serve.user, number))
    except Exception as fault:
        faults.append(fault)


def collect(serve, found):
    pop = poplib.POP3("127.0.0.1", serve.pop3, timeout=60)
    pop.user(READER)
    pop.pass_(serve.password)
    for n in range(len(pop.list()[1])):
        text = b"\n".join(pop.retr(n + 1)[1])
        found.append(int(re.search(rb"^X-Number: (\d+)$", text, re.M).group(1)))
        pop.dele(n + 1)
    pop.quit()
    return len(found)


def main(count):
    with Lab(nodes=8, users=SENDERS + [READER]) as lab, Serve(lab, READER, poll="2s") as reader:
        serves = [Serve(lab, sender) for sender in SENDERS]
        faults, found, start = [], [], time.monotonic()
        threads = [threading.Thread(target=submit, args=(s, count, n, start, faults)) for n, s in enumerate(serves)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        check(not faults, f"a submission failed: {faults}")
        submitted = time.monotonic() - start
        until(600, lambda: collect(reader, found) >= count, f"{count} messages are collected ({len(found)} now)")
        check(sorted(found) == list(range(count)), f"{len(set(found))} of {count}, {len(found) - len(set(found))} twice")
        print(f"thousand: {count} submitted in {submitted:.1f} s, {count / submitted:.1f} a second of {RATE}; "
              f"collected after {time.monotonic() - start:.1f} s")
        for s in serves:
            check(s.stop() == 0, "a serve ends well")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
