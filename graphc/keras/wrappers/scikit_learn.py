"""Models as scikit-learn estimators: KerasClassifier and KerasRegressor. scikit-learn itself is not imported."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.errors import GraphError, ShapeError
from graphc.keras.models import Sequential
from graphc.keras.utils.generic_utils import has_arg, to_list
from graphc.keras.utils.location import located
from graphc.keras.utils.np_utils import to_categorical

Array = np.ndarray[Any, Any]


class BaseWrapper:
    """An estimator that builds a model with `build_fn` each time it is fitted.

    `build_fn` is a function, an object with `__call__`, or None where a subclass has a `__call__`; it returns a
    compiled model. `sk_params` are arguments of `build_fn` (which should have defaults), `fit`, `predict`,
    `predict_classes` or `evaluate`, and what a grid search may vary. Arguments of the methods come before them.
    Raises ValueError for any other name.
    """

    def __init__(self, build_fn: Any = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Raise ValueError where a name is an argument of nothing that the estimator calls."""
        known: list[Any] = [
            Sequential.fit,
            Sequential.predict,
            Sequential.predict_classes,
            Sequential.evaluate,
            self._build_function(),
        ]
        for name in params:
            if name != "nb_epoch" and not any(has_arg(function, name) for function in known):
                raise GraphError(located(f"{name} is not a legal parameter"))

    def _build_function(self) -> Callable[..., Any]:
        """Return what builds the model, in the form whose arguments can be read."""
        if self.build_fn is None:
            build: Callable[..., Any] = self.__call__  # type: ignore[operator]
        elif isinstance(self.build_fn, (types.FunctionType, types.MethodType)):
            build = self.build_fn
        else:
            build = self.build_fn.__call__
        return build

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters, `build_fn` included. (`deep` has no meaning here.)"""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> BaseWrapper:
        """Change parameters, and return the estimator."""
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Build a new model, and fit it; return its History. Integer classes are encoded where the loss wants it."""
        build = self._build_function()
        self.model = build(**self.filter_sk_params(build))
        arguments = self.filter_sk_params(Sequential.fit, kwargs)
        if "nb_epoch" in self.sk_params:
            arguments.setdefault("nb_epoch", self.sk_params["nb_epoch"])
        return self.model.fit(x, self._encoded(y), **arguments)

    def _encoded(self, y: Any) -> Any:
        loss = self.model.loss
        is_categorical = getattr(loss, "__name__", loss) == "categorical_crossentropy"
        return to_categorical(y) if is_categorical and np.ndim(y) != 2 else y

    def filter_sk_params(self, fn: Callable[..., Any], override: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the parameters that are arguments of `fn`, and all of `override`."""
        known = {name: value for name, value in self.sk_params.items() if has_arg(fn, name)}
        return known | dict(override or {})

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn 1.6 and later asks about an estimator."""
        # Whoever calls this has scikit-learn.
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        is_classifier = isinstance(self, KerasClassifier)
        return Tags(
            estimator_type="classifier" if is_classifier else "regressor",
            target_tags=TargetTags(required=True, multi_output=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
            input_tags=InputTags(three_d_array=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "model")


class KerasClassifier(BaseWrapper):
    """A model as a classifier; `classes_` holds the classes, sorted."""

    # scikit-learn before 1.6 reads this.
    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Build a new model, and fit it; return its History.

        `y` holds a class for each sample, of any kind, or a column for each class. Raises ShapeError (a ValueError)
        for other shapes.
        """
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ShapeError(located(f"Invalid shape for y: {y.shape}"))
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> Array:
        """Return the class of each sample: (samples,), or (samples, 1) where the model has a single output."""
        outputs = self.model.predict(x, **self.filter_sk_params(Sequential.predict_classes, kwargs))
        positions = outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")
        classes: Array = self.classes_[positions]
        return classes

    def predict_proba(self, x: Any, **kwargs: Any) -> Array:
        """Return the probability of each class, (samples, classes): a single output gives two columns."""
        outputs: Array = self.model.predict(x, **self.filter_sk_params(Sequential.predict_proba, kwargs))
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Return the accuracy. Raises ValueError where the model was compiled without it."""
        y = self._encoded(np.searchsorted(self.classes_, y))
        values = to_list(self.model.evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, kwargs)))
        if "acc" not in self.model.metrics_names:
            raise GraphError(
                located(
                    "The model is not configured to compute accuracy. "
                    'You should pass `metrics=["accuracy"]` to the `model.compile()` method.'
                )
            )
        return float(values[self.model.metrics_names.index("acc")])


class KerasRegressor(BaseWrapper):
    """A model as a regressor."""

    _estimator_type = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> Array:
        """Return the predictions, axes of size 1 removed."""
        outputs: Array = np.squeeze(self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs)))
        return outputs

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Return the loss times -1, so that more is better."""
        values = to_list(self.model.evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, kwargs)))
        return -float(values[0])
