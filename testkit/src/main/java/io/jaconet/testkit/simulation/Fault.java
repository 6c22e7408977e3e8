package io.jaconet.testkit.simulation;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.net.MacAddress;
import io.jaconet.overlay.CloseMode;
import java.time.Duration;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** What a {@link Campaign} does to a host, or to the store. */
enum Fault {
  KILL,
  CLOSE_KEEP,
  CLOSE_WITHDRAW,
  CLOSE_PURGE,
  REFUSE_STORE,
  BLACK_HOLE_STORE,
  LOSE_ANSWERS,
  SLOW_STORE,
  REPEAT_MESSAGES,
  BREAK_WATCHES,
  COMPACT_STORE,
  PAUSE,
  SUSPEND,
  STEP_CLOCK,
  POISON_STORE,
  DELETE_RECORD,
  TAKE_RECORD,
  REMOVE_ENTRIES,
  FLUSH_ENTRIES,
  TAKE_DEVICE_DOWN,
  REMOVE_DEVICE,
  REMOVE_ADDRESS,
  CHANGE_MAC,
  REFUSE_KERNEL_CALL;

  private static final ImmutableList<String> KERNEL_CALLS = ImmutableList.of(
      "create link",
      "read link",
      "set MAC",
      "add address",
      "set up",
      "set down",
      "delete link",
      "send",
      "receive",
      "dump neighbors",
      "dump fdb",
      "dump nexthops",
      "dump routes",
      "CREATE Nexthop",
      "REPLACE Neighbor",
      "REPLACE Fdb",
      "CREATE Route",
      "REPLACE Route",
      "REMOVE Route",
      "REMOVE Neighbor",
      "REMOVE Fdb",
      "REMOVE Nexthop");

  private static final int EPERM = 1;
  private static final int ENOENT = 2;

  /** EPERM, ENOENT, EINTR, EAGAIN, ENOMEM, EBUSY, EEXIST, EINVAL, EOPNOTSUPP, ENOBUFS. */
  private static final ImmutableList<Integer> ERRORS =
      ImmutableList.of(1, 2, 4, 11, 12, 16, 17, 22, 95, 105);

  private static final ImmutableList<String> POISON_KEYS = ImmutableList.of(
      "garbage",
      "0.0.0.0-0",
      "192.0.2.0-24",
      "10.244.128.0-17",
      "10.244.0.0-20",
      "10.244.200.0-24",
      "10.244.201.0-24&fd00:244:0:c9::-64",
      "10.244.1.0",
      "../10.244.202.0-24");

  /**
   * Does it.
   *
   * @param lasts after how long it is undone, where it can be
   * @param choice chooses among the kinds of it
   */
  void happen(SimulatedCluster cluster, SimulatedHost host, Duration lasts, long choice) {
    var random = new SplittableRandom(choice);
    switch (this) {
      case KILL -> host.kill();
      case CLOSE_KEEP -> host.close(CloseMode.KEEP);
      case CLOSE_WITHDRAW -> host.close(CloseMode.WITHDRAW);
      case CLOSE_PURGE -> host.close(CloseMode.PURGE);
      case REFUSE_STORE -> host.refuseStore();
      case BLACK_HOLE_STORE -> host.blackHoleStore();
      case LOSE_ANSWERS -> host.loseAnswersOfStore();
      case SLOW_STORE -> host.slowStore(Duration.ofMillis(100 + random.nextInt(7_000)));
      case REPEAT_MESSAGES -> host.repeatMessages(true);
      case BREAK_WATCHES -> host.breakWatches();
      case COMPACT_STORE -> cluster.compactStore();
      case PAUSE -> host.pause();
      case SUSPEND -> {
        if (host.clocksAreQuiet()) {
          host.suspend();
        }
      }
      case STEP_CLOCK -> {
        if (host.clocksAreQuiet()) {
          host.stepWallClock(clockStep(cluster, random));
        }
      }
      case POISON_STORE -> poison(cluster, random);
      case DELETE_RECORD -> {
        var key = keyOf(host);
        if (key != null) {
          cluster.deleteRecord(key);
        }
      }
      case TAKE_RECORD -> {
        var key = keyOf(host);
        if (key != null) {
          cluster.overwriteRecord(key, strangersRecord(cluster), cluster.leaseTtl());
        }
      }
      case REMOVE_ENTRIES -> host.kernel().removeEntries(entry -> random.nextInt(4) == 0);
      case FLUSH_ENTRIES -> host.kernel().removeEntries(entry -> true);
      case TAKE_DEVICE_DOWN -> host.kernel().damageByTakingDown(family(cluster, random));
      case REMOVE_DEVICE -> host.kernel().removeDevice(family(cluster, random));
      case REMOVE_ADDRESS -> host.kernel().removeAddress(family(cluster, random));
      case CHANGE_MAC ->
        host.kernel()
            .changeMac(
                family(cluster, random),
                new MacAddress(0x0200_ffff_0000L | random.nextInt(1 << 16)));
      case REFUSE_KERNEL_CALL -> refuseCall(host, random);
    }
    cluster.schedule(lasts, () -> undo(host));
  }

