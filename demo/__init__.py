"""Mail to try Mailferry with: made up, varied, the same for the same seed; shared by the demo, tests and benchmarks."""
