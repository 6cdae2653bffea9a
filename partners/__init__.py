"""Who: organisations, places, keys, what they may do and see."""
