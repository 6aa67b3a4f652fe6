#!/usr/bin/env python3
"""peerpost-ca from outside, with openssl(1) as the judge of what it makes."""
import os
import re
import subprocess
import tempfile
import unittest

CA = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-ca")
SOURCE = os.environ["PEERPOST_SOURCE"]


def openssl(*argv):
    return subprocess.run(("openssl",) + argv, capture_output=True, text=True)


def yaml_of(text):
    return re.findall(r'(?m)^  ([a-z]+): "?([a-z0-9]+)"?$', text)


class Authority(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.TemporaryDirectory(prefix="peerpost-ca.")
        self.dir = self.path("ca")

    def tearDown(self):
        self.top.cleanup()

    def path(self, name):
        return os.path.join(self.top.name, name)

    def ca(self, command, *argv, code=0, env=None):
        done = subprocess.run((CA, command, "--dir", self.dir) + argv, capture_output=True, text=True,
                              env=dict(os.environ, **(env or {})), cwd=self.top.name)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertEqual(done.stderr.count("\n"), 1)
        return done.stdout if code == 0 else done.stderr

    def start(self):
        self.ca("init", "--domain", "x", "--domain", ".x")

    def verify(self, name, purpose, *more):
        return openssl("verify", "-x509_strict", "-CAfile", self.dir + "/ca.cert.pem", "-purpose",
                       purpose, *more, self.path(name)).returncode == 0

    def revoked(self, name):
        return not self.verify(name, "any", "-crl_check", "-CRLfile", self.dir + "/crl.pem")

    def test_files_are_private(self):
        self.start()
        self.ca("issue", "--out", self.path("bob"), "bob@x")
        for name, mode in (("ca", 0o700), ("ca/ca.key.pem", 0o600), ("ca/ca.cert.pem", 0o644),
                           ("ca/register", 0o600), ("bob.key.pem", 0o600)):
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, mode, name)

    def test_users(self):
        self.start()
        self.assertEqual(self.ca("issue", "--out", self.path("bob"), "Bob@X", "b@sub.x"),
                         "bob@x\nb@sub.x\n")
        self.assertTrue(self.verify("bob.cert.pem", "smimesign"))
        self.assertFalse(self.verify("bob.cert.pem", "sslserver"))
        text = openssl("x509", "-in", self.path("bob.cert.pem"), "-noout", "-text").stdout
        for expected in ("email:bob@x, email:b@sub.x", "X509v3 Subject Alternative Name: critical",
                         "Digital Signature, Key Agreement", "E-mail Protection",
                         "/.well-known/peerpost/crl"):
            self.assertIn(expected, text)
        self.assertIn("outside the domains", self.ca("issue", "--out", self.path("e"), "e@y", code=65))
        self.assertFalse(os.path.exists(self.path("e.key.pem")))
        self.assertIn("never overwritten",
                      self.ca("issue", "--out", self.path("bob"), "bob@x", code=73))
        self.ca("issue", "--out", self.path("n"), "nobody", code=65)
        self.ca("issue", code=64)

    def test_nodes(self):
        self.start()
        for i in range(4):
            name = self.ca("issue", "--node", "--principal", "physics", "--out",
                           self.path(f"n{i}"))
            self.assertRegex(name, r"^[0-9a-f]{40}\.peerpost\.alt\n$")
        self.assertTrue(self.verify("n0.cert.pem", "sslserver"))
        self.assertTrue(self.verify("n0.cert.pem", "sslclient"))
        self.assertFalse(self.verify("n0.cert.pem", "smimesign"))
        self.assertIn("4 valid nodes", self.ca("issue", "--node", "--principal", "physics", "--out",
                                               self.path("n4"), code=77))
        self.ca("issue", "--node", "--principal", "maths", "--out", self.path("m"))
        self.ca("issue", "--node", "--out", self.path("z"), code=64)
        self.ca("revoke", self.path("n0.cert.pem"))
        self.ca("issue", "--node", "--principal", "physics", "--out", self.path("n4"))

    def request(self, name, *san):
        done = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                       "-nodes", "-keyout", self.path(name + ".key"), "-subj", "/",
                       "-out", self.path(name + ".csr"), *san)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.path(name + ".csr")

    def test_requests(self):
        self.start()
        users = self.request("u", "-addext", "subjectAltName=email:Bob@X")
        self.assertEqual(self.ca("sign", "--out", self.path("u.pem"), users), "bob@x\n")
        self.assertTrue(self.verify("u.pem", "smimesign"))
        self.assertIn("BEGIN CERTIFICATE", self.ca("sign", users))
        nodes = self.request("n")
        self.assertIn("--allow-chosen-id", self.ca("sign", nodes, code=77))
        self.ca("sign", "--allow-chosen-id", nodes, code=64)
        self.ca("sign", "--allow-chosen-id", "--principal", "p", "--out", self.path("n.pem"), nodes)
        self.assertTrue(self.verify("n.pem", "sslserver"))
        self.ca("sign", self.request("d", "-addext", "subjectAltName=DNS:x"), code=65)
        self.ca("sign", self.path("nothing"), code=66)
        self.ca("sign", self.dir + "/ca.cert.pem", code=65)

    def test_revocation(self):
        self.start()
        self.ca("issue", "--out", self.path("a"), "a@x")
        self.ca("issue", "--out", self.path("b"), "b@x", "a@x")
        self.ca("issue", "--out", self.path("c"), "aa@x")
        self.assertFalse(self.revoked("a.cert.pem"))
        self.assertEqual(self.ca("revoke", "A@X").count("\n"), 2)
        self.assertTrue(self.revoked("a.cert.pem"))
        self.assertTrue(self.revoked("b.cert.pem"))
        self.assertFalse(self.revoked("c.cert.pem"))
        self.ca("revoke", "a@x", code=66)
        serial = [r.split("\t")[0] for r in self.ca("list").splitlines() if r.endswith("\taa@x")][0]
        self.ca("revoke", serial)
        self.assertTrue(self.revoked("c.cert.pem"))
        self.ca("revoke", "not a thing", code=64)
        states = [line.split("\t")[2] for line in self.ca("list").splitlines()]
        self.assertEqual(states, ["revoked"] * 3)

    def number(self):
        text = openssl("crl", "-in", self.dir + "/crl.pem", "-noout", "-crlnumber").stdout
        return int(re.search(r"0x([0-9A-F]+)", text).group(1), 16)

    def test_list_numbers_rise(self):
        self.start()
        first = self.number()
        self.ca("crl")
        self.ca("crl", "--out", self.path("copy.pem"))
        self.assertEqual(self.number(), first + 2)
        with open(self.path("copy.pem")) as copy, open(self.dir + "/crl.pem") as own:
            self.assertEqual(copy.read(), own.read())

    def test_times(self):
        self.start()
        self.ca("issue", "--not-before", "-7200", "--not-after", "-3600", "--out", self.path("old"),
                "old@x")
        self.assertFalse(self.verify("old.cert.pem", "smimesign"))
        self.ca("issue", "--not-before", "2020-01-01T00:00:00Z", "--days", "10", "--out",
                self.path("older"), "older@x")
        text = openssl("x509", "-in", self.path("older.cert.pem"), "-noout", "-dates").stdout
        self.assertIn("notAfter=Jan 11 00:00:00 2020 GMT", text)
        for bad in (("--days", "0"), ("--days", "x"), ("--not-after", "tomorrow"),
                    ("--not-before", "+10", "--not-after", "+5")):
            self.ca("issue", *bad, "--out", self.path("bad"), "bad@x", code=64)

    def test_passphrases(self):
        with open(self.path("secret"), "w") as f:
            f.write("correct horse\n")
        secret = ("--passphrase-file", self.path("secret"))
        self.ca("init", "--domain", "x", *secret)
        with open(self.dir + "/ca.key.pem") as f:
            self.assertIn("ENCRYPTED", f.read())
        self.assertIn("passphrase", self.ca("issue", "--out", self.path("a"), "a@x", code=77))
        self.ca("issue", "--out", self.path("a"), "a@x", code=77,
                env={"PEERPOST_CA_PASSPHRASE": "wrong"})
        self.ca("issue", "--out", self.path("a"), "a@x",
                env={"PEERPOST_CA_PASSPHRASE": "correct horse"})
        self.ca("issue", "--out", self.path("b"), "--key-passphrase-file", self.path("secret"),
                "b@x", *secret)
        done = openssl("pkey", "-in", self.path("b.key.pem"), "-passin", "pass:correct horse",
                       "-noout")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.ca("list")

    def test_what_cannot_go_on(self):
        self.assertIn("peerpost-ca init", self.ca("list", code=66))
        self.start()
        self.assertIn("holds an authority already", self.ca("init", code=73))
        self.ca("frobnicate", code=64)
        self.ca("list", "--frobnicate", code=64)
        os.chmod(self.dir + "/ca.key.pem", 0o644)
        self.assertIn("chmod 600", self.ca("crl", code=77))
        os.chmod(self.dir + "/ca.key.pem", 0o600)
        with open(self.dir + "/register", "a") as f:
            f.write("half a li")
        self.assertIn("register:2", self.ca("list", code=78))

    def test_help_and_manual(self):
        done = subprocess.run((CA, "--help"), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        with open(os.path.join(SOURCE, "ca/peerpost-ca.1")) as f:
            manual = f.read().replace("\\-", "-")
        for option in set(re.findall(r"--([a-z-]+)", done.stdout)) - {"help"}:
            self.assertIn("Fl -" + option, manual)
        lint = subprocess.run(("mandoc", "-Tlint", os.path.join(SOURCE, "ca/peerpost-ca.1")),
                              capture_output=True, text=True)
        self.assertEqual(lint.stdout, "")

    def test_invite(self):
        self.start()
        out = self.path("campus.invitation")
        self.ca("invite", "--network", "campus", "--k", "3", "--out", out, "n1.x:4700", "[::1]:4700")
        with open(out) as f:
            text = f.read()
        self.assertEqual(yaml_of(text), [("name", "campus"), ("k", "3"), ("plugin", "chord")])
        self.assertIn('- "[::1]:4700"', text)
        self.assertIn("BEGIN CERTIFICATE", text)
        self.assertNotIn("PRIVATE", text)
        self.ca("invite", code=64)
        self.ca("invite", "no-port", code=64)
        self.ca("invite", "n1.x:47\n00", code=64)
        self.ca("invite", "--k", "33", "n1.x:4700", code=64)
        self.ca("invite", "--substrate", "../evil", "n1.x:4700", code=64)

    def test_at_once(self):
        self.start()
        running = [subprocess.Popen((CA, "issue", "--dir", self.dir, "--out", self.path(f"u{i}"),
                                     f"u{i}@x"), stdout=subprocess.DEVNULL) for i in range(8)]
        self.assertEqual([p.wait() for p in running], [0] * 8)
        self.assertEqual(self.ca("list").count("\n"), 8)


if __name__ == "__main__":
    unittest.main()
