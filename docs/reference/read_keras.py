"""Writes keras_2_2_4.json: the public names of Keras 2.2.4, with their arguments and defaults, read from its source.

    pip download --no-deps keras==2.2.4 keras_preprocessing==1.0.5 keras_applications==1.0.6
    (unpack the three wheels into FOLDER)
    python docs/reference/read_keras.py FOLDER

Nothing of them is imported or run.
"""

import ast
import json
import sys
from pathlib import Path

RESULT = Path(__file__).with_name("keras_2_2_4.json")
# Where a module's names are defined. `file:Class` means the methods of a class, `file#A,B` only these names.
SOURCES = {
    "layers": [
        "keras/engine/base_layer.py#Layer,InputSpec",
        "keras/engine/input_layer.py#Input,InputLayer",
        "keras/layers/*.py",
    ],
    "layers.Layer": ["keras/engine/base_layer.py:Layer"],
    "models": [
        "keras/engine/training.py#Model",
        "keras/engine/sequential.py#Sequential",
        "keras/models.py",
        "keras/engine/saving.py#save_model,load_model,model_from_config,model_from_json,model_from_yaml",
    ],
    "models.Model": ["keras/engine/network.py:Network", "keras/engine/training.py:Model"],
    "models.Sequential": ["keras/engine/sequential.py:Sequential"],
    "backend": ["keras/backend/common.py", "keras/backend/tensorflow_backend.py"],
    "activations": ["keras/activations.py"],
    "losses": ["keras/losses.py"],
    "metrics": ["keras/metrics.py"],
    "optimizers": ["keras/optimizers.py"],
    "initializers": ["keras/initializers.py"],
    "regularizers": ["keras/regularizers.py"],
    "constraints": ["keras/constraints.py"],
    "callbacks": ["keras/callbacks.py"],
    "utils": [
        "keras/utils/io_utils.py#HDF5Matrix,h5dict",
        "keras/utils/data_utils.py#get_file,Sequence,GeneratorEnqueuer,OrderedEnqueuer",
        "keras/utils/generic_utils.py#CustomObjectScope,custom_object_scope,get_custom_objects,serialize_keras_object,"
        "deserialize_keras_object,Progbar",
        "keras/utils/layer_utils.py#convert_all_kernels_in_model,get_source_inputs,print_summary",
        "keras/utils/vis_utils.py#plot_model",
        "keras/utils/np_utils.py",
        "keras/utils/multi_gpu_utils.py#multi_gpu_model",
    ],
    "preprocessing.image": ["keras_preprocessing/image.py", "keras/preprocessing/image.py"],
    "preprocessing.sequence": ["keras_preprocessing/sequence.py"],
    "preprocessing.text": ["keras_preprocessing/text.py"],
    "applications": [
        "keras_applications/*.py#VGG16,VGG19,ResNet50,InceptionV3,Xception,InceptionResNetV2,MobileNet,MobileNetV2,"
        "DenseNet121,DenseNet169,DenseNet201,NASNetMobile,NASNetLarge"
    ],
    "wrappers.scikit_learn": ["keras/wrappers/scikit_learn.py#KerasClassifier,KerasRegressor"],
    **{
        f"datasets.{name}": [f"keras/datasets/{name}.py"]
        for name in ("boston_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters")
    },
}


def arguments_of(function: ast.FunctionDef) -> list[str]:
    """Return `name` or `name=default` of each argument, `self` left out."""
    given = function.args
    names = [a.arg for a in given.args]
    defaults = [None] * (len(names) - len(given.defaults)) + [ast.unparse(d) for d in given.defaults]
    found = [name if default is None else f"{name}={default}" for name, default in zip(names, defaults)]
    found += [f"{star}{a.arg}" for star, a in (("*", given.vararg), ("**", given.kwarg)) if a is not None]
    return [entry for entry in found if entry not in ("self", "cls")]


def is_public(name: str) -> bool:
    return not name.startswith("_")


def is_property(function: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(d) or ".setter" in ast.unparse(d) for d in function.decorator_list)


def names_of(body: list[ast.stmt], classes: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the public classes (with their constructor's arguments), functions and second names of a module."""
    found: dict[str, list[str]] = {}
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) if not is_property(statement):
                found[name] = arguments_of(statement)
            case ast.ClassDef(name=name, bases=bases):
                makers = [s for s in statement.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"]
                above = [classes[base] for base in map(ast.unparse, bases) if base in classes]
                classes[name] = arguments_of(makers[0]) if makers else above[0] if above else []
                found[name] = classes[name]
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)) if other in found:
                found[name] = found[other]
    return {name: arguments for name, arguments in found.items() if is_public(name)}


def read(folder: Path) -> dict[str, dict[str, list[str]]]:
    classes: dict[str, list[str]] = {}
    modules: dict[str, dict[str, list[str]]] = {}
    for module, sources in SOURCES.items():
        modules[module] = {}
        for source in sources:
            place, _, only = source.partition("#")
            pattern, _, class_name = place.partition(":")
            for path in sorted(folder.glob(pattern)):
                body = ast.parse(path.read_text()).body
                if class_name:
                    body = next(s.body for s in body if isinstance(s, ast.ClassDef) and s.name == class_name)
                found = names_of(body, classes)
                modules[module] |= {name: found[name] for name in found if not only or name in only.split(",")}
    return modules


def main(folder: str) -> None:
    lines = []
    for module, names in read(Path(folder)).items():
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(names[name])}" for name in sorted(names))
        lines.append(f" {json.dumps(module)}: {{\n{rows}\n }}")
    RESULT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
