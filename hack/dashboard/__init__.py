"""What the page of ``kubectl lws dashboard`` is made with: its one library from npm, and its pictures."""
