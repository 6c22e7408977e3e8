package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.Jaconet;
import io.jaconet.NetworkListener;
import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;
import io.jaconet.OverlayNetwork;
import io.jaconet.event.ManualEventLoop;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * I17 and I19: what is wrong for ten minutes is said, by its phase and its reason, and costs ten lines of log in a minute and a call to the
 * store in a second at most; the network still ends at once when it is told to, and is well again when the fault is gone.
 */
class PermanentFaultTest {
  private static final Duration TTL = Duration.ofHours(1);
  private static final Subnets PEER = Subnets.of(IpPrefix.parse("10.244.20.0/24"));

  private final ManualEventLoop loop = new ManualEventLoop();
  private final FakeBackend backend = new FakeBackend(IpAddress.parse("192.0.2.1"));
  private final FakeSubnetManager leases = new FakeSubnetManager(TTL);
  private final PrintStream terminal = System.err;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private @Nullable OverlayNetwork joined;
  private boolean listenerThrows;
  private int number;

  /**
   * A fault.
   *
   * @param begin begins it
   * @param again is done every 200 ms meanwhile
   * @param end ends it
   * @param phase what the network says of it
   * @param reason what is in its reason
   */
  private record Fault(
      String name,
      Consumer<PermanentFaultTest> begin,
      Consumer<PermanentFaultTest> again,
      Consumer<PermanentFaultTest> end,
      Phase phase,
      String reason) {

    @Override
    public String toString() {
      return name;
    }
  }

  private static void nothing(PermanentFaultTest test) {}

  private static final ImmutableList<Fault> FAULTS = ImmutableList.of(
      new Fault(
          "the store is away",
          test -> test.failStore(new IOException("store unreachable")),
          PermanentFaultTest::nothing,
          test -> test.leases.fail(null),
          Phase.STALE,
          "store unreachable"),
      new Fault(
          "every watch breaks",
          test -> test.leases.cutWatches(new IOException("cut")),
          test -> test.leases.cutWatches(new IOException("cut")),
          PermanentFaultTest::nothing,
          Phase.STALE,
          "cut"),
      new Fault(
          "the kernel refuses everything",
          test -> test.backend.fail(new IOException("device is gone")),
          PermanentFaultTest::nothing,
          test -> test.backend.fail(null),
          Phase.DEGRADED,
          "device is gone"),
      new Fault(
          "the kernel refuses one peer",
          test -> {
            test.backend.refuse(PEER);
            test.putPeer(20);
          },
          PermanentFaultTest::nothing,
          test -> test.backend.accept(PEER),
          Phase.DEGRADED,
          "10.244.20.0/24"),
      new Fault(
          "the underlay is inside the overlay",
          test -> test.backend.moveTo(IpAddress.parse("10.244.99.1")),
          PermanentFaultTest::nothing,
          test -> test.backend.moveTo(IpAddress.parse("192.0.2.1")),
          Phase.DEGRADED,
          "10.244"),
      new Fault(
          "the underlay is another all the time",
          PermanentFaultTest::nothing,
          test -> test.backend.moveTo(IpAddress.parse("192.0.2.100").plus(test.number++ % 100)),
          PermanentFaultTest::nothing,
          Phase.UP,
          ""),
      new Fault(
          "the lease is taken all the time",
          PermanentFaultTest::nothing,
          PermanentFaultTest::takeLease,
          PermanentFaultTest::nothing,
          Phase.FENCED,
          "lost"),
      new Fault(
          "a record is bad in another way all the time",
          PermanentFaultTest::nothing,
          test -> test.leases.putUnreadable(
              new UnreadableRecord("garbage", null, "bad in way " + test.number++)),
          PermanentFaultTest::nothing,
          Phase.UP,
          ""),
      new Fault(
          "others break an entry all the time",
          test -> test.putPeer(20),
          test -> {
            test.backend.damage(PEER);
            test.backend.announce();
          },
          PermanentFaultTest::nothing,
          Phase.UP,
          ""),
      new Fault(
          "the listener throws",
          test -> test.listenerThrows = true,
          test -> test.putPeer(20 + test.number++ % 100),
          test -> test.listenerThrows = false,
          Phase.UP,
          ""));

