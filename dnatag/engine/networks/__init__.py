"""Networks: from encoded sequences to the scores of labels."""
