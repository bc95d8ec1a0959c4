"""Programs to work on iipserve with: the demo, the benchmark, the fuzzer. The executables beside this run them."""
