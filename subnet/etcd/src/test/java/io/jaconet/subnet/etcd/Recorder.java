package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import io.jaconet.testkit.EtcdServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Reads every revision of etcd through etcdctl, which shares no code with the store, and writes down each moment at which two leases had a
 * subnet in common and each lease that passed from one holder to another without having ended. When an etcdctl ends, because its member was
 * killed, another goes on behind the last revision at the next member; no revision may be compacted before it was {@link #seen}.
 */
final class Recorder implements AutoCloseable {
  private final ImmutableList<EtcdServer> members;
  private final String prefix;
  private final Thread reader;
  private final CountDownLatch end = new CountDownLatch(1);
  private final Map<String, String> holders = new HashMap<>();
  private final Map<String, String> live = new HashMap<>();

  /** The lease that has a subnet, by the subnet: all those of the campaign are of one length, so that two overlap if they are the same. */
  private final Map<String, String> owners = new HashMap<>();

  private final List<String> violations = new ArrayList<>();
  private volatile long seen;
  private volatile boolean closed;
  private volatile @Nullable Process etcdctl;
  private int writes;
  private int restarts;

  Recorder(ImmutableList<EtcdServer> members, String prefix) {
    this.members = members;
    this.prefix = prefix + "/";
    this.reader = new Thread(this::follow, "recorder");
    reader.setDaemon(true);
    reader.start();
  }

  private void follow() {
    for (int turn = 0; !closed && end.getCount() > 0; turn++) {
      var builder = new ProcessBuilder(
          "etcdctl",
          "--endpoints",
          members.get(turn % members.size()).endpoint(),
          "--keepalive-time",
          "1s",
          "--keepalive-timeout",
          "1s",
          "watch",
          "--prefix",
          prefix,
          "--rev",
          Long.toString(seen + 1),
          "-w",
          "fields");
      builder.environment().put("ETCDCTL_API", "3");
      try {
        var process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        etcdctl = process;
        try (var lines = process.inputReader(UTF_8)) {
          read(lines);
        } finally {
          process.destroyForcibly();
        }
      } catch (IOException cutOff) {
        // What was read of the last revision is read again.
      }
      restarts++;
    }
  }

  /** Reads events as etcdctl prints their fields, a line for each. Those of a revision count once the next revision begins or the answer ends. */
  private void read(BufferedReader lines) throws IOException {
    var event = new HashMap<String, String>();
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      var field = Splitter.on(" : ").limit(2).splitToList(line);
      event.put(field.get(0), field.size() < 2 ? "" : field.get(1));
      if (field.get(0).equals("\"Lease\"")) {
        record(
            field(event, "Type"),
            field(event, "Key"),
            field(event, "Value"),
            Long.parseLong(field(event, "ModRevision")));
        event.clear();
        if (end.getCount() == 0) {
          return;
        }
      }
    }
  }

  private static String field(Map<String, String> event, String name) throws IOException {
    var value = event.get("\"" + name + "\"");
    if (value == null) {
      throw new IOException("an event without " + name + ": " + event);
    }
    return value.startsWith("\"") ? value.substring(1, value.length() - 1) : value;
  }

  private void record(String kind, String wholeKey, String value, long revision) {
    // Known already, if an etcdctl ended in the middle of a revision: an event is the same twice.
    seen = Math.max(seen, revision - 1);
    var key = wholeKey.substring(prefix.length());
    if (key.equals("end")) {
      end.countDown();
    } else if (key.startsWith("subnet-holders/")) {
      var name = key.substring("subnet-holders/".length());
      if (kind.equals("DELETE")) {
        holders.remove(name);
      } else {
        holders.put(name, value.replaceFirst("[0-9]+ ", ""));
      }
    } else if (key.startsWith("subnets/")) {
      var name = key.substring("subnets/".length());
      if (kind.equals("DELETE")) {
        live.remove(name);
        holders.remove(name);
        parts(name).forEach(part -> owners.remove(part, name));
      } else {
        written(name, holders.getOrDefault(name, "flanneld"), revision);
      }
    }
  }

  private static List<String> parts(String name) {
    return Splitter.on('&').splitToList(name);
  }

  private void written(String name, String holder, long revision) {
    writes++;
    var before = live.put(name, holder);
    if (before != null && !before.equals(holder)) {
      violations.add(revision + ": " + holder + " stole " + name + " from " + before);
    }
    for (var part : parts(name)) {
      var other = owners.put(part, name);
      if (other != null && !other.equals(name)) {
        violations.add(revision + ": " + holder + " took " + name + " while " + live.get(other)
            + " had " + other);
      }
    }
  }

  /** Returns the last revision that was read whole. */
  long seen() {
    return seen;
  }

  /** What was found. */
  record Findings(int writes, int restarts) {}

  /** Waits until all that was written before {@code PREFIX/end} is seen, and checks that nothing was wrong. */
  Findings verify() throws InterruptedException {
    if (!end.await(60, TimeUnit.SECONDS)) {
      throw new AssertionError("the end did not come within a minute; seen was " + seen);
    }
    reader.join();
    assertEquals(List.of(), violations);
    return new Findings(writes, restarts - 1);
  }

  @Override
  public void close() {
    closed = true;
    var running = etcdctl;
    if (running != null) {
      running.destroyForcibly().onExit().join();
    }
  }
}
