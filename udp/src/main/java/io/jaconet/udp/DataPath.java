package io.jaconet.udp;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.io.Closer;
import com.google.common.util.concurrent.Uninterruptibles;
import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.PacketPort;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves packets between a port and the peers of a network, one IP packet in each UDP datagram: alone as flannel's udp backend has it, or in
 * the frames of its vxlan backend; see {@link Framing}.
 *
 * <p>One daemon thread, {@code jaconet-<network>-tx}, takes packets from the port, and one for each transport, {@code
 * jaconet-<network>-rx}, brings them there; with several lanes, so many of each. If a thread fails, all of it stops and {@link #failure}
 * says why. May be used by any thread.
 */
public final class DataPath implements AutoCloseable {
  static final int ICMP_ERRORS_PER_SECOND = 1000;

  private static final Logger log = LoggerFactory.getLogger(DataPath.class);
  private static final Duration PATIENCE = Duration.ofSeconds(4);

  /**
   * What a data path must know of its network.
   *
   * @param network a name for its threads and log messages
   * @param sources the own address in the overlay, per family: the source of ICMP errors; of a family without one none are sent
   * @param overlayMtu the largest packet in bytes that may not be fragmented and is sent all the same
   * @param sourceCheck whom to believe
   * @param framing what goes before each packet in its datagram
   */
  public record Settings(
      String network,
      ImmutableMap<IpFamily, IpAddress> sources,
      int overlayMtu,
      SourceCheck sourceCheck,
      Framing framing) {

    /** Settings for plain packets in datagrams. */
    public Settings(
        String network,
        ImmutableMap<IpFamily, IpAddress> sources,
        int overlayMtu,
        SourceCheck sourceCheck) {
      this(network, sources, overlayMtu, sourceCheck, Framing.PLAIN);
    }
  }

  /**
   * A port, or one of a port's queues, and what its packets leave by. What comes in by a transport goes to the port of its lane. The order
   * of a flow's packets holds as long as all of them come by one lane.
   *
   * @param port where the host's packets are
   * @param transports what reaches peers at underlay addresses of a family, at least one
   */
  public record Lane(
      PacketPort port, ImmutableMap<IpFamily, ? extends DatagramTransport> transports) {
    public Lane {
      checkArgument(!transports.isEmpty(), "a data path needs a transport");
    }
  }

  private final String network;
  private final Runnable failed;
  private final ImmutableList<Lane> lanes;
  private final List<Tally> tallies = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final List<Outbound> outbounds = new ArrayList<>();
  private volatile ForwardingTable table = ForwardingTable.EMPTY;
  private volatile boolean stopping;
  private volatile @Nullable Throwable failure;
  private boolean closed;

  private DataPath(Settings settings, ImmutableList<Lane> lanes, Runnable failed) {
    this.failed = failed;
    this.network = settings.network();
    this.lanes = lanes;
    for (int i = 0; i < lanes.size(); i++) {
      addThreads(settings, lanes.get(i), i == 0 ? "" : "-" + (i + 1));
    }
  }

  private void addThreads(Settings settings, Lane lane, String suffix) {
    var outbound = new Outbound(
        settings,
        lane.port(),
        ImmutableMap.copyOf(lane.transports()),
        this::table,
        tally(),
        System::nanoTime);
    outbounds.add(outbound);
    addThread("tx" + suffix, outbound::run);
    lane.transports().forEach((family, transport) -> {
      var inbound =
          new Inbound(settings, lane.port(), transport, this::table, tally(), System::nanoTime);
      addThread((family == IpFamily.V4 ? "rx" : "rx6") + suffix, inbound::run);
    });
  }

  private Tally tally() {
    var tally = new Tally();
    tallies.add(tally);
    return tally;
  }

  /**
   * Starts with an empty table.
   *
   * @param port where the host's packets are; closed with this
   * @param transports what reaches peers at underlay addresses of a family, at least one; closed with this
   */
  public static DataPath start(
      Settings settings,
      PacketPort port,
      ImmutableMap<IpFamily, ? extends DatagramTransport> transports) {
    return start(settings, ImmutableList.of(new Lane(port, transports)));
  }

  /**
   * Starts with an empty table and several lanes: so many threads for each direction.
   *
   * @param lanes at least one; all ports and transports are closed with this
   */
  public static DataPath start(Settings settings, ImmutableList<Lane> lanes) {
    return start(settings, lanes, () -> {});
  }

  /**
   * Does what {@link #start(Settings, ImmutableList)} does.
   *
   * @param failed is called on a thread of the data path's when that fails, and {@link #failure} says why
   */
  public static DataPath start(Settings settings, ImmutableList<Lane> lanes, Runnable failed) {
    checkArgument(!lanes.isEmpty(), "a data path needs a lane");
    var dataPath = new DataPath(Objects.requireNonNull(settings), lanes, failed);
    dataPath.threads.forEach(Thread::start);
    return dataPath;
  }

  @FunctionalInterface
  private interface Body {
    void run() throws IOException;
  }

  private void addThread(String direction, Body body) {
    var thread = new Thread(() -> runOnThread(body), "jaconet-" + network + "-" + direction);
    thread.setDaemon(true);
    threads.add(thread);
  }

  private void runOnThread(Body body) {
    try {
      body.run();
    } catch (IOException | RuntimeException | Error e) {
      // An Error too: half a data path would look like one that works.
      if (!stopping) {
        failure = e;
        log.warn("{}: the data path stops: {}", network, e.toString());
      }
    }
    stop();
    if (failure != null) {
      failed.run();
    }
  }

  /** Has every thread return; what is not there any more is woken already. */
  private void stop() {
    stopping = true;
    outbounds.forEach(Outbound::stop);
    for (Lane lane : lanes) {
      try {
        lane.port().shutdown();
      } catch (IOException e) {
        log.warn("{}: {} while the data path stops", network, e.toString());
      }
      lane.transports().values().forEach(DatagramTransport::shutdown);
    }
  }

  /** Sets who has which addresses, for every packet from now on. */
  public void setTable(ForwardingTable table) {
    this.table = Objects.requireNonNull(table);
  }

  /** Returns who has which addresses. */
  public ForwardingTable table() {
    return table;
  }

  /** Returns what was counted since the start. */
  public long count(PacketCounter counter) {
    return tallies.stream().mapToLong(tally -> tally.get(counter)).sum();
  }

  /** Returns why no packets move any more, empty while they do or if this was closed. */
  public Optional<Throwable> failure() {
    return Optional.ofNullable(failure);
  }

  /**
   * Ends the threads, then closes port and transports, and goes on after a failure. Only the first call does something.
   *
   * @throws IOException the first failure; if a thread does not end within four seconds, nothing is closed
   */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    stop();
    for (Thread thread : threads) {
      Uninterruptibles.joinUninterruptibly(thread, PATIENCE);
      if (thread.isAlive()) {
        throw new IOException(thread.getName() + " does not end");
      }
    }
    try (var closer = Closer.create()) {
      for (Lane lane : lanes) {
        lane.transports().values().forEach(transport -> closer.register(transport::close));
        closer.register(lane.port()::close);
      }
    }
  }
}
