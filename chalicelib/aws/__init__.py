"""Clients of AWS's services. It imports nothing else of this project: docs/adr/0014-aws-clients-that-stand-alone.md."""
