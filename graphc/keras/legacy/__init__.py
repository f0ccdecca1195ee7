"""Keras 1 spellings."""
