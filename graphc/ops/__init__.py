"""Every op, one record each, by its NumPy name. Builders take nodes, arrays and Python numbers and return nodes."""

import graphc.ops.scan_op  # noqa: F401  (the record, which scan_closure builds nodes of)
from graphc.ops.arithmetic import (
    absolute,
    add,
    add_n,
    arctan2,
    cast,
    ceil,
    clip,
    divide,
    floor,
    floor_divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    reciprocal,
    remainder,
    rint,
    round,
    sign,
    square,
    subtract,
)
from graphc.ops.comparison import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    left_shift,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    right_shift,
    where,
)
from graphc.ops.contract import contract
from graphc.ops.control import (
    identity,
    stop_gradient,
)
from graphc.ops.conv import (
    convolution,
    convolution_transpose,
)
from graphc.ops.create import (
    arange,
    dimension,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from graphc.ops.depthwise import depthwise_convolution
from graphc.ops.index import (
    flip,
    gather,
    get_item,
    in_top_k,
    one_hot,
    scatter_add,
    slice,
    take_along_axis,
    top_k,
)
from graphc.ops.interleave import interleave
from graphc.ops.join import (
    concatenate,
    pad,
    split,
    stack,
)
from graphc.ops.linalg import (
    dot,
    matmul,
    tensordot,
)
from graphc.ops.local import local_convolution
from graphc.ops.nn import (
    elu,
    gelu,
    hard_sigmoid,
    l2_normalize,
    leaky_relu,
    log_softmax,
    relu,
    selu,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    softplus,
    softsign,
    swish,
)
from graphc.ops.pool import (
    average_pool,
    max_pool,
)
from graphc.ops.random import (
    philox,
    random_bernoulli,
    random_bits,
    random_normal,
    random_state,
    random_truncated_normal,
    random_uniform,
)
from graphc.ops.reduce import (
    all,
    any,
    argmax,
    argmin,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    sum_to,
    var,
)
from graphc.ops.running import (
    cumprod,
    cumsum,
)
from graphc.ops.scan_closure import scan
from graphc.ops.shape import (
    broadcast_to,
    expand_dims,
    flatten,
    moveaxis,
    repeat,
    reshape,
    squeeze,
    swapaxes,
    tile,
    transpose,
)
from graphc.ops.transcendental import (
    arccos,
    arcsin,
    arctan,
    cos,
    cosh,
    erf,
    erfinv,
    exp,
    expm1,
    log,
    log1p,
    rsqrt,
    sigmoid,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from graphc.ops.windows import (
    collect_windows,
    overlap_add,
    spread_windows,
    windows,
)
from graphc.ops.winograd import winograd_convolution

__all__ = [
    "absolute", "add", "add_n", "all", "any", "arange", "arccos", "arcsin", "arctan", "arctan2", "argmax", "argmin",
    "average_pool", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "broadcast_to", "cast", "ceil", "clip",
    "collect_windows", "concatenate", "contract", "convolution", "convolution_transpose", "cos", "cosh", "cumprod",
    "cumsum", "depthwise_convolution", "dimension", "divide", "dot", "elu", "equal", "erf", "erfinv", "exp",
    "expand_dims", "expm1", "eye", "flatten", "flip", "floor", "floor_divide", "full", "full_like", "gather", "gelu",
    "get_item", "greater", "greater_equal", "hard_sigmoid", "identity", "in_top_k", "interleave", "isfinite", "isinf",
    "isnan", "l2_normalize", "leaky_relu", "left_shift", "less", "less_equal", "local_convolution", "log", "log1p",
    "log_softmax", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "matmul", "max", "max_pool",
    "maximum", "mean", "min", "minimum", "moveaxis", "multiply", "negative", "not_equal", "one_hot", "ones",
    "ones_like", "overlap_add", "pad", "philox", "power", "prod", "random_bernoulli", "random_bits", "random_normal",
    "random_state", "random_truncated_normal", "random_uniform", "reciprocal", "relu", "remainder", "repeat", "reshape",
    "right_shift", "rint", "round", "rsqrt", "scan", "scatter_add", "selu", "sigmoid", "sigmoid_cross_entropy", "sign",
    "sin", "sinh", "slice", "softmax", "softmax_cross_entropy", "softplus", "softsign", "split", "spread_windows",
    "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "subtract", "sum", "sum_to", "swapaxes", "swish",
    "take_along_axis", "tan", "tanh", "tensordot", "tile", "top_k", "transpose", "var", "where", "windows",
    "winograd_convolution", "zeros", "zeros_like",
]  # fmt: skip
