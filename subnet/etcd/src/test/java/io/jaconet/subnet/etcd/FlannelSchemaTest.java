package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.LeaseEvent;
import io.jaconet.overlay.LeaseRequest;
import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnreadableRecord;
import io.jaconet.spi.LeaseStore.ConflictException;
import io.jaconet.spi.LeaseStore.Entry;
import io.jaconet.spi.LeaseStore.Event;
import io.jaconet.spi.SubnetManager;
import io.jaconet.subnet.StoreSubnetManager;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.StoreWatchLog;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What stands in etcd, seen by a flanneld. */
@Timeout(120)
class FlannelSchemaTest {
  private static final Subnets V4 = Subnets.parseKey("10.55.13.0-24");
  private static final Subnets DUAL = Subnets.parseKey("10.55.13.0-24&fd55:0:0:29::-64");
  private static final Subnets V6 = Subnets.of(IpPrefix.parse("fd55:0:0:29::/64"));
  private static final String VXLAN =
      "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":7,\"VtepMAC\":\"6e:2a:d9:f9:c7:5e\"}}";
  private static final Duration DAY = Duration.ofHours(24);

  /** Names that flanneld takes for none of a lease, all those of its own tests among them. */
  private static final List<String> BAD_KEYS = List.of(
      "garbage",
      "10",
      "10.12.13.0",
      "10.12.13-24",
      "10.12.13.300-24",
      "010.12.13.0-24",
      "10.12.13.0-32",
      "10.12.13.0-24x",
      "10.12.13.0-24&2001::-56 ",
      "&2001::-56",
      "10.12.13.0-24&:12:13:-56",
      "10.12.13.0-24&20011::-56",
      "10.12.13.0-24&2001-56",
      "10.12.13.0-24&2001::",
      "10.12.13.0-24&FD55::-64",
      "10.12.13.0-24&::192.0.2.1-64",
      "10.12.13.0-24&fd55::-128",
      "fd55:0:0:7::-64");

  private static final List<String> BAD_VALUES = List.of(
      "hello",
      "",
      "{\"PublicIP\":null}",
      "{\"PublicIP\":\"\"}",
      "{\"PublicIP\":5}",
      "{\"PublicIP\":\"192.0.2\",\"PublicIPv6\":null}",
      "{\"PublicIP\":\"192.0.2.9\",\"PublicIPv6\":7}",
      "{\"PublicIP\":\"192.0.2.9\",\"PublicIPv6\":null,\"BackendType\":7}");

  private static final AtomicInteger networks = new AtomicInteger();
  private static EtcdServer server;

  private Flannel flannel;
  private EtcdLeaseStore store;

  @BeforeAll
  static void startEtcd() throws IOException {
    server = EtcdServer.start();
  }

  @AfterAll
  static void stopEtcd() throws IOException {
    server.close();
  }

  @BeforeEach
  void newNetwork() {
    var prefix = "/coreos.com/" + networks.getAndIncrement();
    flannel = new Flannel(server, prefix);
    store = EtcdLeaseStore.builder()
        .endpoints(List.of(server.endpoint()))
        .prefix(prefix + "/")
        .build();
  }

  @AfterEach
  void close() {
    flannel.close();
    store.close();
  }

  @Test
  void writesTheKeysAndValuesThatFlanneldWrites() throws IOException {
    store.create(V4, VXLAN, "node-1", DAY);
    store.create(Subnets.parseKey("10.55.14.0-24&fd55:0:0:2a::-64"), VXLAN, "node-2", DAY);

    assertEquals(List.of("10.55.13.0-24", "10.55.14.0-24&fd55:0:0:2a::-64"), namesSeenByFlannel());
    assertEquals(VXLAN, flannel.get("subnets/10.55.13.0-24").orElseThrow().value());
  }

  @Test
  void grantsADay() throws IOException {
    store.create(V4, VXLAN, "node-1", DAY);

    long lease = flannel.get("subnets/10.55.13.0-24").orElseThrow().lease();
    var said = server.ctl("lease", "timetolive", Long.toHexString(lease));
    assertTrue(said.contains("granted with TTL(86400s)"), said);
  }

