"""Networks: from encoded sequences to scores."""
