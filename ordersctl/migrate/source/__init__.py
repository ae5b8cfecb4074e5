"""The shop's database: consistent reads, and the binary log as a list of changed orders."""
