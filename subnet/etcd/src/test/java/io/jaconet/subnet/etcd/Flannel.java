package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import io.jaconet.testkit.EtcdServer;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** What a flanneld does to the store, or anyone with etcdctl: it writes and deletes without conditions. Keys are relative to the prefix. */
final class Flannel implements AutoCloseable {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);

  private final EtcdClient client;
  private final String prefix;

  Flannel(EtcdServer server, String prefix) {
    this(ImmutableList.of(server), prefix);
  }

  Flannel(ImmutableList<EtcdServer> members, String prefix) {
    this.client = new EtcdClient(
        members.stream()
            .map(member -> Endpoint.parse(member.endpoint(), false))
            .collect(ImmutableList.toImmutableList()),
        new TlsFiles(null, null, null),
        null);
    this.prefix = prefix + "/";
  }

  /** Writes a key that ends after {@code ttlSeconds}, or never if that is 0. */
  void put(String key, String value, long ttlSeconds) throws IOException {
    long lease = ttlSeconds == 0 ? 0 : grant(ttlSeconds);
    commit(new Txn().thenPut(prefix + key, value, lease));
  }

  /** Writes a key if there is none, which is how flanneld takes a subnet. Returns whether it did. */
  boolean create(String key, String value) throws IOException {
    return commit(new Txn().whenAbsent(prefix + key).thenPut(prefix + key, value, grant(86_400)))
        .succeeded();
  }

  /** Writes many keys that end with flannel's leases. */
  void putAll(Map<String, String> values) throws IOException {
    long lease = grant(86_400);
    for (var part : Iterables.partition(values.entrySet(), 100)) {
      var txn = new Txn();
      part.forEach(entry -> txn.thenPut(prefix + entry.getKey(), entry.getValue(), lease));
      commit(txn);
    }
  }

  private long grant(long seconds) throws IOException {
    var answer = new ProtoReader(
        client.read(Rpc.LEASE_GRANT, new ProtoWriter().number(1, seconds).toByteArray(), TIMEOUT));
    long id = 0;
    while (answer.next()) {
      if (answer.field() == 2) {
        id = answer.number();
      }
    }
    return id;
  }

  void delete(String key) throws IOException {
    commit(new Txn().thenDelete(prefix + key));
  }

  private TxnAnswer commit(Txn txn) throws IOException {
    return TxnAnswer.read(new ProtoReader(client.write(Rpc.TXN, txn.toByteArray(), TIMEOUT)));
  }

  Optional<KeyValue> get(String key) throws IOException {
    return range(RangeRequest.of(prefix + key)).stream().findFirst();
  }

  /** Returns what a flanneld takes for leases: its range has no slash at the end. */
  ImmutableList<KeyValue> leases() throws IOException {
    return range(RangeRequest.of(prefix + "subnets", prefix + "subnett"));
  }

  private ImmutableList<KeyValue> range(RangeRequest request) throws IOException {
    return RangeAnswer.read(
            new ProtoReader(client.read(Rpc.RANGE, request.message().toByteArray(), TIMEOUT)))
        .found();
  }

  @Override
  public void close() {
    client.close();
  }
}
