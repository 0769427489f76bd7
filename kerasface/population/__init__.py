"""What the thresholds that ship mean for the people of a folder, and a part of a cohort drawn for their kind."""
