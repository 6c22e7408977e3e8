package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.io.Closer;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.Backend;
import io.jaconet.spi.BackendProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** A way for packets from host to host. */
enum DataPathKind {
  /** Routes, no encapsulation. */
  DIRECT("direct") {
    @Override
    Opened open(TestLink link) throws IOException {
      link.setWorkloadMtu(TestLink.UNDERLAY_MTU);
      for (int number = 1; number <= 2; number++) {
        var via = link.underlayAddress(3 - number).toString();
        var subnet = TestLink.subnet(3 - number).toString();
        TestLink.run(link.host(number), "ip", "route", "replace", subnet, "via", via);
      }
      return new Opened(this, () -> {
        for (int number = 1; number <= 2; number++) {
          var subnet = TestLink.subnet(3 - number).toString();
          TestLink.run(link.host(number), "ip", "route", "del", subnet);
        }
      });
    }
  },
  KERNEL_VXLAN("kernel-vxlan") {
    @Override
    Opened open(TestLink link) throws IOException {
      return openBackends(link, "vxlan");
    }
  },
  /** One packet by each system call: what a plain forwarder does, as flannel's is. */
  BASELINE("baseline") {
    @Override
    Opened open(TestLink link) throws IOException {
      link.setWorkloadMtu(PlainForwarder.OVERLAY_MTU);
      var closer = Closer.create();
      closer.register(new PlainForwarder(link, 1));
      closer.register(new PlainForwarder(link, 2));
      return new Opened(this, closer::close);
    }
  },
  UDP("udp") {
    @Override
    Opened open(TestLink link) throws IOException {
      return openBackends(link, "udp");
    }
  };

  private final String text;

  DataPathKind(String text) {
    this.text = text;
  }

  /** Has packets travel this way until it is closed. */
  abstract Opened open(TestLink link) throws IOException;

  @Override
  public String toString() {
    return text;
  }

  @FunctionalInterface
  interface Undo {
    void run() throws IOException;
  }

  /** A way that is open. */
  static final class Opened implements AutoCloseable {
    private final DataPathKind kind;
    private final Undo undo;

    Opened(DataPathKind kind, Undo undo) {
      this.kind = kind;
      this.undo = undo;
    }

    @Override
    public String toString() {
      return kind.toString();
    }

    @Override
    public void close() throws IOException {
      undo.run();
    }
  }

  Opened openBackends(TestLink link, String type) throws IOException {
    var provider = ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(candidate -> candidate.type().equals(type))
        .findFirst()
        .orElseThrow();
    var config = NetworkConfig.parse(
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"" + type + "\"}}");
    var closer = Closer.create();
    List<Backend> backends = new ArrayList<>();
    List<Lease> leases = new ArrayList<>();
    for (int number = 1; number <= 2; number++) {
      var backend = provider.create(new BackendProvider.Context(
          "h" + number,
          "node-" + number,
          config,
          UnderlaySelection.ofInterface("eth0"),
          Path.of("/run/netns", link.host(number).name())));
      closer.register(() -> backend.close(CloseMode.PURGE));
      var preparation = backend.prepare();
      var subnets = Subnets.of(TestLink.subnet(number));
      var lease = new Lease(subnets, preparation.attributes(), "node-" + number, number, number);
      backend.open(lease);
      link.setWorkloadMtu(preparation.overlayMtu());
      backends.add(backend);
      leases.add(lease);
    }
    for (int i = 0; i < 2; i++) {
      backends.get(i).apply(ImmutableList.of(new Backend.PeerChange(null, leases.get(1 - i))));
    }
    return new Opened(this, closer::close);
  }
}
