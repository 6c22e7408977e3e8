package io.jaconet.subnet.etcd;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A lease store in etcd (3.4 or later), in flannel's schema: hosts that run flanneld and hosts that run Jaconet are one network.
 *
 * <p>Leases are kept where flanneld keeps them and as it writes them, under {@code PREFIX/subnets}. What flannel has no place for stands
 * beside them, in keys that begin with {@code PREFIX/subnet-}: the node that holds a lease, and which lease has an IPv6 subnet. A lease that
 * a flanneld wrote last has no holder. Its time to live is given as flannel's 24 hours, whatever is left of it.
 *
 * <p>Nothing is connected before the first call. Calls go to one member of the cluster until it fails, then to another. Each takes at most a
 * few seconds, a {@link #list} of many thousand records perhaps longer.
 */
public final class EtcdLeaseStore implements LeaseStore {
  private static final Logger log = LoggerFactory.getLogger(EtcdLeaseStore.class);

  private static final Duration CALL = Duration.ofSeconds(5);
  private static final Duration LIST = Duration.ofSeconds(10);

  /** How many keys are read at once: 20,000 leases with their holders in two calls. */
  private static final int PAGE = 20_000;

  private static final int ATTEMPTS = 5;

  private final EtcdClient client;
  private final Layout layout;
  private final Set<EtcdWatch> watches = ConcurrentHashMap.newKeySet();

  private EtcdLeaseStore(EtcdClient client, Layout layout) {
    this.client = client;
    this.layout = layout;
  }

  /** Returns a builder of a store on this host's etcd with flannel's usual prefix. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns flannel's configuration of the network, the JSON text under {@code PREFIX/config}, if there is any. */
  public Optional<String> readConfig() throws IOException {
    return range(RangeRequest.of(layout.config()), CALL).found().stream()
        .map(KeyValue::value)
        .findFirst();
  }

  @Override
  public Snapshot list() throws IOException {
    int limit = PAGE;
    for (int attempt = 1; ; attempt++) {
      try {
        return list(limit);
      } catch (CallFailure e) {
        if (e.isOfSize() && limit > 1) {
          limit = Math.max(1, limit / 16);
        } else if (!e.isOfCompaction() || attempt > ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  private Snapshot list(int limit) throws IOException {
    var first = RangeRequest.of(layout.first(), layout.end()).limit(limit);
    var page = range(first, LIST);
    long revision = page.revision();
    var found = new ArrayList<>(page.found());
    while (page.more()) {
      page = range(RangeRequest.of(page.next(), layout.end()).limit(limit).at(revision), LIST);
      found.addAll(page.found());
    }
    return new Snapshot(revision, Records.of(found, layout));
  }

  private RangeAnswer range(RangeRequest request, Duration timeout) throws IOException {
    return RangeAnswer.read(
        new ProtoReader(client.read(Rpc.RANGE, request.message().toByteArray(), timeout)));
  }

  @Override
  public Entry create(Subnets subnets, String value, String holder, @Nullable Duration timeToLive)
      throws IOException {
    var written = new Holder(holder, timeToLive);
    long lease = grant(written);
    try {
      long revision = create(subnets, value, written, lease);
      return new Entry(subnets.key(), value, holder, revision, revision, timeToLive);
    } catch (ConflictException e) {
      revoke(lease);
      throw e;
    }
  }

  private long create(Subnets subnets, String value, Holder holder, long lease) throws IOException {
    @Nullable KeyValue orphan = null;
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
      var txn = new Txn();
      requireFree(txn, subnets, orphan);
      put(txn, subnets.key(), value, holder, lease);
      layout
          .claim(subnets)
          .ifPresent(claim -> txn.thenPut(claim, subnets.key(), lease)
              .thenRead(RangeRequest.of(layout.firstOfFlannel(), layout.end()).keysOnly()));
      var answer = commit(txn);
      if (answer.succeeded()) {
        withdrawIfShared(subnets, answer);
        return answer.revision();
      }
      orphan = orphanedClaim(subnets, answer);
    }
    throw new ConflictException(subnets + " is being claimed by others");
  }

  /**
   * Requires that nobody has a lease with one of the prefixes. In IPv4 that is seen from the keys, since every key with the prefix begins with
   * it; a claim stands for the IPv6 prefix.
   *
   * @param orphan a claim whose lease is gone, which does not count; null if none is known
   */
  private void requireFree(Txn txn, Subnets subnets, @Nullable KeyValue orphan) {
    txn.whenAbsent(layout.lease(subnets.key()))
        .elseRead(RangeRequest.of(layout.lease(subnets.key())));
    subnets.prefix(IpFamily.V4).map(Subnets::of).ifPresent(v4 -> {
      var key = layout.lease(v4.key());
      txn.whenAbsent(key)
          .whenAbsent(key + "&", key + "'")
          .elseRead(RangeRequest.of(key))
          .elseRead(RangeRequest.of(key + "&", key + "'"));
    });
    layout.claim(subnets).ifPresent(claim -> {
      txn.elseRead(RangeRequest.of(claim));
      if (orphan == null) {
        txn.whenAbsent(claim);
      } else {
        txn.whenModifiedAt(claim, orphan.modified()).whenAbsent(layout.lease(orphan.value()));
      }
    });
  }

  private static void conflict(Subnets subnets, String taken) throws ConflictException {
    throw new ConflictException(subnets + " is taken by the record " + taken);
  }

  /** Returns the claim that stood in the way, if its lease is gone; anything else that did is a conflict. */
  private @Nullable KeyValue orphanedClaim(Subnets subnets, TxnAnswer answer) throws IOException {
    KeyValue claim = null;
    for (var found : answer.read()) {
      var name = layout.name(found.key());
      if (name != null) {
        conflict(subnets, name);
      }
      claim = found;
    }
    if (claim != null
        && !range(RangeRequest.of(layout.lease(claim.value())), CALL).found().isEmpty()) {
      conflict(subnets, claim.value());
    }
    return claim;
  }

  /**
   * Takes a new lease back if another has its IPv6 prefix. Only one that a flanneld wrote can: it writes no claims, and etcd cannot be asked
   * for the ends of keys.
   */
  private void withdrawIfShared(Subnets subnets, TxnAnswer answer) throws IOException {
    if (subnets.prefix(IpFamily.V6).isEmpty()) {
      return;
    }
    var end = "&" + subnets.prefix(IpFamily.V6).map(v6 -> Subnets.of(v6).key()).orElseThrow();
    for (var other : answer.read()) {
      var name = layout.name(other.key());
      if (name != null && name.endsWith(end) && !name.equals(subnets.key())) {
        commit(deletion(subnets.key(), answer.revision()));
        conflict(subnets, name);
      }
    }
  }

  private void put(Txn txn, String name, String value, Holder holder, long lease) {
    txn.thenPut(layout.holder(name), holder.text(), lease)
        .thenPut(layout.lease(name), value, lease);
  }

  @Override
  public Entry update(Entry expected, String value, String holder, @Nullable Duration timeToLive)
      throws IOException {
    var written = new Holder(holder, timeToLive);
    long lease = grant(written);
    var name = expected.key();
    var key = layout.lease(name);
    var txn = new Txn().whenModifiedAt(key, expected.revision()).elseRead(RangeRequest.of(key));
    put(txn, name, value, written, lease);
    Layout.parsed(name)
        .flatMap(layout::claim)
        .ifPresent(claim -> txn.thenTry(new Txn()
            .whenValueIs(claim, name)
            .thenPut(claim, name, lease)
            .elseTry(new Txn().whenAbsent(claim).thenPut(claim, name, lease))));
    var answer = commit(txn);
    if (!answer.succeeded()) {
      revoke(lease);
      throw changed(expected, answer);
    }
    return new Entry(name, value, holder, expected.created(), answer.revision(), timeToLive);
  }

  private static ConflictException changed(Entry expected, TxnAnswer answer) {
    return new ConflictException("the record " + expected.key()
        + answer.read().stream()
            .findFirst()
            .map(found -> " is at revision " + found.modified() + ", not " + expected.revision())
            .orElse(" is gone"));
  }

  @Override
  public void delete(Entry expected) throws IOException {
    var answer = commit(deletion(expected.key(), expected.revision())
        .elseRead(RangeRequest.of(layout.lease(expected.key()))));
    if (!answer.succeeded() && !answer.read().isEmpty()) {
      throw changed(expected, answer);
    }
  }

  private Txn deletion(String name, long revision) {
    var key = layout.lease(name);
    var txn =
        new Txn().whenModifiedAt(key, revision).thenDelete(key).thenDelete(layout.holder(name));
    Layout.parsed(name)
        .flatMap(layout::claim)
        .ifPresent(claim -> txn.thenTry(new Txn().whenValueIs(claim, name).thenDelete(claim)));
    return txn;
  }

  private TxnAnswer commit(Txn txn) throws IOException {
    return TxnAnswer.read(new ProtoReader(client.write(Rpc.TXN, txn.toByteArray(), CALL)));
  }

  /** Returns a new etcd lease, with which keys end that are written now; 0 for keys that never end. */
  private long grant(Holder holder) throws IOException {
    if (holder.timeToLive() == null) {
      return 0;
    }
    checkArgument(
        holder.timeToLive().compareTo(Duration.ZERO) > 0,
        "the time to live is not positive: %s",
        holder.timeToLive());
    var request = new ProtoWriter().number(1, holder.seconds());
    // One that was granted although the answer got lost holds nothing, and ends by itself.
    var answer = new ProtoReader(client.read(Rpc.LEASE_GRANT, request.toByteArray(), CALL));
    long id = 0;
    while (answer.next()) {
      if (answer.field() == 2) {
        id = answer.number();
      }
    }
    if (id == 0) {
      throw new IOException("etcd granted a lease without an id");
    }
    return id;
  }

  /** Gives back an etcd lease that holds nothing; it would end by itself. */
  private void revoke(long lease) {
    if (lease != 0) {
      try {
        client.read(Rpc.LEASE_REVOKE, new ProtoWriter().number(1, lease).toByteArray(), CALL);
      } catch (IOException e) {
        log.debug("An unused etcd lease stays until it runs out: {}", e.toString());
      }
    }
  }

  @Override
  public Watch watch(long revision, Watcher watcher) throws IOException {
    client.checkOpen();
    var watch = new EtcdWatch(client, layout, revision, watcher, watches::remove);
    watches.add(watch);
    try {
      watch.start();
    } catch (IOException e) {
      watches.remove(watch);
      throw e;
    }
    return watch;
  }

  /** Ends all watches and connections; unless called by a watcher, waits for calls of watchers that are under way. */
  @Override
  public void close() {
    boolean calledByWatcher = watches.stream().anyMatch(EtcdWatch::isCalledByThisThread);
    for (var watch : watches) {
      if (calledByWatcher) {
        watch.stop();
      } else {
        watch.close();
      }
    }
    client.close();
  }

  /** Builds an {@link EtcdLeaseStore}. */
  public static final class Builder {
    private List<String> endpoints = List.of("http://127.0.0.1:2379");
    private String prefix = "/coreos.com/network";
    private @Nullable Path authorities;
    private @Nullable Path certificate;
    private @Nullable Path key;
    private @Nullable Credentials credentials;

    private Builder() {}

    /**
     * Sets where the members of the cluster are reached: {@code https://HOST:PORT} or {@code http://HOST:PORT}, all of one kind. Without
     * the scheme, TLS is used if certificates are given. {@code http://127.0.0.1:2379} unless set.
     */
    public Builder endpoints(Collection<String> endpoints) {
      checkArgument(!endpoints.isEmpty(), "etcd has no endpoints");
      this.endpoints = ImmutableList.copyOf(endpoints);
      return this;
    }

    /** Sets the path under which the network has its keys; {@code /coreos.com/network} unless set, as flannel's. */
    public Builder prefix(String prefix) {
      this.prefix = requireNonNull(prefix);
      return this;
    }

    /**
     * Sets the file with the certificates (PEM) of the authorities that members of the cluster are certified by; those that Java trusts
     * unless set. Read again for new connections when it has changed.
     */
    public Builder trustedAuthorities(Path authorities) {
      this.authorities = requireNonNull(authorities);
      return this;
    }

    /**
     * Sets the files with the client's certificate and chain, and its private key (PEM, unencrypted: PKCS #8, PKCS #1 or SEC 1). Read again
     * for new connections when they have changed.
     */
    public Builder clientCertificate(Path certificate, Path key) {
      this.certificate = requireNonNull(certificate);
      this.key = requireNonNull(key);
      return this;
    }

    /** Sets the user of etcd as whom the store works. The password appears in no message and no log. */
    public Builder user(String name, String password) {
      this.credentials = new Credentials(requireNonNull(name), requireNonNull(password));
      return this;
    }

    /**
     * Returns the store, which connects with its first call.
     *
     * @throws IllegalArgumentException if an endpoint or the prefix is none, if some endpoints use TLS and others do not, or if
     *     certificates are given for endpoints without TLS
     */
    public EtcdLeaseStore build() {
      boolean certificates = authorities != null || certificate != null;
      var parsed = endpoints.stream()
          .map(endpoint -> Endpoint.parse(endpoint, certificates))
          .distinct()
          .collect(ImmutableList.toImmutableList());
      checkArgument(
          parsed.stream().map(Endpoint::tls).distinct().count() == 1,
          "some endpoints of etcd use TLS and others do not: %s",
          parsed);
      checkArgument(
          !certificates || parsed.get(0).tls(),
          "certificates are given, but %s is without TLS; write https://",
          parsed.get(0));
      if (credentials != null && !parsed.get(0).tls()) {
        log.warn(
            "The password of {} goes to {} without TLS, readable on the way",
            credentials,
            parsed.get(0));
      }
      var tls = new TlsFiles(authorities, certificate, key);
      return new EtcdLeaseStore(new EtcdClient(parsed, tls, credentials), new Layout(prefix));
    }
  }
}
