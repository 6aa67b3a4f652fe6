#!/usr/bin/env python3
"""The web page of peerpost serve, as a browser speaks to it: login, inbox, reading with HTML shown safely, an
attachment, writing with one, the queue, events; and what another page or a stranger must not be able to do."""
import http.client, re, threading, time, urllib.parse

from labkit import Lab, check
from servekit import Serve

ANNA, BOB = "anna@a.example", "bob@b.example"
HTML = b"""From: anna@a.example
To: bob@b.example
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <script>alert(1)</script>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: multipart/alternative; boundary=y

--y
Content-Type: text/plain; charset=utf-8

plain <b>text</b>
--y
Content-Type: text/html

<script>alert(2)</script><img src="http://192.0.2.1/spy.png"><p>rich</p>
--y--
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename="../../etc/pa\\"per.pdf"
Content-Transfer-Encoding: base64

JVBERi1ieXRlcw==
--x--
"""


class Page:
    """A visitor."""

    def __init__(self, port):
        self.port, self.cookie = port, None

    def ask(self, method, path, body=None, host=None, timeout=30, **fields):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        fields = {k.replace("_", "-"): v for k, v in fields.items()}
        if self.cookie:
            fields["Cookie"] = self.cookie
        c.putrequest(method, path, skip_host=True)
        c.putheader("Host", host or f"127.0.0.1:{self.port}")
        for name, value in fields.items():
            c.putheader(name, value)
        if body is not None:
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        answer = c.getresponse()
        answer.text = answer.read()
        return answer

    def post(self, path, **values):
        return self.ask("POST", path, urllib.parse.urlencode(values).encode(),
                        Content_Type="application/x-www-form-urlencoded")

    def login(self, password):
        answer = self.post("/login", password=password)
        cookie = answer.getheader("Set-Cookie") or ""
        self.cookie = cookie.split(";")[0] or None
        return answer, cookie

    def token(self):
        return re.search(rb'name="token" value="([0-9a-f]{32})"', self.ask("GET", "/").text).group(1).decode()


def form(values, files):
    out = b""
    for name, value in values.items():
        out += b'--f\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())
    for name, octets in files.items():
        out += (b'--f\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n'
                b'Content-Type: application/octet-stream\r\n\r\n%s\r\n' % (name.encode(), octets))
    return out + b"--f--\r\n"


def strangers(page, password):
    answer = page.ask("GET", "/")
    check(answer.status == 303 and answer.getheader("Location") == "/login", answer.status)
    for path in ("/message?file=x", "/part?file=x", "/queue", "/write", "/events"):
        check(page.ask("GET", path).status == 303, f"{path} without login")
    check(page.post("/fetch").status == 403, "POST without login")
    check(page.ask("GET", "/login", host="evil.example").status == 421, "a name of somebody's is served")
    check(page.ask("GET", "/login", host=f"127.0.0.1.evil.example:{page.port}").status == 421, "rebinding")
    check(page.ask("PUT", "/").status == 405, "PUT")
    answer, cookie = page.login("wrong")
    check(answer.status == 403 and not cookie, "logged in with a wrong password")
    answer, cookie = page.login(password)
    check(answer.status == 303 and "HttpOnly" in cookie and "SameSite=Strict" in cookie, cookie)
    check(page.post("/fetch").status == 403 and page.post("/fetch", token="0" * 32).status == 403, "without its token")
    check(page.ask("GET", "/nowhere").status == 404, "404")
    answer = page.ask("GET", "/")
    policy = answer.getheader("Content-Security-Policy")
    check("default-src 'none'" in policy and "unsafe" not in policy, policy)
    check(answer.getheader("X-Content-Type-Options") == "nosniff", "nosniff")


