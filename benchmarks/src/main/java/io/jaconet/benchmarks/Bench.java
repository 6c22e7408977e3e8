package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.util.Arrays;

/** Runs a benchmark by its name. */
final class Bench {
  private static final ImmutableList<Benchmark> ALL = ImmutableList.of(
      new Scale(),
      new Change(),
      new EtcdLeases(),
      new Flanneld(),
      new KubernetesNodes(),
      new OpenClose(),
      new Repair(),
      new Faults(),
      new Start(),
      new LabStart(),
      new DataPaths(),
      new Micro(),
      new Rules(),
      new Guard());

  private Bench() {}

  public static void main(String[] args) throws Exception {
    if (args.length == 0 || Arrays.asList(args).contains("--help")) {
      System.out.println(help());
      return;
    }
    Benchmark benchmark;
    Options options;
    try {
      benchmark = named(args[0]);
      options = Options.parse(Arrays.asList(args).subList(1, args.length));
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage() + "\n" + help());
      System.exit(2);
      return;
    }
    run(benchmark, options);
  }

  private static Benchmark named(String name) {
    return ALL.stream()
        .filter(benchmark -> benchmark.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("there is no benchmark '" + name + "'"));
  }

  /** Runs {@code benchmark} and prints what came of it. */
  static Report run(Benchmark benchmark, Options options) throws Exception {
    var report = new Report(benchmark.name());
    System.out.println(
        benchmark.name() + ": " + benchmark.purpose() + "\n" + Machine.describe() + "\n");
    var hosts = new Hosts();
    var hook = new Thread(() -> closeAtExit(hosts), "bench-cleanup");
    Runtime.getRuntime().addShutdownHook(hook);
    try (hosts) {
      benchmark.run(options, hosts, report);
    }
    Runtime.getRuntime().removeShutdownHook(hook);
    System.out.println(report.table());
    if (options.json().isPresent()) {
      report.writeJson(options.json().get());
    }
    return report;
  }

  private static void closeAtExit(Hosts hosts) {
    try {
      hosts.close();
    } catch (IOException e) {
      System.err.println("left behind: " + e.getMessage());
    }
  }

  private static String help() {
    var help = new StringBuilder("usage: ./jaconet bench NAME [OPTION...]\n\n");
    ALL.forEach(benchmark ->
        help.append(String.format("  %-12s%s%n", benchmark.name(), benchmark.purpose())));
    return help.append("\n").append(Options.HELP).toString();
  }
}
