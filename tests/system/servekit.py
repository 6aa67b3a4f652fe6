"""peerpost serve in a lab, for the tests of mail readers.

    with Serve(lab, "alice@a.example") as alice:
        alice.smtp, alice.pop3, alice.password
"""
import json, os, select, signal, subprocess, time

from labkit import Failure, check, program


class Serve:
    def __init__(self, lab, user, env=None, **options):
        """Options: poll="60s", smtp="127.0.0.1:0", .. of the section serve."""
        self.lab, self.user = lab, user
        self.config = os.path.join(lab.dir, "users", user, "serve.yaml")
        chosen = {"poll": "60s", "smtp": "127.0.0.1:0", "pop3": "127.0.0.1:0", "http": ""}
        chosen.update(options)
        with open(os.path.join(lab.dir, "users", user, "config.yaml")) as f:
            text = f.read()
        text += "serve:\n" + "".join(f"  {name}: \"{value}\"\n" for name, value in chosen.items())
        with open(self.config, "w") as f:
            f.write(text)
        self.env = dict(lab.env, **(env or {}))
        self.log = open(os.path.join(lab.dir, "users", user, "serve.log"), "ab")
        self.process = None
        self.start()
        self.password = self.run("serve", "--password").stdout.decode().strip()

    def argv(self, *argv):
        return [program("peerpost"), "--config", self.config, *argv]

    def start(self):
        self.process = subprocess.Popen(self.argv("serve", "--json"), stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.env)
        line = self.line(60)
        self.ports = json.loads(line)
        self.smtp, self.pop3 = self.ports.get("smtp"), self.ports.get("pop3")

    def line(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else b""
        check(line, f"serve of {self.user} does not begin: {self.tail()}")
        return line

    def tail(self):
        with open(self.log.name, "rb") as f:
            return f.read()[-2000:].decode(errors="replace")

    def run(self, *argv, input=b"", expect=0, timeout=120, env=None):
        done = subprocess.run(self.argv(*argv), input=input, capture_output=True, timeout=timeout,
                              env=dict(self.env, **(env or {})))
        check(expect is None or done.returncode == expect,
              f"peerpost {' '.join(argv)}: exit {done.returncode}, wanted {expect}\n"
              f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}\n{self.tail()}")
        return done

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise Failure("serve does not end at SIGTERM: " + self.tail())
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            print(f"--- serve of {self.user}\n{self.tail()}")
        self.log.close()


def until(seconds, condition, what):
    """Polls, for what has no event that a test could wait for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise Failure(f"{what}: not within {seconds} s")
