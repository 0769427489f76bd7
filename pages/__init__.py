"""The dashboard's pages; a package of its own, or one of this name elsewhere on the path would go before it."""
