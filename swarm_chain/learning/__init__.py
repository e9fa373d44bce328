"""What a group learns: its task, its data, its network and the training loop. Knows nothing of chains and stores."""
