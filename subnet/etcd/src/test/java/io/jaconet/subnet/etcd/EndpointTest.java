package io.jaconet.subnet.etcd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class EndpointTest {

  @Test
  void readsWhatFlanneldsFlagTakes() {
    assertEquals("http://127.0.0.1:4001", text("http://127.0.0.1:4001"));
    assertEquals("https://etcd-1.example:2379", text("HTTPS://etcd-1.example/"));
    assertEquals("https://[2001:db8::1]:2379", text("https://[2001:db8::1]:2379"));
    assertEquals("http://192.0.2.1:2379", text("192.0.2.1:2379"));
    assertEquals(
        "https://192.0.2.1:2379", Endpoint.parse("192.0.2.1:2379", true).toString());
  }

  private static String text(String endpoint) {
    return Endpoint.parse(endpoint, false).toString();
  }

  @Test
  void refusesWhatIsNone() {
    for (var bad : List.of(
        "",
        " http://127.0.0.1",
        "unix:///run/etcd",
        "http://",
        "http://a:b",
        "http://a:70000",
        "http://u:p@a")) {
      assertThrows(IllegalArgumentException.class, () -> Endpoint.parse(bad, false), bad);
    }
  }

  @Test
  void refusesToMixTlsWithPlainText() {
    var mixed =
        EtcdLeaseStore.builder().endpoints(List.of("http://192.0.2.1", "https://192.0.2.2"));
    var plain = EtcdLeaseStore.builder()
        .endpoints(List.of("http://192.0.2.1"))
        .trustedAuthorities(Path.of("ca.pem"));

    assertThrows(IllegalArgumentException.class, mixed::build);
    assertThrows(IllegalArgumentException.class, plain::build);
  }

  @Test
  void cleansThePrefixAsFlanneldDoes() {
    assertEquals("/a/b", new Layout("//a/./c/../b/").prefix());
    assertEquals("a", new Layout("a").prefix());
    assertThrows(IllegalArgumentException.class, () -> new Layout("/"));
  }

  @Test
  void neverSaysThePassword() {
    var refusal = assertThrows(
        IllegalArgumentException.class, () -> Endpoint.parse("http://user:secret@host:1", false));

    assertFalse(refusal.toString().contains("secret"), refusal::toString);
    assertFalse(new Credentials("user", "secret").toString().contains("secret"));
  }
}
