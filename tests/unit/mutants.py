#!/usr/bin/env python3
"""The unit tests of the substrates have teeth: each rule listed in mutants.txt is broken on purpose, and
the test named with it must fail.

A substrate's shared object asks for nothing but memory, strings and formatting, so no environment can
break it: the changed source is compiled by itself and linked with the objects of the test in its place.
Usage: mutants.py BUILD_FOLDER [all|WORD]: those whose words have the WORD; without it the first rule of
each test.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SECONDS = 20  # a mutant that never ends is found too


def mutants():
    """Blocks of four lines: TEST SOURCE, the rule in words, the line as it is, the line broken."""
    with open(os.path.join(HERE, "mutants.txt"), encoding="utf-8") as f:
        blocks = [b.splitlines() for b in re.split(r"\n\s*\n", f.read().strip())]
    for block in blocks:
        block = [line for line in block if not line.startswith("#")]
        if block:
            head, rule, old, new = block
            test, source = head.split()
            yield test, source, rule, old.strip(), new.strip()


def command_for(build, target):
    """The compiler's command that makes a target, from ninja, without where it writes."""
    text = subprocess.run(["ninja", "-C", build, "-t", "commands", "-s", target],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    words = text.strip().split("\n")[-1].replace("&&", " ").split()
    words = words[next(i for i, w in enumerate(words) if re.search(r"(^|/)(cc|gcc|clang)$", w)):]
    for flag in ("-o", "-c", "-MT", "-MF"):
        if flag in words:
            at = words.index(flag)
            del words[at:at + 2]
    return [w for w in words if w not in ("-MD", "-Werror", ":")]


def object_of(build, source):
    found = glob.glob(os.path.join(build, os.path.dirname(source), "CMakeFiles/*.dir",
                                   os.path.basename(source) + ".o"))
    return os.path.relpath(found[0], build)


def run(build, work, test, source, old, new):
    """None when the test fails as it must; else what is wrong."""
    with open(os.path.join(TOP, source), encoding="utf-8") as f:
        text = f.read()
    if text.count(old) != 1:
        return f"the line stands {text.count(old)} times in it: {old}"
    broken, program = os.path.join(work, "mutant.c"), os.path.join(work, "mutant")
    with open(broken, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    made, old_object = os.path.join(work, "mutant.o"), object_of(build, source)
    command = command_for(build, old_object) + ["-O0", "-w", "-I",
                                                os.path.dirname(os.path.join(TOP, source))]
    done = subprocess.run(command + ["-c", broken, "-o", made], cwd=build, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode:
        return "does not compile:\n" + done.stderr[:2000]
    command = [w for w in command_for(build, "tests/" + test) if w != old_object]
    command.insert(1, made)  # before the archives, which give only what is still missing
    done = subprocess.run(command + ["-o", program], cwd=build, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        return "does not link:\n" + done.stderr[:2000]
    try:
        done = subprocess.run([program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    return "the test still passes" if done.returncode == 0 else None


def judge(build, mutant):
    with tempfile.TemporaryDirectory() as work:
        test, source, rule, old, new = mutant
        wrong = run(build, work, test, source, old, new)
        if wrong:
            print(f"{test}: {source}: {rule}: {wrong}", flush=True)
        return bool(wrong)


def main():
    build, word = os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    wanted = list(mutants())
    if word is None:
        wanted = list({m[0]: m for m in reversed(wanted)}.values())
    elif word != "all":
        wanted = [m for m in wanted if word in " ".join(m[:3])]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = sum(pool.map(lambda mutant: judge(build, mutant), wanted))
    print(f"{len(wanted)} rules broken, {faults} unnoticed")
    sys.exit(1 if faults or not wanted else 0)


main()
