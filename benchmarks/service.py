"""The service under 1, 8, 32 and 200 clients, and under 1,000 uploads that mean no good.

    kerasface doctor --prepare
    python benchmarks/service.py --data ../shared/data

Every client compares pairs of LFW's photos, each as soon as the one before is answered, and comes again after a second
where it is told to wait. Hostile uploads are photos cut, altered or stretched in their headers, and forms that are
broken. The server is a process of its own.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import httpx
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.service.keys import add_key

KINDS = ("cut", "altered", "stretched", "form")


class Server:
    """A service of its own, with a key that may ask as often as it likes."""

    def __init__(self, folder: Path):
        os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
        self.key = add_key("benchmark", ["read"], 10_000_000)
        words = [sys.executable, "-m", "kerasface", "serve", "--port", "0", "--gallery", str(folder / "g.gallery")]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not (found := re.search(r"http://\S+?:\d+", line)):
            raise SystemExit(f"The service did not start: exit code {self.process.wait()}. {line}")
        self.url = found[0]

    def memory(self) -> float:
        """MiB that it holds at this moment."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


async def crowd(server: Server, pairs: list[tuple[bytes, bytes]], clients: int, seconds: float) -> tuple[list, Counter]:
    """Seconds of each answer of 200, and how often each status came."""
    took, statuses = [], Counter()
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(headers={"x-api-key": server.key}, limits=limits, timeout=120) as client:
        end = time.perf_counter() + seconds

        async def one(number: int) -> None:
            while time.perf_counter() < end:
                first, second = pairs[number % len(pairs)]
                number += clients
                started = time.perf_counter()
                answer = await client.post(f"{server.url}/v1/verify", files={"first": first, "second": second})
                statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    took.append(time.perf_counter() - started)
                else:
                    await asyncio.sleep(float(answer.headers.get("retry-after", 1)))

        await asyncio.gather(*(one(number) for number in range(clients)))
    return took, statuses


def hostile(photo: bytes, dice: random.Random) -> tuple[dict, str]:
    """A request that means no good: what `httpx` sends, and of which kind it is."""
    kind, content = dice.choice(KINDS), bytearray(photo)
    if kind == "cut":
        content = content[: dice.randrange(len(content))]
    elif kind == "altered":
        for _ in range(dice.randrange(1, 64)):
            content[dice.randrange(len(content))] = dice.randrange(256)
    elif kind == "stretched":  # the sizes of a JPEG stand after its start of frame
        place = re.search(rb"\xff[\xc0\xc2]", content)
        content[place.start() + 5 : place.start() + 9] = dice.randbytes(4)
    else:
        body = b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + dice.randbytes(200)
        return {
            "content": body[: dice.randrange(len(body))],
            "headers": {"content-type": "multipart/form-data; boundary=x"},
        }, kind
    return {"files": {"file": bytes(content)}}, kind


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="for each number of clients")
    parser.add_argument("--hostile", type=int, default=1000, help="uploads")
    options = parser.parse_args()
    print_header()
    files = sorted((options.data / "lfw" / "images").glob("*/*_0001.jpg"))[:200]
    photos = [file.read_bytes() for file in files]
    pairs = list(zip(photos[::2], photos[1::2], strict=True))
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            asyncio.run(crowd(server, pairs, 1, 3))
            print_columns("clients", "answers/s", "p50, ms", "p95, ms", "statuses", "memory, MiB")
            for clients in (1, 8, 32, 200):
                took, statuses = asyncio.run(crowd(server, pairs, clients, options.seconds))
                middle, late = 1000 * median(took), 1000 * sorted(took)[int(0.95 * len(took))]
                rate = len(took) / options.seconds
                print_row(
                    clients, f"{rate:.1f}", f"{middle:.0f}", f"{late:.0f}", dict(statuses), f"{server.memory():.0f}"
                )
            dice, worst, statuses = random.Random(0), dict.fromkeys(KINDS, 0.0), Counter()
            with httpx.Client(headers={"x-api-key": server.key}, timeout=60) as client:
                for number in range(options.hostile):
                    request, kind = hostile(photos[number % len(photos)], dice)
                    started = time.perf_counter()
                    statuses[kind, client.post(f"{server.url}/v1/detect", **request).status_code] += 1
                    worst[kind] = max(worst[kind], time.perf_counter() - started)
            print()
            print_columns("hostile uploads", "slowest answer, s", "answered, by kind and status", "memory, MiB")
            told = ", ".join(f"{kind} {status}: {count}" for (kind, status), count in sorted(statuses.items()))
            slowest = ", ".join(f"{kind} {seconds:.2f}" for kind, seconds in worst.items())
            print_row(options.hostile, slowest, told, f"{server.memory():.0f}")
        finally:
            server.end()


if __name__ == "__main__":
    main()