  /** A flanneld that meets a key which it cannot read takes all its peers for gone. */
  @Test
  void keepsNothingWhereFlanneldReadsButLeasesInItsForm() throws IOException {
    store.create(DUAL, VXLAN, "node-1", DAY);
    store.create(Subnets.of(IpPrefix.parse("fd55:0:0:30::/64")), VXLAN, "node-2", null);
    var gone = store.create(Subnets.parseKey("10.55.15.0-24"), VXLAN, "node-3", DAY);
    store.delete(gone);

    assertEquals(List.of(DUAL.key()), namesSeenByFlannel());
    assertEquals(2, store.list().entries().size());
  }

  @Test
  void leavesNothingBehindWhenALeaseIsDeleted() throws IOException {
    store.delete(store.create(DUAL, VXLAN, "node-1", DAY));

    assertEquals("", server.ctl("get", "--prefix", "--keys-only", prefix()).strip());
  }

  @Test
  void refusesAnIpv4SubnetThatAFlanneldHasInAnyCombination() throws IOException {
    flannel.put("subnets/" + DUAL.key(), VXLAN, 86_400);

    for (var key : List.of("10.55.13.0-24", "10.55.13.0-24&fd55:0:0:30::-64", DUAL.key())) {
      assertThrows(
          ConflictException.class, () -> store.create(Subnets.parseKey(key), VXLAN, "node-1", DAY));
    }
    assertEquals(List.of(DUAL.key()), namesSeenByFlannel());
  }

  @Test
  void refusesAnIpv6SubnetThatAFlanneldHas() throws IOException {
    flannel.put("subnets/" + DUAL.key(), VXLAN, 86_400);

    for (var subnets : List.of(V6, Subnets.parseKey("10.55.14.0-24&fd55:0:0:29::-64"))) {
      assertThrows(ConflictException.class, () -> store.create(subnets, VXLAN, "node-1", DAY));
    }
    assertEquals(List.of(DUAL.key()), namesSeenByFlannel());
    assertEquals(1, store.list().entries().size());
  }

  @Test
  void takesWhatBeginsAlikeForAnotherSubnet() throws IOException {
    flannel.put("subnets/10.55.13.0-2", VXLAN, 86_400);
    flannel.put("subnets/10.55.13.0-25", VXLAN, 86_400);
    flannel.put("subnets/10.55.13.0-24 ", VXLAN, 86_400);

    assertEquals(V4.key(), store.create(V4, VXLAN, "node-1", DAY).key());
  }

  @Test
  void theHolderOfALeaseThatFlanneldOverwroteIsUnknown() throws IOException {
    var created = store.create(V4, VXLAN, "node-1", DAY);
    flannel.put("subnets/" + V4.key(), VXLAN, 86_400);

    var listed = store.list().entries().get(0);
    assertNull(listed.holder());
    assertEquals(DAY, listed.timeToLive());
    assertThrows(ConflictException.class, () -> store.update(created, VXLAN, "node-1", DAY));
    assertThrows(ConflictException.class, () -> store.delete(created));
    assertEquals("node-2", store.update(listed, VXLAN, "node-2", DAY).holder());
    assertEquals("node-2", store.list().entries().get(0).holder());
  }

  @Test
  void aClaimToASubnetEndsWithItsLeaseHoweverThatEnded() throws IOException {
    store.create(DUAL, VXLAN, "node-1", null);
    flannel.delete("subnets/" + DUAL.key());

    store.create(V6, VXLAN, "node-2", DAY);
    assertThrows(ConflictException.class, () -> store.create(DUAL, VXLAN, "node-3", DAY));
    assertEquals(
        List.of(V6.key()), store.list().entries().stream().map(Entry::key).toList());
  }

  @Test
  void aLeaseTakenOverFromAFlanneldClaimsItsIpv6Subnet() throws IOException {
    flannel.put("subnets/" + DUAL.key(), VXLAN, 86_400);
    store.update(store.list().entries().get(0), VXLAN, "node-1", DAY);

    assertTrue(flannel.get("subnet-claims/" + V6.key()).isPresent());
  }