  private void undo(SimulatedHost host) {
    switch (this) {
      case KILL, CLOSE_KEEP, CLOSE_WITHDRAW, CLOSE_PURGE -> host.start();
      case REFUSE_STORE, BLACK_HOLE_STORE, LOSE_ANSWERS -> host.healStore();
      case SLOW_STORE -> host.slowStore(Duration.ZERO);
      case REPEAT_MESSAGES -> host.repeatMessages(false);
      case PAUSE, SUSPEND -> host.resume();
      case REFUSE_KERNEL_CALL -> host.refuseKernelCalls(0, "");
      default -> {}
    }
  }

  private static void refuseCall(SimulatedHost host, SplittableRandom random) {
    int errno = ERRORS.get(random.nextInt(ERRORS.size()));
    var call = KERNEL_CALLS.get(random.nextInt(KERNEL_CALLS.size()));
    // That there is nothing to remove is no refusal; a kernel that says so of what is there is
    // none.
    boolean alreadyGone = errno == ENOENT && call.startsWith("REMOVE");
    host.refuseKernelCalls(alreadyGone ? EPERM : errno, call);
  }

  private static IpFamily family(SimulatedCluster cluster, SplittableRandom random) {
    var families = cluster.config().families().asList();
    return families.get(random.nextInt(families.size()));
  }

  private static @Nullable String keyOf(SimulatedHost host) {
    return host.network().map(network -> network.lease().subnets().key()).orElse(null);
  }

  /** Returns a step that is short or long, forwards or backwards. */
  private static Duration clockStep(SimulatedCluster cluster, SplittableRandom random) {
    var longest = random.nextBoolean() ? Duration.ofDays(1) : cluster.leaseTtl();
    var step = Duration.ofMillis(random.nextLong(longest.toMillis()));
    return random.nextBoolean() ? step : step.negated();
  }

  private static void poison(SimulatedCluster cluster, SplittableRandom random) {
    var key = POISON_KEYS.get(random.nextInt(POISON_KEYS.size()));
    boolean isSubnet = key.startsWith("10.244.20");
    var value = isSubnet && random.nextBoolean() ? "not JSON" : strangersRecord(cluster);
    cluster.overwriteRecord(key, value, requireNonNull(cluster.leaseTtl()));
  }

  /** Returns what flanneld would write on a host of its own. */
  private static String strangersRecord(SimulatedCluster cluster) {
    int n = cluster.nextStranger();
    var mac = String.format("02:ee:00:00:00:%02x", n);
    return "{\"PublicIP\":\"203.0.113." + n + "\",\"PublicIPv6\":\"2001:db8:1::"
        + Integer.toHexString(n)
        + "\",\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":1,\"VtepMAC\":\""
        + mac + "\"},\"BackendV6Data\":{\"VNI\":1,\"VtepMAC\":\"" + mac + "\"}}";
  }
}
