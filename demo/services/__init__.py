"""The simulated services, one module each; they answer decoded requests and know nothing of sockets."""
