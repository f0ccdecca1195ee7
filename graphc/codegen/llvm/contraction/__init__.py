"""Contractions on the CPU: how they are blocked, packed, computed in registers and finished."""
