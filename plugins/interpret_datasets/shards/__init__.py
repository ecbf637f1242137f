"""Pictures in large files: tar shards and parquet, here or behind a URL.

- ``webdataset``: `WebDataset`, tar shards; ``tar_index``: where their members lie; ``indexes``: stored.
- ``parquet``: `Parquet`; ``columns``: which column is what; ``rows``: cells read one by one.
- ``places``: the files that a path, a pattern or a URL stands for; ``braces``: ``{000..012}``.
- ``content``: bytes of such a file, its state and hash; ``urls``: file systems of fsspec.
- ``copies``: a folder behind a URL, copied to this machine.
- ``labels``: what members and columns say, as labels; ``texts``: many ids in little memory.
"""
