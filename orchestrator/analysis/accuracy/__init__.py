"""How right a network is: its raw outputs, as a board returns them, made into detections or classes, and scored.

`decoding` reads what the families of detectors put out, `suppression` thins it out, `detecting` does both for an image
and brings the boxes back to it; `truth` holds what is right; `scoring` compares detections, `classifying` classes.
Pure: arrays in, figures out.
"""
