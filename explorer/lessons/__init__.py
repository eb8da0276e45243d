"""The lessons' experiments: what is trained and measured for them. No pages here."""
