"""Inflates what came over the wire: how much has to come out is known before, and no more than that ever is."""

import zlib

from agent.wire.codec import WireError, require


def inflate(stream: bytes, size: int, field: str) -> bytes:
    """The `size` bytes of one whole zlib stream; raises `WireError` that names the field for anything else."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(stream, size + 1)  # one more, so that too much is seen and the end is reached
    except zlib.error as error:
        raise WireError(f"{field}: expected a zlib stream ({error})") from error
    require(len(data) == size, field, f"{size} bytes", len(data))
    require(inflater.eof and not inflater.unused_data, field, "one whole zlib stream", len(stream))
    return data
