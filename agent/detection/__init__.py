"""A detector's raw outputs made into detections, as its task file declares. Needs numpy alone.

`decoding` reads what the families of detectors put out, `suppression` thins it out, `detecting` does both for an image
and brings the boxes back to it; `boxes` is their arithmetic. Pure: arrays in, arrays out. The board answers a data set
by it, the farm compares variants by it: the one part of the agent beside the wire that the farm imports.
"""