  @Test
  void reportsTheHolderOfWhatItWroteAndNoneOfWhatFlanneldWrote() throws Exception {
    var log = new StoreWatchLog();
    store.watch(store.list().revision(), log);
    var created = store.create(DUAL, VXLAN, "node-1", DAY);
    flannel.put("subnets/" + DUAL.key(), "{}", 86_400);
    flannel.put("subnetsX", "", 0);
    flannel.put("subnet-other", "", 0);
    flannel.put("config", "{}", 0);
    flannel.delete("subnets/" + DUAL.key());

    assertEquals(new Event.Put(created), log.next());
    assertNull(((Event.Put) log.next()).entry().holder());
    assertEquals(prefix() + "/subnetsX", ((Event.Put) log.next()).entry().key());
    assertTrue(log.next() instanceof Event.Deleted);
    assertTrue(log.isSilent());
  }

  /** Flannel turns a reservation into a lease of a day when its owner starts. */
  @Test
  void aReservationStaysOneForItsOwnerAndIsNobodyElses() throws IOException {
    flannel.put("subnets/" + V4.key(), VXLAN, 0);
    try (var manager = StoreSubnetManager.over(store)) {
      var config = NetworkConfig.parse("{\"Network\":\"10.55.0.0/16\"}");
      var own =
          manager.acquire(new LeaseRequest(config, "node-1", LeaseAttributes.parse(VXLAN), null));
      var other = manager.acquire(new LeaseRequest(
          config, "node-2", LeaseAttributes.parse(VXLAN.replace("192.0.2.2", "192.0.2.3")), V4));
      manager.renew(own.lease(), own.lease().attributes());
      manager.release(own.lease());

      assertEquals(V4, own.lease().subnets());
      assertNull(own.timeToLive());
      assertFalse(other.lease().subnets().overlaps(V4));
      assertEquals(0, flannel.get("subnets/" + V4.key()).orElseThrow().lease());
    }
  }

  @Test
  void readsTheConfigurationIfThereIsOne() throws IOException {
    assertTrue(store.readConfig().isEmpty());
    flannel.put("config", "{\"Network\":\"10.55.0.0/16\"}", 0);

    assertEquals("{\"Network\":\"10.55.0.0/16\"}", store.readConfig().orElseThrow());
  }

  @Test
  void readsEveryKindOfRecordThatFlanneldWritesAndSetsAsideWhatIsNone() throws Exception {
    var golden = new HashMap<String, String>();
    golden.put("10.55.1.0-24", "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}");
    golden.put(
        "10.55.2.0-24",
        "{\"PublicIP\":\"192.0.2.2\",\"PublicIPv6\":null,\"BackendType\":\"host-gw\"}");
    golden.put("10.55.3.0-24", VXLAN);
    golden.put(
        "10.55.4.0-24&fd55:0:0:4::-64",
        "{\"PublicIP\":\"192.0.2.4\",\"PublicIPv6\":\"2001:db8::4\",\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"1a:00:00:00:00:04\"},\"BackendV6Data\":{\"VNI\":1,\"VtepMAC\":\"62:00:00:00:00:04\"}}");
    golden.put("10.55.3.192-28", "{\"PublicIP\":\"0.0.0.0\",\"PublicIPv6\":null}");
    golden.put(
        "10.55.5.0-24", "{\"publicip\":\"192.0.2.5\",\"backendtype\":\"x\",\"PUBLICIPV6\":null}");
    golden.put(
        "10.55.8.0-24&fd55:0:0:8::-64",
        "{\"PublicIP\":\"192.0.2.8\",\"PublicIPv6\":\"2001:db8::8\",\"BackendType\":\"wireguard\",\"BackendData\":{\"PublicKey\":\"wIrqTEDfb1Vi/0kqXxOXR3qU7VXpDlYIXMhqGSL62Bw=\",\"Port\":51820},\"BackendV6Data\":{\"PublicKey\":\"wIrqTEDfb1Vi/0kqXxOXR3qU7VXpDlYIXMhqGSL62Bw=\",\"Port\":51821}}");
    golden.put(
        "10.55.10.0-24",
        "{\"PublicIP\":\"192.0.2.10\",\"PublicIPv6\":null,\"BackendType\":\"ipip\"}");
    golden.put(
        "10.55.11.0-24",
        "{\"PublicIP\":\"192.0.2.11\",\"PublicIPv6\":null,\"BackendType\":\"extension\",\"BackendData\":\"any text\"}");
    for (var record : golden.entrySet()) {
      flannel.put("subnets/" + record.getKey(), record.getValue(), 86_400);
    }
    for (var key : BAD_KEYS) {
      flannel.put("subnets/" + key, VXLAN, 86_400);
    }
    for (int i = 0; i < BAD_VALUES.size(); i++) {
      flannel.put("subnets/10.55." + (100 + i) + ".0-24", BAD_VALUES.get(i), 86_400);
    }

    var told = snapshot();
    assertEquals(golden.keySet(), told.leases().keySet());
    for (var record : golden.entrySet()) {
      if (!record.getKey().equals("10.55.5.0-24")) {
        assertEquals(record.getValue(), attributes(told, record.getKey()).toJson());
      }
    }
    assertEquals(
        IpAddress.parse("192.0.2.5"),
        attributes(told, "10.55.5.0-24").publicIp(IpFamily.V4).orElseThrow());
    assertEquals(
        BAD_KEYS.size() + BAD_VALUES.size(), told.unreadable().size(), told.unreadable()::toString);
  }

