package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.jaconet.internal.PemKey;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What TLS is done with, kept in files, which others replace when certificates are renewed: they are read again for a new connection if
 * they have changed. While they cannot be read, because they are being replaced or do not match, the last good ones serve.
 */
final class TlsFiles {
  private final @Nullable Path authorities;
  private final @Nullable Path certificate;
  private final @Nullable Path key;
  private @Nullable SslContext context;
  private List<byte[]> contents = List.of();

  /**
   * @param authorities whose certificates servers may have, null for those that Java trusts
   * @param certificate the client's certificate and the chain to its authority, null for none
   * @param key the client's private key, null for none
   */
  TlsFiles(@Nullable Path authorities, @Nullable Path certificate, @Nullable Path key) {
    this.authorities = authorities;
    this.certificate = certificate;
    this.key = key;
  }

  /** Returns what new connections are made with. */
  synchronized SslContext context() throws IOException {
    try {
      var current = read();
      if (context == null || !same(current, contents)) {
        context = build();
        contents = current;
      }
    } catch (IOException e) {
      if (context == null) {
        throw e;
      }
    }
    return context;
  }

  private List<byte[]> read() throws IOException {
    var read = ImmutableList.<byte[]>builder();
    for (var file :
        Stream.of(authorities, certificate, key).filter(Objects::nonNull).toList()) {
      read.add(Files.readAllBytes(file));
    }
    return read.build();
  }

  private static boolean same(List<byte[]> some, List<byte[]> others) {
    if (some.size() != others.size()) {
      return false;
    }
    for (int i = 0; i < some.size(); i++) {
      if (!Arrays.equals(some.get(i), others.get(i))) {
        return false;
      }
    }
    return true;
  }

  private SslContext build() throws IOException {
    // Java's own TLS: Netty's would have to unpack a native library first.
    var builder = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK)
        .protocols("TLSv1.3", "TLSv1.2");
    if (authorities != null) {
      builder.trustManager(certificates(authorities));
    }
    if (certificate != null && key != null) {
      builder.keyManager(PemKey.read(key), certificates(certificate));
    }
    try {
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
    }
  }

  private static X509Certificate[] certificates(Path file) throws IOException {
    try {
      var read = CertificateFactory.getInstance("X.509")
          .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(file)));
      if (read.isEmpty()) {
        throw new IOException(file + " holds no certificate");
      }
      return read.toArray(X509Certificate[]::new);
    } catch (GeneralSecurityException e) {
      throw new IOException(file + " holds no certificates in PEM form", e);
    }
  }
}
