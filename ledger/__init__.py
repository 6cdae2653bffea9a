"""A transparency log: bytes in, proofs out. Knows neither medicines nor partners."""
