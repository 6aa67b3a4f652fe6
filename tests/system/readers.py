#!/usr/bin/env python3
"""Mail readers of others with peerpost serve, each as docs/mail-readers.md says: mutt, s-nail, msmtp, swaks and
curl send; fetchmail, mpop, getmail, mutt, s-nail, curl and mbsync (through Dovecot) collect.  readers.py [NAME...]"""
import os, pty, re, select, subprocess, sys, time

from labkit import Lab, check
from servekit import Serve, until

ALICE, BOB = "alice@a.example", "bob@b.example"


class Desk:
    """Alice's and Bob's programs, in a home of their own."""

    def __init__(self, lab, alice, bob):
        self.lab, self.alice, self.bob = lab, alice, bob
        self.home = os.path.join(lab.dir, "home")
        os.makedirs(self.home)
        self.env = dict(os.environ, HOME=self.home, TERM="vt100", LC_ALL="C.UTF-8", MAILRC="/dev/null",
                        USER="bob", MAIL=os.path.join(self.home, "none"), XDG_CONFIG_HOME=os.path.join(self.home, "config"))
        self.number = 0

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def run(self, *argv, input=b"Hello.\n", expect=0):
        done = subprocess.run(argv, input=input, capture_output=True, env=self.env, cwd=self.home, timeout=60)
        text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        check(expect is None or done.returncode == expect, f"{' '.join(argv)}: exit {done.returncode}\n{text}")
        return text

    def in_terminal(self, *argv):
        """A program that wants a terminal; what it wrote there."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.home)
            os.execvpe(argv[0], argv, self.env)
        text, end = b"", time.monotonic() + 30
        while time.monotonic() < end:
            if select.select([fd], [], [], 1)[0]:
                try:
                    piece = os.read(fd, 4096)
                except OSError:
                    break
                if not piece:
                    break
                text += piece
        else:
            os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(fd)
        return text.decode(errors="replace")

    def collected(self, folder):
        text = ""
        for path, _, names in os.walk(os.path.join(self.home, folder)):
            for name in names:
                with open(os.path.join(path, name), errors="replace") as f:
                    text += f.read()
        return text

    def open_to_others(self):
        """The way to the home and to Bob's mail, for programs that refuse to work as root."""
        place = os.path.dirname(self.lab.maildir(BOB))
        for path in (place, os.path.dirname(place), self.lab.dir, self.home):
            os.chmod(path, os.stat(path).st_mode | 0o011)

    def give(self, subject):
        """Mail for Bob, which nobody has fetched yet."""
        text = f"From: {ALICE}\nTo: {BOB}\nSubject: {subject}\n\n.dot\nHello.\n"
        self.alice.run("send", "-t", "--wait", input=text.encode())


# --- sending ------------------------------------------------------------------------------------

def mutt_rc(desk, more):
    return desk.file("muttrc", f"set from={ALICE}\nset realname=Alice\nset copy=no\nset ssl_starttls=no\n"
                               f"set ssl_force_tls=no\nset folder={desk.home}\n" + more)


def mutt_smtp(desk, subject):
    rc = mutt_rc(desk, f'set smtp_url="smtp://alice@127.0.0.1:{desk.alice.smtp}/"\n'
                       f'set smtp_pass="{desk.alice.password}"\nset smtp_authenticators="plain"\n')
    desk.run("mutt", "-F", rc, "-s", subject, "--", BOB)


def mutt_sendmail(desk, subject):
    command = " ".join(desk.alice.argv("send", "-oem", "-oi"))
    rc = mutt_rc(desk, f'set sendmail="{command}"\nset use_envelope_from=yes\n')
    desk.run("mutt", "-F", rc, "-s", subject, "--", BOB)


def snail_smtp(desk, subject):
    desk.run("s-nail", "-n", "-S", "v15-compat", "-S", f"from={ALICE}", "-S", "smtp-auth=plain", "-S",
             f"mta=smtp://alice:{desk.alice.password}@127.0.0.1:{desk.alice.smtp}", "-S", "sendwait",
             "-s", subject, BOB)


