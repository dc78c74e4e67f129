"""The local service: speaks Amazon Photos' protocol and keeps real photographs."""
