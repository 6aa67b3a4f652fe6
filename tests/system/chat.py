#!/usr/bin/env python3
"""peerpost chat: both ways at once, one side in its own session and one beside serve, each killed and
begun again: every line taken is heard, kept once by each; who is away gets mail; a terminal.
chat.py [LINES]"""
import email, email.policy, json, os, pty, select, signal, statistics, subprocess, sys, threading, time

from labkit import Failure, Lab, check
from servekit import Serve

ALICE, BOB = "alice@chat.example", "bob@chat.example"


class Chat:
    """A chat with --json: what it tells is gathered by a thread."""
    def __init__(self, argv, env):
        self.process = subprocess.Popen([*argv, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env)
        self.events, self.news = [], threading.Condition()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(dict(json.loads(line), at=time.monotonic()))
                self.news.notify()

    def of(self, kind):
        with self.news:
            return [e for e in self.events if e["event"] == kind]

    def wait(self, what, test, seconds=60):
        end = time.monotonic() + seconds
        with self.news:
            while not test(self.events):
                left = end - time.monotonic()
                check(left > 0 and self.process.poll() is None, f"{what}: not in {seconds} s; {self.events[-3:]}")
                self.news.wait(min(left, 1))
        return self

    def wait_for(self, kind, text, seconds=60):
        return self.wait(f"{kind} {text}",
                         lambda all: any(e["event"] == kind and e.get("text") == text for e in all), seconds)

    def ready(self):
        return self.wait("nodes that wait", lambda all: any(e["event"] == "listens" and e["nodes"] for e in all))

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        check(self.process.wait(20) == 0, f"the chat ended with {self.process.returncode}: {self.process.stderr.read()}")
        self.thread.join()


def kept(lab, user, by):
    """The texts of one side's lines in a user's Chat folder."""
    found, folder = [], os.path.join(lab.maildir(user), ".Chat")
    for sub in ("new", "cur"):
        for name in os.listdir(os.path.join(folder, sub)):
            try:
                f = open(os.path.join(folder, sub, name), "rb")
            except FileNotFoundError:
                return kept(lab, user, by)  # it was shown just now, and moved
            with f:
                mail = email.message_from_binary_file(f, policy=email.policy.default)
            check(mail["Peerpost-Chat"] and mail["Message-ID"], f"{name} is no line of a chat")
            if by in mail["From"]:
                found.append(mail.get_content().rstrip("\n"))
    return found


def say_all(chat, texts, pause):
    for text in texts:
        chat.say(text)
        time.sleep(pause)


def talk(lab, lines):
    """Both say `lines` lines; Alice's chat is killed in the middle, Bob's chat and serve after it."""
    said = {user: [f"{user.split('@')[0]} {i} h\u00e9 {'x' * (i % 50)}" for i in range(lines)] for user in (ALICE, BOB)}
    half, delays = lines // 2, []
    with Serve(lab, BOB, poll="0s") as serve:
        alice, bob = Chat(lab.argv(ALICE, "chat", BOB), lab.env), Chat(serve.argv("chat", ALICE), lab.env)
        alice.ready(), bob.ready()
        other = threading.Thread(target=say_all, args=(bob, said[BOB][:half], 0.02))
        other.start()
        for text in said[ALICE][:half]:
            start = time.monotonic()
            alice.say(text)
            if len(delays) < 10:
                bob.wait_for("heard", text)
                delays.append(next(e["at"] for e in bob.of("heard") if e["text"] == text) - start)
        other.join()
        alice.kill()
        heard_by_alice = [e["text"] for e in alice.of("heard")]
        alice = Chat(lab.argv(ALICE, "chat", BOB), lab.env)
        alice.say("here again")
        alice.wait_for("complete", "here again")  # and so is all that was taken before
        taken = kept(lab, ALICE, ALICE)
        say_all(alice, [t for t in said[ALICE] if t not in taken], 0)
        bob.wait_for("heard", said[ALICE][-1])
        heard = [e["text"] for e in bob.of("heard") if e["text"] != "here again"]
        want = [t for t in said[ALICE] if t in taken] + [t for t in said[ALICE] if t not in taken]
        check(heard == want, f"not heard in order, or not once: {heard}")
        bob.kill(), serve.kill(), serve.start()
        bob = Chat(serve.argv("chat", ALICE), lab.env)
        bob.say("and I")
        bob.wait_for("complete", "and I")
        say_all(bob, [t for t in said[BOB] if t not in kept(lab, BOB, BOB)], 0)
        alice.wait_for("heard", said[BOB][-1])
        heard_by_alice += [e["text"] for e in alice.of("heard")]
        check(set(said[BOB]) <= set(heard_by_alice), f"never shown: {set(said[BOB]) - set(heard_by_alice)}")
        alice.end(), bob.end()
        for user in (ALICE, BOB):
            for by in (ALICE, BOB):
                got, want = kept(lab, user, by), [*said[by], "here again" if by == ALICE else "and I"]
                check(sorted(got) == sorted(want),
                      f"{user} keeps of {by}: lost {set(want) - set(got)}, twice {[t for t in got if got.count(t) > 1]}")
        check(serve.stop() == 0, "serve did not end well")
    print(f"{lines} lines each way, 0 lost, 0 twice; said to shown: median "
          f"{statistics.median(delays) * 1000:.0f} ms", flush=True)


def away(lab):
    """Nobody listens: the line waits, and fetch delivers a small mail."""
    before = len(lab.mails(BOB))
    lab.agent(ALICE, "chat", BOB, input="bis sp\u00e4ter".encode())
    lab.agent(BOB, "fetch")
    mails = lab.mails(BOB)
    check(len(mails) == before + 1, f"{len(mails) - before} mails of one line")
    mail = next(email.message_from_bytes(m, policy=email.policy.default) for m in mails if b"sp\xc3\xa4ter" in m)
    check(mail.get_content() == "bis sp\u00e4ter\n" and mail["Subject"] == "bis sp\u00e4ter", f"not the line: {mail}")
    check(f"smime=pass body.smime-identifier={ALICE}" in mail["Authentication-Results"], "who signed is not said")
    lab.agent(ALICE, "chat", "nobody@chat.example", input=b"hello?\n", expect=67)


def terminal(lab):
    """Prompt, own line with where it is stored, their line with who signed it, /quit."""
    bob = Chat(lab.argv(BOB, "chat", ALICE), lab.env).ready()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(lab.argv(ALICE)[0], lab.argv(ALICE, "chat", "--last", "0", BOB), lab.env)
    shown = b""

    def until(text):
        nonlocal shown
        end = time.monotonic() + 30
        while text not in shown:
            ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
            check(ready, f"the terminal never showed {text}: {shown}")
            shown += os.read(fd, 4096)

    until(b"> ")
    until(b"5 of 5 nodes")
    os.write(fd, b"//hello\n")
    until(b"(stored on 5 of 5)")
    bob.wait_for("heard", "/hello")
    bob.say("good\x1b[2Jevening")
    until(f"{BOB}: good?[2Jevening".encode())
    os.write(fd, b"/quit\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    check(status == 0, f"/quit ends with {status}")
    bob.end()


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    with Lab(nodes=7, users=[ALICE, BOB]) as lab:
        talk(lab, lines)
        away(lab)
        terminal(lab)


if __name__ == "__main__":
    main()
