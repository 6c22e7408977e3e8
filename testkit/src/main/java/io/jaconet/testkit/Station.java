package io.jaconet.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;

/** Something in a {@link Fabric} that has a network namespace: a host or a workload. */
public sealed interface Station permits Host, Workload {

  /** Returns the name of the namespace, as {@code ip netns} knows it. */
  String name();

  /** Returns the namespace; the fabric closes it. */
  NetworkNamespace namespace();

  /** Returns the own address of {@code family}: a host's in the underlay, a workload's in the overlay. */
  IpAddress address(IpFamily family);

  /** How a command ended, with what it wrote to both its outputs. */
  record Outcome(int exitCode, String output) {
    /** Returns whether the exit code is 0. */
    public boolean ok() {
      return exitCode == 0;
    }
  }

  /**
   * Runs a command here and waits for its end, at most 60 seconds (exit code 124 then). Its standard input is empty.
   *
   * @throws IOException if it cannot be started or the wait is interrupted
   */
  default Outcome run(String... command) throws IOException {
    var builder = new ProcessBuilder(
        ImmutableList.<String>builder().add("timeout", "60").add(command).build());
    builder.environment().put("LC_ALL", "C");
    var process = namespace().start(builder.redirectErrorStream(true));
    try (var stdout = process.getInputStream()) {
      process.getOutputStream().close();
      var output = new String(stdout.readAllBytes(), UTF_8);
      return new Outcome(process.waitFor(), output);
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + String.join(" ", command), e);
    }
  }

  /**
   * Pings {@code target} up to {@code count} times, five a second, waiting a second for the last answer.
   *
   * @return the outcome, ok if at least one answer came
   */
  default Outcome ping(IpAddress target, int count) throws IOException {
    return run(
        "ping", "-n", "-c", Integer.toString(count), "-i", "0.2", "-W", "1", target.toString());
  }

  /**
   * Waits until {@code target} answers, at most 30 seconds. A new interface carries packets only once the kernel has looked at
   * its carrier, which waits for whatever else changes interfaces on this machine.
   *
   * @throws IOException if it does not
   */
  default void awaitAnswerFrom(IpAddress target) throws IOException {
    var outcome = run("ping", "-n", "-q", "-c", "1", "-i", "0.05", "-w", "30", target.toString());
    if (!outcome.ok()) {
      throw new IOException(
          name() + " gets no answer from " + target + ": " + outcome.output().strip());
    }
  }
}
