"""The command line of Orders: `ordersctl`. Nothing in here ships to Lambda."""
