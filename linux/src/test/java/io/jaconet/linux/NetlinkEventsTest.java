package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.common.collect.Iterables;
import com.google.common.util.concurrent.Uninterruptibles;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(FreshNetworkNamespace.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetlinkEventsTest {
  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:07");

  private final BlockingQueue<NetlinkEvent> queue = new LinkedBlockingQueue<>();
  private final List<NetlinkEvent> seen = new ArrayList<>();

  private static Thread receiving(NetlinkEvents events, Consumer<NetlinkEvent> consumer) {
    var thread = new Thread(
        () -> {
          try {
            events.run(consumer);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        "events");
    thread.start();
    return thread;
  }

  /** Waits for an event among all that came; the kernel tells of IPv6 addresses with a delay, so their order is not fixed. */
  private void await(Predicate<NetlinkEvent> wanted) throws InterruptedException {
    while (seen.stream().noneMatch(wanted)) {
      var event = queue.poll(10, TimeUnit.SECONDS);
      if (event == null) {
        fail("not among the " + seen.size() + " events " + Iterables.limit(seen, 20));
      }
      seen.add(event);
    }
  }

  @Test
  void eachKindOfChangeIsTold() throws Exception {
    try (var kernel = RtNetlink.open()) {
      var events = NetlinkEvents.open();
      var thread = receiving(events, queue::add);

      var settings =
          new VxlanLink(new Vni(7), 0, IpAddress.parse("192.0.2.1"), null, 0, false, false, false);
      int link = kernel.createVxlan("flannel.7", MAC, 1450, settings).index();
      kernel.setUp(link);
      var address = IpAddress.parse("10.1.7.0");
      kernel.addAddress(link, address, 32);
      var v6 = IpAddress.parse("2001:db8::7");
      kernel.addAddress(link, v6, 128);
      var gateway = IpAddress.parse("10.1.8.0");
      var entries = List.of(
          new ForwardingEntry.Neighbor(link, gateway, MAC),
          new ForwardingEntry.Fdb(link, MAC, IpAddress.parse("192.0.2.2")),
          new ForwardingEntry.Nexthop(8, link, gateway, 77),
          new ForwardingEntry.Route(IpPrefix.parse("10.1.8.0/24"), link, null, false, 8, 77, 0));
      assertEquals(
          List.of(), kernel.apply(entries.stream().map(EntryChange::create).toList()));
      assertEquals(List.of(), kernel.apply(List.of(EntryChange.remove(entries.get(1)))));
      kernel.deleteLink(link);

      await(e -> e instanceof NetlinkEvent.LinkChanged c
          && !c.removed()
          && c.link().up()
          && c.link().vxlan() != null);
      await(e ->
          e instanceof NetlinkEvent.AddressChanged c && c.address().address().equals(address));
      await(e ->
          e instanceof NetlinkEvent.AddressChanged c && c.address().address().equals(v6));
      await(new NetlinkEvent.NeighborChanged(false, link, gateway, MAC, true)::equals);
      await(
          new NetlinkEvent.FdbChanged(false, link, MAC, IpAddress.parse("192.0.2.2"), true)
              ::equals);
      await(
          new NetlinkEvent.NexthopChanged(false, 8, (ForwardingEntry.Nexthop) entries.get(2))
              ::equals);
      await(e ->
          e instanceof NetlinkEvent.RouteChanged c && !c.removed() && c.route().nexthopId() == 8);
      await(e -> e instanceof NetlinkEvent.FdbChanged c && c.removed());
      await(e ->
          e instanceof NetlinkEvent.LinkChanged c && c.removed() && c.link().index() == link);
      events.close();
      thread.join();
    }
  }

  @Test
  void whatTheKernelHadToDropIsTold() throws Exception {
    var held = new CountDownLatch(1);
    try (var kernel = RtNetlink.open()) {
      int link = kernel.createBridge("cni0").index();
      kernel.setUp(link);
      var events = NetlinkEvents.open();
      var thread = receiving(events, event -> {
        queue.add(event);
        Uninterruptibles.awaitUninterruptibly(held);
      });

      var changes = new ArrayList<EntryChange>();
      for (int n = 0; n < 30_000; n++) {
        changes.add(EntryChange.replace(
            new ForwardingEntry.Neighbor(link, IpAddress.v4(0x0a000000 + n), MAC)));
      }
      assertEquals(List.of(), kernel.apply(changes));
      held.countDown();

      await(e -> e instanceof NetlinkEvent.Lost);
      kernel.setMtu(link, 1300);
      await(e -> e instanceof NetlinkEvent.LinkChanged c && c.link().mtu() == 1300);
      events.close();
      thread.join();
    }
  }

  /** T20: whoever reads the kernel's links when told of a loss knows the last state, and is not told again when nothing happens. */
  @Test
  void fourKibibytesForFourHundredChangesLoseSomeAndNeverTheLastState() throws Exception {
    try (var kernel = RtNetlink.open()) {
      int link = kernel.createBridge("cni0").index();
      kernel.setUp(link);
      var events = NetlinkEvents.open(4 << 10);
      var known = new AtomicInteger();
      var lost = new AtomicInteger();
      var heard = new AtomicInteger();
      var thread = receiving(events, event -> {
        heard.incrementAndGet();
        if (event instanceof NetlinkEvent.Lost) {
          lost.incrementAndGet();
          known.set(readMtu(link));
        } else if (event instanceof NetlinkEvent.LinkChanged change) {
          known.set(change.link().mtu());
        }
      });

      // So few fit that a burst is lost whatever the thread does, unless it runs between any two
      // changes.
      for (int round = 0; lost.get() == 0; round++) {
        assertTrue(round < 50, "nothing was lost in " + round + " rounds");
        for (int change = 0; change < 400; change++) {
          kernel.setMtu(link, 1280 + change);
        }
        kernel.setMtu(link, 9000 - round);
        while (known.get() != 9000 - round) {
          Thread.onSpinWait();
        }
      }
      int told = heard.get();
      kernel.setMtu(link, 2000);
      while (known.get() != 2000) {
        Thread.onSpinWait();
      }

      assertTrue(heard.get() - told < 10, "told " + (heard.get() - told) + " times of one change");
      events.close();
      thread.join();
    }
  }

  private static int readMtu(int link) {
    try (var kernel = RtNetlink.open()) {
      return kernel.links().stream()
          .filter(found -> found.index() == link)
          .findFirst()
          .orElseThrow()
          .mtu();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void closingFromAnotherThreadEndsTheWait() throws Exception {
    for (int round = 0; round < 200; round++) {
      var events = NetlinkEvents.open();
      var thread = receiving(events, event -> {});
      events.close();
      events.close();
      thread.join();
      assertFalse(thread.isAlive());
    }
  }
}
