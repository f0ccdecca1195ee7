"""Callbacks: what may happen during training."""

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
