"""The reverse sync: what is placed and changed here, written into the shop's tables."""
