package io.jaconet.examples.lab;

import static com.google.common.collect.ImmutableSet.toImmutableSet;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.jaconet.NetworkStats;
import io.jaconet.spi.BackendProvider;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.ServiceLoader;
import java.util.concurrent.CountDownLatch;

/** A cluster on one machine: makes hosts and workloads, joins them, shows who reaches whom, and removes everything. */
public final class Lab {
  private static final int FAILED = 1;
  private static final int MISUSED = 2;

  private final LabOptions options;
  private final Report report;

  private Lab(LabOptions options, Report report) {
    this.options = options;
    this.report = report;
  }

  /** Runs the lab and exits. */
  public static void main(String... arguments) {
    // Before the first logger comes to be: options can be read only after that, backends being
    // found by loading them.
    System.setProperty(
        "org.slf4j.simpleLogger.defaultLogLevel",
        Arrays.asList(arguments).contains("--verbose") ? "info" : "warn");
    var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    var main = Thread.currentThread();
    var cleaned = new CountDownLatch(1);
    // Ctrl-C: the main thread removes what it has made, and the JVM ends after that.
    Runtime.getRuntime()
        .addShutdownHook(new Thread(
            () -> {
              main.interrupt();
              try {
                cleaned.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "lab-shutdown"));
    int status = FAILED;
    try {
      status = run(Arrays.asList(arguments), out, Report.wantsColor());
    } finally {
      cleaned.countDown();
    }
    System.exit(status);
  }

  /**
   * Runs the lab; an interrupt ends it early.
   *
   * @return the exit status
   */
  static int run(List<String> arguments, PrintStream out, boolean colored) {
    LabOptions options;
    try {
      options = LabOptions.parse(arguments, backends());
    } catch (IllegalArgumentException e) {
      return misused(e);
    }
    try {
      return new Lab(options, new Report(out, options.prefix() + "-", colored)).run();
    } catch (IllegalArgumentException e) {
      return misused(e);
    } catch (IOException e) {
      if (!Thread.currentThread().isInterrupted()) {
        System.err.println("lab: " + (e.getMessage() == null ? e : e.getMessage()));
      }
      return FAILED;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return FAILED;
    } catch (LinkageError e) {
      // An interrupt while the native library is loaded shows as its failure.
      if (Thread.currentThread().isInterrupted()) {
        return FAILED;
      }
      throw e;
    }
  }

  private static int misused(IllegalArgumentException wrong) {
    System.err.println("lab: " + wrong.getMessage() + " (lab --help: all options)");
    return MISUSED;
  }

  private static ImmutableSet<String> backends() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(provider -> provider.get().type())
        .collect(toImmutableSet());
  }

  private int run() throws IOException, InterruptedException {
    return switch (options.mode()) {
      case HELP -> {
        report.say(LabOptions.HELP.stripTrailing());
        yield 0;
      }
      case CLEAN -> {
        var removed = RunDirectory.removeLeftovers();
        report.say(
            removed.isEmpty() ? "Nothing was left" : "Removed " + String.join(", ", removed));
        yield 0;
      }
      case CHECK, HOLD -> {
        try (var directory = RunDirectory.claim(options.prefix())) {
          yield runIn(directory);
        }
      }
    };
  }

  private int runIn(RunDirectory directory) throws IOException, InterruptedException {
    if (options.mode() == LabOptions.Mode.CHECK && directory.held() != null) {
      throw new IOException(
          "a lab that was held under the prefix '" + options.prefix()
              + "' was killed, but its hosts are there. Go on with it by --hold, or remove it by --clean");
    }
    try (var cluster = Cluster.start(options, directory)) {
      return check(cluster);
    } finally {
      directory.remove();
    }
  }

  private int check(Cluster cluster) throws IOException, InterruptedException {
    if (cluster.isTakenOver()) {
      long writes = cluster.nodes().stream()
          .mapToLong(node -> node.network().stats().get(NetworkStats.Counter.KERNEL_WRITES))
          .sum();
      report.say(
          "Adopted hosts, workloads and leases of a lab that was killed; entries written to the kernel: "
              + writes);
      report.say("");
    }
    report.printHosts(cluster.nodes());
    var probes = cluster.probe();
    var sinceStart = sinceStart();
    report.printReachability(probes);
    report.printFailures(probes, entry());
    report.printRules(cluster.nodes().get(0));
    report.printVerdict(probes, options.masquerade(), sinceStart);
    if (options.mode() == LabOptions.Mode.HOLD) {
      hold(cluster.nodes());
    }
    return probes.stream().allMatch(Probe::green) ? 0 : FAILED;
  }

  private static Duration sinceStart() {
    long now = System.currentTimeMillis();
    return Duration.ofMillis(now - ManagementFactory.getRuntimeMXBean().getStartTime());
  }

  /** Returns what a command is put behind, with a namespace's name in between, to run inside of it. */
  private static String entry() throws IOException {
    boolean userNamespace =
        !Files.readString(Path.of("/proc/self/uid_map")).strip().endsWith(" 4294967295");
    var enter =
        "nsenter --preserve-credentials -U -m -t " + ProcessHandle.current().pid() + " ";
    return (userNamespace ? enter : "") + "ip netns exec ";
  }

  private void hold(ImmutableList<Node> nodes) throws IOException {
    var first = nodes.get(0);
    var last = nodes.get(nodes.size() - 1);
    var target = last.workload().addresses().values().iterator().next();
    report.say("");
    report.say("The lab stays until Ctrl-C, which removes it. Meanwhile, in another terminal:");
    report.say("  enter a host:      " + entry() + first.host().name() + " bash");
    report.say("  enter a workload:  " + entry() + first.workload().name() + " bash");
    report.say("  ping far away:     " + entry() + first.workload().name() + " ping " + target);
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException e) {
      report.say("Removing the lab");
    }
  }
}
