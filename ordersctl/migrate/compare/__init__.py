"""The dual run: the same questions to the shop and to this service."""
