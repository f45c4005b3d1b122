"""What Spanhouse costs and how fast it answers, as ratios within one run. `python -m bench`, or `make bench`."""
