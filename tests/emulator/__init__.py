"""The emulator, driven over a real socket and through its Python surface."""
