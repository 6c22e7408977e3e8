package io.jaconet.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Everything that the kernel announces in the network namespace of a host, as {@code ip monitor} hears it: a witness that shares no code
 * with what is measured. The time of a line is when it got here, a little after the event.
 */
final class KernelMonitor implements AutoCloseable {
  private static final Duration PROBE_INTERVAL = Duration.ofMillis(200);
  private static final int PROBES = 50;

  private final Process monitor;
  private final BlockingQueue<Line> lines = new LinkedBlockingQueue<>();
  private volatile boolean closed;

  /** An announcement and when it came, by {@link System#nanoTime}. */
  record Line(String text, long nanos) {}

  private KernelMonitor(Process monitor) {
    this.monitor = monitor;
  }

  /** Listens from before this returns. */
  static KernelMonitor start(Host host) throws IOException {
    return start(host.name());
  }

  /** Listens from before this returns, in the network namespace of this name. */
  static KernelMonitor start(String host) throws IOException {
    var process = new ProcessBuilder("ip", "-n", host, "-o", "monitor", "all")
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
    var monitor = new KernelMonitor(process);
    var reader = new Thread(monitor::read, "bench-monitor");
    reader.setDaemon(true);
    reader.start();
    try {
      monitor.awaitListening(host);
      return monitor;
    } catch (IOException e) {
      monitor.close();
      throw e;
    }
  }

  private void read() {
    try (var output = new BufferedReader(
        new InputStreamReader(monitor.getInputStream(), StandardCharsets.UTF_8))) {
      for (var text = output.readLine(); text != null; text = output.readLine()) {
        lines.add(new Line(text, System.nanoTime()));
      }
    } catch (IOException e) {
      if (!closed) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private void awaitListening(String host) throws IOException {
    for (int probe = 0; probe < PROBES; probe++) {
      Commands.output("ip", "-n", host, "link", "set", "lo", "alias", "probe-" + probe);
      if (next(PROBE_INTERVAL) != null) {
        awaitQuiet(PROBE_INTERVAL);
        return;
      }
    }
    throw new IOException("ip monitor heard nothing");
  }

  private @Nullable Line next(Duration limit) throws InterruptedIOException {
    try {
      return lines.poll(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the kernel");
    }
  }

  /**
   * Returns when the first line came that contains {@code text}. Lines before it are passed over.
   *
   * @throws IOException if none comes for {@code limit}
   */
  long await(String text, Duration limit) throws IOException {
    for (var line = next(limit); line != null; line = next(limit)) {
      if (line.text.contains(text)) {
        return line.nanos;
      }
    }
    throw new IOException("the kernel did not announce '" + text + "' within " + limit);
  }

  /** Waits until no line has come for {@code silence}. */
  void awaitQuiet(Duration silence) throws IOException {
    var line = next(silence);
    while (line != null) {
      line = next(silence);
    }
  }

  /** Waits for {@code duration} and returns how many lines came. */
  int countFor(Duration duration) throws IOException {
    long end = System.nanoTime() + duration.toNanos();
    int count = 0;
    for (long left = duration.toNanos(); left > 0; left = end - System.nanoTime()) {
      if (next(Duration.ofNanos(left)) != null) {
        count++;
      }
    }
    return count;
  }

  @Override
  public void close() {
    closed = true;
    monitor.destroy();
  }
}
