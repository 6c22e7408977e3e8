package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import io.jaconet.overlay.Subnets;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a table makes of the kernel's announcements. */
@ExtendWith(FreshNetworkNamespace.class)
class PeerTableEventsTest {
  private static final String DEVICE = "flannel.7";
  private static final IpPrefix NETWORK = IpPrefix.parse("10.1.0.0/16");

  /** A device in the namespace of the test, the table of its peers, and what the kernel announces. */
  private static final class Watched implements AutoCloseable {
    private final RtNetlink kernel = RtNetlink.open();
    private final NetlinkEvents events;
    private final PeerTable table;

    Watched() throws IOException {
      var settings =
          new VxlanLink(new Vni(7), 0, IpAddress.parse("192.0.2.1"), null, 0, false, false, false);
      var mac = MacAddress.parse("02:00:00:00:00:07");
      int link = kernel.createVxlan(DEVICE, mac, 1450, settings).index();
      kernel.setUp(link);
      kernel.addAddress(link, IpAddress.parse("10.1.7.0"), 32);
      table = new PeerTable(kernel, link, NETWORK, 1);
      table.audit();
      events = NetlinkEvents.open();
    }

    void apply(PeerTable.Edit... edits) throws IOException {
      for (var edit : edits) {
        assertEquals(0, table.apply(ImmutableList.of(edit)).pending().size());
      }
    }

    PeerTable.Edit peer(int n) {
      var subnet = IpPrefix.parse("10.1." + n + ".0/24");
      var mac = new MacAddress(0x020000000000L + n);
      return new PeerTable.Edit(
          Subnets.of(subnet),
          ImmutableList.of(
              new ForwardingEntry.Neighbor(table.link(), subnet.base(), mac),
              new ForwardingEntry.Fdb(table.link(), mac, IpAddress.parse("192.0.2." + n)),
              new ForwardingEntry.Route(
                  subnet, table.link(), subnet.base(), true, 0, PeerTable.PROTOCOL, 0)));
    }

    PeerTable.Edit noPeer(int n) {
      return new PeerTable.Edit(peer(n).peer(), ImmutableList.of());
    }

    /** Hears all that the kernel has announced by now, and returns whether there is something to look at. */
    boolean isDoubtful() throws IOException {
      events.deliverReady(table::hear);
      return table.isDoubtful();
    }

    @Override
    public void close() throws IOException {
      events.close();
      kernel.close();
    }
  }

  /** A look at thousands of peers would hold up the next change. */
  @Test
  void whatThisHostChangedIsNoReasonToLookHoweverLateItIsHeard() throws Exception {
    try (var host = new Watched()) {
      host.apply(
          host.peer(8), host.noPeer(8), host.peer(9), host.peer(10), host.noPeer(9), host.peer(8));

      assertFalse(host.isDoubtful());
    }
  }

  @Test
  void whatOthersChangeIsSeenAtOnce() throws Exception {
    try (var host = new Watched()) {
      host.apply(host.peer(8));

      for (var damage : List.of(
          "route del 10.1.8.0/24",
          "neigh del 10.1.8.0 dev " + DEVICE,
          "neigh replace 10.1.8.0 lladdr 02:00:00:00:00:99 nud permanent dev " + DEVICE,
          "route add 10.1.99.0/24 dev " + DEVICE + " proto " + PeerTable.PROTOCOL)) {
        assertFalse(host.isDoubtful(), "before " + damage);
        Ip.run("ip " + damage);
        assertTrue(host.isDoubtful(), damage);
        assertTrue(host.table.mend().writes() > 0, damage);
      }
    }
  }

  /** The route went with it, of which the kernel says nothing. */
  @Test
  void aNexthopObjectThatCameBackIsAReasonToLookAtTheRoutes() throws Exception {
    try (var host = new Watched()) {
      host.apply(host.peer(8));
      var nexthop = host.kernel.nexthops(host.table.link()).get(0);

      Ip.run("ip nexthop del id " + nexthop.id());
      Ip.run("ip nexthop add id " + nexthop.id() + " via 10.1.8.0 dev " + DEVICE + " onlink proto "
          + PeerTable.PROTOCOL);

      assertTrue(host.isDoubtful());
      assertEquals(1, host.table.mend().repairs().size());
      assertEquals(1, host.kernel.routes(0, PeerTable.PROTOCOL).size());
    }
  }
}