def snail_sendmail(desk, subject):
    command = desk.file("sendmail", "#!/bin/sh\nexec " + " ".join(desk.alice.argv("send")) + ' "$@"\n', 0o700)
    desk.run("s-nail", "-n", "-S", "v15-compat", "-S", f"from={ALICE}", "-S", f"mta={command}", "-S", "sendwait",
             "-s", subject, BOB)


def msmtp(desk, subject):
    rc = desk.file("msmtprc", f"account default\nhost 127.0.0.1\nport {desk.alice.smtp}\nauth plain\n"
                              f"user alice\npassword {desk.alice.password}\nfrom {ALICE}\ntls off\n")
    desk.run("msmtp", "-C", rc, "--", BOB, input=f"From: {ALICE}\nTo: {BOB}\nSubject: {subject}\n\nHello.\n".encode())


def swaks(desk, subject):
    for method in ("PLAIN", "LOGIN"):
        desk.run("swaks", "--server", f"127.0.0.1:{desk.alice.smtp}", "--auth", method, "--auth-user", ALICE,
                 "--auth-password", desk.alice.password, "--from", ALICE, "--to", BOB, "--pipeline",
                 "--header", f"Subject: {subject}", "--body", f"by {method}\n.\n..\n")


def curl_smtp(desk, subject):
    letter = desk.file("letter", f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: {subject}\r\n\r\n.dot\r\nHello.\r\n")
    desk.run("curl", "-sS", f"smtp://127.0.0.1:{desk.alice.smtp}/desk", "--mail-from", ALICE, "--mail-rcpt", BOB,
             "--user", f"{ALICE}:{desk.alice.password}", "-T", letter)


# --- collecting: the text that the program got --------------------------------------------------

def fetchmail(desk):
    mbox = os.path.join(desk.home, "fetchmail.mbox")
    rc = desk.file("fetchmailrc", f'poll 127.0.0.1 service {desk.bob.pop3} protocol pop3 uidl\n'
                                  f'  user "{BOB}" password "{desk.bob.password}" sslproto ""\n'
                                  f'  mda "cat >> {mbox}"\n')
    desk.run("fetchmail", "-f", rc, "--pidfile", os.path.join(desk.home, "fetchmail.pid"), "-i",
             os.path.join(desk.home, "fetchids"))
    with open(mbox) as f:
        return f.read()


def mpop(desk):
    os.makedirs(os.path.join(desk.home, "mpop"), exist_ok=True)
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(desk.home, "mpop", sub), exist_ok=True)
    rc = desk.file("mpoprc", f"account default\nhost 127.0.0.1\nport {desk.bob.pop3}\nauth plain\nuser {BOB}\n"
                             f"password {desk.bob.password}\ntls off\nkeep off\nuidls_file {desk.home}/uidls\n"
                             f"delivery maildir {desk.home}/mpop\n")
    desk.run("mpop", "-C", rc)
    return desk.collected("mpop")


def getmail(desk):
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(desk.home, "getmail", sub), exist_ok=True)
    user = ""
    if os.getuid() == 0:  # it delivers as anybody but root
        user = "user = nobody\n"
        desk.open_to_others()
        subprocess.run(["chown", "-R", "nobody", os.path.join(desk.home, "getmail")], check=True)
    rc = desk.file("getmailrc", f"[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\n"
                                f"port = {desk.bob.pop3}\nusername = {BOB}\npassword = {desk.bob.password}\n"
                                f"[destination]\ntype = Maildir\npath = {desk.home}/getmail/\n{user}"
                                f"[options]\ndelete = true\n")
    desk.run("getmail", "--getmaildir", desk.home, "--rcfile", rc)
    return desk.collected("getmail")


def mutt_pop3(desk):
    mbox = os.path.join(desk.home, "mutt.mbox")
    open(mbox, "a").close()
    rc = desk.file("mutt.pop3", f'set pop_host="pop://bob@127.0.0.1:{desk.bob.pop3}"\n'
                                f'set pop_pass="{desk.bob.password}"\nset pop_delete=yes\nset spoolfile={mbox}\n'
                                f"set folder={desk.home}\nset ssl_starttls=no\nset ssl_force_tls=no\nset quit=yes\nset move=no\n"
                                f'push "<fetch-mail><quit>"\n')
    shown = desk.in_terminal("mutt", "-F", rc, "-f", mbox)
    with open(mbox, errors="replace") as f:
        return f.read() or shown


