"""A small disk of our own, a loop file system, for tests of what happens when it is full."""
import os, shutil, subprocess, tempfile


class Disk:
    """with Disk() as disk: disk.path is the mount point; None where nobody may mount here."""

    def __init__(self, size=64 << 20):
        self.top = tempfile.mkdtemp(prefix="peerpost-disk-", dir="/var/tmp")
        image, self.path = os.path.join(self.top, "image"), os.path.join(self.top, "disk")
        os.mkdir(self.path)
        with open(image, "wb") as f:
            f.truncate(size)
        for argv in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop", image, self.path]):
            if self.path and subprocess.run(argv, capture_output=True).returncode != 0:
                self.path = None
        if not self.path:
            print("skipped: no loop mount here (needs root and a kernel with loop devices)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.path:
            subprocess.run(["umount", self.path], capture_output=True)
        shutil.rmtree(self.top, ignore_errors=True)

    def fill(self):
        """To the last block."""
        ballast = os.path.join(self.path, "ballast")
        subprocess.run(["fallocate", "-l", "64M", ballast], capture_output=True)
        with open(ballast, "ab") as f:
            try:
                while True:
                    f.write(b"x" * 4096)
                    f.flush()
            except OSError:
                pass

    def room(self):
        os.unlink(os.path.join(self.path, "ballast"))
