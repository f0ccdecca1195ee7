"""Ctrl-C during training: a signal to a whole process, native epochs, steps and generators."""

import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from graphc.keras.engine.interruption import Interruption

PRELUDE = """
import os, signal, sys, threading, time
import numpy as np
from graphc.keras.callbacks import Callback, LambdaCallback
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential

# Shells let what they start in the background ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Every step adds the learning rate to each weight: whole steps leave equal weights, a whole number of them.
x, y = np.ones((64, 3), "float32"), np.zeros((64, 4), "float32")
model = Sequential([Dense(4, use_bias=False, kernel_initializer="zeros", input_shape=(3,))])
model.compile("sgd", lambda target, output: -4.0 * output)
model.optimizer.lr.set_value(1.0 / 1024.0)

def interrupt_soon(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()

def interrupt_after(event):
    # Everything is compiled by the second epoch or batch.
    started = []
    def start(index, logs):
        if index == 1 and not started:
            started.append(interrupt_soon(0.2))
    return LambdaCallback(**{event: start})

def check(history):
    (weights,) = model.get_weights()
    steps = weights * 1024.0
    assert np.unique(weights).size == 1, weights
    assert history is model.history
    assert history.epoch == list(range(len(history.history["loss"]))), history.epoch
    assert len(history.epoch) >= 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print("steps", float(steps.ravel()[0]), "epochs", len(history.epoch))
"""


def interrupted(body: str) -> str:
    """Run a script in a process of its own, and return what it printed. Its interrupts come from within."""
    script = PRELUDE + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        "callbacks=[interrupt_after('on_epoch_end')]",  # whole epochs in native code
        "callbacks=[interrupt_after('on_batch_end')]",  # step by step
        "callbacks=[interrupt_after('on_epoch_end')], validation_data=(x, y)",
    ],
    ids=["native", "stepped", "validated"],
)
def test_signal_leaves_whole_steps_and_a_history(arguments: str) -> None:
    printed = interrupted(f"""
        try:
            model.fit(x, y, batch_size=8, verbose=0, epochs=10**7, {arguments})
        except KeyboardInterrupt:
            check(model.history)
            model.fit(x, y, batch_size=8, verbose=0)
            print("trained again")
    """)
    assert "trained again" in printed


def test_signal_within_one_long_native_epoch() -> None:
    printed = interrupted("""
        # Compiled and in order already, the rows are what the signal meets.
        model.fit(x, y, batch_size=1, verbose=0)
        x, y = np.ones((2**21, 3), "float32"), np.zeros((2**21, 4), "float32")
        model.fit(x[:1], y[:1], batch_size=1, verbose=0)  # compiles
        soon = LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch or interrupt_soon(0.5))
        began = time.monotonic()
        try:
            model.fit(x, y, batch_size=1, epochs=50, shuffle=False, verbose=0, callbacks=[soon])
        except KeyboardInterrupt:
            assert time.monotonic() - began < 20
            check(model.history)
    """)
    assert printed.startswith("steps")


def test_signal_while_the_generator_makes_a_batch() -> None:
    printed = interrupted("""
        def slow():
            yield x, y
            yield x, y
            while True:
                time.sleep(0.05)
        ended = []
        callbacks = [interrupt_after("on_batch_end"), LambdaCallback(on_train_end=ended.append)]
        try:
            model.fit_generator(slow(), 5, verbose=0, callbacks=callbacks)
        except KeyboardInterrupt:
            check(model.history)
            assert len(ended) == 1
        # The generator never ends, and its thread with it.
        sys.stdout.flush()
        os._exit(0)
    """)
    assert printed == "steps 2.0 epochs 1\n"


def test_signal_waits_for_the_step_and_only_once() -> None:
    printed = interrupted("""
        class Slow(Callback):
            def on_batch_begin(self, batch, logs=None):
                if batch == 2:
                    os.kill(os.getpid(), signal.SIGINT)
                    print("still here")
                    if self.twice:
                        os.kill(os.getpid(), signal.SIGINT)
                        print("never reached")

            def on_batch_end(self, batch, logs=None):
                print("done", batch)

            def on_epoch_end(self, epoch, logs=None):
                print("not a whole epoch")

        slow = Slow()
        for slow.twice in (False, True):
            try:
                model.fit(x, y, batch_size=8, callbacks=[slow], verbose=0)
            except KeyboardInterrupt:
                check(model.history)
    """)
    once, twice = printed.split("epochs 1\n")[:2]
    assert once.splitlines()[:-1] == ["done 0", "done 1", "still here", "done 2"]
    assert twice.splitlines()[:-1] == ["done 0", "done 1", "still here"]


def test_signal_at_the_end_of_an_epoch_lets_files_be_written() -> None:
    printed = interrupted("""
        class Save(Callback):
            def on_epoch_end(self, epoch, logs=None):
                os.kill(os.getpid(), signal.SIGINT)
                print("saved", epoch)

            def on_train_end(self, logs=None):
                print("ended")

        try:
            model.fit(x, y, epochs=3, callbacks=[Save()], verbose=0)
        except KeyboardInterrupt:
            check(model.history)
    """)
    assert printed.splitlines()[:2] == ["saved 0", "ended"]


def test_training_within_a_callback_can_be_interrupted_alone() -> None:
    printed = interrupted("""
        other = Sequential([Dense(4, input_shape=(3,))])
        other.compile("sgd", "mse")

        class Nested(Callback):
            def on_epoch_end(self, epoch, logs=None):
                try:
                    other.fit(x, y, epochs=10**7, verbose=0, callbacks=[interrupt_after("on_epoch_end")])
                except KeyboardInterrupt:
                    print("inner", len(other.history.epoch) > 0)

        model.fit(x, y, epochs=1, callbacks=[Nested()], verbose=0)
        check(model.history)
    """)
    assert printed.startswith("inner True\nsteps 2.0")


def test_handlers_of_the_program_and_other_threads_are_left_alone() -> None:
    seen = []
    previous = signal.signal(signal.SIGINT, lambda *_: seen.append("own"))
    try:
        with Interruption() as interruption, interruption.held():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert seen == ["own"]

    def enter() -> None:
        with Interruption() as interruption, interruption.held():
            seen.append("thread")

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == ["own", "thread"]
