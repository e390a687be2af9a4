"""Example estates: the configuration and control records that a user copies and changes."""
