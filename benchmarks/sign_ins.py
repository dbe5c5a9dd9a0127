"""What many sign-ins at once do to everybody else: how late the event loop is meanwhile, and how long each takes.

python -m benchmarks.sign_ins              three rounds of 20 at once
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from statistics import median

import requests

from tests.support import accounts
from tests.support.server import running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = [f"user-{number}" for number in range(options.at_once)]
    with running(app="tests.support.instrumented_app:app", AUTH="local") as server:
        for name in names:
            accounts.add(server.instance, name, "admin")
        requests.post(f"{server.url}/benchmark/ticker").raise_for_status()
        time.sleep(2)
        print("sign-ins at once | median s | longest s | tick late p99 ms | tick late max ms")
        print("---|---|---|---|---")
        for _ in range(options.rounds):
            requests.get(f"{server.url}/benchmark/ticker").raise_for_status()
            with ThreadPoolExecutor(len(names)) as pool:
                took = list(pool.map(lambda name: sign_in(server.url, name), names))
            late = sorted(requests.get(f"{server.url}/benchmark/ticker").json()["late"])
            p99 = late[len(late) * 99 // 100]
            print(f"{len(names)} | {median(took):.2f} | {max(took):.2f} | {p99:.1f} | {late[-1]:.1f}", flush=True)


def sign_in(url: str, name: str) -> float:
    """Sign in, and give the seconds that it took."""
    begun = time.monotonic()
    form = {"name": name, "password": accounts.PASSWORD}
    answer = requests.post(f"{url}/sign-in", data=form, allow_redirects=False)
    if answer.status_code != HTTPStatus.FOUND:
        raise SystemExit(f"{name} could not sign in: {answer.status_code} {answer.text[:200]}")
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
