"""What a bench runs in processes of their own: services, floors, peers, and who asks them."""
