#!/usr/bin/env python3
"""Real mail, octet for octet: the SpamAssassin corpus, CPython's e-mail tests and hand-made edge
cases, each sent by one of three users and read by a fourth through a lab of 8 nodes.

corpus.py [N: how many messages, 200; 0: all]. PEERPOST_INPUT: the folder of tests/input/get-corpus.

What arrives must be: Return-Path, Delivered-To, Authentication-Results; what the agent had to add
(a Bcc naming the reader alone, whom To and Cc do not name; From, Date, Message-ID, each only when
missing); then the message as it was sent, with its line ends
LF, its Bcc gone, and fields of the first three names renamed X-Original-. NUL, lone CR, 8-bit octets
and over-long lines stay. (docs/security.md, docs/protocol.md)
"""
import collections, concurrent.futures, glob, os, re, sys, time

from labkit import SOURCE, Lab, check

BOB = "bob@corpus.example"
SENDERS = ["alice@corpus.example", "carol@corpus.example", "dave@corpus.example"]
OURS = (b"return-path", b"delivered-to", b"authentication-results")
ADDABLE = (b"from", b"date", b"message-id")
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


def edge_cases():
    head = b"From: a@b.example\nTo: bob@corpus.example\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n"
    full = head + b"Message-ID: <%d@edge.example>\nSubject: edge\n"
    return {
        "no Message-ID": head + b"Subject: x\n\nbody\n",
        "no From": b"To: x@y.example\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <nf@e.example>\n\nbody\n",
        "no Date": b"From: a@b.example\nMessage-ID: <nd@e.example>\n\nbody\n",
        "none of the three": b"Subject: bare\n\nbody\n",
        "8-bit header": full % 1 + b"X-Name: J\xf6rg \xe2\x82\xac \xff\xfe\n\nbody\n",
        "over-long line": full % 2 + b"\n" + b"x" * 200000 + b"\n",
        "over-long header": full % 3 + b"X-Long: " + b"y" * 5000 + b"\n\nbody\n",
        "NUL": full % 4 + b"\nbefore\0after\n\0\0\n",
        "lone CR": full % 5 + b"\nbefore\rafter\n",
        "CRLF": (full % 6 + b"\nline one\nline two\n").replace(b"\n", b"\r\n"),
        "empty body": full % 7 + b"\n",
        "header alone": full % 8,
        "no final line end": full % 9 + b"\nno line end",
        "dots": full % 10 + b"\n.\n..\nFrom here\n",
        "same Message-ID, first": head + b"Message-ID: <twice@e.example>\n\nthe first\n",
        "same Message-ID, second": head + b"Message-ID: <twice@e.example>\n\nthe second\n",
        "forged trace": full % 11 + b"Return-Path: <evil@e.example>\nAuthentication-Results: all is well\n"
                        b"Delivered-To: someone@e.example\n\nbody\n",
        "folded": full % 12 + b"X-Folded: one\n two\n\tthree\n\nbody\n",
        "8-bit body": full % 13 + b"\n" + bytes(range(128, 256)) + b"\n",
        "big": full % 14 + b"\n" + b"0123456789abcde\n" * 65536,
    }


def corpus():
    folder = os.environ.get("PEERPOST_INPUT", os.path.join(SOURCE, "build", "input", "spam-assassin"))
    spam = sorted(glob.glob(os.path.join(folder, "package/data/*-[12]/*.txt")))
    python = sorted(glob.glob("/usr/lib/python3*/test/test_email/data/msg_*.txt"))
    check(len(spam) == 6046, f"{len(spam)} messages in {folder}: run tests/input/get-corpus {folder}")
    check(len(python) >= 40, "CPython's e-mail tests are missing: apt-get install libpython3.11-testsuite")
    return spam, python


