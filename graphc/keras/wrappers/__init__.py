"""Models as the estimators of other packages."""

from graphc.keras.wrappers import scikit_learn

__all__ = ["scikit_learn"]
