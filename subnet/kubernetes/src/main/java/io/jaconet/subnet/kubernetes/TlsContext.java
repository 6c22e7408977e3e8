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
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * What TLS is done with. Made anew when its material has changed; while that cannot be used, because it is being replaced or does not match,
 * the last good one serves.
 */
final class TlsContext {
  private @Nullable Material made;
  private @Nullable SSLContext context;

  /**
   * Certificates and keys in PEM form, each null if there is none.
   *
   * @param authorities whose certificates a server may have; null for those that Java trusts
   */
  record Material(
      @Nullable String authorities,
      @Nullable String certificate,
      @Nullable String key) {}

  synchronized SSLContext of(Material material) throws IOException {
    if (context == null || !material.equals(made)) {
      try {
        context = build(material);
        made = material;
      } catch (IOException e) {
        if (context == null) {
          throw e;
        }
      }
    }
    return context;
  }

  private static SSLContext build(Material material) throws IOException {
    try {
      var context = SSLContext.getInstance("TLS");
      context.init(keys(material), trust(material.authorities), null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
    }
  }

  private static TrustManager @Nullable [] trust(@Nullable String authorities)
      throws GeneralSecurityException, IOException {
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

  private static KeyManager @Nullable [] keys(Material material)
      throws GeneralSecurityException, IOException {
    if (material.certificate == null || material.key == null) {
      return null;
    }
    var key = PemKey.parse(material.key, "the client's private key");
    var password = new char[0];
    var store = emptyStore();
    store.setKeyEntry("client", key, password, certificates(material.certificate));
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
}
