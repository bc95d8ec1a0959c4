"""Development programs: the demo, the benchmark, the fuzzer. The executables in this folder run them."""
