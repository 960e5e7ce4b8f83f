"""The shells: read a snapshot from the caches, ask ``lws.planning`` what to do, carry it out."""
