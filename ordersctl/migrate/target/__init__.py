"""Imported orders in this service's table."""
