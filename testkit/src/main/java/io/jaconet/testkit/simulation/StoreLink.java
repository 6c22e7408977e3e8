package io.jaconet.testkit.simulation;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A host's connection to the store. Requests and answers take their time, and may be lost, late or there twice; the stream of a watch keeps
 * its order, as TCP does, and ends when nothing was heard for a while. Confined to the simulation's thread and the fibers of the host.
 */
final class StoreLink {
  /** How long a call waits for its answer. */
  static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  /** After how long without an answer a watch is given up. */
  static final Duration KEEP_ALIVE = Duration.ofSeconds(8);

  private static final long USUAL_LATENCY_MICROS = 4_000;

  private final World world;
  private final Fibers fibers;
  private final StoreServer server;
  private final String nodeId;
  private final RandomGenerator random;
  private final List<Runnable> heldBack = new ArrayList<>();
  private final Set<Stream> streams = new LinkedHashSet<>();
  private Trouble trouble = Trouble.NONE;
  private Duration slowness = Duration.ZERO;
  private boolean repeats;
  private int calls;
  private int episode;

  /** What is wrong with the connection. */
  enum Trouble {
    /** Nothing. */
    NONE,
    /** Every call fails at once, and so does every watch. */
    REFUSED,
    /** Nothing arrives; what was sent arrives once the trouble is over. */
    BLACK_HOLE,
    /** Requests arrive, answers do not. */
    ANSWERS_LOST
  }

  StoreLink(World world, Fibers fibers, StoreServer server, String nodeId, RandomGenerator random) {
    this.world = world;
    this.fibers = fibers;
    this.server = server;
    this.nodeId = nodeId;
    this.random = random;
  }

  Trouble trouble() {
    return trouble;
  }

  /** Returns how often the store was called. */
  int calls() {
    return calls;
  }

  Duration slowness() {
    return slowness;
  }

  /** Lets every message take up to {@code slowness} longer, and up to a hundred times that for a second copy of it. */
  void slowDown(Duration slowness) {
    this.slowness = slowness;
  }

  /** Lets every write be repeated some time later, and every event at once. */
  void repeat(boolean repeats) {
    this.repeats = repeats;
  }

  void cut(Trouble kind) {
    boolean silentAlready = trouble == Trouble.BLACK_HOLE || trouble == Trouble.ANSWERS_LOST;
    trouble = kind;
    if (silentAlready && kind != Trouble.REFUSED) {
      return;
    }
    int now = ++episode;
    Duration noticed = kind == Trouble.REFUSED ? Duration.ZERO : KEEP_ALIVE;
    world.schedule(noticed, () -> {
      if (episode == now) {
        breakStreams("the connection is dead");
      }
    });
  }

  void heal() {
    trouble = Trouble.NONE;
    episode++;
    var late = List.copyOf(heldBack);
    heldBack.clear();
    late.forEach(message -> world.schedule(latency(), message));
    List.copyOf(streams).forEach(Stream::pump);
  }

  /** Ends all watches, as when the store is restarted. */
  void breakStreams(String why) {
    List.copyOf(streams).forEach(stream -> stream.fail(new IOException(why)));
  }

  private Duration latency() {
    long micros = 100 + random.nextLong(USUAL_LATENCY_MICROS);
    if (!slowness.isZero()) {
      micros += random.nextLong(slowness.toNanos() / 1000);
    }
    return Duration.ofNanos(micros * 1000);
  }

  private void send(Runnable message) {
    if (trouble == Trouble.BLACK_HOLE) {
      heldBack.add(message);
    } else {
      world.schedule(latency(), message);
    }
  }

  private interface Request<T> {
    T execute() throws IOException;
  }

  /** What a call waits for. */
  private static final class Answer<T> {
    private @Nullable T value;
    private @Nullable IOException failure;
    private boolean ended;
  }

