"""What stands between the dashboard's server and a page: who is answered, the menu, the password, memory."""
