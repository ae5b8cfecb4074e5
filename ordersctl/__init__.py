"""The command line of Orders: `python -m ordersctl`. Nothing in here ships to Lambda."""
