"""Moving in from a shop's MySQL or MariaDB: copy its orders, follow its changes, compare, switch over."""
