"""What every layer costs, and how far it sees."""
