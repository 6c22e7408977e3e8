package io.jaconet.examples.lab;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.testkit.Station;
import io.jaconet.testkit.Workload;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What came of one station's questions to another one.
 *
 * @param from who asked
 * @param to whose mirror was asked
 * @param family by which family
 * @param roundTrip the median round trip, null if it failed
 * @param failure what was wrong, empty if nothing was
 */
record Probe(
    Station from, Station to, IpFamily family, @Nullable Duration roundTrip, String failure) {
  private static final int ROUND_TRIPS = 5;
  private static final int LEAST_ATTEMPTS = 3;
  private static final Duration PATIENCE = Duration.ofMillis(250);

  /** Returns whether the target answered and saw the asker's own address. */
  boolean green() {
    return failure.isEmpty();
  }

  /**
   * Asks each of {@code targets} by each of {@code families} from inside the namespace of {@code from}, which waits for those that do not
   * answer yet.
   *
   * @param seenAs as whom each target must see the asker, where that is not the asker itself
   * @param deadline until when, by {@link System#nanoTime}, to ask again where no answer comes
   */
  static ImmutableList<Probe> all(
      Station from,
      Iterable<? extends Station> targets,
      Iterable<IpFamily> families,
      Map<Station, Station> seenAs,
      long deadline)
      throws IOException {
    return from.namespace().call(() -> {
      var probes = ImmutableList.<Probe>builder();
      for (var family : families) {
        for (var target : targets) {
          probes.add(one(from, target, family, seenAs.get(target), deadline));
        }
      }
      return probes.build();
    });
  }

  private static Probe one(
      Station from, Station to, IpFamily family, @Nullable Station seenAs, long deadline) {
    try (var socket = Sockets.open(family).socket()) {
      socket.connect(Sockets.socketAddress(to.address(family), Mirror.PORT));
      requireOwnSource(from, family, socket);
      var expected = seenAs == null ? null : seenAs.address(family);
      ask(socket, 0, expected, deadline);
      var nanos = new long[ROUND_TRIPS];
      for (int i = 0; i < ROUND_TRIPS; i++) {
        nanos[i] = ask(socket, i + 1, expected, deadline);
      }
      Arrays.sort(nanos);
      return new Probe(from, to, family, Duration.ofNanos(nanos[ROUND_TRIPS / 2]), "");
    } catch (IOException e) {
      return new Probe(
          from, to, family, null, e.getMessage() == null ? e.toString() : e.getMessage());
    }
  }

  /** The address that a workload sees as its own must be the one it sends from. */
  private static void requireOwnSource(Station from, IpFamily family, DatagramSocket socket)
      throws IOException {
    if (from instanceof Workload workload) {
      var source = Sockets.address((InetSocketAddress) socket.getLocalSocketAddress());
      if (!source.equals(workload.address(family))) {
        throw new IOException(
            "sends from " + source + ", but its own address is " + workload.address(family));
      }
    }
  }

  /** Asks until there is an answer and returns how long the one that was answered took, in nanoseconds. */
  private static long ask(
      DatagramSocket socket, long number, @Nullable IpAddress expected, long deadline)
      throws IOException {
    var problem = "";
    for (int attempt = 0; attempt < LEAST_ATTEMPTS || System.nanoTime() < deadline; attempt++) {
      long start = System.nanoTime();
      try {
        socket.send(Mirror.question(number));
        problem = "no answer";
      } catch (IOException e) {
        problem = e.getMessage();
      }
      var answer = await(socket, number, start);
      if (answer != null) {
        long nanos = System.nanoTime() - start;
        if (expected == null) {
          requireSeen((InetSocketAddress) socket.getLocalSocketAddress(), answer.asker());
        } else {
          requireSeenAs(expected, answer.asker());
        }
        return nanos;
      }
    }
    throw new IOException(problem);
  }

  private static void requireSeen(InetSocketAddress own, InetSocketAddress seen)
      throws IOException {
    if (!own.equals(seen)) {
      IpAddress ownAddress = Sockets.address(own);
      throw new IOException("is seen as " + Sockets.address(seen) + " port " + seen.getPort()
          + ", but sends from " + ownAddress + " port " + own.getPort()
          + ": somebody on the way translates addresses");
    }
  }

  private static void requireSeenAs(IpAddress expected, InetSocketAddress seen) throws IOException {
    if (!Sockets.address(seen).equals(expected)) {
      throw new IOException(
          "is seen as " + Sockets.address(seen) + ", not as its host, " + expected);
    }
  }

  /** Returns the answer to question {@code number}, or null if it does not come in time. */
  private static Mirror.@Nullable Answer await(DatagramSocket socket, long number, long start)
      throws SocketException {
    var packet = Mirror.noAnswer();
    for (long left = PATIENCE.toMillis();
        left > 0;
        left = PATIENCE.minusNanos(System.nanoTime() - start).toMillis()) {
      socket.setSoTimeout((int) left);
      try {
        socket.receive(packet);
        var answer = Mirror.Answer.of(packet);
        if (answer.number() == number) {
          return answer;
        }
      } catch (SocketTimeoutException e) {
        return null;
      } catch (IOException e) {
        // A router says that the target is unreachable. That may change; the next question is due
        // when the time is up.
      }
    }
    return null;
  }
}
