package io.jaconet.subnet.etcd;

import com.google.common.util.concurrent.MoreExecutors;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.jaconet.event.Backoff;
import io.jaconet.spi.LeaseStore;
import io.jaconet.spi.LeaseStore.Watcher;
import java.io.IOException;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A watch of all leases. When its stream breaks it goes on after the last event, perhaps at another member; when that does not succeed soon,
 * it ends. A member that keeps silent is noticed, because it is asked for its progress now and then.
 *
 * <p>Everything but {@link #close} runs on {@code sequential}.
 */
final class EtcdWatch implements LeaseStore.Watch {
  private static final Logger log = LoggerFactory.getLogger(EtcdWatch.class);

  private static final Duration TICK = Duration.ofSeconds(4);
  private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(7);

  /** For how long the stream may be broken. Failures take longer to come when nobody answers. */
  private static final long RESUME_NANOS = TimeUnit.SECONDS.toNanos(3);

  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  private final EtcdClient client;
  private final Layout layout;
  private final Watcher watcher;
  private final Consumer<EtcdWatch> ended;
  private final Executor sequential;
  private final Backoff backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, new SplittableRandom());
  private final Object delivery = new Object();
  private long seen;
  private boolean broken;
  private long brokenNanos;
  private volatile @Nullable Stream stream;
  private volatile boolean closed;

  /** Creates a watch of what happens after {@code revision}. */
  EtcdWatch(
      EtcdClient client, Layout layout, long revision, Watcher watcher, Consumer<EtcdWatch> ended) {
    this.client = client;
    this.layout = layout;
    this.seen = revision;
    this.watcher = watcher;
    this.ended = ended;
    this.sequential = MoreExecutors.newSequentialExecutor(client.threads());
  }

  /** Begins; fails if no member answers. */
  void start() throws IOException {
    var connection = client.connection();
    sequential.execute(() -> open(connection));
    tickLater();
  }

  private void open(Connection connection) {
    var opened = new Stream(connection);
    stream = opened;
    opened.start();
    if (closed) {
      opened.cancel();
    }
  }

  private void tickLater() {
    client.schedule(TICK, () -> onSequential(this::tick));
  }

  private void onSequential(Runnable task) {
    if (!closed) {
      sequential.execute(task);
    }
  }

  private void tick() {
    var running = stream;
    if (running != null && System.nanoTime() - running.heardNanos > SILENCE_NANOS) {
      client.drop(running.connection);
      brokenBy(
          running,
          running.connection.failure(
              Status.UNAVAILABLE.withDescription("the watch got no answer for "
                  + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - running.heardNanos)
                  + " s")));
    } else if (running != null) {
      running.askForProgress();
    }
    tickLater();
  }

  private void brokenBy(Stream failed, IOException cause) {
    if (failed == stream && !closed) {
      stream = null;
      failed.cancel();
      if (!broken) {
        broken = true;
        brokenNanos = System.nanoTime();
      }
      resumeLater(cause);
    }
  }

  private void resumeLater(IOException cause) {
    if (System.nanoTime() - brokenNanos > RESUME_NANOS) {
      end(cause);
    } else {
      log.debug("The watch goes on soon after revision {}: {}", seen, cause.toString());
      client.schedule(backoff.next(), () -> onSequential(this::resume));
    }
  }

  private void resume() {
    try {
      open(client.connection());
    } catch (IOException e) {
      resumeLater(e);
    }
  }

  private void receive(Stream from, byte[] message) {
    if (from != stream || closed) {
      return;
    }
    try {
      var answer = WatchAnswer.read(new ProtoReader(message));
      if (answer.compacted() > 0) {
        end(new IOException("etcd does not remember what happened after revision " + seen
            + ", only from " + answer.compacted() + " on"));
      } else if (answer.canceled()) {
        // The member may want a new token, or be about to stop.
        client.drop(from.connection);
        brokenBy(
            from,
            from.connection.failure(
                Status.UNAVAILABLE.withDescription("the watch was refused: " + answer.reason())));
      } else if (answer.created() && answer.revision() < seen) {
        end(new IOException(
            "etcd has gone back to revision " + answer.revision() + " from " + seen));
      } else {
        broken = false;
        backoff.reset();
        deliver(answer);
        from.askForMore();
      }
    } catch (IOException malformed) {
      brokenBy(from, malformed);
    }
  }

  private void deliver(WatchAnswer answer) {
    var events = answer.after(seen, layout);
    if (!answer.events().isEmpty()) {
      seen = Math.max(seen, answer.lastRevision());
    }
    if (!events.isEmpty()) {
      callWatcher(() -> watcher.onEvents(events));
    }
  }

  private void end(IOException cause) {
    callWatcher(() -> watcher.onFailure(cause));
    stop();
  }

  private void callWatcher(Runnable call) {
    synchronized (delivery) {
      if (closed) {
        return;
      }
      try {
        call.run();
      } catch (RuntimeException | Error thrown) {
        log.error("A watcher threw; its watch goes on", thrown);
      }
    }
  }

  boolean isCalledByThisThread() {
    return Thread.holdsLock(delivery);
  }

  /** Ends the watch without waiting for a call that is under way. */
  void stop() {
    closed = true;
    var running = stream;
    if (running != null) {
      running.cancel();
    }
    ended.accept(this);
  }

  @Override
  public void close() {
    stop();
    synchronized (delivery) {
      closed = true;
    }
  }

  /** One call of etcd's Watch. */
  private final class Stream extends ClientCall.Listener<byte[]> {
    private final Connection connection;
    private @Nullable ClientCall<byte[], byte[]> call;
    private volatile long heardNanos = System.nanoTime();

    Stream(Connection connection) {
      this.connection = connection;
    }

    void start() {
      var create =
          new ProtoWriter().text(1, layout.first()).text(2, layout.end()).number(3, seen + 1);
      var started = connection.stream(Rpc.WATCH, this);
      call = started;
      started.sendMessage(new ProtoWriter().message(1, create).toByteArray());
      started.request(1);
    }

    void askForProgress() {
      if (call != null) {
        call.sendMessage(new ProtoWriter().message(3, new ProtoWriter()).toByteArray());
      }
    }

    void askForMore() {
      // While the watcher was busy nothing could be heard.
      heardNanos = System.nanoTime();
      if (call != null) {
        call.request(1);
      }
    }

    void cancel() {
      if (call != null) {
        call.cancel("the watch has ended", null);
      }
    }

    @Override
    public void onMessage(byte[] message) {
      heardNanos = System.nanoTime();
      onSequential(() -> receive(this, message));
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      onSequential(() -> brokenBy(this, connection.failure(status)));
    }
  }
}
