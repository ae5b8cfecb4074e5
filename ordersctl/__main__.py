"""`python -m ordersctl`."""

from ordersctl.cli import main

main()
