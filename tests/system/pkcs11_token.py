#!/usr/bin/env python3
"""A key on a PKCS#11 token (softhsm2, by pkcs11-tool): made there and enrolled, or moved there; sending, reading,
deleting, serve, two computers with one token; wrong PINs, a token that is away; an RSA key as well."""
import glob, os, re, shutil, subprocess, sys

from labkit import Lab, check, program
from servekit import Serve

ANNA, BOB = "anna@token.example", "bob@token.example"
PIN = "123456"


def find_module():
    found = glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib*/softhsm/libsofthsm2.so")
    missing = [n for n in ("softhsm2-util", "pkcs11-tool") if not shutil.which(n)] + ([] if found else ["libsofthsm2.so"])
    if missing:
        sys.exit(f"{', '.join(missing)} needed: apt-get install softhsm2 opensc")
    return found[0]


class Token:
    """A token of its own in the lab's folder."""

    def __init__(self, lab):
        self.lab, self.module = lab, find_module()
        home = os.path.join(lab.dir, "token")
        os.makedirs(os.path.join(home, "tokens"))
        with open(os.path.join(home, "softhsm.conf"), "w") as f:
            f.write(f"directories.tokendir = {home}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.tokens = os.path.join(home, "tokens")
        self.env = {"SOFTHSM2_CONF": os.path.join(home, "softhsm.conf"), "PEERPOST_PIN": PIN}
        lab.env.update(self.env)  # for serve, and what it starts
        self.run("softhsm2-util", "--init-token", "--free", "--label", "My card", "--pin", PIN, "--so-pin", "87654321")

    def run(self, *argv):
        done = subprocess.run(argv, capture_output=True, text=True, env=dict(os.environ, **self.env))
        check(done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def tool(self, *argv):
        return self.run("pkcs11-tool", "--module", self.module, "--login", "--pin", PIN, "--token-label", "My card", *argv)

    def make(self, kind, label, number):
        self.tool("--keypairgen", "--key-type", kind, "--label", label, "--id", number, "--usage-sign", "--usage-derive",
                  "--usage-decrypt")
        return f"pkcs11:token=My%20card;object={label}"


def path(lab, user, *names):
    return os.path.join(lab.dir, "users", user, *names)


def configure(lab, user, **more):
    """Options of the section user."""
    name = path(lab, user, "config.yaml")
    text = open(name).read()
    for key, value in more.items():
        text = re.sub(rf"^  {key}: .*\n", "", text, flags=re.M)
        text = text.replace("user:\n", f"user:\n  {key}: \"{value}\"\n", 1)
    with open(name, "w") as f:
        f.write(text)


def sign(lab, user, *more):
    answer = path(lab, user, "answer.pem")
    done = subprocess.run([program("peerpost-ca"), "sign", "--dir", os.path.join(lab.dir, "ca"), "--out", answer, *more,
                           path(lab, user, "user.csr.pem")], capture_output=True, text=True)
    check(done.returncode == 0, done.stdout + done.stderr)
    lab.agent(user, "enrol", "--certificate", answer)
    lab.agent(user, "publish")


def send(lab, sender, to, subject):
    mail = f"From: {sender}\nTo: {to}\nSubject: {subject}\n\nText of {subject}.\n".encode()
    lab.agent(sender, "send", "-t", "--wait", input=mail)


def read(lab, user, subject, signer):
    lab.agent(user, "fetch")
    found = [m for m in lab.mails(user) if f"Subject: {subject}\n".encode() in m]
    check(len(found) == 1, f"{user} has {len(found)} copies of '{subject}'")
    check(f"smime-identifier={signer}".encode() in found[0], f"'{subject}' is not signed by {signer}")


def both_ways(lab, what):
    send(lab, BOB, ANNA, f"to {what}")
    read(lab, ANNA, f"to {what}", BOB)
    send(lab, ANNA, BOB, f"from {what}")
    read(lab, BOB, f"from {what}", ANNA)
    # Read means deleted: by the right in the notification, and inbox entries confirmed by a signed request.
    sent = lab.agent(BOB, "status", "--json").stdout
    check(b"fetched" in sent, f"the nodes still have what Anna read with {what}: {sent}")


def roll_over(lab, token):
    """From a file to a key made on the token: old mail is read with the file's key."""
    send(lab, BOB, ANNA, "in transit")
    uri = token.make("EC:prime256v1", "mail", "01")
    lab.agent(ANNA, "enrol", "--key", uri, expect=None)
    lab.agent(ANNA, "enrol", "--rollover", "--key", "pkcs11:object=nothing", expect=66)
    lab.agent(ANNA, "enrol", "--rollover", "--key", uri)
    sign(lab, ANNA, "--not-before", "-60")
    key = open(path(lab, ANNA, "user.key.pem")).read()
    check(key == uri + "\n", f"the key's file does not name the token: {key}")
    read(lab, ANNA, "in transit", BOB)
    both_ways(lab, "a key made on the token")
    print("enrolled: a key made on the token; request, roll-over, mail, deletion", flush=True)


def by_configuration(lab, token):
    """The URI as user.key; renewed, so that an old certificate of the same key is kept."""
    uri = "pkcs11:token=My%20card;id=%01"
    configure(lab, ANNA, key=uri)
    both_ways(lab, "user.key")
    lab.agent(ANNA, "enrol", "--renew")
    sign(lab, ANNA, "--not-before", "-40")
    both_ways(lab, "a renewed certificate")
    done = lab.agent(ANNA, "enrol", "--rollover", expect=78)
    check(b"write its URI into a file" in done.stderr, done.stderr)
    done = lab.agent(ANNA, "export", path(lab, ANNA, "x.p12"), env={"PEERPOST_FILE_PASSPHRASE": "x"}, expect=77)
    check(b"is on a token and stays there" in done.stderr and not os.path.exists(path(lab, ANNA, "x.p12")), done.stderr)
    done = lab.agent(ANNA, "doctor", expect=None)
    check(b"keys of" in done.stdout, done.stdout)
    print("configured: user.key is the URI; renewed; no export", flush=True)


def served(lab):
    """serve opens the token once, and again each time it gets the journal back."""
    with Serve(lab, ANNA, poll="0s") as anna:
        send(lab, BOB, ANNA, "served")
        anna.run("lookup", BOB)  # borrows the journal
        anna.run("fetch")
        check(any(b"Subject: served\n" in m for m in lab.mails(ANNA)), "serve reads nothing with the token's key")
        anna.run("send", "-t", input=f"From: {ANNA}\nTo: {BOB}\nSubject: by serve\n\nx\n".encode())
        check(anna.stop() == 0, "serve ends with 0")
    read(lab, BOB, "by serve", ANNA)
    print("serve: sends and reads with the token's key", flush=True)


def devices(lab):
    """The secret of the devices' logs comes from the key, on a token as well."""
    with open(path(lab, ANNA, "config.yaml"), "a") as f:
        f.write("\ndevices:\n  sync: true\n")
    lab.agent(ANNA, "sync", timeout=300)
    second = os.path.join(lab.dir, "users", "second")
    os.mkdir(second, 0o700)
    for name in ("config.yaml", "user.cert.pem"):
        shutil.copy(path(lab, ANNA, name), second)
    text = open(os.path.join(second, "config.yaml")).read()
    ca = re.search(r"ca: (.*)", text).group(1).strip("\"")
    with open(os.path.join(second, "config.yaml"), "w") as f:
        f.write(re.sub(r"ca: .*", f"ca: {os.path.join(path(lab, ANNA), ca)}", text))
    lab.agent("second", "sync", timeout=300)
    there = {m.split(b"\n\n", 1)[1] for m in lab.mails(ANNA)}
    here = {m.split(b"\n\n", 1)[1] for m in lab.mails("second")}
    check(there and here == there, f"the second computer shows {len(here)} mails of {len(there)}")
    print("devices: a second computer with the same token shows the same mailbox", flush=True)


def refused(lab, token):
    """Wrong PINs cost one try each; nothing there: said what to do."""
    done = lab.agent(ANNA, "fetch", env={"PEERPOST_PIN": "999999"}, expect=77)
    check(b"refuses the PIN" in done.stderr, done.stderr)
    lab.agent(ANNA, "fetch")
    os.rename(token.tokens, token.tokens + ".away")
    os.mkdir(token.tokens)
    done = lab.agent(ANNA, "fetch", expect=None)
    check(done.returncode != 0 and b"plug it in" in done.stderr, done.stderr)
    told = lab.agent(ANNA, "doctor", expect=None).stdout
    check(b"plug the token in" in told, told)
    os.rmdir(token.tokens)
    os.rename(token.tokens + ".away", token.tokens)
    env = dict(lab.env)
    env.pop("PEERPOST_PIN")
    done = subprocess.run(lab.argv(ANNA, "fetch"), capture_output=True, env=env, stdin=subprocess.DEVNULL, timeout=60)
    check(done.returncode == 77 and b"PEERPOST_PIN" in done.stderr, f"{done.returncode} {done.stderr}")
    configure(lab, ANNA, passphrase_command=f"echo {PIN}")
    done = subprocess.run(lab.argv(ANNA, "fetch"), capture_output=True, env=env, stdin=subprocess.DEVNULL, timeout=60)
    check(done.returncode == 0, f"the PIN by user.passphrase_command: {done.stderr}")
    configure(lab, ANNA, token_module="/nowhere.so")
    done = lab.agent(ANNA, "fetch", expect=78)
    check(b"user.token_module" in done.stderr, done.stderr)
    configure(lab, ANNA, token_module=token.module)
    print("refused: a wrong PIN, none, a token that is away, a module that is none", flush=True)


def moved(lab, token):
    """A key of a file goes onto the token as docs/token.md says; RSA too, and mail to the file's key."""
    send(lab, ANNA, BOB, "before the move")
    key = path(lab, BOB, "user.key.pem")
    for name, args in (("k.der", ["-outform", "DER"]), ("p.der", ["-pubout", "-outform", "DER"])):
        token.run("openssl", "pkey", "-in", key, *args, "-out", path(lab, BOB, name))
    token.tool("--write-object", path(lab, BOB, "k.der"), "--type", "privkey", "--label", "bob", "--id", "02",
               "--usage-sign", "--usage-derive")
    token.tool("--write-object", path(lab, BOB, "p.der"), "--type", "pubkey", "--label", "bob", "--id", "02",
               "--usage-sign", "--usage-derive")
    for name in ("k.der", "p.der"):
        os.unlink(path(lab, BOB, name))
    configure(lab, BOB, token_module=token.module)
    with open(key, "w") as f:
        f.write("pkcs11:object=bob\n")
    read(lab, BOB, "before the move", ANNA)
    both_ways(lab, "a key moved to the token")
    done = lab.agent(BOB, "passphrase", "--remove", expect=None)
    check(b"--change-pin" in done.stderr, done.stderr)
    print("moved: a file's key, by pkcs11-tool", flush=True)
    uri = token.make("rsa:3072", "rsa", "03")
    lab.agent(BOB, "enrol", "--rollover", "--key", uri)
    sign(lab, BOB, "--not-before", "-30")
    both_ways(lab, "an RSA key")
    print("RSA: roll-over from one key of the token to another", flush=True)


def main():
    with Lab(nodes=6, users=[ANNA, BOB]) as lab:
        token = Token(lab)
        configure(lab, ANNA, token_module=token.module)
        roll_over(lab, token)
        by_configuration(lab, token)
        served(lab)
        devices(lab)
        refused(lab, token)
        moved(lab, token)
    print("token: well")


main()
