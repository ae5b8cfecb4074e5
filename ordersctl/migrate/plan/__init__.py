"""What stands in the way of a move, judged before anything is written."""
