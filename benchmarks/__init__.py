"""What ckptstore costs, side by side with what it replaces: `python -m benchmarks` prints the tables of README.md."""
