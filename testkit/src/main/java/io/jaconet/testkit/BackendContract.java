package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.overlay.CloseMode;
import io.jaconet.overlay.Lease;
import io.jaconet.spi.Backend;
import io.jaconet.spi.Backend.PeerChange;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** What every {@link Backend} owes its network. Implement {@link #host} in a test class of your own, and the tests run. */
public interface BackendContract {

  /** Returns a host on which nothing of the backend is there yet. */
  Host host() throws Exception;

  /** A host with a backend that nobody has called yet. */
  interface Host extends AutoCloseable {

    /** Returns the backend. */
    Backend backend();

    /** Returns one more backend of the same host, as a process that starts later would have it. */
    Backend restarted();

    /** Returns a lease for the host, to be opened with. */
    Lease own(Backend.Preparation preparation);

    /** Returns the lease of the n-th peer, of n in 1..9, with claims of its own. */
    Lease peer(int n);

    /** Returns a lease of the same subnets as {@code peer} that says something else. */
    Lease changed(Lease peer);

    /** Returns a lease that this backend cannot reach. */
    Lease unreachable();

    /** Returns whether the data path now sends packets for {@code peer}'s subnets to where {@code peer} says. */
    boolean reaches(Lease peer) throws Exception;

    /** Returns whether packets flow without the process after {@link CloseMode#KEEP}: not if they pass through it. */
    default boolean flowsWithoutProcess() {
      return true;
    }

    /** Damages what the data path knows of {@code peer}, as another program might. */
    void damage(Lease peer) throws Exception;

    @Override
    void close() throws IOException;
  }

  private static PeerChange added(Lease peer) {
    return new PeerChange(null, peer);
  }

  private static Backend open(Host host, Backend backend) throws Exception {
    backend.open(host.own(backend.prepare()));
    return backend;
  }

  @Test
  default void preparationSaysWhatToPublishAndHowLargePacketsMayBe() throws Exception {
    try (Host host = host()) {
      var backend = host.backend();

      var preparation = backend.prepare();

      assertTrue(preparation.overlayMtu() >= 68
          && preparation.overlayMtu() <= preparation.underlay().mtu());
      assertFalse(preparation.underlay().publicIps().isEmpty());
      backend.close(CloseMode.PURGE);
    }
  }

  @Test
  default void reachesPeersThatWereAddedAndNotThoseThatWent() throws Exception {
    try (Host host = host()) {
      var backend = open(host, host.backend());
      Lease one = host.peer(1);
      Lease two = host.peer(2);

      var report = backend.apply(ImmutableList.of(added(one), added(two)));
      backend.apply(ImmutableList.of(new PeerChange(one, null)));

      assertEquals(ImmutableMap.of(), report.pending());
      assertFalse(host.reaches(one));
      assertTrue(host.reaches(two));
      backend.close(CloseMode.PURGE);
    }
  }

  @Test
  default void followsAPeerThatChanged() throws Exception {
    try (Host host = host()) {
      var backend = open(host, host.backend());
      Lease before = host.peer(1);
      Lease after = host.changed(before);
      backend.apply(ImmutableList.of(added(before)));

      backend.apply(ImmutableList.of(new PeerChange(before, after)));

      assertTrue(host.reaches(after));
      assertFalse(host.reaches(before));
      backend.close(CloseMode.PURGE);
    }
  }

  @Test
  default void anAuditOfWhatWasJustAppliedWritesNothing() throws Exception {
    try (Host host = host()) {
      var backend = open(host, host.backend());
      var peers = ImmutableList.of(host.peer(1), host.peer(2), host.peer(3));
      backend.apply(
          ImmutableList.of(added(peers.get(0)), added(peers.get(1)), added(peers.get(2))));

      var report = backend.audit(peers);

      assertEquals(0, report.writes());
      assertEquals(ImmutableMap.of(), report.pending());
      backend.close(CloseMode.PURGE);
    }
  }

  @Test
  default void anAuditMendsDamageAndSweepsWhatBelongsToNoPeer() throws Exception {
    try (Host host = host()) {
      var backend = open(host, host.backend());
      Lease damaged = host.peer(1);
      Lease stale = host.peer(2);
      backend.apply(ImmutableList.of(added(damaged), added(stale)));
      host.damage(damaged);
      assertFalse(host.reaches(damaged));

      var report = backend.audit(ImmutableList.of(damaged));

      assertTrue(report.writes() > 0);
      assertTrue(host.reaches(damaged));
      assertFalse(host.reaches(stale));
      backend.close(CloseMode.PURGE);
    }
  }

  @Test
  default void suspendStopsTrafficUntilOpenedAndAuditedAgain() throws Exception {
    try (Host host = host()) {
      var backend = host.backend();
      Lease own = host.own(backend.prepare());
      backend.open(own);
      Lease peer = host.peer(1);
      backend.apply(ImmutableList.of(added(peer)));

      backend.suspend();
      boolean reachedWhileSuspended = host.reaches(peer);
      backend.open(own);
      backend.audit(ImmutableList.of(peer));

      assertFalse(reachedWhileSuspended);
      assertTrue(host.reaches(peer));
      backend.close(CloseMode.PURGE);
    }
  }

  @Test
  default void keepLeavesTrafficFlowingWhereItCanAndTheNextStartAdoptsIt() throws Exception {
    try (Host host = host()) {
      var backend = open(host, host.backend());
      Lease peer = host.peer(1);
      backend.apply(ImmutableList.of(added(peer)));

      backend.close(CloseMode.KEEP);
      boolean reachedWithoutProcess = host.reaches(peer);
      var restarted = open(host, host.restarted());
      var report = restarted.audit(ImmutableList.of(peer));

      assertEquals(host.flowsWithoutProcess(), reachedWithoutProcess);
      assertTrue(host.reaches(peer));
      assertEquals(host.flowsWithoutProcess(), report.writes() == 0);
      restarted.close(CloseMode.PURGE);
    }
  }

  @Test
  default void withdrawAndPurgeStopTraffic() throws Exception {
    for (CloseMode mode : new CloseMode[] {CloseMode.WITHDRAW, CloseMode.PURGE}) {
      try (Host host = host()) {
        var backend = open(host, host.backend());
        Lease peer = host.peer(1);
        backend.apply(ImmutableList.of(added(peer)));

        backend.close(mode);

        assertFalse(host.reaches(peer), mode.toString());
      }
    }
  }

  @Test
  default void tellsPeersApartByWhatTheyClaim() throws Exception {
    try (Host host = host()) {
      var backend = host.backend();

      assertEquals(backend.claims(host.peer(1)), backend.claims(host.peer(1)));
      assertFalse(
          backend.claims(host.peer(1)).stream().anyMatch(backend.claims(host.peer(2))::contains));
    }
  }

  @Test
  default void saysWhyAPeerCannotBeReached() throws Exception {
    try (Host host = host()) {
      var backend = host.backend();
      Lease unreachable = host.unreachable();

      var refusal = assertThrows(IllegalArgumentException.class, () -> backend.claims(unreachable));

      assertFalse(String.valueOf(refusal.getMessage()).isBlank());
    }
  }

  @Test
  default void closesBeforeItWasPrepared() throws Exception {
    try (Host host = host()) {
      host.backend().close(CloseMode.PURGE);
    }
  }
}
