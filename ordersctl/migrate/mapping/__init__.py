"""How a shop's tables make an order: the mapping file, and rows read by it."""
