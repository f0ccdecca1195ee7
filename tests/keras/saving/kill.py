"""Saving in a process that is killed at a random moment: `python -m tests.keras.saving.kill`.

The file at the path must be the old or the new one, whole, every time.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WAYS = ("save", "checkpoint")


def work(way: str, path: str) -> None:
    """Save models over each other until killed: of one model, all numbers of all weights are the same."""
    from graphc.keras.callbacks import ModelCheckpoint
    from graphc.keras.layers import Dense
    from graphc.keras.models import Sequential

    model = Sequential([Dense(150, input_shape=(200,)), Dense(40)])
    model.compile("sgd", "mse")
    checkpoint = ModelCheckpoint(path)
    checkpoint.set_model(model)
    print("ready", flush=True)
    step = 0
    while True:
        model.set_weights([np.full_like(w, step) for w in model.get_weights()])
        if way == "save":
            model.save(path)
        else:
            checkpoint.on_epoch_end(step, {})
        if step == 0:
            print("saved", flush=True)
        step += 1


def is_whole(path: Path) -> bool:
    """Whether the file holds one model's weights, all of one step."""
    from graphc.keras.models import load_model

    numbers = {float(x) for w in load_model(path).get_weights() for x in (w.min(), w.max())}
    return len(numbers) == 1


def kill(way: str, count: int, seed: int = 0) -> list[str]:
    """Kill `count` processes that save, and return what was wrong with the files."""
    r = random.Random(seed)
    root = Path(__file__).resolve().parents[3]
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.h5"
        for trial in range(count):
            command = [sys.executable, "-m", "tests.keras.saving.kill", "--work", way, str(path)]
            environment = {**os.environ, "PYTHONPATH": str(root)}
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=environment) as process:
                assert process.stdout is not None
                # The first time there must be an old file; later a kill may come before the first save.
                lines = 2 if trial == 0 else 1
                assert all(process.stdout.readline() for _ in range(lines))
                time.sleep(r.uniform(0.0, 0.05))
                process.send_signal(signal.SIGKILL)
            try:
                if not is_whole(path):
                    problems.append(f"{way} {trial}: two models in one file")
            except Exception as error:
                problems.append(f"{way} {trial}: {type(error).__name__}: {error}")
    return problems


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills of each way of saving")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*given.work)
    problems = [problem for way in WAYS for problem in kill(way, given.count, given.seed)]
    print(*problems, f"{len(problems)} of {len(WAYS) * given.count} files were not whole", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
