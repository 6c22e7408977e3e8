package io.jaconet.benchmarks;

import io.jaconet.testkit.Fabric;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Makes the hosts of a run, and sees to it that none is left. Their names begin with what no other run has. */
final class Hosts implements AutoCloseable {
  private final List<Host> made = new ArrayList<>();
  private final List<Fabric> fabrics = new ArrayList<>();
  private int next;

  private static String prefix() {
    return "jbench" + ProcessHandle.current().pid() + "-";
  }

  /** Returns whether a namespace of this name was made here. */
  static boolean isOfThisRun(String namespace) {
    return namespace.startsWith(prefix());
  }

  /** Returns a new host, with an interface on an underlay that is its own. */
  synchronized Host create() throws IOException {
    var host = Host.create(prefix() + next++);
    made.add(host);
    return host;
  }

  /** Returns two hosts with an underlay between them. */
  synchronized Fabric createFabric() throws IOException {
    return createFabric(2);
  }

  /** Returns as many hosts with an underlay between them. */
  synchronized Fabric createFabric(int hosts) throws IOException {
    var fabric = Fabric.builder()
        .prefix(prefix() + "f" + fabrics.size() + "-")
        .hosts(hosts)
        .create();
    fabrics.add(fabric);
    return fabric;
  }

  synchronized void remove(Host host) throws IOException {
    made.remove(host);
    host.delete();
  }

  @Override
  public synchronized void close() throws IOException {
    while (!made.isEmpty()) {
      remove(made.get(0));
    }
    while (!fabrics.isEmpty()) {
      fabrics.remove(fabrics.size() - 1).close();
    }
  }
}
