package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.Host;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** A host of a {@link LiveCluster}: a namespace, the process that has joined from it, and what is between that and etcd. */
final class LiveHost implements AutoCloseable {
  private final Host station;
  private final Relay relay;
  private final ImmutableList<String> command;
  private final Path log;
  private final List<String> said = new ArrayList<>();
  private @Nullable Process process;

  /** Before this nobody promises that the kernel of the host does what the store says. */
  private volatile long accountableNanos = Long.MAX_VALUE;

  LiveHost(
      Host station, EtcdServer etcd, String prefix, String config, long ttlMillis, Executor threads)
      throws IOException {
    this.station = station;
    this.relay = new Relay(etcd.clientPort(), threads);
    this.log = Path.of("target", station.name() + ".log");
    var classPath = String.join(
        File.pathSeparator,
        Path.of("target", "test-classes").toAbsolutePath().toString(),
        System.getProperty("jdk.module.path", ""),
        System.getProperty("java.class.path"));
    this.command = ImmutableList.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xmx48m",
        "-cp",
        classPath,
        LiveProcess.class.getName(),
        relay.endpoint(),
        prefix,
        station.name(),
        config,
        Long.toString(ttlMillis));
  }

  String name() {
    return station.name();
  }

  Host station() {
    return station;
  }

  String publicIp() {
    return station.address(IpFamily.V4).toString();
  }

  Relay relay() {
    return relay;
  }

  /** Starts a process that joins, with a wish for a subnet that may be empty. */
  void start(String wish) throws IOException {
    var started = new ProcessBuilder(command)
        .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
        .start();
    process = started;
    var reader = new Thread(() -> read(started), "output of " + station.name());
    reader.setDaemon(true);
    reader.start();
    tell("join " + wish);
  }

  private void read(Process source) {
    try (BufferedReader lines = source.inputReader(UTF_8)) {
      for (var line = lines.readLine(); line != null; line = lines.readLine()) {
        hear(line);
      }
    } catch (IOException killed) {
      // The next process has another reader.
    }
  }

  private synchronized void hear(String line) {
    if (line.equals("joined")) {
      accountableNanos = System.nanoTime();
    }
    said.add(line);
    notifyAll();
  }

  /** Returns how much has been said by now. */
  synchronized int mark() {
    return said.size();
  }

  /** Returns the last line after {@code mark} that begins with {@code words}; waits for one, and returns null after some seconds. */
  synchronized @Nullable String await(int mark, String words, int seconds)
      throws InterruptedException {
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    while (true) {
      for (int i = said.size() - 1; i >= mark; i--) {
        if (said.get(i).startsWith(words)) {
          return said.get(i);
        }
      }
      long leftMillis = (end - System.nanoTime()) / 1_000_000;
      if (leftMillis <= 0) {
        return null;
      }
      wait(leftMillis);
    }
  }

  /** Returns the state that was said last. */
  synchronized String state() {
    for (int i = said.size() - 1; i >= 0; i--) {
      if (said.get(i).startsWith("state ")) {
        return said.get(i).substring("state ".length()).strip();
      }
    }
    return "none";
  }

  /** Returns the key of the lease that was held last; empty if there was none. */
  synchronized String lease() {
    for (int i = said.size() - 1; i >= 0; i--) {
      if (said.get(i).startsWith("lease ")) {
        return said.get(i).substring("lease ".length());
      }
    }
    return "";
  }

  private Process process() {
    if (process == null) {
      throw new IllegalStateException(name() + " was never started");
    }
    return process;
  }

  private void tell(String line) throws IOException {
    var stdin = process().getOutputStream();
    stdin.write((line + "\n").getBytes(UTF_8));
    stdin.flush();
  }

  /** Has the process leave the network, give its lease back, and join again with a wish. */
  void rejoin(String wish) throws IOException, InterruptedException {
    var unused = leave();
    tell("join " + wish);
  }

  /** Has the process leave the network, and returns how long that took. */
  Duration leave() throws IOException, InterruptedException {
    long start = System.nanoTime();
    int mark = mark();
    accountableNanos = Long.MAX_VALUE;
    tell("leave");
    if (await(mark, "left", 20) == null) {
      throw new AssertionError(name() + " does not leave");
    }
    return Duration.ofNanos(System.nanoTime() - start);
  }

  /** Returns what the process has had of a processor. */
  Duration processorTime() {
    return process().toHandle().info().totalCpuDuration().orElseThrow();
  }

  /** Returns how many lines its processes have logged. */
  long logged() throws IOException {
    return Files.readString(log).lines().count();
  }

  void kill() {
    accountableNanos = Long.MAX_VALUE;
    process().destroyForcibly().onExit().join();
  }

  /** Stops the process where it is. */
  void stop() throws IOException {
    accountableNanos = Long.MAX_VALUE;
    signal("STOP");
  }

  /** Lets it go on, and gives it {@code graceNanos} to notice. */
  void goOn(long graceNanos) throws IOException {
    signal("CONT");
    accountableNanos = System.nanoTime() + graceNanos;
  }

  private void signal(String signal) throws IOException {
    new ProcessBuilder("kill", "-" + signal, Long.toString(process().pid()))
        .start()
        .onExit()
        .join();
  }

  /** Returns whether what its kernel does now is promised. */
  boolean isAccountable() {
    return System.nanoTime() - accountableNanos > 0 && accountableNanos != Long.MAX_VALUE;
  }

  /** Runs a shell's commands in its namespace, and returns what they say. */
  String run(String commands) throws IOException {
    return station.run("sh", "-c", commands).output();
  }

  @Override
  public void close() throws IOException {
    if (process != null) {
      kill();
    }
    relay.close();
  }
}
