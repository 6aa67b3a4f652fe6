#!/usr/bin/env python3
"""The web page of peerpost serve, clicked through in a real Chromium by browser.js: log in, new mail shows by
itself, HTML mail runs nothing and asks nobody outside, an answer with an attachment arrives. Screenshots stay in
PEERPOST_SCREENSHOTS when it names a folder."""
import json, os, subprocess, sys, tempfile, time

from labkit import BIN, Lab, check
from servekit import Serve
from web import ANNA, BOB, HTML

PLAYWRIGHT = "playwright-core@1.64.1"


def playwright():
    """The package that drives Chromium, brought by npm once; nothing of it is built or run at its installation."""
    given = os.environ.get("PEERPOST_PLAYWRIGHT")
    folder = os.path.join(os.environ.get("PEERPOST_BUILD") or os.path.dirname(BIN), "browser")
    module = given or os.path.join(folder, "node_modules", "playwright-core")
    if not os.path.isdir(module):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", PLAYWRIGHT],
                       cwd=folder, check=True, capture_output=True, timeout=300)
    return module


HERE = os.path.dirname(os.path.abspath(__file__))


def step(process, name):
    line = process.stdout.readline()
    check(line, f"the browser ended before \"{name}\"")
    answer = json.loads(line)
    check(answer["step"] == name, answer)
    return answer


def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


with tempfile.TemporaryDirectory(prefix="peerpost-browser-") as folder, Lab(nodes=6, users=[ANNA, BOB]) as lab, \
        Serve(lab, BOB, http="127.0.0.1:0", poll="1s") as bob:
    shots = os.environ.get("PEERPOST_SCREENSHOTS") or folder
    browser = subprocess.Popen(["node", os.path.join(HERE, "browser.js"), f"http://127.0.0.1:{bob.ports['http']}/",
                                bob.password, shots], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True, env=dict(os.environ, PEERPOST_PLAYWRIGHT=playwright()))
    try:
        check(step(browser, "inbox")["title"] == "Inbox - Peerpost", "no inbox")
        lab.agent(ANNA, "send", "--wait", BOB, input=HTML)
        go_on(browser)
        message = step(browser, "message")
        check("Grüße" in message["subject"] and message["signed"] == f"by {ANNA}", message)
        check(message["html"] is None or "rich" in message["html"], message)
        go_on(browser)
        last = step(browser, "sent")
        check(not last["outside"] and not last["trouble"] and last["url"].endswith("/queue"), last)
        go_on(browser)
        check(browser.wait(60) == 0, "the browser failed")
    finally:
        browser.kill()
    for _ in range(100):
        lab.agent(ANNA, "fetch")
        if lab.mails(ANNA):
            break
        time.sleep(0.1)
    import email, email.policy
    mail = email.message_from_bytes(lab.mails(ANNA)[0], policy=email.policy.default)
    parts = list(mail.walk())
    check("grüße" in parts[1].get_content() and parts[2].get_filename() == "note.txt", mail.as_string())
    print("Chromium: logged in, new mail by itself, read, answered with an attachment; nothing asked outside")
sys.exit(0)
