"""Pictures that are drawn, with masks that are exact: to learn segmentation from."""
