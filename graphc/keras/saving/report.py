"""What was changed while a file was loaded: logged, and kept with the model."""

from __future__ import annotations

import logging

_LOG = logging.getLogger("graphc.keras.saving")


class LoadReport(list[str]):
    """The conversions done while loading, one sentence each; `str()` gives them as lines."""

    def add(self, sentence: str) -> None:
        """Log a conversion and keep it, once."""
        if sentence not in self:
            _LOG.info("%s", sentence)
            self.append(sentence)

    def __str__(self) -> str:
        return "\n".join(self)
