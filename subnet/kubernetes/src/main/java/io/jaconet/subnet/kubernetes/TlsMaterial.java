package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.jaconet.internal.PemKey;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * Certificates and keys in PEM form, each null if there is none. They are not left to fabric8's configuration, which trusts Java's own
 * authorities beside those of the cluster, and cannot read the key of an elliptic curve in PKCS#8.
 *
 * @param authorities whose certificates a server may have; null for those that Java trusts
 */
record TlsMaterial(
    @Nullable String authorities,
    @Nullable String certificate,
    @Nullable String key) {
  static final TlsMaterial NONE = new TlsMaterial(null, null, null);

  /** Returns what tells which servers to trust, null for what Java does. */
  TrustManager @Nullable [] trustManagers() throws GeneralSecurityException, IOException {
    if (authorities == null) {
      return null;
    }
    var store = emptyStore();
    int n = 0;
    for (var certificate : certificates(authorities)) {
      store.setCertificateEntry("authority-" + n++, certificate);
    }
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }

  /** Returns what has the client's certificate, null if there is none. */
  KeyManager @Nullable [] keyManagers() throws GeneralSecurityException, IOException {
    if (certificate == null || key == null) {
      return null;
    }
    var password = new char[0];
    var store = emptyStore();
    store.setKeyEntry(
        "client",
        PemKey.parse(key, "the client's private key"),
        password,
        certificates(certificate));
    var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, password);
    return factory.getKeyManagers();
  }

  private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
    var store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    return store;
  }

  private static Certificate[] certificates(String pem) throws GeneralSecurityException {
    var read = CertificateFactory.getInstance("X.509")
        .generateCertificates(new ByteArrayInputStream(pem.getBytes(ISO_8859_1)));
    if (read.isEmpty()) {
      throw new GeneralSecurityException("there is no certificate in PEM form");
    }
    return read.toArray(Certificate[]::new);
  }

  /** Without the key. */
  @Override
  public String toString() {
    return key == null ? "no client certificate" : "a client certificate";
  }
}
