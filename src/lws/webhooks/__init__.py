"""Admission: defaulting, validation and pod mutation, and the server that answers the API server."""
