package io.jaconet.testkit;

import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.Backend;

/** The fake keeps the promises that a real backend makes, so that what is tested with it holds with one. */
class FakeBackendTest implements BackendContract {

  @Override
  public Host host() {
    return new FakeHost();
  }

  private static final class FakeHost implements Host {
    private final FakeBackend backend = new FakeBackend(IpAddress.parse("192.0.2.1"));

    @Override
    public Backend backend() {
      return backend;
    }

    @Override
    public Backend restarted() {
      return backend;
    }

    private static Lease lease(int n, String claim) {
      var attributes = LeaseAttributes.of(
          FakeBackend.TYPE,
          ImmutableMap.of(IpFamily.V4, IpAddress.parse("192.0.2." + (10 + n))),
          claim.isEmpty() ? ImmutableMap.of() : ImmutableMap.of(IpFamily.V4, claim));
      return new Lease(
          Subnets.of(IpPrefix.parse("10.244." + n + ".0/24")), attributes, "node-" + n, n, n);
    }

    @Override
    public Lease own(Backend.Preparation preparation) {
      return lease(1, "\"own\"");
    }

    @Override
    public Lease peer(int n) {
      return lease(20 + n, "\"claim-" + n + "\"");
    }

    @Override
    public Lease changed(Lease peer) {
      return new Lease(
          peer.subnets(), lease(9, "\"other\"").attributes(), peer.holder(), peer.created(), 99);
    }

    @Override
    public Lease unreachable() {
      return lease(5, "");
    }

    @Override
    public boolean reaches(Lease peer) {
      var known = backend.peers().get(peer.subnets());
      return known != null && known.sameContent(peer);
    }

    @Override
    public void damage(Lease peer) {
      backend.damage(peer.subnets());
    }

    @Override
    public void close() {}
  }
}
