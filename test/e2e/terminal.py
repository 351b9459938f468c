"""Drives `vauban ssh` on a terminal of its own, as a person would. Prints one word for each thing that worked."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time


def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main(argv):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    size(fd, 30, 100)

    def until(text, seconds=30):
        seen, end = b"", time.time() + seconds
        while time.time() < end and text not in seen:
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    seen += os.read(fd, 65536)
                except OSError:
                    break
        return seen

    def say(line, answer, seconds=30):
        os.write(fd, line)
        return answer in until(answer, seconds)

    until(b"$ ")
    for word, line, answer in [
        ("size", b"stty size\n", b"30 100"),
        ("terminal", b"tty\n", b"/dev/pts/"),
        ("user", b"echo user-$(id -un)\n", b"user-debian"),
    ]:
        if say(line, answer):
            print(word)
    size(fd, 50, 150)
    os.kill(pid, signal.SIGWINCH)
    if any(say(b"stty size\n", b"50 150", 2) for _ in range(10)):
        print("resized")
    os.write(fd, b"echo begun; sleep 100\n")
    until(b"begun\r\n")
    time.sleep(1)
    if say(b"\x03", b"^C") and say(b"echo code-$?\n", b"code-130"):
        print("interrupted")
    os.write(fd, b"echo again; sleep 200\n")
    until(b"again\r\n")
    time.sleep(1)
    if say(b"\x1a", b"Stopped") and say(b"jobs\n", b"sleep 200"):
        print("stopped")
    # Not `wait`: what a shell makes of waiting for a job that is stopped and killed differs between its versions.
    say(b"kill -9 %1\n", b"$ ")
    say(b"jobs\n", b"Killed", 5)
    os.write(fd, b"exit 7\n")
    until(b"\0never", 10)
    print("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main(sys.argv[1:])
