"""Dumps known by name: Wikimedia, Common Crawl, Stack Exchange."""
