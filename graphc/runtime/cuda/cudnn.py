"""cuDNN's convolutions, through the graph interface of its frontend (the Python module `cudnn`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphc.errors import DeviceError, ExecutionError
from graphc.records import record
from graphc.runtime.protocol import Convolution, Memory

# What tensors are called among the arguments of an execution.
_IMAGE, _OTHER, _RESULT = 1, 2, 3
# Plans that take more than this are left out.
_MOST_WORKSPACE = 256 << 20
# What would round otherwise than a sum of products does, or not always in the same way.
_REFUSED = (
    "DOWN_CONVERT_INPUTS",
    "REDUCED_PRECISION_REDUCTION",
    "NONDETERMINISTIC",
    "FFT",
    "WINOGRAD",
    "WINOGRAD_TILE_4x4",
    "WINOGRAD_TILE_6x6",
    "WINOGRAD_TILE_13x13",
)
# With operands in float32, a plan on tensor cores rounds them to TF32.
_ROUNDING = "TENSOR_CORE"


def cudnn_frontend() -> Any:
    """Return the frontend's module. Raises DeviceError where it, or cuDNN, is not installed."""
    try:
        import cudnn  # an extra that hardly anybody has, and 0.2 s
    except (ImportError, OSError, RuntimeError) as error:
        raise DeviceError(f"cuDNN is not installed ({error}): pip install 'graphc[cudnn13]' (or [cudnn12])") from None
    return cudnn


@record
class _Built:
    """A graph with its plan, and the memory that it works in."""

    graph: Any
    workspace: Memory


class Cudnn:
    """Convolutions on one GPU, which is current whenever this is used.

    `cudnn` is the frontend's module; `allocate` gives memory of the GPU, DeviceError where there is too little.
    """

    def __init__(self, cudnn: Any, allocate: Callable[[int], Memory]) -> None:
        self._cudnn, self._allocate = cudnn, allocate
        with self._told():
            self._handle = cudnn.create_handle()
        self.version = f"{cudnn.backend_version()}, frontend {cudnn.__version__}"
        self._built: dict[str, _Built | None] = {}

    def can(self, convolution: Convolution) -> bool:
        """Tell whether there is a plan for a convolution, with memory for it; such are kept."""
        facts = convolution.facts
        if facts not in self._built:
            try:
                with self._told():
                    self._built[facts] = self._build(convolution)
            except (DeviceError, ExecutionError):
                self._built[facts] = None
        return self._built[facts] is not None

    def convolve(self, convolution: Convolution, stream: int) -> None:
        """Start a convolution that `can` has said yes to on a stream. Raises ExecutionError where it fails."""
        built = self._built[convolution.facts]
        assert built is not None
        operands = {_IMAGE: convolution.image, _OTHER: convolution.other, _RESULT: convolution.result}
        with self._told():
            self._cudnn.set_stream(handle=self._handle, stream=stream)
            addresses = {uid: operand.address for uid, operand in operands.items()}
            built.graph.execute(addresses, built.workspace.address, handle=self._handle)

    def _build(self, convolution: Convolution) -> _Built:
        cudnn, c, number = self._cudnn, convolution, self._cudnn.data_type.FLOAT
        graph = cudnn.pygraph(
            io_data_type=number, intermediate_data_type=number, compute_data_type=number, handle=self._handle
        )
        image, other = (
            graph.tensor(name=name, dim=list(p.shape), stride=list(p.strides), data_type=number).set_uid(uid)
            for name, p, uid in (("image", c.image, _IMAGE), ("other", c.other, _OTHER))
        )
        options = {"padding": [0, 0], "stride": list(c.strides), "dilation": list(c.dilations)}
        if c.kind == "forward":
            result = graph.conv_fprop(image=image, weight=other, **options)
        else:
            result = graph.conv_wgrad(image=image, loss=other, **options)
        result.set_output(True).set_data_type(number).set_uid(_RESULT)
        result.set_dim(list(c.result.shape)).set_stride(list(c.result.strides))
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        refused = (*_REFUSED, _ROUNDING) if c.precision == "float32" else _REFUSED
        graph.deselect_numeric_notes([getattr(cudnn.numerical_note, name) for name in refused])
        graph.deselect_workspace_greater_than(_MOST_WORKSPACE)
        graph.check_support()
        graph.build_plans()
        return _Built(graph, self._allocate(graph.get_workspace_size()))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Make the frontend's errors ours."""
        try:
            yield
        except (self._cudnn.cudnnGraphNotSupportedError, RuntimeError) as error:
            raise ExecutionError(f"cuDNN fails: {error}") from None
