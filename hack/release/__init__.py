"""``make release``: everything that is published, in ``dist/``; the same commit gives the same bytes.

The inputs are this repository, the lock files with their hashes, and the Debian packages that the machine's
apt sources offer (their versions and hashes stand in the SBOM).
"""
