package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.LinkAddress;
import io.jaconet.linux.RtNetlink;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.Fabric;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;

/**
 * Hosts of one network, each a process of its own with a real kernel, and an etcd, to all of which something happens. All that is expected
 * of the kernels is derived from what etcdctl says and compared with what iproute2 says.
 */
final class LiveCluster implements AutoCloseable {
  private static final String PREFIX = "/coreos.com/network";
  private static final long TTL_MILLIS = 3_000;
  private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final int PATIENCE_SECONDS = 90;

  /** Six subnets, so that what one loses another may want. */
  private static final String CONFIG =
      "{\"Network\":\"10.244.0.0/16\",\"SubnetMin\":\"10.244.1.0\","
          + "\"SubnetMax\":\"10.244.6.0\",\"Backend\":{\"Type\":\"vxlan\"}}";

  private static final String DELETE_ROUTES =
      "for r in $(ip -4 route show proto 74 | cut -d' ' -f1); do ip -4 route del $r; done";

  private static final ImmutableList<String> TAMPER = ImmutableList.of(
      "ip link del flannel.1",
      "ip link set flannel.1 down",
      "ip link set flannel.1 address 02:11:22:33:44:55",
      "ip addr flush dev flannel.1",
      DELETE_ROUTES,
      "ip neigh flush dev flannel.1 nud permanent",
      "ip nexthop flush proto 74",
      DELETE_ROUTES
          + "; ip neigh flush dev flannel.1 nud permanent; ip link set flannel.1 mtu 1300");

  private static final Pattern RECORD = Pattern.compile(
      "\"PublicIP\":\"([0-9.]+)\".*\"VtepMAC\":\"([0-9a-f:]+)\"", Pattern.CASE_INSENSITIVE);

  /** What happens in an episode. */
  enum Fault {
    /** Others damage what is in the kernel. */
    TAMPER,
    /** Nothing passes to etcd, or everything is reset, for as long as a lease lasts or longer. */
    CUT_OFF,
    /** The process stands still, for as long as a lease lasts or longer, and another host takes the subnet if it can. */
    STOP,
    /** The process is killed, and another host takes the subnet if it can. */
    KILL,
    /** The underlay loses its address. */
    NO_ADDRESS,
    /** Etcd is killed and starts again. */
    ETCD_RESTART
  }

  private final EtcdServer etcd;
  private final Fabric fabric;
  private final Recorder recorder;
  private final ImmutableList<LiveHost> hosts;
  private final Random random;
  private final List<String> violations = new ArrayList<>();
  private final Thread sampler = new Thread(this::sample, "sampler");
  private volatile boolean closed;
  private final AtomicLong samples = new AtomicLong();
  private int fencings;
  private long longestRecoveryMillis;

  private LiveCluster(EtcdServer etcd, Fabric fabric, ImmutableList<LiveHost> hosts, long seed) {
    this.etcd = etcd;
    this.fabric = fabric;
    this.hosts = hosts;
    this.recorder = new Recorder(ImmutableList.of(etcd), PREFIX);
    this.random = new Random(seed);
    sampler.setDaemon(true);
  }

  /** Starts one, and waits until all hosts are up. */
  static LiveCluster start(int number, int size, long seed, Executor threads) throws IOException {
    var etcd = EtcdServer.start();
    var fabric = Fabric.builder()
        .prefix("live" + ProcessHandle.current().pid() + "-" + number + "-")
        .hosts(size)
        .create();
    var hosts = ImmutableList.<LiveHost>builder();
    for (var station : fabric.hosts()) {
      hosts.add(new LiveHost(station, etcd, PREFIX, CONFIG, TTL_MILLIS, threads));
    }
    var cluster = new LiveCluster(etcd, fabric, hosts.build(), seed);
    try {
      cluster.begin();
      return cluster;
    } catch (IOException | RuntimeException | Error e) {
      cluster.close();
      throw e;
    }
  }

  private void begin() throws IOException {
    sampler.start();
    for (var host : hosts) {
      host.start("");
    }
    settle("the start");
    longestRecoveryMillis = 0;
  }

  int fencings() {
    return fencings;
  }

  long samples() {
    return samples.get();
  }

