"""What the server speaks: its own routes, and those that other programs' clients send. None has logic of its own."""
