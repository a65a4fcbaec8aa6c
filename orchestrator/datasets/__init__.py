"""Data sets that networks are scored on: read, checked, and packed for boards.

`coco` reads folders of images with annotations as COCO has them, `image_folder` those with a folder for each class;
`pictures` decodes files; `packing` makes one file of arrays of the images, so that a board needs no image library;
`task_file` reads what a network's outputs mean.
"""
