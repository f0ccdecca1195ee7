"""Callbacks: what may happen during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from graphc.keras.callbacks.callback import Callback, CallbackList
    from graphc.keras.callbacks.loggers import BaseLogger, CSVLogger, History, LambdaCallback, ProgbarLogger
    from graphc.keras.callbacks.monitors import (
        EarlyStopping,
        LearningRateScheduler,
        ModelCheckpoint,
        ReduceLROnPlateau,
        TerminateOnNaN,
    )
    from graphc.keras.callbacks.remote import RemoteMonitor
    from graphc.keras.callbacks.tensorboard import TensorBoard

__all__ = [
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
]

__getattr__, __dir__ = loaded_on_first_use(
    __name__,
    {
        "callback": "Callback CallbackList",
        "loggers": "BaseLogger CSVLogger History LambdaCallback ProgbarLogger",
        "monitors": "EarlyStopping LearningRateScheduler ModelCheckpoint ReduceLROnPlateau TerminateOnNaN",
        "remote": "RemoteMonitor",
        "tensorboard": "TensorBoard",
    },
)
