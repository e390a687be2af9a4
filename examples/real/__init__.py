"""Three estates on real public data, see README.md. The data themselves stay outside the repository."""