  long longestRecoveryMillis() {
    return longestRecoveryMillis;
  }

  /** Has {@code fault} befall one of the hosts, and waits until all is well again. */
  void episode(Fault fault) throws Exception {
    var victim = hosts.get(random.nextInt(hosts.size()));
    int mark = victim.mark();
    switch (fault) {
      case TAMPER -> {
        for (int times = 1 + random.nextInt(3); times > 0; times--) {
          victim.run(TAMPER.get(random.nextInt(TAMPER.size())));
          pause(random.nextInt(150));
        }
      }
      case CUT_OFF -> {
        victim.relay().become(random.nextBoolean() ? Relay.Mode.HOLDS : Relay.Mode.REFUSES);
        if (random.nextBoolean()) {
          pause(random.nextInt((int) TTL_MILLIS / 2));
        } else {
          expect(victim, mark, "state FENCED");
          pause(random.nextInt(1_000));
        }
        victim.relay().become(Relay.Mode.CARRIES);
      }
      case STOP -> {
        victim.stop();
        pause(TTL_MILLIS / 2 + random.nextInt((int) TTL_MILLIS));
        haveItTaken(victim);
        victim.goOn(GRACE_NANOS);
      }
      case KILL -> {
        victim.kill();
        pause(random.nextInt((int) TTL_MILLIS));
        haveItTaken(victim);
        victim.start(victim.lease());
      }
      case NO_ADDRESS -> {
        var address = victim.publicIp() + "/24 dev eth0";
        victim.run("ip addr del " + address);
        expect(victim, mark, "state DEGRADED");
        victim.run("ip addr add " + address);
      }
      case ETCD_RESTART -> {
        etcd.kill();
        pause(random.nextInt((int) TTL_MILLIS));
        etcd.run();
        etcd.awaitReady();
      }
    }
    settle(fault + " of " + victim.name());
    if (victim.await(mark, "state FENCED", 0) != null) {
      fencings++;
    }
  }

  ImmutableList<LiveHost> hosts() {
    return hosts;
  }

  EtcdServer etcd() {
    return etcd;
  }