def chosen(n):
    """{name: octets}: edge cases, CPython's, and an even choice of the corpus; n = 0: everything."""
    spam, python = corpus()
    messages = dict(edge_cases())
    if n:
        keep = max(n - len(messages) - len(python), 1)
        spam = spam[:: max(len(spam) // keep, 1)][:keep]
    for path in python + spam:
        with open(path, "rb") as f:
            octets = f.read()
        if octets.startswith(b"From "):
            octets = octets.split(b"\n", 1)[1]
        messages["/".join(path.split("/")[-2:])] = octets
    return messages


def header_end(text):
    """Where the header of a message with LF line ends stops: (before the empty line, after it)."""
    if not FIELD.match(text.split(b"\n", 1)[0]):
        return 0, 0
    at = text.find(b"\n\n")
    return (at + 1, at + 2) if at >= 0 else (len(text), len(text))


def fields(header):
    """Each field with its continuation lines (LF ends lines here, and nothing else does)."""
    found = []
    for line in re.findall(rb"[^\n]*\n|[^\n]+$", header):
        if found and line[:1] in b" \t":
            found[-1] += line
        else:
            found.append(line)
    return found


def name_of(field):
    m = FIELD.match(field)
    return m.group(1).lower() if m else b""


def expected(octets):
    """(text that must stand after the added fields, names that may be added)"""
    text = octets.replace(b"\r\n", b"\n")
    end, body = header_end(text)
    kept = []
    for field in fields(text[:end]):
        name = name_of(field)
        if name in (b"bcc", b"resent-bcc"):
            continue
        kept.append(b"X-Original-" + field if name in OURS else field)
    names = {name_of(f) for f in fields(text[:end])}
    return b"".join(kept) + text[end:], [n for n in ADDABLE if n not in names]


def strip_added(delivered, may_add):
    """The delivered text behind the fields that the agent put in front; None if something is odd."""
    rest = fields(delivered[:65536])
    at = 0
    for name in OURS:
        if at >= len(rest) or name_of(rest[at]) != name:
            return None
        at += 1
    if at < len(rest) and rest[at] == b"Bcc: " + BOB.encode() + b"\n":
        at += 1
    may_add = list(may_add)
    while at < len(rest) and name_of(rest[at]) in may_add:
        may_add.remove(name_of(rest[at]))
        at += 1
    return delivered[sum(len(f) for f in rest[:at]):] if not may_add else None


class Judge:
    """Every message is found once among what was delivered."""

    def __init__(self, messages):
        self.open = collections.defaultdict(list)
        for name, octets in messages.items():
            text, may_add = expected(octets)
            self.open[self.key(text)].append((name, text, may_add))

    @staticmethod
    def key(text):
        return text[-12:]

    def take(self, delivered):
        """None, or why this mail is none of ours."""
        candidates = self.open.get(self.key(delivered), [])
        for entry in list(candidates):
            name, text, may_add = entry
            rest = strip_added(delivered, may_add)
            # a message without a header gets one, and the empty line that ends it
            if rest == text or (header_end(text) == (0, 0) and rest == b"\n" + text):
                candidates.remove(entry)
                return None
        near = candidates[0] if candidates else None
        if near:
            rest = strip_added(delivered, near[2])
            return f"not as sent: {near[0]}: {delivered[:700]!r} .. wanted {near[1][:300]!r}; rest {rest and rest[:200]!r}"
        return f"nobody sent this: {delivered[:600]!r}"

    def missing(self):
        return [name for entries in self.open.values() for name, _, _ in entries]


def send_all(lab, messages):
    def send(item):
        number, (name, octets) = item
        user = SENDERS[number % len(SENDERS)]
        done = lab.agent(user, "send", "-i", "--", BOB, input=octets, expect=None, timeout=300)
        return name, done

    failures = []
    # one sending at a time for each of the users: a user has one queue
    n = len(SENDERS)
    shares = [list(enumerate(messages.items()))[i::n] for i in range(n)]
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        for results in pool.map(lambda share: [send(item) for item in share], shares):
            failures += [(n, d) for n, d in results if d.returncode]
    for name, done in failures[:5]:
        print(f"send of {name}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    check(not failures, f"{len(failures)} messages were refused")


def drain(lab, user):
    end = time.monotonic() + 600
    while time.monotonic() < end:
        lab.agent(user, "queue", "run", expect=None, timeout=600)
        if not re.search(rb'"id"', lab.agent(user, "queue", "list", "--json").stdout):
            return
    check(False, f"the queue of {user} never became empty")


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    messages = chosen(n)
    judge = Judge(messages)
    with Lab(nodes=8, users=[*SENDERS, BOB], env={"PEERPOST_LAB_EXEMPT": "127.0.0.0/8"}) as lab:
        print("limits by source are lifted for 127.0.0.0/8: one machine plays many", flush=True)
        start = time.monotonic()
        # several rounds, so that an inbox's bounds are no matter and reading goes beside writing
        items = list(messages.items())
        for first in range(0, len(items), 1000):
            send_all(lab, dict(items[first:first + 1000]))
            for user in SENDERS:
                drain(lab, user)
            lab.agent(BOB, "fetch", timeout=1800)
        took = time.monotonic() - start
        wrong = [why for why in map(judge.take, lab.mails(BOB)) if why]
        missing = judge.missing()
        for why in wrong[:5]:
            print(why)
        print(f"{len(messages)} messages sent, {len(messages) - len(missing)} arrived octet for octet, "
              f"{len(wrong)} otherwise, in {took:.0f} s", flush=True)
        check(not missing and not wrong, f"missing: {missing[:10]}")
        check(not any(map(lab.mails, SENDERS)), "mail came to somebody else")


if __name__ == "__main__":
    main()