def reading(lab, page):
    lab.agent(ANNA, "send", "--wait", BOB, input=HTML)
    done = threading.Event()

    def listen():
        c = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
        c.request("GET", "/events", headers={"Cookie": page.cookie})
        answer = c.getresponse()
        while line := answer.readline():
            if line.startswith(b"data:"):
                done.set()
                return

    threading.Thread(target=listen, daemon=True).start()
    check(page.post("/fetch", token=page.token()).status == 303, "fetch")
    check(done.wait(60), "new mail was not told to the page")
    inbox = page.ask("GET", "/").text
    check("Grüße &lt;script&gt;".encode() in inbox and b"<script>alert" not in inbox, inbox)
    link = re.search(rb'href="(/message\?file=[^"]+)"', inbox).group(1).decode()
    check(b'class="new"' in inbox, "not shown as new")
    text = page.ask("GET", link).text
    check(b"plain &lt;b&gt;text&lt;/b&gt;" in text and b"by anna@a.example" in text, text)
    check(b"alert(2)" not in text and b"192.0.2.1" not in text, "HTML of others on our page")
    check(b'class="new"' not in page.ask("GET", "/").text, "still new after reading")
    frame = re.search(rb'<iframe sandbox title="message" src="([^"]+)"', text).group(1).decode().replace("&amp;", "&")
    answer = page.ask("GET", frame)
    policy = answer.getheader("Content-Security-Policy")
    check(policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy, policy)
    part = re.search(rb'<p class="attachment"><a href="([^"]+)"', text).group(1).decode().replace("&amp;", "&")
    answer = page.ask("GET", part)
    check(answer.text == b"%PDF-bytes" and answer.getheader("Content-Type") == "application/octet-stream", answer.text)
    check(answer.getheader("Content-Disposition").startswith("attachment; filename*=UTF-8''..%2F"), answer.headers)
    for name in ("..%2f..%2fjournal", "%2e", "a%00b", "", "x" * 5000):
        check(page.ask("GET", f"/message?file={name}").status in (404, 414, 431), name)
    return link


def writing(lab, page, link):
    reply = page.ask("GET", link.replace("/message?file=", "/write?reply=")).text.decode()
    check("Re: Grüße" in reply and "&gt; plain" in reply and f'value="{ANNA}"' in reply, reply)
    octets = bytes(range(256)) * 1000
    values = {"token": page.token(), "to": ANNA, "cc": "", "bcc": "", "subject": "réply", "text": "línes\r\n.\r\nend",
              "parent": "1@x\r\nX-Injected: yes"}
    body = form(values, {"däta.bin": octets})
    answer = page.ask("POST", "/send", body, Content_Type="multipart/form-data; boundary=f")
    check(answer.status == 303 and answer.getheader("Location") == "/queue", answer.text)
    for _ in range(100):
        lab.agent(ANNA, "fetch")
        if lab.mails(ANNA):
            break
        time.sleep(0.1)
    import email, email.policy
    mail = email.message_from_bytes(lab.mails(ANNA)[0], policy=email.policy.default)
    check(mail["Subject"] == "réply" and mail["From"] == BOB and "X-Injected" not in mail, mail.items())
    parts = list(mail.walk())
    check(parts[1].get_content().replace("\r", "") == "línes\n.\nend" + ("\n" if parts[1].get_content().endswith("\n") else ""),
          repr(parts[1].get_content()))
    check(parts[2].get_content() == octets and parts[2].get_filename() == "däta.bin", "the attachment changed")
    queue = page.ask("GET", "/queue").text.decode()
    check("stored 5 of 5" in queue and "réply" in queue, queue)
    answer = page.ask("POST", "/send", form(dict(values, to="nonsense"), {}), Content_Type="multipart/form-data; boundary=f")
    check(answer.status == 422 and "réply" in answer.text.decode(), f"{answer.status}: what was written is gone")
    answer = page.ask("POST", "/send", form(dict(values, token="x"), {}), Content_Type="multipart/form-data; boundary=f")
    check(answer.status == 403, "a form of another page was sent")
    name = link.split("file=")[1]
    check(page.post(f"/delete?file={name}", token=page.token()).status == 303, "delete")
    check(b"/message?file=" + name.encode() not in page.ask("GET", "/").text, "still there")


def garbage(page):
    for body in (b"", b"--f\r\n", b"--f\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n" + b"\xff\x00" * 1000):
        answer = page.ask("POST", "/send", body, Content_Type="multipart/form-data; boundary=f")
        check(answer.status == 403, answer.status)
    for _ in range(11):
        page.post("/login", password="guess")
    answer, _ = Page(page.port).login("guess")
    check(b"wait a minute" in answer.text, "guessing is not bounded")


if __name__ == "__main__":
    with Lab(nodes=6, users=[ANNA, BOB]) as lab:
        with Serve(lab, BOB, http="127.0.0.1:0", poll="1h") as bob:
            page = Page(bob.ports["http"])
            strangers(page, bob.password)
            print("strangers: no page, no form, no name but this computer's")
            link = reading(lab, page)
            print("reading: new mail is told, HTML in a sandbox, attachments as files")
            writing(lab, page, link)
            print("writing: an answer with an attachment arrived, octet for octet")
            garbage(page)
