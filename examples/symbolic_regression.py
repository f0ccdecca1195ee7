"""Find the formula behind noisy data, with graphc's own API: placeholder, state, ops, gradients, function.

Seven candidate terms, a sparse linear combination of them, proximal gradient descent (a gradient step, then soft
thresholding, which sets small weights to exactly zero). One compiled function is one step; another predicts.

    python examples/symbolic_regression.py
"""

import numpy as np

import graphc
from graphc import ops

NAMES = ["1", "x", "x^2", "x^3", "sin(3x)", "cos(3x)", "exp(-x^2)"]
TRUTH = {"x^2": 0.5, "sin(3x)": 2.0, "exp(-x^2)": -1.5}


def candidate_terms(x):
    """(n,) -> (n, 7): the values of the candidate terms."""
    terms = [ops.ones_like(x), x, x**2, x**3, ops.sin(3.0 * x), ops.cos(3.0 * x), ops.exp(-(x**2))]
    return ops.stack(terms, axis=1)


def build(rate, penalty):
    """Return (step, predict, weights): step(x, y) improves the weights and returns the loss before it."""
    x = graphc.placeholder((None,), name="x")
    y = graphc.placeholder((None,), name="y")
    weights = graphc.state(np.zeros(len(NAMES), "float32"), name="weights")
    prediction = ops.matmul(candidate_terms(x), weights.node)
    loss = ops.mean((prediction - y) ** 2)
    [gradient] = graphc.gradients(loss, [weights.node])
    moved = weights.node - rate * gradient
    shrunk = ops.sign(moved) * ops.maximum(ops.absolute(moved) - rate * penalty, 0.0)
    step = graphc.function([x, y], loss, updates=[(weights, shrunk)])
    return step, graphc.function([x], prediction), weights


def main():
    random = np.random.RandomState(0)
    x = random.uniform(-2, 2, 500).astype("float32")
    y = 0.5 * x**2 + 2.0 * np.sin(3 * x) - 1.5 * np.exp(-(x**2)) + random.normal(0, 0.05, x.shape)
    y = y.astype("float32")

    step, predict, weights = build(rate=0.05, penalty=0.02)
    for i in range(4001):
        loss = step(x, y)
        if i % 1000 == 0:
            print(f"step {i:5d}  loss {float(loss):.5f}")

    found = {name: float(w) for name, w in zip(NAMES, weights.get_value()) if w != 0}
    print("found: y =", " ".join(f"{w:+.2f} {name}" for name, w in found.items()))
    print("truth: y =", " ".join(f"{w:+.2f} {name}" for name, w in TRUTH.items()))

    # The same program takes any number of points.
    grid = np.linspace(-2, 2, 7, dtype="float32")
    for point, value in zip(grid, predict(grid)):
        print(f"  y({point:+.2f}) = {value:+.3f}")
    main_terms = {name for name, w in found.items() if abs(w) > 0.2}
    if main_terms != set(TRUTH):
        raise SystemExit(f"the terms found are {sorted(main_terms)}")


if __name__ == "__main__":
    main()
