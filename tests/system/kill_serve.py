#!/usr/bin/env python3
"""kill -9 of peerpost serve at random instants over SMTP submissions, fetches and POP3 sessions: every
message that got its 250 is collected by POP3 once, whole; none is lost, doubled or cut.  kill_serve.py [INSTANTS]"""
import poplib, random, re, smtplib, sys, threading

from labkit import Lab, check
from servekit import Serve, until

ALICE, BOB = "alice@kill.example", "bob@kill.example"
GONE = (OSError, EOFError, smtplib.SMTPException, poplib.error_proto)


def message(number):
    text = "".join(f"line {i} of message {number}\r\n" for i in range(300))
    return f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: number {number}\r\nX-Number: {number}\r\n\r\n{text}"


class Sender(threading.Thread):
    """Submits messages one after another until the server dies; knows which got their 250."""

    def __init__(self, serve, first):
        super().__init__()
        self.serve, self.next, self.sure, self.maybe = serve, first, [], []

    def run(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.serve.smtp, timeout=30) as smtp:
                smtp.login(ALICE, self.serve.password)
                while True:
                    number, self.next = self.next, self.next + 1
                    self.maybe.append(number)
                    smtp.sendmail(ALICE, [BOB], message(number))
                    self.sure.append(self.maybe.pop())
        except GONE:
            pass


class Collector(threading.Thread):
    """POP3 sessions one after another, each RETR and DELE of all, until the server dies."""

    def __init__(self, serve, have, gone):
        super().__init__()
        self.serve, self.have, self.gone, self.fault = serve, have, gone, None

    def session(self):
        pop = poplib.POP3("127.0.0.1", self.serve.pop3, timeout=30)
        pop.user(BOB)
        pop.pass_(self.serve.password)
        seen = []
        for line in pop.uidl()[1]:
            index, uidl = line.split()
            check(uidl not in self.gone, f"{uidl} was deleted and is back")
            lines = pop.retr(int(index))[1]
            check(self.have.setdefault(uidl, lines) == lines, f"{uidl} changed")
            pop.dele(int(index))
            seen.append(uidl)
        pop.quit()
        self.gone.update(seen)
        return len(seen)

    def run(self):
        try:
            while True:
                self.session()
        except GONE:
            pass
        except Exception as fault:
            self.fault = fault


def numbers(have):
    found = []
    for lines in have.values():
        text = b"\n".join(lines)
        number = int(re.search(rb"^X-Number: (\d+)$", text, re.M).group(1))
        check(text.endswith(b"line 299 of message %d" % number) and len(lines) > 300, f"{number} is cut")
        found.append(number)
    return found


def main(instants, seed=7):
    rng = random.Random(seed)
    sure, maybe, have, gone = [], [], {}, set()
    with Lab(nodes=6, users=[ALICE, BOB]) as lab, Serve(lab, ALICE) as alice, Serve(lab, BOB, poll="1s") as bob:
        first = 0
        for _ in range(instants):
            sender, collector = Sender(alice, first), Collector(bob, have, gone)
            sender.start()
            collector.start()
            victims = [(alice, sender), (bob, collector)]
            rng.shuffle(victims)
            for serve, thread in victims:
                thread.join(rng.uniform(0, 0.4))
                serve.kill()
                thread.join()
            if collector.fault:
                raise collector.fault
            sure += sender.sure
            maybe += sender.maybe
            first = sender.next
            alice.start()
            bob.start()
        until(300, lambda: b"empty" in alice.run("queue", "list").stdout, "the queue becomes empty")
        end = Collector(bob, have, gone)
        until(120, lambda: end.session() == 0 and set(sure) <= set(numbers(have)), "all is collected")
        got = numbers(have)
        lost, twice = set(sure) - set(got), {n for n in got if got.count(n) > 1}
        strange = set(got) - set(sure) - set(maybe)
        print(f"kill_serve: {2 * instants} kills, {len(sure)} sure, {len(got)} collected; lost {len(lost)}, "
              f"twice {len(twice)}")
        check(sure and not lost and not twice and not strange, f"lost {lost}, twice {twice}, strange {strange}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