  private <T> T call(SimulatedProcess process, boolean write, Request<T> request)
      throws IOException {
    calls++;
    var answer = new Answer<T>();
    fibers.await(wake -> {
      Runnable goOn = () -> process.whenRunning(wake);
      if (trouble == Trouble.REFUSED) {
        world.schedule(
            Duration.ofMillis(1),
            () -> end(answer, null, new IOException("connection refused"), goOn));
        return;
      }
      world.schedule(
          CALL_TIMEOUT,
          () -> end(answer, null, new IOException("no answer within " + CALL_TIMEOUT), goOn));
      send(() -> arrive(request, answer, goOn));
      if (write && repeats && random.nextInt(3) == 0) {
        world.schedule(Duration.ofMillis(random.nextInt(120_000)), () -> repeat(request));
      }
    });
    if (answer.failure != null) {
      throw answer.failure;
    }
    if (answer.value == null) {
      throw new IllegalStateException("woken without an answer");
    }
    return answer.value;
  }

  private <T> void arrive(Request<T> request, Answer<T> answer, Runnable goOn) {
    T value = null;
    IOException failure = null;
    try {
      value = request.execute();
    } catch (IOException e) {
      failure = e;
    }
    T result = value;
    IOException refusal = failure;
    if (trouble == Trouble.NONE) {
      world.schedule(latency(), () -> end(answer, result, refusal, goOn));
    }
  }

  private static <T> void repeat(Request<T> request) {
    try {
      var unused = request.execute();
    } catch (IOException refused) {
      // As it should be, and nobody waits for the answer.
    }
  }

  private static <T> void end(
      Answer<T> answer, @Nullable T value, @Nullable IOException failure, Runnable goOn) {
    if (!answer.ended) {
      answer.ended = true;
      answer.value = value;
      answer.failure = failure;
      goOn.run();
    }
  }

  /** Returns the store as a process of the host sees it. */
  LeaseStore client(SimulatedProcess process) {
    return new Client(process);
  }

  private final class Client implements LeaseStore {
    private final SimulatedProcess process;

    Client(SimulatedProcess process) {
      this.process = process;
    }

    @Override
    public Snapshot list() throws IOException {
      return call(process, false, server::list);
    }

    @Override
    public Entry create(Subnets subnets, String value, String holder, @Nullable Duration timeToLive)
        throws IOException {
      return call(process, true, () -> server.create(subnets, value, holder, timeToLive));
    }

    @Override
    public Entry update(Entry expected, String value, String holder, @Nullable Duration timeToLive)
        throws IOException {
      return call(process, true, () -> server.update(expected, value, holder, timeToLive));
    }

    @Override
    public void delete(Entry expected) throws IOException {
      var unused = call(process, true, () -> {
        server.delete(expected, nodeId);
        return true;
      });
    }

    @Override
    public Watch watch(long revision, Watcher watcher) throws IOException {
      var stream = new Stream(process, watcher);
      streams.add(stream);
      try {
        stream.running = call(process, false, () -> server.watch(revision, stream));
      } catch (IOException e) {
        stream.close();
        throw e;
      }
      if (stream.ended) {
        stream.running.close();
      }
      return stream;
    }

    @Override
    public void close() {}
  }

  /** A watch on its way from the store to the host. */
  private final class Stream implements LeaseStore.Watcher, LeaseStore.Watch {
    private final SimulatedProcess process;
    private final LeaseStore.Watcher watcher;
    private final Deque<Runnable> underWay = new ArrayDeque<>();
    private LeaseStore.@Nullable Watch running;
    private boolean moving;
    private boolean ended;

    Stream(SimulatedProcess process, LeaseStore.Watcher watcher) {
      this.process = process;
      this.watcher = watcher;
    }

    @Override
    public void onEvents(ImmutableList<LeaseStore.Event> events) {
      underWay.add(() -> {
        watcher.onEvents(events);
        if (repeats && !ended) {
          watcher.onEvents(events);
        }
      });
      pump();
    }

    @Override
    public void onFailure(IOException cause) {
      underWay.add(() -> fail(cause));
      pump();
    }

    private void pump() {
      if (moving || underWay.isEmpty() || trouble != Trouble.NONE || ended) {
        return;
      }
      moving = true;
      world.schedule(
          latency(),
          () -> process.whenRunning(() -> {
            moving = false;
            var message = underWay.poll();
            if (message != null && !ended) {
              message.run();
              pump();
            }
          }));
    }

    void fail(IOException cause) {
      process.whenRunning(() -> {
        if (!ended) {
          close();
          watcher.onFailure(cause);
        }
      });
    }

    @Override
    public void close() {
      ended = true;
      streams.remove(this);
      if (running != null) {
        running.close();
      }
    }
  }
}
