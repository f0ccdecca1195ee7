"""Transcendental and integer functions of vectors, by polynomials of our own."""
