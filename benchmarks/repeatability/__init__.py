"""How far ten measurements of the same model differ while somebody else uses the machine: pifarm and its peers."""
