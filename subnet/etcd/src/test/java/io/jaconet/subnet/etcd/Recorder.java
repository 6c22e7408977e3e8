package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.overlay.Subnets;
import io.jaconet.testkit.EtcdServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Watches etcd with etcdctl, which shares no code with the store, and writes down each moment at which two leases had a subnet in common and
 * each lease that passed from one holder to another without having ended.
 */
final class Recorder implements AutoCloseable {
  private final Process etcdctl;
  private final Thread reader;
  private final String prefix;
  private final Map<String, String> holders = new HashMap<>();
  private final Map<String, String> live = new HashMap<>();
  private final List<String> violations = new ArrayList<>();
  private int writes;

  Recorder(List<EtcdServer> members, String prefix) throws IOException {
    var endpoints = members.stream().map(EtcdServer::endpoint).collect(Collectors.joining(","));
    this.prefix = prefix;
    var builder = new ProcessBuilder(
        "etcdctl", "--endpoints", endpoints, "watch", "--prefix", prefix + "/", "--rev", "1");
    builder.environment().put("ETCDCTL_API", "3");
    this.etcdctl = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    this.reader = new Thread(this::read, "recorder");
    reader.setDaemon(true);
    reader.start();
  }

  /** Reads what etcdctl prints: PUT, the key and the value, or DELETE, the key and an empty line. */
  private void read() {
    try (BufferedReader lines = etcdctl.inputReader(UTF_8)) {
      for (var kind = lines.readLine(); kind != null; kind = lines.readLine()) {
        var key = String.valueOf(lines.readLine());
        var value = String.valueOf(lines.readLine());
        if (key.equals(prefix + "/end")) {
          return;
        }
        record(kind, key.substring(prefix.length() + 1), value);
      }
      violations.add("etcdctl ended early");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void record(String kind, String key, String value) {
    if (key.startsWith("subnet-holders/")) {
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
      } else {
        written(name, holders.getOrDefault(name, "flanneld"));
      }
    }
  }

  private void written(String name, String holder) {
    writes++;
    var before = live.put(name, holder);
    if (before != null && !before.equals(holder)) {
      violations.add(holder + " stole " + name + " from " + before);
    }
    var subnets = Subnets.parseKey(name);
    for (var other : live.keySet()) {
      if (!other.equals(name) && Subnets.parseKey(other).overlaps(subnets)) {
        violations.add(holder + " took " + name + " while " + live.get(other) + " had " + other);
      }
    }
  }

  /** Waits until all that was written before {@code PREFIX/end} is seen, checks that nothing was wrong, and returns the number of writes. */
  int verify() throws InterruptedException {
    reader.join(60_000);
    if (reader.isAlive()) {
      throw new AssertionError("the end did not come within a minute");
    }
    assertEquals(List.of(), violations);
    return writes;
  }

  @Override
  public void close() {
    etcdctl.destroyForcibly().onExit().join();
  }
}
