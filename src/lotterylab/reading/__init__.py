"""Reading results: rows, claims, comparisons, caveats, doubts and costs."""