  static void pause(long millis) {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  /** Has another host leave its subnet and wish for the victim's, in half the cases. */
  private void haveItTaken(LiveHost victim) throws Exception {
    if (random.nextBoolean()) {
      hosts.get((hosts.indexOf(victim) + 1) % hosts.size()).rejoin(victim.lease());
    }
  }

  /** I19: what is wrong is said, in time and by its name. */
  private void expect(LiveHost host, int mark, String words) throws InterruptedException {
    if (host.await(mark, words, 15) == null) {
      violate(host.name() + " did not say '" + words + "' but " + host.state());
    }
  }

  private void violate(String what) {
    synchronized (violations) {
      if (violations.size() < 20) {
        violations.add(what);
      }
    }
  }

  /** Waits until every host says that it is up and every kernel is what etcd says. */
  void settle(String after) throws IOException {
    long start = System.nanoTime();
    while (true) {
      var wrong = whatIsWrong();
      long millis = (System.nanoTime() - start) / 1_000_000;
      if (wrong.isEmpty()) {
        longestRecoveryMillis = Math.max(longestRecoveryMillis, millis);
        return;
      }
      if (millis > PATIENCE_SECONDS * 1_000L) {
        throw new AssertionError(PATIENCE_SECONDS + " s after " + after + ": " + wrong);
      }
      pause(100);
    }
  }

  private String whatIsWrong() throws IOException {
    for (var host : hosts) {
      if (!host.isAccountable() || !host.state().equals("UP")) {
        return host.name() + " says " + host.state();
      }
    }
    var records = new ArrayList<String[]>();
    var lines = etcd.ctl("get", "--prefix", PREFIX + "/subnets/").lines().toList();
    for (int i = 0; i + 1 < lines.size(); i += 2) {
      var value = RECORD.matcher(lines.get(i + 1));
      if (!value.find()) {
        return "an unreadable record " + lines.get(i);
      }
      var base = lines.get(i).substring((PREFIX + "/subnets/").length()).split("-", 2)[0];
      records.add(new String[] {base, value.group(1), value.group(2).toLowerCase(Locale.ROOT)});
    }
    if (records.size() != hosts.size()) {
      return records.size() + " records of " + hosts.size() + " hosts";
    }
    for (var host : hosts) {
      var expected = new TreeSet<String>();
      for (var record : records) {
        if (record[1].equals(host.publicIp())) {
          expected.add("address " + record[0] + "/32");
        } else {
          expected.add("route " + record[0] + "/24 via " + record[0]);
          expected.add("neighbor " + record[0] + " " + record[2]);
          expected.add("fdb " + record[2] + " " + record[1]);
        }
      }
      var found = found(host);
      if (!found.equals(expected)) {
        return host.name() + " has " + found + " instead of " + expected;
      }
    }
    return "";
  }

  private static Set<String> found(LiveHost host) throws IOException {
    var output = host.run("ip -4 -o addr show dev flannel.1 up | sed 's/^/A /';"
        + " ip -4 route show proto 74 | sed 's/^/R /';"
        + " ip -4 neigh show dev flannel.1 nud permanent | sed 's/^/N /';"
        + " bridge fdb show dev flannel.1 | grep ' dst ' | sed 's/^/F /'");
    var found = new TreeSet<String>();
    for (var line : output.lines().toList()) {
      var words = line.strip().split("\\s+");
      switch (words[0]) {
        case "A" -> found.add("address " + words[4]);
        case "R" -> found.add("route " + words[1] + " via " + after("via", words));
        case "N" -> found.add("neighbor " + words[1] + " " + after("lladdr", words));
        case "F" -> found.add("fdb " + words[1] + " " + after("dst", words));
        default -> found.add(line);
      }
    }
    return found;
  }

  private static String after(String word, String[] words) {
    for (int i = 0; i + 1 < words.length; i++) {
      if (words[i].equals(word)) {
        return words[i + 1];
      }
    }
    return "nothing";
  }

  /** Looks all the time whether two kernels use one subnet. */
  private void sample() {
    var kernels = new ArrayList<RtNetlink>();
    try {
      for (var host : hosts) {
        kernels.add(host.station().namespace().call(RtNetlink::open));
      }
      while (!closed) {
        for (int i = 0; i < hosts.size(); i++) {
          for (int j = 0; j < i; j++) {
            boolean both = useOneSubnet(kernels, i, j);
            // A second time: what the first had before the second had it counts for nothing.
            if (both && useOneSubnet(kernels, i, j)) {
              violate("both " + hosts.get(i).name() + " and " + hosts.get(j).name() + " use "
                  + used(kernels.get(i)));
            }
          }
        }
        samples.incrementAndGet();
        pause(20);
      }
      for (var kernel : kernels) {
        kernel.close();
      }
    } catch (IOException | RuntimeException e) {
      violate("the sampler ended: " + e);
    }
  }

  private boolean useOneSubnet(List<RtNetlink> kernels, int one, int other) throws IOException {
    if (!hosts.get(one).isAccountable() || !hosts.get(other).isAccountable()) {
      return false;
    }
    var first = used(kernels.get(one));
    var second = used(kernels.get(other));
    return first.isPresent()
        && first.equals(second)
        && hosts.get(one).isAccountable()
        && hosts.get(other).isAccountable();
  }

  /** Returns the base of the subnet that the kernel takes and sends packets for. */
  private static Optional<IpAddress> used(RtNetlink kernel) throws IOException {
    var device = kernel.link("flannel.1");
    if (device.isEmpty() || !device.get().up()) {
      return Optional.empty();
    }
    return kernel.addresses().stream()
        .filter(address -> address.linkIndex() == device.get().index())
        .map(LinkAddress::address)
        .filter(address -> address.family() == IpFamily.V4)
        .findFirst();
  }

  /** Ends all, and returns what was wrong in the meantime: etcd's revisions hold no write of anybody who did not hold the record. */
  List<String> verify() throws Exception {
    closed = true;
    sampler.join();
    etcd.ctl("put", PREFIX + "/end", "");
    recorder.verify();
    return List.copyOf(violations);
  }

  @Override
  public void close() throws IOException {
    closed = true;
    for (var host : hosts) {
      host.close();
    }
    recorder.close();
    fabric.close();
    etcd.close();
  }
}
