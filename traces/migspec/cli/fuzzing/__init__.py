"""What `migspec fuzz` explores, and what it makes of it: subjects, their arenas, campaigns, and their outcome."""
