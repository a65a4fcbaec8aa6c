"""The boards: registered, made ready, examined, spoken to; what they are sent, and the rooms they stand in."""
