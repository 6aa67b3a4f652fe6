#!/usr/bin/env python3
"""Completion offers every command, and every option that a command's --help names, and the shells
that are here take it."""
import os, re, shutil, subprocess, sys

from labkit import check, program


def peerpost(*argv):
    done = subprocess.run([program("peerpost"), *argv], capture_output=True, text=True)
    check(done.returncode == 0, f"peerpost {argv}: {done.returncode} {done.stderr}")
    return done.stdout


def complete(script, line):
    words = line.split(" ")
    quoted = " ".join(f"'{w}'" for w in words)
    text = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n_peerpost\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    done = subprocess.run(["bash", "--norc", "-c", text], capture_output=True, text=True)
    check(done.returncode == 0 and not done.stderr, done.stderr)
    return done.stdout.split()


def main():
    script, fish = peerpost("completion", "bash"), peerpost("completion", "fish")
    commands = complete(script, "peerpost ")
    for word in ("send", "fetch", "doctor", "completion", "--config"):
        check(word in commands, f"{word} is not offered: {commands}")
    for command in [c for c in commands if not c.startswith("-")]:
        text = peerpost(command, "--help")
        check("Example" in text, f"peerpost {command} --help shows no example")
        options = set(re.findall(r"(?<!\w)--[a-z][a-z-]*", text))
        offered = complete(script, f"peerpost {command} --")
        check(options <= set(offered), f"{command}: {options - set(offered)} are not offered")
        check(f"from {command}'" in fish and all(o in fish for o in options), f"fish: {command}")
    check(complete(script, "peerpost --config /x que") == ["queue"], "a prefix")
    check({"list", "run", "drop"} <= set(complete(script, "peerpost queue ")), "verbs of queue")
    check("accept" in complete(script, "peerpost trust "), "verbs of trust")
    if shutil.which("zsh"):
        done = subprocess.run(["zsh", "-f", "-c", peerpost("completion", "zsh") + "\nwhence _peerpost"],
                              capture_output=True, text=True, env=dict(os.environ, HOME="/nonexistent", ZDOTDIR="/nonexistent"))
        check(done.returncode == 0 and "_peerpost" in done.stdout, f"zsh: {done.stdout}{done.stderr}")
    done = subprocess.run([program("peerpost"), "completion", "csh"], capture_output=True, text=True)
    check(done.returncode == 64, f"csh: {done.returncode}")
    print(f"{len(commands)} words, each command's options offered", flush=True)


main()
