"""Read files that are broken at random, and see that nothing but a sentence comes of it.

    python Testing/Faults/fuzz.py --seconds 60

Of every file the library reads, whole ones are changed at random and read, in a process that may
die. A finding is: the process dies or computes for more than 20 s or takes 2 GB for a file, or an
error comes that is none of the library's own. Files with a finding are kept in --keep, and the exit
code is 1. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

from readers import READERS
from seeds import write_seeds

from DeepGMMSegmentationLib import DeepGMMError

CORPUS = Path(__file__).parent / "corpus"
SECONDS, BYTES = 20, 2 << 30  # the most that one file may take
BATCH = 200  # files that a process reads
NUMBERS = (
    *("0", "-1", "-3", "1", "2", "3", "65536", "300000", "2147483647", "4294967296"),
    *("9223372036854775808", "1e300", "-1e-300", "nan", "inf", "9" * 5000, "x", "", "%s%n", "../"),
    *("/etc/passwd", "LIST", "LOCAL", "True", "\x00", "é", "$x$", "=1+1", "[" * 2000),
)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a file's content, changed in one to four places."""
    packed = data[:2] == b"\x1f\x8b" and rng.random() < 0.7
    if packed:
        data = zlib.decompress(data, 31)
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(CHANGES)(data, rng)
    if packed:
        packer = zlib.compressobj(wbits=31)
        data = packer.compress(data) + packer.flush()
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    """Change a byte, more often near the beginning."""
    if not data:
        return b"\x00"
    at = rng.randrange(min(len(data), rng.choice((64, 400, 1000, len(data)))))
    return (
        data[:at] + bytes([rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))]) + data[at + 1 :]
    )


def _word(data: bytes, rng: random.Random) -> bytes:
    """Put two, four or eight bytes in place of others: sizes, codes and offsets."""
    width = rng.choice((2, 4, 8))
    at = rng.randrange(max(1, min(len(data), rng.choice((400, 1000)))))
    value = rng.choice((0, 1, -1, 2**15 - 1, -(2**15), 7, 1024, 2304, 2**31 - 2, 2**32 - 2))
    return data[:at] + (value % 256**width).to_bytes(width, "little") + data[at + width :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _drop(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 40) :]


def _double(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.randrange(1, 400)]
    return data[:at] + part * rng.choice((2, 2, 50)) + data[at:]


def _number(data: bytes, rng: random.Random) -> bytes:
    """Put something in place of a number or word of the text at the beginning."""
    words = list(re.finditer(rb"[-+.\w]+", data[:2000]))
    if not words:
        return data
    word = rng.choice(words)
    return data[: word.start()] + rng.choice(NUMBERS).encode() + data[word.end() :]


def _line(data: bytes, rng: random.Random) -> bytes:
    """Drop, double or swap lines of the text at the beginning."""
    lines = data.split(b"\n")
    at, other = (rng.randrange(min(len(lines), 30)) for _ in range(2))
    kind = rng.randrange(3)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


CHANGES = (_flip, _flip, _word, _cut, _drop, _double, _number, _number, _number, _line)


def content(seed: int, name: str, seeds: list[Path], number: int) -> tuple[Path, bytes]:
    """Return the n-th changed file of a reader: the whole one that it was made of, its content."""
    rng = random.Random(f"{seed} {name} {number}")
    path = rng.choice(seeds)
    return path, mutate(path.read_bytes(), rng)


def read_batch(
    seed: int, name: str, seeds: list[Path], folder: Path, first: int, place: mmap.mmap
) -> None:
    """Read a batch of changed files; end the process at the first finding."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    for number in range(first, first + BATCH):
        place[:8] = number.to_bytes(8, "little")
        path, data = content(seed, name, seeds, number)
        whole = path.read_bytes()
        path.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(10 * SECONDS)  # for what sleeps, or waits for a busy machine
        try:
            READERS[name](path)
            place[8] = 1
        except DeepGMMError as error:
            place[8] = 0
            if not 20 < len(str(error)) < 2000:
                place[9:300] = ascii(str(error))[:291].encode().ljust(291)
                os._exit(3)
        except BaseException as error:
            place[9:300] = f"{type(error).__name__}: {error!a}"[:291].encode().ljust(291)
            os._exit(2)
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            path.write_bytes(whole)
        place[300:308] = (int.from_bytes(place[300:308], "little") + place[8]).to_bytes(8, "little")
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > BYTES:
            os._exit(4)
    os._exit(0)


def fuzz(name: str, seconds: float, seed: int, keep: Path) -> Counter:
    """Read changed files by one reader for some time; return how many, and what became of them."""
    counts = Counter()
    place = mmap.mmap(-1, 308)
    end, first = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "seeds"
        while time.monotonic() < end:
            shutil.rmtree(folder, ignore_errors=True)  # a process that died left a changed file
            folder.mkdir()
            seeds = write_seeds(folder)[name]
            place[300:308] = bytes(8)
            sys.stdout.flush()
            process = os.fork()
            if process == 0:
                read_batch(seed, name, seeds, folder, first, place)
            _, status = os.waitpid(process, 0)
            last = int.from_bytes(place[:8], "little")
            counts["files"] += last - first + 1
            counts["read"] += int.from_bytes(place[300:308], "little")
            if status:
                path, data = content(seed, name, write_seeds(_again(folder))[name], last)
                (keep / f"{name} {seed} {last} {path.name}").write_bytes(data)
                reason = bytes(place[9:300]).decode().strip("\x00 ")
                how = (
                    signal.Signals(os.WTERMSIG(status)).name
                    if os.WIFSIGNALED(status)
                    else {2: reason, 3: f"poor sentence {reason}", 4: "too much memory"}.get(
                        os.WEXITSTATUS(status), "?"
                    )
                )
                counts["findings"] += 1
                print(f"{name} {last} ({path.name}): {how}")
            first = last + 1
    return counts


def _again(folder: Path) -> Path:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def main() -> int:
    """Run the fuzzer; return 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="for all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument("--keep", type=Path, default=CORPUS, help="where findings go")
    args = parser.parse_args()
    args.keep.mkdir(parents=True, exist_ok=True)
    total = Counter()
    for name in args.readers:
        counts = fuzz(name, args.seconds / len(args.readers), args.seed, args.keep)
        print(
            f"{name}: {counts['files']} files, {counts['read']} could be read, "
            f"{counts['findings']} findings"
        )
        total += counts
    print(f"All: {total['files']} files, {total['findings']} findings")
    return int(total["findings"] > 0)


if __name__ == "__main__":
    sys.exit(main())
