"""Files: read and written so that nothing is lost and no stranger's file does harm.

- ``reading``: files that users name: regular ones only, of a bounded size; names made fit to print.
- ``folders``: files in folders that may be a stranger's: inside only, whole or not at all, no links.
- ``sealed``: JSON that begins with its own checksum.
- ``checksums``: files that are believed only while their checksum fits.
- ``contents``: hashes of what files hold, remembered while a file does not change.
- ``urls``, ``stores``: file systems of fsspec, and what they say of files; ``mirrors``: a folder here and
  there; ``locks``: who uses the far one; ``remote``: where folders behind URLs are worked in and read here.
"""

from typing import TYPE_CHECKING

from interpret.files.checksums import checksum_of, is_intact, remove_checked, write_checked
from interpret.files.contents import content_hashes, digest
from interpret.files.folders import (
    inside,
    is_inside,
    is_locked,
    is_settled,
    link_or_copy,
    stamp,
    user_path,
    write_atomically,
)
from interpret.files.mirrors import whole_last
from interpret.files.reading import open_file, printable, read_file, read_text
from interpret.files.sealed import parse_json, read_sealed, write_sealed
from interpret.files.urls import connection_failure, file_system, is_url, reason, shown
from interpret.moved import elsewhere

__all__ = [
    "checksum_of",
    "connection_failure",
    "content_hashes",
    "digest",
    "file_system",
    "inside",
    "is_inside",
    "is_intact",
    "is_locked",
    "is_settled",
    "is_url",
    "link_or_copy",
    "open_file",
    "parse_json",
    "printable",
    "read_file",
    "read_sealed",
    "read_text",
    "reason",
    "remove_checked",
    "shown",
    "stamp",
    "user_path",
    "whole_last",
    "write_atomically",
    "write_checked",
    "write_sealed",
]

if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__)
