"""The measured host: its kernel's files, what they tell, what of it an agent may change."""
