"""The study that pifarm began with: what others published of it, beside what this farm has measured."""
