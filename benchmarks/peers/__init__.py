"""The contenders, one file a library. Each module has

- `prepare(case, variant, threads, quick) -> Entry`: what the worker times;
- `first_call(variant, kind, threads)`: a call that does all of a library's compiling, for a fresh process.
"""

# Package names on the index whose versions tell what was measured.
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "graphc": ("graphc", "llvmlite", "numpy"),
    "numpy": ("numpy",),
    "numexpr": ("numexpr", "numpy"),
    "jax": ("jax", "jaxlib"),
    "torch": ("torch",),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
    "pytensor": ("pytensor", "numba"),
    "keras": ("keras", "jax"),
    "tf_keras": ("tf_keras", "tensorflow-cpu", "tensorflow"),
}

# What has to be importable for a peer to take part.
MODULES: dict[str, tuple[str, ...]] = {
    "graphc": ("graphc",),
    "numpy": ("numpy",),
    "numexpr": ("numexpr",),
    "jax": ("jax",),
    "torch": ("torch",),
    "onnxruntime": ("onnxruntime", "onnx"),
    "openvino": ("openvino",),
    "pytensor": ("pytensor",),
    "keras": ("keras", "jax"),
    "tf_keras": ("tf_keras", "tensorflow"),
}

# Modules whose import the case import_time measures, where it is not the peer's own name.
IMPORTED = {("graphc", "keras"): "graphc.keras"}
