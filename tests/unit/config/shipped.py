#!/usr/bin/env python3
"""config/peerpostd.yaml and config/peerpost.yaml are what the programs' own tables print, and the
programs accept them. `shipped.py --write` makes them anew after an option changed."""
import os
import subprocess
import sys
import tempfile

SOURCE, BIN = os.environ["PEERPOST_SOURCE"], os.environ["PEERPOST_BIN"]
HEAD = {
    "peerpostd": "# peerpostd: every option at its default, as `peerpostd --print-config` prints it.\n"
                 "# Take what you change into a file of your own; what is left out stands as here. File\n"
                 "# names are relative to the configuration file. `peerpostd --check-config` checks a file.\n\n",
    "peerpost": "# peerpost: every option at its default, as `peerpost --print-config` prints it. Take what\n"
                "# you change into a file of your own; what is left out stands as here. File names are\n"
                "# relative to the configuration file.\n\n",
}


def printed(program):
    done = subprocess.run([os.path.join(BIN, program), "--print-config"], capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        sys.exit(f"{program} --print-config: exit {done.returncode}: {done.stderr}")
    return HEAD[program] + done.stdout


def main():
    faults = 0
    for program in HEAD:
        if not os.path.exists(os.path.join(BIN, program)):
            continue
        path, text = os.path.join(SOURCE, "config", program + ".yaml"), printed(program)
        if "--write" in sys.argv:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            if f.read() != text:
                print(f"config/{program}.yaml is not what {program} --print-config prints; run\n"
                      f"  PEERPOST_SOURCE=. PEERPOST_BIN={BIN} tests/unit/config/shipped.py --write")
                faults += 1
    with tempfile.TemporaryDirectory() as folder:
        misspelt = os.path.join(folder, "peerpostd.yaml")
        with open(misspelt, "w", encoding="utf-8") as f:
            f.write(printed("peerpostd").replace("\n  udp:", "\n  udb:"))
        done = subprocess.run([os.path.join(BIN, "peerpostd"), "--config", misspelt, "--check-config"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 78 or "did you mean node.udp?" not in done.stderr:
            print(f"a misspelt option: exit {done.returncode}: {done.stderr}")
            faults += 1
    sys.exit(1 if faults else 0)


main()
