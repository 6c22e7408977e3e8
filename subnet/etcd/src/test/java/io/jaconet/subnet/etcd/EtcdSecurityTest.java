package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.internal.PemKey;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore.Event;
import io.jaconet.testkit.EtcdServer;
import io.jaconet.testkit.StoreWatchLog;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.PrivateKey;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.RSAPrivateKey;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** TLS and users, with certificates made on the spot. */
@Timeout(120)
class EtcdSecurityTest {
  private static final Subnets SUBNETS = Subnets.parseKey("10.5.1.0-24");

  @TempDir
  Path directory;

  @Test
  void anAuthorityAloneIsEnoughForTls() throws IOException {
    var certificates = new Certificates(directory, false);
    try (var server = certificates.startEtcd();
        var store = tls(server).build()) {
      store.create(SUBNETS, "value", "node", null);

      assertEquals(1, store.list().entries().size());
    }
  }

  @Test
  void refusesAMemberWithACertificateOfAnotherAuthority() throws IOException {
    var certificates = new Certificates(directory, false);
    try (var server = certificates.startEtcd();
        var store =
            EtcdLeaseStore.builder().endpoints(List.of(server.endpoint())).build()) {
      var failure = assertThrows(IOException.class, store::list);

      assertTrue(String.valueOf(failure.getMessage()).contains("PKIX"), failure::toString);
    }
  }

  @Test
  void refusesAMemberWhoseCertificateIsForAnotherName() throws IOException {
    var certificates = new Certificates(directory, false);
    try (var server = certificates.startEtcd();
        var store = tls(server)
            .endpoints(List.of(server.endpoint().replace("127.0.0.1", "localhost")))
            .build()) {
      var failure = assertThrows(IOException.class, store::list);

      assertTrue(String.valueOf(failure.getMessage()).contains("localhost"), failure::toString);
    }
  }

  /** T16: certificates are replaced while the host runs; what is half replaced does no harm. */
  @Test
  void takesCertificatesThatWereReplaced() throws Exception {
    var certificates = new Certificates(directory, true);
    var key = directory.resolve("current.key");
    var certificate = directory.resolve("current.pem");
    Files.copy(certificates.file("ca.key"), key);
    Files.copy(certificates.file("ca.pem"), certificate);
    Files.writeString(directory.resolve("other.ext"), "extendedKeyUsage=clientAuth");
    try (var server = certificates.startEtcd()) {
      certificates.openssl(
          "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger -keyout current.key -out current.pem");
      try (var store = tls(server).clientCertificate(certificate, key).build()) {
        assertThrows(IOException.class, store::list);
        Files.copy(
            certificates.file("client.pem"), certificate, StandardCopyOption.REPLACE_EXISTING);
        Files.copy(certificates.file("client.key"), key, StandardCopyOption.REPLACE_EXISTING);
        awaitSuccess(store);

        var log = new StoreWatchLog();
        store.watch(store.list().revision(), log);
        Files.writeString(certificate, "half a certif");
        server.kill();
        server.run();
        server.awaitReady();
        awaitSuccess(store);
        store.create(SUBNETS, "value", "node", null);
        assertTrue(log.next() instanceof Event.Put);
      }
    }
  }

  @Test
  void readsPrivateKeysInTheThreeFormsOfOpenssl() throws IOException {
    var certificates = new Certificates(directory, false);
    certificates.openssl("genrsa -traditional -out rsa1.key 2048");
    certificates.openssl("pkcs8 -topk8 -nocrypt -in rsa1.key -out rsa8.key");
    certificates.openssl("ec -in ca.key -out ec1.key");
    certificates.openssl("pkcs8 -topk8 -nocrypt -in ec1.key -out ec8.key");

    for (var kind : List.of("rsa", "ec")) {
      var wrapped = PemKey.read(certificates.file(kind + "1.key"));
      var plain = PemKey.read(certificates.file(kind + "8.key"));
      assertTrue(Files.readString(certificates.file(kind + "1.key"))
          .contains("BEGIN " + kind.toUpperCase(Locale.ROOT) + " PRIVATE KEY"));
      assertEquals(secret(plain), secret(wrapped));
    }
    assertThrows(IOException.class, () -> PemKey.read(certificates.file("ca.pem")));
  }

  private static BigInteger secret(PrivateKey key) {
    return key instanceof ECPrivateKey ec ? ec.getS() : ((RSAPrivateKey) key).getPrivateExponent();
  }

  private EtcdLeaseStore.Builder tls(EtcdServer server) {
    return EtcdLeaseStore.builder()
        .endpoints(List.of(server.endpoint()))
        .trustedAuthorities(directory.resolve("ca.pem"));
  }

  private static void awaitSuccess(EtcdLeaseStore store) {
    var unused = new Retry(20).until(store::list);
  }

  @Test
  void worksAsAUserAndGetsANewTokenWhenTheOldOneIsRefused() throws Exception {
    try (var server = EtcdServer.start()) {
      server.ctl("user", "add", "root:root-password");
      server.ctl("user", "grant-role", "root", "root");
      server.ctl("role", "add", "flannel");
      server.ctl(
          "role",
          "grant-permission",
          "flannel",
          "readwrite",
          "--prefix=true",
          "/coreos.com/network/");
      server.ctl("user", "add", "flannel:flannel-password");
      server.ctl("user", "grant-role", "flannel", "flannel");
      server.ctl("auth", "enable");
      try (var anonymous =
              EtcdLeaseStore.builder().endpoints(List.of(server.endpoint())).build();
          var impostor = EtcdLeaseStore.builder()
              .endpoints(List.of(server.endpoint()))
              .user("flannel", "wrong-password")
              .build();
          var store = EtcdLeaseStore.builder()
              .endpoints(List.of(server.endpoint()))
              .user("flannel", "flannel-password")
              .build()) {
        assertThrows(IOException.class, anonymous::list);
        var refusal = assertThrows(IOException.class, impostor::list);
        assertFalse(refusal.toString().contains("wrong-password"), refusal::toString);
        var created = store.create(SUBNETS, "value", "node", null);
        var log = new StoreWatchLog();
        store.watch(created.revision(), log);

        server.ctl("--user", "root:root-password", "auth", "disable");
        server.ctl("auth", "enable");
        var updated = store.update(created, "new", "node", null);
        assertEquals(new Event.Put(updated), log.next());

        server.kill();
        server.run();
        server.awaitReady();
        awaitSuccess(store);
        var last = store.update(store.list().entries().get(0), "newer", "node", null);
        assertEquals(new Event.Put(last), log.next());
      }
    }
  }
}
