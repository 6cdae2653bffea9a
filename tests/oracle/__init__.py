"""The second implementation: FORMATS.md transcribed once more, slowly, sharing no code with the product.

It exists to make `tests/vectors/{canonical,tree,statement}` (`python -m tests.oracle.make`) and to be wrong
independently. README.md says how the page was read where it can be read in two ways.
"""
