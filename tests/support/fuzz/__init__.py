"""Admission reviews that nobody would write: made from sound ones, asked, and their answers judged."""
