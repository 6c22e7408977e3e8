package io.jaconet.benchmarks;

/** Something that can be measured. */
interface Benchmark {

  /** Returns the name to start it by. */
  String name();

  /** Returns what is measured, in one line. */
  String purpose();

  /** Measures on {@code hosts} of its own, and reports. */
  void run(Options options, Hosts hosts, Report report) throws Exception;
}
