package io.jaconet.subnet.kubernetes;

import io.fabric8.kubernetes.client.RequestConfigBuilder;
import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.jdkhttp.JdkHttpClientFactory;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Fabric8's HTTP client, made anew when certificates have changed, since it takes them once. While the new ones cannot be used, because they
 * are being replaced or do not match, the client with the last good ones serves. Thread-safe.
 *
 * <p>Calls have connections of their own (HTTP/1.1): one that has died takes none of the others along. Nothing is tried again in here.
 */
final class RenewedHttpClient {
  private static final Duration CONNECT = Duration.ofSeconds(3);

  private final Executor executor;
  private @Nullable TlsMaterial made;
  private @Nullable HttpClient client;

  /** Creates it for answers that are taken from the network on threads of {@code executor}. */
  RenewedHttpClient(Executor executor) {
    this.executor = executor;
  }

  synchronized HttpClient of(TlsMaterial tls) throws IOException {
    if (client == null || !tls.equals(made)) {
      try {
        // The one before is not closed: what goes on over it shall end by itself.
        client = build(tls);
        made = tls;
      } catch (GeneralSecurityException e) {
        if (client == null) {
          throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
        }
      } catch (IOException e) {
        if (client == null) {
          throw e;
        }
      }
    }
    return client;
  }

  private HttpClient build(TlsMaterial tls) throws GeneralSecurityException, IOException {
    HttpClient.Factory factory = new OnOurThreads(executor);
    var builder = factory
        .newBuilder()
        .connectTimeout(CONNECT.toMillis(), TimeUnit.MILLISECONDS)
        .preferHttp11();
    if (!tls.equals(TlsMaterial.NONE)) {
      builder.sslContext(tls.keyManagers(), tls.trustManagers());
    }
    return builder
        .tag(new RequestConfigBuilder().withRequestRetryBackoffLimit(0).build())
        .build();
  }

  /** The JDK's client, which before Java 21 cannot be closed: it ends when it is forgotten, and its threads have to be somebody's who can end them. */
  private static final class OnOurThreads extends JdkHttpClientFactory {
    private final Executor executor;

    OnOurThreads(Executor executor) {
      this.executor = executor;
    }

    @Override
    protected java.net.http.HttpClient.Builder createNewHttpClientBuilder() {
      return java.net.http.HttpClient.newBuilder().executor(executor);
    }
  }
}