def snail_pop3(desk):
    return desk.run("s-nail", "-n", "-S", "v15-compat", "-S", "pop3-bulk-load", "-#", "-R", "-f",
                    f"pop3://bob:{desk.bob.password}@127.0.0.1:{desk.bob.pop3}", input=b"type *\nxit\n", expect=None)


def curl_pop3(desk):
    url, user = f"pop3://127.0.0.1:{desk.bob.pop3}/", f"{BOB}:{desk.bob.password}"
    count = len(desk.run("curl", "-sS", url, "--user", user).split("\n")) - 1
    text = "".join(desk.run("curl", "-sS", url + str(n + 1), "--user", user) for n in range(count))
    desk.run("curl", "-sS", url, "--user", user, "--login-options", "AUTH=PLAIN", "-l")
    return text


def mbsync(desk):
    """Dovecot's imap over the Maildir itself, begun by mbsync after a fetch. It serves nobody who is root: there
    the mailbox is given to another user."""
    maildir, root = desk.lab.maildir(BOB), os.getuid() == 0
    owner = ("nobody", "nogroup") if root else (os.getuid(), os.getgid())
    conf = desk.file("dovecot.conf", f"mail_location = maildir:{maildir}\nbase_dir = {desk.home}/dovecot\n"
                                     f"log_path = {desk.home}/dovecot.log\n"
                                     f"mail_uid = {owner[0]}\nmail_gid = {owner[1]}\n", 0o644)
    give = f"chown -R nobody:nogroup {maildir}\n" if root else ""
    tunnel = desk.file("tunnel", "#!/bin/sh\n" + " ".join(desk.bob.argv("fetch")) + f" >/dev/null 2>&1\n{give}"
                       f"/usr/lib/dovecot/imap -c {conf} | cat\n", 0o700)
    if root:
        desk.open_to_others()
    os.makedirs(os.path.join(desk.home, "mbsync"), exist_ok=True)
    rc = desk.file("mbsyncrc", f'IMAPStore peerpost\nTunnel "{tunnel}"\n\nMaildirStore here\nPath {desk.home}/mbsync/\n'
                               f"Inbox {desk.home}/mbsync/INBOX\n\nChannel mail\nFar :peerpost:\nNear :here:\n"
                               f"Patterns INBOX\nCreate Near\nSync All\nSyncState *\n")
    desk.run("mbsync", "-c", rc, "mail")
    return desk.collected("mbsync/INBOX")


SENDERS = (mutt_smtp, mutt_sendmail, snail_smtp, snail_sendmail, msmtp, swaks, curl_smtp)
COLLECTORS = (curl_pop3, snail_pop3, mbsync, fetchmail, mpop, getmail, mutt_pop3)


def main(names):
    with Lab(nodes=6, users=[ALICE, BOB]) as lab:
        with Serve(lab, ALICE) as alice, Serve(lab, BOB) as bob:
            desk = Desk(lab, alice, bob)
            chosen = [s for s in SENDERS if not names or s.__name__ in names]
            for send in chosen:
                send(desk, f"by {send.__name__}")
            until(60, lambda: b"empty" in alice.run("queue", "list").stdout, "all is sent")
            bob.run("fetch")
            mails = b"".join(lab.mails(BOB)).decode(errors="replace")
            for send in chosen:
                wanted = 2 if send is swaks else 1
                found = len(re.findall(rf"^Subject: by {send.__name__}$", mails, re.M))
                check(found == wanted, f"{send.__name__}: {found} mails of {wanted}\n{mails[-2000:]}")
                print(f"  {send.__name__} sends")
            for collect in COLLECTORS:
                if not names or collect.__name__ in names:
                    subject = f"for {collect.__name__}"
                    desk.give(subject)
                    text = collect(desk)
                    check(f"Subject: {subject}" in text and "Hello." in text, f"{collect.__name__} got\n{text[-3000:]}")
                    print(f"  {collect.__name__} collects")
            left = b"".join(lab.mails(BOB)).decode(errors="replace")
            if not names:
                check("Subject: " not in left, "what was collected is not gone:\n" + left[-1000:])
    print("readers: well")


main(sys.argv[1:])
