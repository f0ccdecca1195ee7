"""graphc: a compiler for neural-network graphs.

The public names load on first use, so that `import graphc` costs a few milliseconds:

- `placeholder(shape, dtype="float32", name=None)`, `state(value, name=None)`: the leaves of a graph;
- `ops`: the operations, by NumPy's names; `gradients(loss, wrt)`: reverse mode;
- `scan(step, sequences, initials)`: a recurrence;
- `function(inputs, outputs, updates=None, givens=None)`: compiles;
- `plot(anything)`: a picture of a graph, a plan or a model; `view(anything, path)`: a page to explore it, down to the
  assembly; `set_threads(count)`, `set_conv_precision`, `set_matmul_precision`, `set_libraries`;
- `set_device("cuda")`, `with device("cuda:0")`: where programs run;
- `keras`: the Keras 2.2.4 front end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from graphc import keras, ops
    from graphc.compile import function, placeholder, set_conv_precision, set_libraries, set_matmul_precision, state
    from graphc.grad import gradients
    from graphc.observe import view
    from graphc.ops import scan
    from graphc.runtime import device, set_device, set_threads
    from graphc.viz import plot

__version__ = "0.1.0"

__all__ = [
    "__version__", "device", "function", "gradients", "keras", "ops", "placeholder", "plot", "scan",
    "set_conv_precision", "set_device", "set_libraries", "set_matmul_precision", "set_threads", "state", "view",
]  # fmt: skip

__getattr__, __dir__ = loaded_on_first_use(
    __name__,
    {
        "compile": "function placeholder set_conv_precision set_libraries set_matmul_precision state",
        "grad": "gradients",
        "keras": "",
        "observe": "view",
        "ops": "scan",
        "runtime": "device set_device set_threads",
        "viz": "plot",
    },
)
