"""Deduplicate: band hashes → candidate pairs → verified by true Jaccard → one survivor each."""
