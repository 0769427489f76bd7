"""How often it is wrong: pairs, searches among strangers, names and masks, for the command line and the page."""
