package io.jaconet.benchmarks;

import com.google.common.base.Splitter;
import com.google.common.base.Strings;
import com.google.common.collect.ImmutableList;
import io.jaconet.testkit.Host;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The daemon as the launcher starts it, in the network namespace of a host, and what it logs. */
final class DaemonProcess implements AutoCloseable {
  /** Where the launcher says how it starts the daemon, a word on each line. */
  private static final String COMMAND = "JACONET_FLANNELD";

  private final Process process;
  private final long startNanos;
  private final BlockingQueue<Line> lines = new LinkedBlockingQueue<>();
  private final AtomicInteger logged = new AtomicInteger();

  private record Line(String text, long nanos) {}

  private DaemonProcess(Process process, long startNanos) {
    this.process = process;
    this.startNanos = startNanos;
    var reader = new Thread(this::read, "bench-daemon");
    reader.setDaemon(true);
    reader.start();
  }

  /** Starts it with {@code flags} besides those that a namespace needs. */
  static DaemonProcess start(Host host, Path directory, String... flags) throws IOException {
    var words = Splitter.on('\n')
        .omitEmptyStrings()
        .splitToList(Strings.nullToEmpty(System.getenv(COMMAND)));
    if (words.isEmpty()) {
      throw new IOException("how the daemon is started is not in the environment as " + COMMAND
          + "; run ./jaconet bench flanneld");
    }
    var builder = new ProcessBuilder(ImmutableList.<String>builder()
            .addAll(words)
            .add("--iface=" + Host.UNDERLAY_INTERFACE)
            .add("--subnet-file=" + subnetFile(host, directory))
            .add(flags)
            .build())
        .redirectErrorStream(true);
    builder.environment().put("NODE_NAME", host.name());
    long before = System.nanoTime();
    return new DaemonProcess(host.namespace().start(builder), before);
  }

  static Path subnetFile(Host host, Path directory) {
    return directory.resolve(host.name() + ".env");
  }

  private void read() {
    try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
      for (var text = output.readLine(); text != null; text = output.readLine()) {
        lines.add(new Line(text, System.nanoTime()));
        logged.incrementAndGet();
      }
    } catch (IOException e) {
      // The daemon was told to end.
    }
  }

  /** Returns when the first line came that contains {@code text}, by {@link System#nanoTime}. Lines before it are passed over. */
  long await(String text, Duration limit) throws IOException, InterruptedException {
    var passed = new StringBuilder();
    for (var line = lines.poll(limit.toNanos(), TimeUnit.NANOSECONDS);
        line != null;
        line = lines.poll(limit.toNanos(), TimeUnit.NANOSECONDS)) {
      if (line.text.contains(text)) {
        return line.nanos;
      }
      passed.append('\n').append(line.text);
    }
    throw new IOException("the daemon did not log '" + text + "' within " + limit + passed);
  }

  /** Waits until it has joined, which is when all peers are in the kernel, and returns the milliseconds since it was started. */
  double millisToJoined() throws IOException, InterruptedException {
    return (await("joined with", Duration.ofSeconds(60)) - startNanos) / 1e6;
  }

  int linesLogged() {
    return logged.get();
  }

  /** Returns the processor time that it has used. */
  Duration cpu() throws IOException {
    return process
        .info()
        .totalCpuDuration()
        .orElseThrow(() -> new IOException("the daemon has ended"));
  }

  /** Returns a figure of /proc/PID/status in MiB, such as {@code VmRSS}. */
  double mebibytes(String name) throws IOException {
    return memory(
        Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status")), name);
  }

  private static double memory(List<String> status, String name) throws IOException {
    for (var line : status) {
      if (line.startsWith(name + ":")) {
        return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("the kernel does not tell " + name);
  }

  @Override
  public void close() {
    process.destroy();
    process
        .onExit()
        .orTimeout(6, TimeUnit.SECONDS)
        .exceptionally(late -> process)
        .join();
    process.destroyForcibly().onExit().join();
  }
}
