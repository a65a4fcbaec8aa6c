"""How right a network is: detections or classes, as a board returns them, scored.

`truth` holds what is right; `scoring` compares detections, `classifying` classes. How detections come out of raw
outputs is in `agent.detection`. Pure: arrays in, figures out.
"""
