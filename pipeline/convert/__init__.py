"""A build's shards in the formats of trainers that do not read Parquet."""
