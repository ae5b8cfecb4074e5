"""Whether what is stored is what the shop has: order by order, and by sums that share no code with the copy."""
