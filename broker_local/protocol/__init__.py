"""What goes over the wire: the requests, their codec, their frames."""
