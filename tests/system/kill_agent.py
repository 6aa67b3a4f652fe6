#!/usr/bin/env python3
"""kill -9 of `peerpost send`, `fetch`, `maintain` and `probe` at random instants: every spooled message
arrives exactly once, whole; what is kept on the nodes stays there.  kill_agent.py [INSTANTS] [--mutant NAME: loss or a double must show]"""
import json, os, random, re, sys, time

from labkit import Lab, check

ALICE, BOB = "alice@kill.example", "bob@kill.example"


def message(number):
    text = "".join(f"line {i} of message {number}\n" for i in range(40))
    return (f"From: {ALICE}\nTo: {BOB}\nSubject: number {number}\nX-Number: {number}\n\n{text}").encode()


def numbers(lab):
    found = []
    for mail in lab.mails(BOB):
        number = re.search(rb"^X-Number: (\d+)$", mail, re.M)
        check(number, "a delivered mail without its number")
        check(mail.endswith(f"line 39 of message {int(number.group(1))}\n".encode()), "half a mail was delivered")
        found.append(int(number.group(1)))
    return found


def kill_at(lab, user, argv, delay, input=None, env=None):
    """Starts it, kills it after `delay`; its exit status, or None when the kill came first."""
    process = lab.start(user, *argv, input=input, env=env)
    try:
        process.wait(delay)
    except Exception:
        process.kill()
    process.communicate()
    return None if process.returncode < 0 else process.returncode


def queued(lab):
    return len([line for line in lab.agent(ALICE, "queue", "list", "--json").stdout.decode().split('"id"')]) - 1


def drain(lab, seconds=120):
    end = time.monotonic() + seconds
    while queued(lab) and time.monotonic() < end:
        lab.agent(ALICE, "queue", "run", expect=None)
    check(queued(lab) == 0, "the queue never became empty")


def kill_send(lab, instants, rng, took):
    sure, maybe, killed = [], [], 0
    for n in range(instants):
        before = queued(lab)
        status = kill_at(lab, ALICE, ["send", "-t"], rng.uniform(0, 1.2 * took), message(n))
        killed += status is None
        durable = status == 0 or queued(lab) > before
        (sure if durable else maybe).append(n)
    drain(lab)
    lab.agent(BOB, "fetch")
    return sure, maybe, killed


def kill_fetch(lab, instants, rng, first):
    """Until so many kills hit a running fetch: a new message each time, what was left comes on top."""
    lab.agent(ALICE, "send", "-t", "--wait", input=message(first))
    start = time.monotonic()
    lab.agent(BOB, "fetch")
    took, killed, sent = time.monotonic() - start, 0, [first]
    while killed < instants and len(sent) < 5 * instants:
        sent.append(first + len(sent))
        lab.agent(ALICE, "send", "-t", "--wait", input=message(sent[-1]))
        killed += kill_at(lab, BOB, ["fetch"], rng.uniform(0, 1.2 * took)) is None
    lab.agent(BOB, "fetch", expect=None)
    lab.agent(BOB, "fetch")
    return sent, killed


def kept(lab):
    """What maintain says of each object that is kept, once it can do its work."""
    for _ in range(20):
        done = lab.agent(BOB, "maintain", "--json", expect=None)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode == 0:
            return [line for line in lines if "object" in line]
        time.sleep(0.5)
    raise AssertionError(f"maintain never ends well: {done.stdout}{done.stderr}")


def kill_maintain(lab, instants, rng, first):
    """Mail that stays on the nodes while these go and come, and every maintain or probe is killed."""
    sent = list(range(first, first + 4))
    for n in sent:
        lab.agent(ALICE, "send", "-t", "--wait", input=message(n))
    lab.agent(BOB, "fetch", "--keep")
    check(len(kept(lab)) == len(sent), "not all mail is kept")
    start = time.monotonic()
    kept(lab)
    took, killed, runs, down = time.monotonic() - start, 0, 0, None
    while killed < instants and runs < 5 * instants:
        if runs % 8 == 0:  # other nodes are the closest now: there are copies to put back
            if down is not None:
                lab.restart(down)
            down = None if down is not None else runs // 8 % 6
            if down is not None:
                lab.kill(down)
        command = ["probe", "--samples", "2"] if runs % 4 == 3 else ["maintain"]
        killed += kill_at(lab, BOB, command, rng.uniform(0, 1.2 * took)) is None
        runs += 1
    if down is not None:
        lab.restart(down)
    lab.wait()
    for _ in range(3):  # a certificate or copy may have to go back to who was away
        objects = kept(lab)
    check(len(objects) == len(sent) and all(o["state"] == "whole" for o in objects), f"kept mail is not whole: {objects}")
    for o in objects:
        holders = [n for n in lab.holders(o["object"], k=3) if lab.has(n, o["object"])]
        check(len(holders) == 3, f"{o['object']} is on {holders} alone")
        lab.agent(BOB, "maintain", "--drop", o["object"])
    lab.agent(BOB, "fetch")
    check(not kept(lab) and not any(lab.has(n, objects[0]["object"]) for n in range(6)), "dropped mail is still kept")
    lab.agent(ALICE, "lookup", BOB)
    return sent, killed


def judge(lab, sure, allowed, mutant):
    got = numbers(lab)
    held = os.listdir(os.path.join(lab.maildir(BOB), "tmp"))
    check(mutant or not held, f"files are left in tmp: {held}")
    lost, twice = sorted(set(sure) - set(got)), sorted(n for n in set(got) if got.count(n) > 1)
    strange = sorted(set(got) - set(sure) - set(allowed))
    print(f"  {len(sure)} sure, {len(got)} delivered; lost {len(lost)}, twice {len(twice)}", flush=True)
    if mutant:
        return bool(lost or twice)
    check(not lost, f"lost: {lost[:10]}")
    check(not twice, f"delivered twice: {twice[:10]}")
    check(not strange, f"from nowhere: {strange[:10]}")
    return False


def main():
    instants = int(next((a for a in sys.argv[1:] if a.isdigit()), "20"))
    mutant = sys.argv[sys.argv.index("--mutant") + 1] if "--mutant" in sys.argv else None
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}, {instants} instants each{', mutant ' + mutant if mutant else ''}", flush=True)
    with Lab(nodes=6, k=3, users=[ALICE, BOB]) as lab:
        start = time.monotonic()
        lab.agent(ALICE, "send", "-t", "--wait", input=message(100000))
        took = time.monotonic() - start
        lab.agent(BOB, "fetch")
        if mutant:
            lab.env["PP_MUTANT"] = mutant
        sure, maybe, killed = kill_send(lab, instants, rng, took)
        print(f"send: killed {killed} of {instants}", flush=True)
        noticed = judge(lab, sure + [100000], maybe, mutant)
        more, killed = kill_fetch(lab, instants, rng, instants)
        print(f"fetch: killed {killed} times", flush=True)
        check(killed == instants, "hardly any kill hit a running fetch")
        noticed |= judge(lab, sure + [100000] + more, maybe, mutant)
        if not mutant:
            kept_mail, killed = kill_maintain(lab, instants, rng, 200000)
            print(f"maintain and probe: killed {killed} times", flush=True)
            check(killed == instants, "hardly any kill hit a running maintain")
            judge(lab, sure + [100000] + more + kept_mail, maybe, None)
            print(f"{3 * instants} instants in all, 0 lost, 0 twice, 0 half", flush=True)
        if mutant:
            check(noticed, f"the mutant {mutant} went unnoticed")


if __name__ == "__main__":
    main()