  private static ImmutableList<Fault> faults() {
    return FAULTS;
  }

  @BeforeEach
  void catchLog() {
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void releaseLog() {
    System.setErr(terminal);
  }

  private void failStore(IOException cause) {
    leases.fail(cause);
    leases.cutWatches(cause);
  }

  private void putPeer(int n) {
    leases.put(
        Subnets.of(IpPrefix.parse("10.244." + n + ".0/24")),
        LeaseAttributes.of(
            FakeBackend.TYPE,
            ImmutableMap.of(IpFamily.V4, IpAddress.parse("198.51.100." + n)),
            ImmutableMap.of(IpFamily.V4, "\"claim-" + n + "-" + number + "\"")),
        "node-" + n);
  }

  /** As another process does that has our node id. */
  private void takeLease() {
    leases.lease(network().lease().subnets()).ifPresent(own -> {
      if ("node-1".equals(own.holder())) {
        leases.put(own.subnets(), own.attributes(), "node-2");
      }
    });
  }

  private OverlayNetwork network() {
    if (joined == null) {
      throw new IllegalStateException("not joined");
    }
    return joined;
  }

  private void join() {
    var joining = Jaconet.builder()
        .nodeId("node-1")
        .config(NetworkConfig.builder()
            .network("10.244.0.0/16")
            .backend(FakeBackend.TYPE)
            .build())
        .backendProvider(backend.provider())
        .subnetManager(leases)
        .listener(new NetworkListener() {
          @Override
          public void onPeer(@Nullable Lease before, @Nullable Lease after) {
            if (listenerThrows) {
              throw new IllegalStateException("the listener's");
            }
          }
        })
        .eventLoop(loop, loop)
        .join();
    loop.runReady();
    joined = joining.join();
  }

  private int lines() {
    // A failure of user code is said once a minute, with where it was.
    return (int) log.toString(StandardCharsets.UTF_8)
        .lines()
        .filter(line -> !line.startsWith("\tat "))
        .count();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void isSaidQuietlyAndEndsWithItsCause(Fault fault) {
    join();
    loop.advance(Duration.ofMinutes(2));
    fault.begin().accept(this);

    boolean said = false;
    for (int minute = 0; minute < 10; minute++) {
      log.reset();
      int calls = leases.calls();
      for (int step = 0; step < 300; step++) {
        fault.again().accept(this);
        loop.advance(Duration.ofMillis(200));
        said |= isSaid(fault, network().state());
      }
      String lines = log.toString(StandardCharsets.UTF_8);
      assertTrue(lines() <= 10, () -> lines);
      assertTrue(
          leases.calls() - calls <= 60 || fault.name().contains("all the time"),
          "calls: " + (leases.calls() - calls));
    }
    assertTrue(said, () -> "it says " + network().state());
    fault.end().accept(this);
    loop.advance(Duration.ofSeconds(45));
    assertEquals(Phase.UP, network().state().phase());
  }

  private static boolean isSaid(Fault fault, NetworkState state) {
    return state.phase() == fault.phase() && state.reason().contains(fault.reason());
  }

  @ParameterizedTest
  @MethodSource("faults")
  void keepsNobodyFromClosing(Fault fault) {
    join();
    fault.begin().accept(this);
    fault.again().accept(this);
    loop.advance(Duration.ofMinutes(1));

    var closed = network().closeAsync(CloseMode.WITHDRAW);
    loop.advance(Duration.ofSeconds(5));

    assertTrue(closed.isDone());
    assertEquals(Phase.CLOSED, network().state().phase());
    assertEquals(0, loop.pendingTasks());
  }
}