  /** Bar: at most three calls for 20,000 leases, where flannel takes 20,001. */
  @Test
  void listsTwentyThousandLeasesInThreeCalls() throws IOException {
    var all = new HashMap<String, String>();
    var subnet = IpPrefix.parse("10.64.0.0/24");
    for (int i = 0; i < 20_000; i++, subnet = subnet.next()) {
      var key = Subnets.of(subnet).key();
      all.put("subnets/" + key, VXLAN);
      all.put("subnet-holders/" + key, "86400 node-" + i);
    }
    flannel.putAll(all);
    long before =
        server.answered("Range") + server.answered("Txn") + server.answered("LeaseTimeToLive");
    var listed = store.list();
    long calls = server.answered("Range")
        + server.answered("Txn")
        + server.answered("LeaseTimeToLive")
        - before;

    assertEquals(20_000, listed.entries().size());
    assertTrue(calls <= 3, calls + " calls");
  }

  /** What is larger together than a message may be is read in parts. */
  @Test
  @Tag("nightly")
  void listsRecordsOfAnySize() throws IOException {
    var large = "x".repeat(1_400_000);
    for (int i = 0; i < 50; i++) {
      flannel.put("subnets/10.55." + i + ".0-24", large, 86_400);
    }

    assertEquals(50, store.list().entries().size());
    for (int i = 0; i < 50; i++) {
      flannel.delete("subnets/10.55." + i + ".0-24");
    }
  }

  private record Told(
      ImmutableMap<String, Lease> leases, ImmutableList<UnreadableRecord> unreadable) {}

  private Told snapshot() throws Exception {
    var told = new CompletableFuture<Told>();
    try (var manager = StoreSubnetManager.over(store)) {
      manager.watch(new SubnetManager.Watcher() {
        @Override
        public void onSnapshot(
            ImmutableList<Lease> leases, ImmutableList<UnreadableRecord> unreadable) {
          var byKey = leases.stream()
              .collect(ImmutableMap.toImmutableMap(lease -> lease.subnets().key(), lease -> lease));
          told.complete(new Told(byKey, unreadable));
        }

        @Override
        public void onEvents(ImmutableList<LeaseEvent> events) {}

        @Override
        public void onFailure(IOException cause) {
          told.completeExceptionally(cause);
        }
      });
      return told.get(30, TimeUnit.SECONDS);
    }
  }

  private static LeaseAttributes attributes(Told told, String key) {
    var lease = told.leases().get(key);
    assertNotNull(lease, key);
    return lease.attributes();
  }

  private static String prefix() {
    return "/coreos.com/" + (networks.get() - 1);
  }

  private List<String> namesSeenByFlannel() throws IOException {
    var start = prefix() + "/subnets/";
    var keys = flannel.leases().stream().map(KeyValue::key).toList();
    assertTrue(keys.stream().allMatch(key -> key.startsWith(start)), keys::toString);
    return keys.stream().map(key -> key.substring(start.length())).toList();
  }
}
